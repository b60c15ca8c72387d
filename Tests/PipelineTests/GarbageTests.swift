import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// A partition of records that are no events, with good ones between.
    @Suite struct GarbageTests {
        private static let topic = "portal.orders"

        /// A record and what has to become of it.
        private struct Case {
            var value: [UInt8]?
            /// Reason of the dead letter; nil: none.
            var reason: String?
            /// Code of the refusal; nil: not refused.
            var code: String?
        }

        private static func event(
            _ order: Int, _ more: String = "", entity: String = "ACME-DE", status: String = "received"
        )
            -> [UInt8]
        {
            Array(
                """
                {"event_id":"g-\(order)","legal_entity":"\(entity)","warehouse":"BER1","order_ref":"G-\(order)",\
                "status":"\(status)","occurred_at":"2026-01-01T00:00:00Z","currency":"EUR","customer":{"ref":"CUST-0001","name":"A. Buyer"},\
                "lines":[{"line":"1","sku":"SKU-0001","quantity":"1","unit_price":"4.95"}]\(more)}
                """.utf8)
        }

        private static let cases: [Case] = {
            var number = 0
            var cases: [Case] = []
            func good() {
                number += 1
                cases.append(Case(value: event(number)))
            }
            func bad(_ value: [UInt8]?, _ reason: String? = nil, code: String? = nil) {
                cases.append(Case(value: value, reason: reason, code: code))
                good()
            }
            good()
            bad([0xFF, 0x00, 0x80, 0xC3, 0x28], "not_json")
            bad([], "empty")
            bad(nil, "tombstone")
            bad(Array(event(900).prefix(60)), "not_json")
            bad(Array(#"{"event_id":17,"legal_entity":["ACME-DE"],"order_ref":{},"status":false}"#.utf8), "wrong_type")
            bad(event(901, entity: "NOBODY"), "unknown_legal_entity")
            bad(event(902, status: "teleported"), code: "unknown_status")
            let filling = String(repeating: "x", count: 1_500_000)
            bad(event(903, ",\"filling\":\"\(filling)\""), "too_large")
            bad(Array(String(repeating: "[", count: 5000).utf8), "wrong_type")
            bad(event(904, ",\"order_ref\":\"twice\""), "not_json")
            return cases
        }()

        @Test func garbageBecomesCountedOutcomesAndThePartitionGoesOn() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let settings = ClientSettings(["bootstrap.servers": stage.brokers, "message.max.bytes": "5000000"])
            let producer = try Producer(settings, reports: true)
            for (index, one) in Self.cases.enumerated() {
                try producer.produce(
                    OutgoingRecord(topic: Self.topic, partition: 1, key: Array("k\(index)".utf8), value: one.value))
            }
            let isSent = producer.flush(within: patience)
            let failures = producer.takeReports().compactMap(\.error)
            #expect(isSent && failures == [])
            let count = Int64(Self.cases.count)
            try stage.waitUntilSettled(count, pipeline)
            _ = try stage.balancedBooks(count)

            // Each offset has the outcome that it should have.
            let letters = try stage.rows("SELECT source_offset, reason FROM dead_letters")
            let refused = try stage.rows("SELECT source_offset, code FROM rejected")
            let applied = try stage.rows("SELECT source_offset FROM journal WHERE outcome = 1").map { $0[0] }
            for (offset, one) in Self.cases.enumerated() {
                let place = "offset \(offset)"
                #expect(letters.first { $0[0] == "\(offset)" }?[1] == one.reason, "\(place)")
                #expect(refused.first { $0[0] == "\(offset)" }?[1] == one.code, "\(place)")
                #expect(applied.contains("\(offset)") == (one.reason == nil && one.code == nil), "\(place)")
            }

            // The page tells the same.
            let page = try #require(WebPage.get(try stage.port(of: pipeline), "/metrics"))
            let counted = page.samples("sluice_dead_letters_total").filter { $0.labels["topic"] == Self.topic }
            var expected: [String: Double] = [:]
            for one in Self.cases { if let reason = one.reason { expected[reason, default: 0] += 1 } }
            #expect(Dictionary(counted.map { ($0.labels["reason"] ?? "", $0.value) }) { $0 + $1 } == expected)
            try expectDeadLettersInTheirTopic(stage, pipeline)
        }

        /// One record for each dead letter, with the headers that Kafka Connect gives its own.
        private func expectDeadLettersInTheirTopic(_ stage: Stage, _ pipeline: Program) throws {
            let expected = Self.cases.enumerated().compactMap { offset, one in one.reason.map { (offset, $0) } }
            try #require(
                eventually {
                    stage.number("SELECT count(*) FROM dead_letters WHERE produced_at IS NOT NULL") == expected.count
                }, pipeline.report)
            var found: [Int: [String: String]] = [:]
            var records = 0
            var values: [Int: [UInt8]?] = [:]
            var reader = try Consumer(
                ClientSettings([
                    "bootstrap.servers": stage.brokers, "group.id": "reader", "enable.auto.commit": "false",
                    "auto.offset.reset": "earliest",
                ]))
            try reader.assign((0..<4).map { PartitionOffset(TopicPartition("sluice.dead-letters", Int32($0)), 0) })
            _ = eventually {
                _ = reader.poll(PollBound(wait: .milliseconds(100), count: 100, bytes: 10 << 20)) { message in
                    records += 1
                    var headers: [String: String] = [:]
                    for header in message.headers() {
                        headers[header.name] = header.value.map { String(decoding: $0, as: UTF8.self) }
                    }
                    let offset = Int(headers["__connect.errors.offset"] ?? "") ?? -1
                    found[offset] = headers
                    values[offset] = message.value()
                }
                return records >= expected.count
            }
            #expect(records == expected.count)
            for (offset, reason) in expected {
                let headers = try #require(found[offset], "offset \(offset)")
                #expect(headers["__connect.errors.topic"] == Self.topic)
                #expect(headers["__connect.errors.partition"] == "1")
                #expect(headers["__connect.errors.exception.class.name"] == "sluice.\(reason)")
                #expect(headers["__connect.errors.exception.message"]?.isEmpty == false)
                #expect(headers["sluice.reason"] == reason)
                let value = Self.cases[offset].value
                if let value, value.count > 1 << 20 {
                    #expect(Int(headers["sluice.value.bytes"] ?? "") != nil)
                    #expect(values[offset]??.count ?? 0 < value.count)
                } else {
                    #expect(values[offset] == value, "offset \(offset)")
                }
            }
        }
    }
}
