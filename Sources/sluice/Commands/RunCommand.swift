import Configuration
import Foundation
import Metrics

/// `sluice run`: the pipeline until SIGTERM.
enum RunCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice run --config PATH [--log-level debug|info|warning|error]",
        help: """
            Runs the pipeline with the configuration at PATH, a folder or its sluice.json5 (or SLUICE_CONFIG).
            SIGTERM drains within shutdown_timeout and exits 0. Logs go to standard error, one JSON object a line.
            """,
        options: ["config", "log-level"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        let level = LogLevel(name: arguments["log-level"] ?? "info")
        guard let level else {
            throw CommandFailure(code: .usage, message: "--log-level takes debug, info, warning or error")
        }
        let signals = TerminationSignals()
        let log = Log(minimumLevel: level)
        for warning in configuration.warnings {
            log.warning("config.warning", [("problem", .text(warning.description))])
        }
        let pipeline = try Pipeline(configuration, log: log)
        guard try pipeline.start(isStopping: { signals.isStopping }) else { return 0 }
        signals.wait()
        // What is not done by now is polled again by whoever comes next: nothing is lost, and the exit is clean.
        _ = pipeline.stop()
        return 0
    }
}

/// Where commands find the configuration.
enum ConfigurationSource {
    /// Loads from `--config`, or SLUICE_CONFIG.
    static func load(_ arguments: Arguments) throws(CommandFailure) -> Configuration {
        guard let path = arguments["config"] ?? ProcessInfo.processInfo.environment["SLUICE_CONFIG"] else {
            throw CommandFailure(
                code: .usage, message: "say where the configuration is: --config PATH or SLUICE_CONFIG")
        }
        return try load(path: path)
    }

    /// Loads from `path`; what is refused is said in the words of `sluice check`.
    static func load(path: String) throws(CommandFailure) -> Configuration {
        do throws(ConfigurationError) {
            return try Configuration.load(path: path)
        } catch {
            throw CommandFailure(code: .configuration, message: "the configuration is refused\n\(error.description)")
        }
    }
}
