import Foundation

/// Programs that judge metrics and what is made of them; `scripts/setup.sh test` fetches those that are missing.
public enum Judges {
    /// A format of a page.
    public enum Format: String, CaseIterable, Sendable {
        /// Text 0.0.4.
        case text
        /// OpenMetrics 1.0.
        case openmetrics
    }

    /// The package's folder.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Prometheus' tool, or nil.
    public static let promtool = find("promtool")
    /// A Prometheus, or nil.
    public static let prometheus = find("prometheus")
    /// A Python that has Prometheus' client, or nil.
    public static let python: String? = {
        let path = root + "/.build/tools/judges/bin/python"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()
    /// Why they are missing.
    public static let missing = "run scripts/setup.sh test, which fetches Prometheus' programs and its Python client"

    private static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/bin", root + "/.build/tools"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Everything that the judges that are here say against a page; empty: it is good.
    ///
    /// Each finds what the others let pass: promtool names and help, Python's parsers the order of lines, our own
    /// series that are there twice and control bytes.
    public static func complaints(_ page: [UInt8], _ format: Format) throws -> [String] {
        var complaints = PageJudge.complaints(page)
        if let promtool, format == .text {
            let (status, output) = try run(promtool, ["check", "metrics"], input: page)
            if status != 0 || !output.isEmpty { complaints.append("promtool: \(output)") }
        }
        if let python {
            let script = root + "/Tests/Fixtures/judge_metrics.py"
            let (status, output) = try run(python, [script, format.rawValue], input: page)
            let samples = String(decoding: page, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
            let read = output.trimmingCharacters(in: .whitespacesAndNewlines)
            if status != 0 || Int(read) != samples.count {
                complaints.append("prometheus_client reads \(output.suffix(1000)) of \(samples.count) samples")
            }
        }
        return complaints
    }

    /// Runs a program to its end; what it printed, errors included.
    public static func run(
        _ executable: String, _ arguments: [String], input bytes: [UInt8] = [], folder: String? = nil
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // All of them read their input before they write.
        try input.fileHandleForWriting.write(contentsOf: Data(bytes))
        try input.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
}
