import Foundation
import Testing

/// docs/STYLE.md, as far as a machine can hold it.
@Suite struct StyleTests {
    /// Something that code does not say, and what it says instead.
    struct Ban {
        /// A plain part of every match: an expression costs too much to try on every line.
        let part: String
        let pattern: String
        let instead: String
        /// Whether it is banned in this file.
        let applies: @Sendable (SourceTree.File) -> Bool
    }

    static let inSources: @Sendable (SourceTree.File) -> Bool = { $0.path.hasPrefix("Sources/") }
    /// TestSupport has the one bounded wait, `eventually`.
    static let inTests: @Sendable (SourceTree.File) -> Bool = {
        $0.path.hasPrefix("Tests/") && $0.target != "TestSupport"
    }
    static let belowTheExecutable: @Sendable (SourceTree.File) -> Bool = {
        $0.path.hasPrefix("Sources/") && $0.target != "sluice"
    }

    static let bans = [
        Ban(
            part: "fatalError", pattern: #"\bfatalError\("#,
            instead: "throw a typed error, return a value, or state a programmer's error with precondition",
            applies: inSources),
        Ban(part: "try!", pattern: #"\btry!"#, instead: "throw it on, or handle it", applies: inSources),
        Ban(part: "as!", pattern: #"\bas!"#, instead: "use as? and handle the other case", applies: inSources),
        Ban(
            part: "print", pattern: #"(^|[^A-Za-z0-9_.])print\("#,
            instead: "write a line with Log; only the executable prints",
            applies: belowTheExecutable),
        Ban(
            part: "DispatchQueue", pattern: #"\bDispatchQueue\.global\b"#,
            instead: "use a thread of your own, which has a bound and a name",
            applies: belowTheExecutable),
        Ban(
            part: "sleep", pattern: #"(^|[^A-Za-z0-9_])(sleep|usleep|nanosleep)\("#,
            instead: "wait for a signal, move the clock, or ask with eventually", applies: inTests),
    ]

    @Test func bannedWordsAreNotUsed() throws {
        var findings: [String] = []
        for ban in Self.bans {
            let expression = try Regex(ban.pattern)
            for file in SourceTree.swift where ban.applies(file) {
                for (index, line) in file.code.enumerated() {
                    guard line.contains(ban.part), let match = line.firstMatch(of: expression) else { continue }
                    findings.append(at(file, index, "\(line[match.range]): \(ban.instead)"))
                }
            }
        }
        expectNone(findings)
    }

    @Test func whatTheCompilerCannotProveIsProvedInASentence() {
        let marks = ["@unchecked Sendable", "nonisolated(unsafe)"]
        var findings: [String] = []
        for file in SourceTree.sources + SourceTree.tests {
            for (index, line) in file.code.enumerated() {
                guard let mark = marks.first(where: line.contains) else { continue }
                let near = file.lines[max(0, index - 3)...index]
                if !near.contains(where: { $0.contains("// Safe: ") }) {
                    findings.append(at(file, index, "\(mark): say why it is safe in a comment `// Safe: ...`"))
                }
            }
        }
        expectNone(findings)
    }

    /// Files of more than `maximumLines`, each with the reason.
    static let longFiles: [String: String] = [:]
    static let maximumLines = 400
    static let maximumColumns = 120

    @Test func filesAreShort() {
        var findings: [String] = []
        for file in SourceTree.swift {
            let isLong = file.lines.count > Self.maximumLines
            if isLong, Self.longFiles[file.path] == nil {
                findings.append("\(file.path): \(file.lines.count) lines; split it by what it is about")
            } else if !isLong, Self.longFiles[file.path] != nil {
                findings.append("\(file.path): is short now; take it off StyleTests.longFiles")
            }
        }
        let paths = Set(SourceTree.swift.map(\.path))
        findings += Self.longFiles.keys.filter { !paths.contains($0) }.map { "\($0): is gone; take it off longFiles" }
        expectNone(findings)
    }

    /// In tests what stands in strings does not count: bytes that others sent are best left as they came.
    @Test func linesAreShort() {
        var findings: [String] = []
        for file in SourceTree.files where file.isSwift || file.path.hasSuffix(".sh") || file.path.hasSuffix(".sql") {
            for (index, line) in file.lines.enumerated() where line.count > Self.maximumColumns {
                if file.path.hasPrefix("Tests/"), file.code[index].count < line.count, !line.contains("//") { continue }
                findings.append(at(file, index, "\(line.count) columns; \(Self.maximumColumns) are allowed"))
            }
        }
        expectNone(findings)
    }

    @Test func everyUnfinishedThingNamesItsIssue() throws {
        let expression = try Regex(#"(//|#|--)[^"]*\b(TODO|FIXME|XXX)\b"#)
        var findings: [String] = []
        for file in SourceTree.files where !file.path.hasSuffix(".md") {
            for (index, line) in file.lines.enumerated() {
                guard ["TODO", "FIXME", "XXX"].contains(where: line.contains), line.contains(expression),
                    !line.contains(/#[0-9]+/)
                else { continue }
                findings.append(at(file, index, "name the issue, as in TODO(#12), or do it now"))
            }
        }
        expectNone(findings)
    }

    @Test func noFileNamesThisMachinesFolders() throws {
        // Put together here, so that this file does not name them itself.
        let folders = ["/" + "work", "/" + "tmp/h"]
        let expression = try Regex("(^|[^A-Za-z0-9_.])(" + folders.joined(separator: "|") + #")(/|\b)"#)
        var findings: [String] = []
        for file in SourceTree.files {
            for (index, line) in file.lines.enumerated()
            where folders.contains(where: line.contains) && line.contains(expression) {
                findings.append(at(file, index, "a path of one machine; use a variable or a temporary folder"))
            }
        }
        expectNone(findings)
    }

    @Test func noPlaceholderIsLeft() {
        let findings = SourceTree.files.map(\.path).filter { $0.hasSuffix("/Placeholder.swift") }
        expectNone(findings.map { "\($0): give the target a real file and delete this one" })
    }
}
