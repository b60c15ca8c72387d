import Configuration
import Foundation
import Metrics

/// `sluice run`: the pipeline until SIGTERM.
enum RunCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice run --config PATH [--log-level debug|info|warning|error]",
        help: """
            Runs the pipeline with the configuration at PATH, a folder or its sluice.json5 (or SLUICE_CONFIG).
            SIGTERM drains within shutdown_timeout and exits 0. SIGHUP reads the configuration, credentials and tokens
            anew: all of it takes effect, or nothing. Logs go to standard error, one JSON object a line.
            """,
        options: ["config", "log-level"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        Heap.bound()
        let configuration = try ConfigurationSource.load(arguments)
        let level = LogLevel(name: arguments["log-level"] ?? "info")
        guard let level else {
            throw CommandFailure(code: .usage, message: "--log-level takes debug, info, warning or error")
        }
        // A core would hold personal data and credentials.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        let signals = TerminationSignals()
        let log = Log(minimumLevel: level)
        for warning in configuration.warnings {
            log.warning("config.warning", [("problem", .text(warning.description))])
        }
        let path = try ConfigurationSource.path(arguments)
        let instance = try Instance(configuration, log: log)
        guard try instance.start(isStopping: { signals.isStopping }) else { return 0 }
        signals.wait(meanwhile: Heap.trim) { instance.reload(path: path, isStopping: { signals.isStopping }) }
        // What is not done by now is polled again by whoever comes next: nothing is lost, and the exit is clean.
        _ = instance.stop()
        return 0
    }
}

/// Where commands find the configuration.
enum ConfigurationSource {
    /// Loads from `--config`, or SLUICE_CONFIG.
    static func load(_ arguments: Arguments) throws(CommandFailure) -> Configuration {
        try load(path: path(arguments))
    }

    /// Where it is.
    static func path(_ arguments: Arguments) throws(CommandFailure) -> String {
        guard let path = arguments["config"] ?? ProcessInfo.processInfo.environment["SLUICE_CONFIG"] else {
            throw CommandFailure(
                code: .usage, message: "say where the configuration is: --config PATH or SLUICE_CONFIG")
        }
        return path
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
