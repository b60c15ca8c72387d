import Configuration
import Metrics

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

    private static func render(_ budget: SeriesBudget) -> [String: Any] {
        [
            "limit": budget.limit, "total": budget.total, "by_name": budget.byName, "together": budget.together,
            "legal_entities_by_name": budget.shares.shown.count, "legal_entities_together": budget.shares.folded,
            "share": budget.shares.share,
            "metrics": budget.lines.map { ["name": $0.name, "by_name": $0.byName, "together": $0.together] },
        ]
    }

    /// What metrics of legal entities cost at most.
    private static func table(_ budget: SeriesBudget) -> String {
        let rows = budget.lines.map { [$0.name, String($0.byName), String($0.together)] }
        let shares = budget.shares
        return Output.table(["series at most", "by name", "as other"], rows)
            + "\n\nseries: at most \(budget.total) of \(budget.limit) (http.series) for legal entities: "
            + "\(budget.byName) for \(shares.shown.count) by name, each at most \(shares.share); "
            + "\(budget.together) for sums and for \(shares.folded) as other"
    }

    private static func report(_ configuration: Configuration, samples: Int, json: Bool) {
        let lanes = configuration.entities.reduce(0) { $0 + $1.warehouses.count + 1 }
        let budget = SeriesBudget(configuration)
        if json {
            Output.line(
                JSONText.render(
                    [
                        "valid": true, "warnings": configuration.warnings.map(render),
                        "legal_entities": configuration.entities.map(\.name),
                        "channels": configuration.channels.map(\.name), "stores": configuration.stores.map(\.name),
                        "lanes": lanes, "samples": samples, "series": render(budget),
                    ] as [String: Any]))
            return
        }
        for warning in configuration.warnings { Output.line("warning: \(warning.description)") }
        Output.line(
            "valid: \(configuration.entities.count) legal entities, \(configuration.channels.count) channels, "
                + "\(configuration.stores.count) stores, \(lanes) lanes"
                + (samples > 0 ? ", \(samples) samples hold" : ""))
        Output.line("\n" + table(budget))
    }
}
