import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// Goal: no secret and no personal data is anywhere but in the store's payloads and documents.
    ///
    /// Marks in events of every fate, in credentials and in tokens are looked for in everything that the process says.
    @Suite struct CanaryTests {
        /// In customers' names, references that nobody may learn, free texts, keys and headers of records.
        private static let personal = "CANARY-PERSON-7d1f"
        /// In Odoo's key, the database's password and a token.
        private static let secret = "CANARY-SECRET-93ab"

        private func event(_ number: Int, entity: String = "ACME-DE", status: String = "received", more: String = "")
            -> [UInt8]
        {
            Array(
                """
                {"event_id":"c-\(number)","legal_entity":"\(entity)","warehouse":"BER1","order_ref":"C-\(number)",\
                "status":"\(status)","occurred_at":"2026-01-01T00:00:00Z","currency":"EUR",\
                "customer":{"ref":"CUST-0001","name":"\(Self.personal) Buyer","email":"\(Self.personal)@example.org"},\
                "lines":[{"line":"1","sku":"SKU-0001","quantity":"1","unit_price":"4.95"}]\(more)}
                """.utf8)
        }

        private var records: [[UInt8]] {
            let mark = Self.personal
            return [
                event(1), event(2, status: "shipped"), event(3, status: "teleported"), event(4, entity: mark),
                event(5, more: ",\"total\":\"\(mark)\""), event(6, more: ",\"hold\":{\"reason\":17}"),
                Array("{\"event_id\":\"c-7\",\"\(mark)\":".utf8), Array("\(mark)".utf8),
                event(8, more: ",\"phone\":\"\(mark)\""), event(9, more: ",\"occurred_at\":\"\(mark)\""),
                event(1, more: ",\"note\":\"\(mark)\""),
                event(10, more: ",\"payment\":{\"ref\":\"p\",\"status\":\"\(mark)\"}"),
                // Fields that are mapped wrongly: a person where the channel's word should be.
                event(11, status: "\(mark) Buyer"), event(12, status: "\(mark)@example.org"),
                event(13, status: "+49 30 \(mark)"), event(14, status: "received\",\"milestone\":\"\(mark) Street 1"),
                event(15, more: ",\"hold\":{\"reason\":\"\(mark) Buyer\"}"),
                event(16, more: ",\"allocation\":{\"lines\":[{\"line\":\"1\",\"quantity\":\"\(mark)\"}]}"),
            ]
        }

        @Test func nothingThatTheProcessSaysHoldsAMark() throws {
            let stage = try Stage()
            let program = try Program(["token", "desk", "--role", "admin", "--json"])
            let answer = try program.answer()
            let token = try #require(answer["token"] as? String)
            let line = try #require(answer["line"] as? String)
            try line.write(toFile: stage.folder.path + "/tokens", atomically: true, encoding: .utf8)
            try stage.edit("sluice.json5", "http: {", "http: { tokens: { file: \"\(stage.folder.path)/tokens\" },")
            // A password that the server does not ask for, and a key that Odoo refuses.
            let separator = stage.databaseURL.contains("?") ? "&" : "?"
            let pipeline = try stage.run([
                Stage.storeVariable: "\(stage.databaseURL)\(separator)password=\(Self.secret)",
                Stage.keyVariable: Self.secret,
            ])
            let port = try stage.port(of: pipeline)
            let settings = ClientSettings(["bootstrap.servers": stage.brokers])
            let producer = try Producer(settings, reports: true)
            for value in records {
                try producer.produce(
                    OutgoingRecord(topic: "portal.orders", partition: 0, key: Array(Self.personal.utf8), value: value))
            }
            let isSent = producer.flush(within: patience)
            #expect(isSent)
            let count = Int64(records.count)
            try #require(eventually { stage.outcomes == count }, pipeline.report)
            _ = try pipeline.waitForLog("delivery.destination_refuses")

            // The marks did come in.
            let marked = "SELECT count(*) FROM journal WHERE convert_from(payload, 'UTF8') LIKE '%\(Self.personal)%'"
            #expect(stage.number(marked) > 0)

            var said: [(place: String, text: String)] = []
            let paths = [
                "/", "/metrics", "/livez", "/readyz", "/openapi.json", "/v1/exceptions",
                "/v1/exceptions?status=resolved",
                "/v1/backlog", "/v1/books", "/v1/lanes", "/v1/entities", "/v1/partitions", "/v1/audit",
                "/v1/orders/ACME-DE/C-1", "/v1/orders/ACME-DE/C-2", "/v1/orders?ref=C-1",
                "/v1/orders/ACME-DE/\(Self.personal)",
                "/v1/orders/\(Self.personal)/C-1", "/\(Self.personal)", "/v1/lanes?\(Self.personal)=1",
                "/v1/lanes?limit=\(Self.personal)",
            ]
            for path in paths {
                for bearer in [token, nil, Self.secret] {
                    let page = try #require(WebPage.get(port, path, token: bearer), pipeline.report)
                    said.append(("\(path) \(page.status)", page.body))
                }
            }
            for (table, columns) in [
                ("audit", "a::text"), ("dead_letters", "reason || channel || detail"), ("rejected", "code || detail"),
                ("exceptions", "code || detail || order_ref"),
            ] {
                // Safe: names from this test.
                let sql = "SELECT COALESCE(string_agg(\(columns), ' '), '') FROM \(table) a"
                said.append((table, try stage.rows(sql)[0][0]))
            }
            for command in [["order", "ACME-DE", "C-1"], ["books"], ["audit"]] {
                let program = try Program(command + ["--config", stage.configuration], environment: stage.environment)
                _ = try program.exitCode()
                said.append((command[0], program.output + program.errors))
            }
            // No core, and nothing in the arguments, which everybody on the machine can read.
            let process = "/proc/\(pipeline.processIdentifier)"
            said.append(("cmdline", try String(contentsOfFile: process + "/cmdline", encoding: .utf8)))
            let limits = try String(contentsOfFile: process + "/limits", encoding: .utf8)
            let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
            #expect(core.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"])
            pipeline.terminate()
            #expect(try pipeline.exitCode() == 0, pipeline.report)
            said.append(("log", pipeline.errors))
            said.append(("output", pipeline.output))
            #expect(said.reduce(0) { $0 + $1.text.utf8.count } > 100_000)
            for (place, text) in said {
                for mark in [Self.personal, Self.secret, token] where text.contains(mark) {
                    let at = text.range(of: mark).map { text[..<$0.lowerBound].suffix(200) } ?? ""
                    Issue.record("\(place) holds \(mark.prefix(13)) behind: \(at)")
                }
            }
        }
    }
}
