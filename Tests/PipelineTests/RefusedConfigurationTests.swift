import Foundation
import Testing

extension PipelineTests {
    /// A configuration that is broken in several files.
    @Suite struct RefusedConfigurationTests {
        @Test func checkAndRunNameEveryProblemAndExit78() throws {
            // Nothing has to run: a configuration is checked offline.
            let folder = try TemporaryFolder()
            let path = folder.path + "/config"
            let writer = try Program([
                "dev", "events", "--write-config", path, "--brokers", "127.0.0.1:9", "--odoo-url", "http://127.0.0.1:9",
            ])
            try #require(try writer.exitCode() == 0, writer.report)
            let good = try Program(["check", path])
            #expect(try good.exitCode() == 0, good.report)
            #expect(good.output.hasPrefix("valid: 4 legal entities, 5 channels, 1 stores, "))

            #expect(good.output.contains("series: at most "), good.report)

            func edit(_ file: String, _ old: String, _ new: String) throws {
                let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
                try #require(text.contains(old))
                try text.replacingOccurrences(of: old, with: new).write(
                    toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
            }
            try edit("sluice.json5", "shutdown_timeout", "shutdown_timeot")
            try edit("entities/acme-de.json5", "weight: 4", "weight: \"four\"")
            try edit("entities/acme-fr.json5", "store: \"demo\"", "store: \"nowhere\"")
            try edit("channels/wms.json5", "topics: [\"wms.events\"]", "topics: []")

            let check = try Program(["check", path])
            #expect(try check.exitCode() == 78, check.report)
            let problems = check.output.split(separator: "\n").map(String.init)
            for (file, key) in [
                ("sluice.json5", "shutdown_timeot"), ("entities/acme-de.json5", "weight"),
                ("entities/acme-fr.json5", "store"), ("channels/wms.json5", "topics"),
            ] {
                let pattern = try Regex("\(path)/\(file):[0-9]+: \(key): .+")
                #expect(problems.contains { $0.wholeMatch(of: pattern) != nil }, "\(file) \(key)\n\(check.output)")
            }
            #expect(check.output.contains("did you mean \"shutdown_timeout\"?"))

            let run = try Program(["run", "--config", path])
            #expect(try run.exitCode() == 78, run.report)
            #expect(run.errors.hasSuffix(check.output), run.report)
            #expect(run.output.isEmpty)
        }
    }
}
