import Foundation
import Testing

/// The files of the package, read once per test run.
struct SourceTree {
    /// A text file of the package.
    struct File: CustomStringConvertible {
        /// Path below the package root.
        let path: String
        let lines: [String]
        /// The same lines without what stands in string literals and comments; empty unless it is Swift.
        let code: [String]

        var description: String { path }
        /// `Kafka` for Sources/Kafka/Consumer.swift.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var isSwift: Bool { path.hasSuffix(".swift") }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What people wrote: no build products, no fixtures, which are bytes as others sent them.
    static let files: [File] = {
        let folders = ["Sources", "Tests", "Benchmarks", "docs", "deploy", "scripts", ".ci"]
        let single = ["Package.swift", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
        let endings = [
            ".swift", ".md", ".sh", ".sql", ".service", ".yml", ".yaml", ".h", ".modulemap", "Dockerfile", "run",
        ]
        let found = folders.flatMap { below($0) }.filter { path in endings.contains { path.hasSuffix($0) } }
        return (single + found).compactMap(read).sorted { $0.path < $1.path }
    }()

    static var sources: [File] { files.filter { $0.path.hasPrefix("Sources/") && $0.isSwift } }
    static var tests: [File] { files.filter { $0.path.hasPrefix("Tests/") && $0.isSwift } }
    static var swift: [File] { files.filter(\.isSwift) }
    static var documents: [File] { files.filter { $0.path.hasSuffix(".md") } }

    private static func below(_ folder: String) -> [String] {
        let base = root.appendingPathComponent(folder).path
        let names = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return names.filter { !$0.contains("Fixtures/") && !$0.hasPrefix(".build") }.map { "\(folder)/\($0)" }
    }

    private static func read(_ path: String) -> File? {
        guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return File(path: path, lines: lines, code: path.hasSuffix(".swift") ? CodeScanner.code(of: lines) : [])
    }
}

/// A finding, as an editor understands it.
func at(_ file: SourceTree.File, _ index: Int, _ message: String) -> String {
    "\(file.path):\(index + 1): \(message)"
}

/// Records all findings of a test in one issue, so that nobody mends a tree finding by finding.
func expectNone(_ findings: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    guard !findings.isEmpty else { return }
    let shown = findings.prefix(200).joined(separator: "\n")
    Issue.record("\(findings.count) findings\n\(shown)", sourceLocation: sourceLocation)
}

/// Blanks comments and string literals, so that words in them are not taken for code.
///
/// Knows line and block comments, strings of one and several lines, and raw ones with one `#`. An interpolation counts
/// as part of its string.
struct CodeScanner {
    private enum State {
        case code, blockComment, string, rawString, longString
    }

    private var state = State.code

    static func code(of lines: [String]) -> [String] {
        var scanner = CodeScanner()
        return lines.map { scanner.scan($0) }
    }

    private mutating func scan(_ line: String) -> String {
        if state == .string || state == .rawString { state = .code }
        let text = Array(line.utf8)
        var kept: [UInt8] = []
        var index = 0
        // By index: a debug build is slow enough without slices.
        func begins(_ mark: StaticString) -> Bool {
            guard index + mark.utf8CodeUnitCount <= text.count else { return false }
            for (offset, byte) in mark.description.utf8.enumerated() where text[index + offset] != byte { return false }
            return true
        }
        while index < text.count {
            var step = 1
            let byte = text[index]
            let isSpecial = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "#")
            switch state {
            case .code where !isSpecial: kept.append(byte)
            case .code:
                if begins("//") { return String(decoding: kept, as: UTF8.self) }
                if begins("/*") {
                    (state, step) = (.blockComment, 2)
                } else if begins("\"\"\"") {
                    (state, step) = (.longString, 3)
                } else if begins("#\"") {
                    (state, step) = (.rawString, 2)
                } else if begins("\"") {
                    state = .string
                } else {
                    kept.append(text[index])
                }
            case .blockComment: if begins("*/") { (state, step) = (.code, 2) }
            case .longString: if begins("\"\"\"") { (state, step) = (.code, 3) }
            case .rawString: if begins("\"#") { (state, step) = (.code, 2) }
            case .string:
                if begins("\\") { step = 2 } else if begins("\"") { state = .code }
            }
            index += step
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
