import Foundation

/// The bench behind `make bench`, `make bench-smoke` and `make profile`; docs/BENCHMARKS.md says what it measures.
@main
struct SluiceBench {
    static func main() {
        Leftovers.watchSignals()
        do {
            let options = try Options(
                Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
            if let records = options.hotPathRecords { return try HotPathRun.run(records: records) }
            if let records = options.laneRecords { return try LanesRun.run(records: records) }
            if options.isFloorOnly { return try FloorComparison.run(options) }
            try measure(options)
        } catch {
            Leftovers.waitWhenStopping()
            say("\(error)")
            Leftovers.shared.clean()
            exit(error is WrongWork ? 2 : 1)
        }
    }

    /// Tells a person what goes on; results go to standard output.
    static func say(_ text: String) { FileHandle.standardError.write(Data("bench: \(text)\n".utf8)) }

    private static func measure(_ options: Options) throws {
        try FileManager.default.createDirectory(atPath: options.output, withIntermediateDirectories: true)
        var isFirst = true
        // The smoke shares one, to be quick; measured parts do not touch each other.
        let shared = options.isSmoke ? try Stage(options) : nil
        defer { shared?.tearDown() }
        for part in options.parts {
            let about = About()
            // An old figure must not be taken for one of this run.
            let path = "\(options.output)/\(part).json"
            try? FileManager.default.removeItem(atPath: path)
            var figures = Figures(part: part)
            try measure(part, options, shared, &figures)
            figures.words = [
                ("part", part), ("commit", about.commit), ("broker", options.kafkaHome == nil ? "mock" : "kafka"),
                ("started_at", about.startedAt),
            ]
            figures.isDirty = about.isDirty
            if options.kafkaHome == nil, part != "micro", part != "orders", part != "odoo" {
                figures.remarks.append("on the mock cluster, paced: these figures count for nothing (set KAFKA_HOME)")
            }
            if options.isSmoke { figures.remarks.append("smoke: shows that the harness works, and nothing else") }
            try Data(figures.json.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            if options.asJSON {
                print(
                    figures.json.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(
                        separator: " "))
            } else {
                print((isFirst ? "" : "\n") + figures.table)
            }
            isFirst = false
            fflush(nil)
        }
    }

    private static func measure(
        _ part: String, _ options: Options, _ shared: Stage?, _ figures: inout Figures
    ) throws {
        if part == "micro" { return try MicroPart(options: options).measure(&figures) }
        say("\(part)")
        let stage = try shared ?? Stage(options)
        defer { if shared == nil { stage.tearDown() } }
        switch part {
        case "speed": try SpeedPart(stage: stage).measure(&figures)
        case "latency": try LatencyPart(stage: stage).measure(&figures)
        case "memory": try MemoryPart(stage: stage).measure(&figures)
        case "isolation": try IsolationPart(stage: stage).measure(&figures)
        case "orders": try OrdersPart(stage: stage).measure(&figures)
        case "odoo": try OdooPart(stage: stage).measure(&figures)
        case "scale": try ScalePart(stage: stage).measure(&figures)
        default: throw BenchError("no part \(part)")
        }
    }
}

/// Which state of the sources is measured, and when.
struct About {
    let commit: String
    let isDirty: Bool
    let startedAt: String

    init() {
        commit = Self.git(["rev-parse", "HEAD"]) ?? "unknown"
        isDirty = Self.git(["status", "--porcelain"]).map { !$0.isEmpty } ?? true
        startedAt = ISO8601DateFormatter().string(from: Date())
    }

    private static func git(_ words: [String]) -> String? {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sluice-bench-git-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        guard let process = try? MeasuredProcess(["git"] + words, log: output.path),
            process.wait(within: .seconds(20)) == 0
        else { return nil }
        let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
