import Testing

/// The build refuses imports of own targets that Package.swift does not allow.
///
/// The system's modules it cannot refuse: that is done here.
@Suite struct ImportTests {
    /// Which targets may import a module that is not ours.
    ///
    /// A module that is missing here may be imported by none.
    static let allowed: [String: Set<String>] = [
        // Costs start-up and speed, and hides locks and copies: not on the data path.
        "Foundation": [
            "Configuration", "HTTPServer", "Metrics", "Odoo", "Delivery", "Embedded", "OperatorAPI", "sluice",
        ],
        // Only its Thread.
        "Foundation.Thread": ["Ingest", "Workers"],
        "FoundationNetworking": ["Odoo"],
        "Dispatch": ["HTTPServer", "Metrics", "Odoo", "Delivery", "Embedded", "OperatorAPI", "sluice"],
        // Partitioner: only for Monitor, the lock with a condition that the shells around its pure logic share.
        "Glibc": [
            "Configuration", "Partitioner", "HTTPServer", "Metrics", "Kafka", "Postgres", "Ingest", "Store", "Workers",
            "Odoo",
            "Delivery", "Embedded", "sluice",
        ],
        // Everywhere but in the vocabulary and in pure logic, which share nothing.
        "Synchronization": [
            "Configuration", "HTTPServer", "Metrics", "Kafka", "Postgres", "Ingest", "Store", "Workers", "Odoo",
            "Delivery", "Embedded", "OperatorAPI", "sluice",
        ],
        "CLibrdkafka": ["Kafka"],
        "CLibpq": ["Postgres"],
        // Only its settings of the heap.
        "CGlibc": ["sluice"],
    ]

    /// Our own targets: their table is in Package.swift.
    private static let own = Set(SourceTree.sources.map(\.target)).union(["TestSupport"])

    @Test func systemModulesAreImportedOnlyWhereTheTableAllowsIt() {
        var findings: [String] = []
        for file in SourceTree.sources {
            for (index, line) in file.code.enumerated() {
                guard let module = Self.module(of: line), !Self.own.contains(module) else { continue }
                if Self.allowed[module]?.contains(file.target) != true {
                    findings.append(at(file, index, "\(file.target) may not import \(module); see ImportTests.allowed"))
                }
            }
        }
        expectNone(findings)
    }

    @Test func testsUseSwiftTestingAndNoCLibrary() {
        var findings: [String] = []
        for file in SourceTree.tests {
            for (index, line) in file.code.enumerated() {
                switch Self.module(of: line) {
                case "XCTest": findings.append(at(file, index, "write it with Swift Testing instead of XCTest"))
                case "CLibrdkafka", "CLibpq":
                    findings.append(at(file, index, "use the target Kafka or Postgres instead"))
                default: break
                }
            }
        }
        expectNone(findings)
    }

    @Test func importLinesAreUnderstood() {
        #expect(Self.module(of: "import Foundation") == "Foundation")
        #expect(Self.module(of: "public import OrderEvents") == "OrderEvents")
        #expect(Self.module(of: "@testable import Kafka") == "Kafka")
        #expect(Self.module(of: "@preconcurrency internal import Dispatch") == "Dispatch")
        #expect(Self.module(of: "import class Foundation.Thread") == "Foundation.Thread")
        #expect(Self.module(of: "let important = 1") == nil)
        #expect(Self.module(of: "importer import") == nil)
    }

    /// The module that a line imports; `import class Foundation.Thread` gives `Foundation.Thread`.
    static func module(of line: String) -> String? {
        guard line.contains("import ") else { return nil }
        var words = line.split(separator: " ").map(String.init)
        while let first = words.first,
            first.hasPrefix("@") || ["public", "internal", "package", "private"].contains(first)
        {
            words.removeFirst()
        }
        guard words.first == "import", words.count > 1 else { return nil }
        let kinds = ["class", "struct", "enum", "protocol", "func", "var", "let", "typealias"]
        return kinds.contains(words[1]) ? words.dropFirst(2).first : words[1]
    }
}
