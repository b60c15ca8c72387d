import Foundation
import Testing

extension PipelineTests {
    /// What `sluice check` says of the cost of metrics.
    @Suite struct SeriesBudgetTests {
        /// The demo's configuration with `count` more legal entities, the last ones heavier.
        private func folder(_ count: Int, series: Int) throws -> TemporaryFolder {
            let folder = try TemporaryFolder()
            let writer = try Program([
                "dev", "events", "--write-config", folder.path + "/config", "--brokers", "127.0.0.1:9", "--odoo-url",
                "http://127.0.0.1:9",
            ])
            try #require(try writer.exitCode() == 0, writer.report)
            let main = folder.path + "/config/sluice.json5"
            let text = try String(contentsOfFile: main, encoding: .utf8)
            try #require(text.contains("http: {"))
            try text.replacingOccurrences(of: "http: {", with: "http: { series: \(series),").write(
                toFile: main, atomically: true, encoding: .utf8)
            let entity = try String(contentsOfFile: folder.path + "/config/entities/acme-de.json5", encoding: .utf8)
            for index in 0..<count {
                try entity.replacingOccurrences(of: "ACME-DE", with: "COPY-\(index)")
                    .replacingOccurrences(of: "weight: 4", with: "weight: \(5 + index)").write(
                        toFile: "\(folder.path)/config/entities/copy-\(index).json5", atomically: true, encoding: .utf8)
            }
            return folder
        }

        private func budget(_ count: Int, series: Int) throws -> [String: Any] {
            let folder = try folder(count, series: series)
            let check = try Program(["check", folder.path + "/config", "--json"])
            #expect(try check.exitCode() == 0, check.report)
            return try #require(try check.answer()["series"] as? [String: Any])
        }

        @Test func everyLegalEntityIsShownWhereThereIsRoom() throws {
            let series = try budget(0, series: 100_000)
            #expect(series["legal_entities_by_name"] as? Int == 4)
            #expect(series["legal_entities_together"] as? Int == 0)
            let metrics = try #require(series["metrics"] as? [[String: Any]])
            func byName(_ name: String) -> Int? {
                metrics.first { $0["name"] as? String == name }?["by_name"] as? Int
            }
            // Four stages with eight buckets, the one above, sum and count.
            #expect(byName("sluice_event_latency_seconds") == 4 * 4 * 11)
            #expect(byName("sluice_odoo_request_seconds") == 0)
            let sum = metrics.reduce(0) { $0 + ($1["by_name"] as? Int ?? 0) }
            #expect(series["by_name"] as? Int == sum)
            #expect((series["total"] as? Int ?? .max) < 100_000)
        }

        @Test func theLightestFoldWhereThereIsNot() throws {
            let series = try budget(20, series: 1_000)
            // A sixteenth is kept back, and each has 93 at least.
            #expect(series["legal_entities_by_name"] as? Int == 10)
            #expect(series["legal_entities_together"] as? Int == 14)
            #expect(series["share"] as? Int == 93)
            #expect(series["by_name"] as? Int == 10 * 93, "a share is a bound")
        }
    }
}
