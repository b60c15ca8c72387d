import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// What the operations team asks, "where is the order, and why is it late?", is answered.
    @Suite struct OrderCommandTests {
        private func object(_ program: Program) throws -> [String: Any] {
            #expect(try program.exitCode() == 0, program.report)
            let answer = try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any]
            return try #require(answer, program.report)
        }

        @Test func anOrderIsShownByAnyOfItsNamesAndItsLatenessIsAnException() throws {
            let stage = try Stage()
            try stage.edit(
                "entities/acme-de.json5", "lifecycle: { park_timeout: \"2s\" }",
                """
                lifecycle: { park_timeout: "2s", edges: { "allocated->invoiced": "allow" } },
                owners: { cancellation: ["amazon-eu", "portal", "accounting"] },
                sla: { validation: "1s", allocation: "1s", dispatch: "1s", invoice: "1s", payment: "1s" }
                """)
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sent = try stage.sent(by: try stage.sendTraffic(orders: 60, seed: 11, rate: 5000))
            try stage.waitUntilSettled(sent, pipeline)

            // Its canonical reference, and a name that some event taught: the same page.
            let told = try #require(
                try stage.rows(
                    """
                    SELECT o.order_ref, r.value, w.word FROM orders o
                    JOIN order_references r ON r.legal_entity = o.legal_entity AND r.order_ref = o.order_ref
                    JOIN words w ON w.kind = 'state' AND w.value = o.state
                    WHERE o.legal_entity = 'ACME-DE' AND o.state > 0 AND r.kind = 5
                    ORDER BY 1, 2 LIMIT 1
                    """
                ).first)
            let order = try object(try stage.command("order", "ACME-DE", told[0], "--json"))
            let byTracking = try object(try stage.command("order", "ACME-DE", told[1], "--json"))
            #expect(order as NSDictionary == byTracking as NSDictionary)
            #expect(order["state"] as? String == told[2])
            let lines = try #require(order["lines"] as? [[String: Any]])
            #expect(lines.contains { $0["shipped"] as? String != "0" })
            let systems = try #require(order["systems"] as? [[String: Any]])
            #expect(Set(systems.compactMap { $0["system"] as? String }).isSuperset(of: ["wms", "odoo"]))
            let page = try stage.command("order", "ACME-DE", told[0])
            #expect(try page.exitCode() == 0, page.report)
            for title in ["waits for", "systems", "lines", "shipments", "timeline"] {
                #expect(page.output.contains(title), page.report)
            }
            let widest = page.output.split(separator: "\n").map(\.count).max() ?? 0
            #expect(widest <= 100, page.report)
            let unknown = try stage.command("order", "ACME-DE", "nobody/1")
            #expect(try unknown.exitCode() == 1)

            // The checks find who stays too long, of the legal entity that promises times and of no other.
            let overdue = """
                SELECT count(*) FROM exceptions WHERE code IN ('stuck_in_validation', 'stuck_in_allocation',
                    'stuck_in_dispatch', 'shipped_not_invoiced', 'payment_missing') AND resolved_at IS NULL
                    AND legal_entity
                """
            #expect(eventually { stage.number("\(overdue) = 'ACME-DE'") > 0 }, pipeline.report)
            #expect(stage.number("\(overdue) <> 'ACME-DE' AND code LIKE 'stuck%'") == 0)
            let metrics = try #require(WebPage.get(port, "/metrics"))
            let looked = metrics.samples("sluice_checks_orders_total").reduce(0) { $0 + $1.value }
            #expect(looked > 0)
            let last = metrics.samples("sluice_channel_last_event_timestamp_seconds")
            #expect(last.contains { $0.labels == ["legal_entity": "ACME-DE", "channel": "wms"] && $0.value > 1e9 })

            let lifecycle = try stage.command("lifecycle", "ACME-DE")
            #expect(try lifecycle.exitCode() == 0)
            #expect(lifecycle.output.contains("allow*"))
            #expect(lifecycle.output.contains("amazon-eu, portal, accounting"))
            let drawn = try stage.command("lifecycle", "ACME-DE", "--dot")
            #expect(try drawn.exitCode() == 0)
            #expect(drawn.output.contains("allocated -> invoiced [style=solid, color=red]"))
        }
    }
}
