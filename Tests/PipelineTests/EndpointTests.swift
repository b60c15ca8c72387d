import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// What the SRE sees.
    @Suite struct EndpointTests {
        @Test func metricsTellWhatTheBooksTell() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sender = try stage.sendTraffic(orders: 60, seed: 5, rate: 5000)
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, pipeline)
            let lines = try stage.balancedBooks(sent)
            let page = try #require(WebPage.get(port, "/metrics"), pipeline.report)
            #expect(page.status == 200)

            // The store was empty and the process is the first, so its counters are their own increase.
            var counted: [String: Int] = [:]
            for sample in page.samples("sluice_events_total") {
                let name = "\(sample.labels["legal_entity"] ?? "") \(sample.labels["outcome"] ?? "")"
                counted[name, default: 0] += Int(sample.value)
            }
            var booked: [String: Int] = [:]
            for line in lines {
                let entity = try #require(line["legal_entity"] as? String)
                for outcome in ["applied", "duplicate", "stale", "parked", "rejected", "dead_lettered"] {
                    booked["\(entity) \(outcome)", default: 0] += line[outcome] as? Int ?? 0
                }
            }
            #expect(counted.filter { $0.value != 0 } == booked.filter { $0.value != 0 })
            #expect(counted.values.reduce(0, +) == Int(sent))

            // Every record was taken once, and nothing waits.
            let consumed = page.samples("sluice_ingest_records_total").reduce(0) { $0 + $1.value }
            #expect(Int64(consumed) == sent)
            // The backlog is measured every two seconds.
            let isEmpty = eventually {
                WebPage.get(port, "/metrics")?.samples("sluice_backlog_orders").allSatisfy { $0.value == 0 } ?? false
            }
            #expect(isEmpty)
            #expect(try Judges.complaints(Array(page.body.utf8), .text) == [])
            #expect(WebPage.get(port, "/livez")?.status == 200)
            #expect(WebPage.get(port, "/readyz")?.status == 200)
            #expect(WebPage.get(port, "/other")?.status == 404)
        }
    }
}
