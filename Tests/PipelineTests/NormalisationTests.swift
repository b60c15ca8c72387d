import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// CloudEvents in both modes, routed by a header, through the whole process: what the rules gave stays with an
    /// event that waited, and drift is counted.
    @Suite struct NormalisationTests {
        private static let topic = "portal.orders"

        private static func data(_ sequence: Int, _ more: String = "") -> String {
            """
            {"sequence":\(sequence),"currency":"EUR","customer":{"ref":"CUST-0001","name":"A. Buyer"},\
            "lines":[{"line":"1","sku":"SKU-0001","quantity":"1","unit_price":"4.95"}]\(more)}
            """
        }

        private static func binary(
            _ id: Int, _ order: String, _ type: String, _ data: String, _ more: [(String, String)]
        ) -> OutgoingRecord {
            let headers = [
                ("ce_specversion", "1.0"), ("ce_id", "\(id)"), ("ce_source", "/shop"),
                ("ce_type", "com.example.\(type)"),
                ("ce_subject", order), ("ce_time", "2026-01-01T00:00:0\(id)Z"), ("content-type", "application/json"),
            ]
            return OutgoingRecord(
                topic: topic, partition: 1, key: Array(order.utf8), value: Array(data.utf8),
                headers: (headers + more).map { RecordHeader($0.0, text: $0.1) })
        }

        private static let records: [OutgoingRecord] = {
            let german = [("ce_legalentity", "ACME-DE"), ("ce_warehouse", "BER1")]
            let french = [("region", "fr")]
            let structured = """
                {"specversion":"1.0","id":"2","source":"/shop","type":"validated","subject":"N-1",\
                "time":"2026-01-01T00:00:02Z","legalentity":"ACME-DE","data":{"sequence":2}}
                """
            return [
                binary(1, "N-1", "received", data(1), german),
                OutgoingRecord(topic: topic, partition: 1, key: nil, value: Array(structured.utf8)),
                binary(3, "N-2", "received", data(1), french),
                // Waits for number 2, and is read again from the store, where no header is.
                binary(5, "N-2", "allocated", data(3), french),
                binary(4, "N-2", "validated", data(2), french),
                binary(6, "N-1", "teleported", data(3), german),
                binary(7, "N-1", "received", "{\"lines\":7}", german),
            ]
        }()

        @Test func cloudEventsAreRoutedParkedAndJournalled() throws {
            let stage = try Stage()
            try stage.edit(
                "channels/portal.json5", "topics: [\"portal.orders\"]",
                """
                topics: ["portal.orders"], format: "cloudevents", sequence_from: 1, route: [{ name: "fr",
                  when: { "header:region": "fr" }, legal_entity: "ACME-FR", warehouse: "PAR1", tags: ["france"] }]
                """)
            let pipeline = try stage.run()
            let producer = try Producer(ClientSettings(["bootstrap.servers": stage.brokers]))
            for record in Self.records { try producer.produce(record) }
            #expect(producer.flush(within: patience) && producer.failed == 0)
            try stage.waitUntilSettled(Int64(Self.records.count), pipeline)
            _ = try stage.balancedBooks(Int64(Self.records.count))

            let journal = try stage.rows(
                """
                SELECT event_id, legal_entity, order_ref, warehouse, coalesce(rule, '-'), coalesce(tags, '-')
                FROM journal ORDER BY event_id
                """)
            #expect(
                journal.map { $0.joined(separator: " ") } == [
                    "/shop|1 ACME-DE N-1 BER1 - -", "/shop|2 ACME-DE N-1  - -", "/shop|3 ACME-FR N-2 PAR1 fr france",
                    "/shop|4 ACME-FR N-2 PAR1 fr france", "/shop|5 ACME-FR N-2 PAR1 fr france",
                ])
            let parked = try stage.rows("SELECT event_id, released_outcome FROM parked")
            #expect(parked == [["/shop|5", "1"]])
            #expect(try stage.states() == [["ACME-DE", "N-1", "2"], ["ACME-FR", "N-2", "3"]])
            #expect(try stage.rows("SELECT code FROM rejected") == [["unknown_status"]])

            let page = try #require(WebPage.get(try stage.port(of: pipeline), "/metrics"))
            let drift = page.samples("sluice_channel_drift_total").filter { $0.labels["channel"] == "portal" }
            let counts = Dictionary(uniqueKeysWithValues: drift.map { ($0.labels["kind"] ?? "", $0.value) })
            #expect(counts == ["unknown_field": 0, "unmapped_word": 1, "changed_type": 1])
            let told = try pipeline.waitForLog("channel.drift")
            #expect(told["pointer"] as? String == "/type" && told["channel"] as? String == "portal")
        }
    }
}
