import Embedded
import TestSupport
import Testing

extension PipelineTests {
    /// Legal entities that share one Odoo, which takes nothing from one of them: its key is wrong, or its company.
    @Suite struct DeniedTests {
        /// Legal entities whose breaker is closed.
        private func closed(_ port: Int) -> Set<String> {
            let samples = WebPage.get(port, "/metrics")?.samples("sluice_odoo_breaker_state") ?? []
            return Set(
                samples.filter { $0.labels["sluice_odoo_breaker_state"] == "closed" && $0.value == 1 }
                    .compactMap { $0.labels["legal_entity"] })
        }

        @Test(arguments: [
            ("{ env: \"\(Stage.keyVariable)\" }", "{ env: \"SLUICE_TEST_WRONG_KEY\" }"),
            ("company: \"ACME DE GmbH\"", "company: \"Nobody\""),
        ])
        func whatIsWrongStopsNobodyElse(right: String, wrong: String) throws {
            let stage = try Stage()
            let denied = try #require(TrafficSettings.demoEntities.first?.name)
            let file = "entities/\(denied.lowercased()).json5"
            try stage.edit(file, right, wrong)
            stage.environment["SLUICE_TEST_WRONG_KEY"] = "wrong"
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sent = try stage.sent(by: try stage.sendTraffic(orders: 80, seed: 71, rate: 5000))
            _ = try pipeline.waitForLog("delivery.destination_refuses")
            let told = "SELECT count(*) FROM deliveries WHERE odoo_id IS NOT NULL AND legal_entity = '\(denied)'"
            let others = "SELECT count(*) FROM backlog WHERE legal_entity <> '\(denied)'"
            try #require(
                eventually { stage.outcomes >= sent && stage.number(others) == 0 },
                "\(stage.number(others)) wait\n\(pipeline.report)")
            #expect(stage.number(told) == 0)
            #expect(stage.number("SELECT count(*) FROM backlog WHERE legal_entity = '\(denied)'") > 0)
            for failed in pipeline.logged("delivery.destination_refuses") {
                #expect(failed["legal_entity"] as? String == denied)
            }
            let entities = Set(TrafficSettings.demoEntities.map(\.name))
            try #require(eventually { closed(port) == entities.subtracting([denied]) }, pipeline.report)

            // It is mended: what waits goes, as soon as its turn comes again.
            try stage.edit(file, wrong, right)
            pipeline.hangUp()
            try #require(eventually { stage.number(told) > 0 }, pipeline.report)
            pipeline.terminate()
            #expect(try pipeline.exitCode() == 0, pipeline.report)
        }
    }
}
