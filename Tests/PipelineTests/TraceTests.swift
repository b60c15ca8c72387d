import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// Goal: the trace in which a shop sent its records is followed through the whole program.
    ///
    /// Method: seeded traffic, in which the records of one channel, `portal`, have the header `traceparent`.
    @Suite struct TraceTests {
        @Test func aTraceIsFollowedFromKafkaToOdoo() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sent = try stage.sent(by: try stage.sendTraffic(orders: 60, seed: 9, rate: 5000))
            try stage.waitUntilSettled(sent, pipeline)

            let journal = try stage.rows(
                "SELECT order_ref, encode(substr(trace, 1, 16), 'hex'), encode(substr(trace, 17, 8), 'hex') "
                    + "FROM journal WHERE trace IS NOT NULL")
            let traces = Set(journal.map { $0[1] })
            #expect(traces.count > 20 && traces.allSatisfy { $0.count == 32 })
            #expect(stage.number("SELECT count(*) FROM journal WHERE (trace IS NULL) = (channel = 'portal')") == 0)

            // Odoo is told within them, by spans of Sluice's own.
            let odoo = try #require(Int(stage.odooURL.split(separator: ":").last ?? ""))
            let page = try #require(WebPage.get(odoo, "/stand-in/traces"))
            let calls = try #require(
                try JSONSerialization.jsonObject(with: Data(page.body.utf8)) as? [[String: String]])
            let parents = calls.compactMap { $0["traceparent"]?.split(separator: "-").map(String.init) }
            #expect(!parents.isEmpty && parents.allSatisfy { $0.count == 4 && $0[0] == "00" && $0[3] == "01" })
            #expect(Set(parents.map { $0[1] }).isSubset(of: traces))
            #expect(Set(parents.map { $0[2] }).isDisjoint(with: journal.map { $0[2] }))
            #expect(calls.contains { $0["path"] == "/json/2/sale.order/load" })

            // A scrape names some of them.
            let scrape = try #require(WebPage.get(port, "/metrics", accept: ScrapeTests.openMetrics))
            var stages: Set<String> = []
            for line in scrape.body.split(separator: "\n") where line.contains(" # {trace_id=\"") {
                let found = try #require(
                    try /sluice_event_latency_seconds_bucket\{.*stage="([a-z]+)".*# \{trace_id="([0-9a-f]{32})"\}/
                        .prefixMatch(in: line), "\(line)")
                stages.insert(String(found.1))
                #expect(traces.contains(String(found.2)))
            }
            #expect(stages == ["source", "log", "process", "delivery"])
            #expect(try Judges.complaints(Array(scrape.body.utf8), .openmetrics) == [])

            // So does the order's page.
            let one = try #require(journal.first)
            let entity = try stage.rows("SELECT legal_entity FROM orders WHERE order_ref = '\(one[0])'")[0][0]
            let order = try stage.command("order", entity, one[0], "--json")
            #expect(try order.exitCode() == 0, order.report)
            let timeline = try #require(Program.object(order.output)?["timeline"] as? [[String: Any]])
            #expect(timeline.contains { $0["trace_id"] as? String == one[1] })
            let text = try stage.command("order", entity, one[0])
            #expect(try text.exitCode() == 0 && text.output.contains(one[1]), text.report)
        }
    }
}
