import Foundation
import Testing

/// SQL and its migrations.
@Suite struct StatementTests {
    /// Migrations are files `NNNN_what.sql` below Sources or Swift files `MigrationNNNN....swift` of Store.
    static func migrationNumber(of path: String) -> Int? {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if path.hasSuffix(".sql"), let match = name.prefixMatch(of: /([0-9]+)_/) { return Int(match.1) }
        if path.hasPrefix("Sources/Store/"), let match = name.prefixMatch(of: /Migration_?([0-9]+)/) {
            return Int(match.1)
        }
        return nil
    }

    @Test(.enabled(if: SourceTree.sources.filter { $0.target == "Store" }.count > 1, "Store has no files yet"))
    func migrationsAreNumberedFromOneWithoutGapsOrTwins() {
        let numbers = SourceTree.files.filter { $0.path.hasPrefix("Sources/") }
            .compactMap { Self.migrationNumber(of: $0.path) }.sorted()
        #expect(!numbers.isEmpty, "Store has no migration whose file name begins with its number")
        #expect(numbers == Array(1...max(1, numbers.count)), "found \(numbers)")
    }

    @Test func migrationNumbersAreUnderstood() {
        #expect(Self.migrationNumber(of: "Sources/Store/Migrations/0002_orders.sql") == 2)
        #expect(Self.migrationNumber(of: "Sources/Store/Migration0003Books.swift") == 3)
        #expect(Self.migrationNumber(of: "Sources/Store/Migrations.swift") == nil)
        #expect(Self.migrationNumber(of: "Sources/Workers/Migration0003Books.swift") == nil)
    }

    /// Values reach SQL as parameters only; so a literal with SQL in it interpolates nothing.
    ///
    /// What must (the name of a partition, which SQL cannot take as a parameter) says why in a comment `// Safe: ...`
    /// within three lines above.
    @Test func noStatementIsPutTogether() {
        let targets: Set = ["Store", "Workers", "Postgres", "Delivery", "Ingest", "sluice"]
        var findings: [String] = []
        for file in SourceTree.sources where targets.contains(file.target) {
            for literal in Self.literals(of: file.lines)
            where literal.text.contains("\\(") && Self.isPutTogether(literal.text) {
                let near = file.lines[max(0, literal.line - 3)...literal.line]
                if !near.contains(where: { $0.contains("// Safe: ") }) {
                    findings.append(at(file, literal.line, "SQL with an interpolation; use a parameter"))
                }
            }
        }
        expectNone(findings)
    }

    @Test func statementsThatArePutTogetherAreFound() {
        let lines = [
            #"let a = "SELECT 1 FROM orders WHERE ref = '\(ref)'""#,
            #"let b = "SELECT 1 FROM orders WHERE ref = $1""#,
            #"let c = """"#, "    DELETE FROM keys", #"    WHERE key = \(key)"#, #"    """"#,
            #"let d = "selected \(count) orders to update""#,
            #"let e = "the statement \(name) takes no SELECT""#,
        ]
        let found = Self.literals(of: lines).filter { Self.isPutTogether($0.text) }.map(\.line)
        #expect(found == [0, 2])
    }

    static func isPutTogether(_ literal: String) -> Bool {
        let statement = /^\s*(SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|WITH|COPY|MERGE|TRUNCATE|ALTER|CREATE|DROP)\s/
        return literal.contains("\\(") && literal.contains(statement)
    }

    struct Literal {
        let line: Int
        let text: String
    }

    /// Long string literals whole, others line by line.
    static func literals(of lines: [String]) -> [Literal] {
        var found: [Literal] = []
        var long: Literal?
        for (index, line) in lines.enumerated() {
            if let open = long {
                if line.contains("\"\"\"") {
                    found.append(open)
                    long = nil
                } else {
                    long = Literal(line: open.line, text: open.text + "\n" + line)
                }
            } else if line.contains("\"\"\"") {
                long = Literal(line: index, text: "")
            } else if let first = line.firstIndex(of: "\""), let last = line.lastIndex(of: "\""), first < last {
                found.append(Literal(line: index, text: String(line[line.index(after: first)..<last])))
            }
        }
        return found
    }
}
