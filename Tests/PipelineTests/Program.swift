import Foundation
import TestSupport
import Testing

/// The built `sluice` in a process of its own, or another program; its output goes to files that tests look into.
final class Program {
    /// The executable that was built beside the tests.
    static let sluice: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent + "/sluice"
    }()

    private let process = Process()
    private let folder: TemporaryFolder
    private let name: String
    private let input = Pipe()

    /// Starts it with `environment` added to the tests' own, and `text` as its standard input.
    ///
    /// KAFKA_HOME, which makes its broker a real one, is hidden from it unless it `usesKafka`.
    init(
        _ arguments: [String], environment: [String: String] = [:], usesKafka: Bool = false,
        executable: String = Program.sluice, input text: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        name = arguments.joined(separator: " ")
        var variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if !usesKafka { variables["KAFKA_HOME"] = nil }
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = variables
        process.standardInput = input
        process.standardOutput = try Self.file(folder.path + "/output")
        process.standardError = try Self.file(folder.path + "/errors")
        try process.run()
        if let text {
            try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
            try input.fileHandleForWriting.close()
        }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    private static func file(_ path: String) throws -> FileHandle {
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        return try #require(FileHandle(forWritingAtPath: path))
    }

    /// What it has printed.
    var output: String { text("output") }
    /// What it has said to people, and its log.
    var errors: String { text("errors") }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder.path)/\(name)") ?? Data(), as: UTF8.self)
    }

    var isRunning: Bool { process.isRunning }

    /// For a failure's report.
    var report: Comment {
        Comment(rawValue: "sluice \(name)\n--- output\n\(output.suffix(3000))\n--- errors\n\(errors.suffix(3000))")
    }

    /// The lines of the output that are JSON objects; waits for the first.
    func answer(within bound: Duration = patience) throws -> [String: Any] {
        var found: [String: Any]?
        _ = eventually(within: bound) {
            found = output.split(separator: "\n").lazy.compactMap { Self.object(String($0)) }.first
            return found != nil || !isRunning
        }
        if found == nil { found = output.split(separator: "\n").lazy.compactMap { Self.object(String($0)) }.first }
        return try #require(found, report)
    }

    static func object(_ text: String) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
    }

    /// The log's entries of one event.
    func logged(_ event: String) -> [[String: Any]] {
        errors.split(separator: "\n").compactMap { Self.object(String($0)) }.filter { $0["event"] as? String == event }
    }

    /// Waits until the log tells `event`.
    func waitForLog(_ event: String, within bound: Duration = patience) throws -> [String: Any] {
        var found: [String: Any]?
        _ = eventually(within: bound) {
            found = logged(event).first
            return found != nil || !isRunning
        }
        return try #require(found, report)
    }

    var processIdentifier: Int32 { process.processIdentifier }

    /// SIGTERM.
    func terminate() { kill(process.processIdentifier, SIGTERM) }

    /// SIGHUP: reads its configuration anew.
    func hangUp() { kill(process.processIdentifier, SIGHUP) }

    /// SIGSTOP: it does nothing, and does not know.
    func pause() { kill(process.processIdentifier, SIGSTOP) }

    /// SIGCONT.
    func resume() { kill(process.processIdentifier, SIGCONT) }

    /// SIGKILL, and the end.
    func killAtOnce() throws {
        kill(process.processIdentifier, SIGKILL)
        #expect(try exitCode() == SIGKILL)
    }

    /// Waits for its end; the exit code, or the signal that ended it.
    func exitCode(within bound: Duration = patience) throws -> Int32 {
        try #require(eventually(within: bound) { !process.isRunning }, report)
        return process.terminationStatus
    }
}

/// A folder that goes with this object.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "sluice-pipeline-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
