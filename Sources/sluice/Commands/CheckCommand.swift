import Configuration

/// `sluice check`: everything about a configuration that can be known offline.
enum CheckCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice check PATH [--json]",
        help: """
            Validates the configuration at PATH, a folder or its sluice.json5, without connecting to anything, and
            proves each channel's mapping against channels/NAME.samples.ndjson where that is there. Prints every
            problem as file:line: key: reason and exits 78, or prints what it found and exits 0.
            """,
        flags: ["json", "online"], words: 1...1)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        if arguments.has("online") {
            throw CommandFailure(code: .usage, message: "--online is not built yet")
        }
        do throws(ConfigurationError) {
            let (configuration, samples) = try Configuration.prove(path: arguments.words[0])
            report(configuration, samples: samples, json: arguments.has("json"))
            return 0
        } catch {
            if arguments.has("json") {
                Output.line(
                    JSONText.render(["valid": false, "problems": error.problems.map(render)] as [String: Any]))
            } else {
                Output.line(error.description)
            }
            return CommandFailure.ExitCode.configuration.rawValue
        }
    }

    private static func render(_ problem: Problem) -> [String: Any] {
        [
            "file": problem.file, "line": problem.line, "column": problem.column, "key": problem.key,
            "reason": problem.reason,
        ]
    }

    private static func report(_ configuration: Configuration, samples: Int, json: Bool) {
        let lanes = configuration.entities.reduce(0) { $0 + $1.warehouses.count + 1 }
        if json {
            Output.line(
                JSONText.render(
                    [
                        "valid": true, "warnings": configuration.warnings.map(render),
                        "legal_entities": configuration.entities.map(\.name),
                        "channels": configuration.channels.map(\.name), "stores": configuration.stores.map(\.name),
                        "lanes": lanes, "samples": samples,
                    ] as [String: Any]))
            return
        }
        for warning in configuration.warnings { Output.line("warning: \(warning.description)") }
        Output.line(
            "valid: \(configuration.entities.count) legal entities, \(configuration.channels.count) channels, "
                + "\(configuration.stores.count) stores, \(lanes) lanes"
                + (samples > 0 ? ", \(samples) samples hold" : ""))
    }
}
