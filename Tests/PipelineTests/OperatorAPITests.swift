import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// The read API of a running pipeline, and its configuration read anew.
    @Suite struct OperatorAPITests {
        private func token(_ words: String...) throws -> (token: String, line: String) {
            let program = try Program(["token"] + words + ["--json"])
            let answer = try program.answer()
            return (try #require(answer["token"] as? String), try #require(answer["line"] as? String))
        }

        private func write(_ lines: [String], _ stage: Stage) throws {
            let text = lines.joined(separator: "\n") + "\n"
            try text.write(toFile: stage.folder.path + "/tokens", atomically: true, encoding: .utf8)
        }

        private func value(_ port: Int, _ metric: String, _ result: String) -> Double? {
            WebPage.get(port, "/metrics")?.samples(metric).first { $0.labels["result"] == result }?.value
        }

        @Test func ordersAreReadAsDescribedByWhomTheyAreForAndItIsKnown() throws {
            let stage = try Stage()
            let all = try token("reader", "--role", "viewer")
            let german = try token("german", "--entities", "ACME-DE")
            let boss = try token("boss", "--role", "admin")
            try write([all.line, german.line, boss.line], stage)
            try stage.edit(
                "sluice.json5", "http: {", "http: { tokens: { file: \"\(stage.folder.path)/tokens\" },")
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sent = try stage.sent(by: try stage.sendTraffic(orders: 80, seed: 21, rate: 5000))
            try stage.waitUntilSettled(sent, pipeline)

            // Every order, as openapi.json describes it.
            let document = try OpenAPIDocument()
            var seen: Set<String> = []
            let orders = try stage.rows("SELECT legal_entity, order_ref FROM orders WHERE state > 0")
            for order in orders {
                let path = "/v1/orders/\(order[0])/\(order[1])"
                let page = try #require(WebPage.get(port, path, token: all.token), pipeline.report)
                #expect(page.status == 200, "\(path) \(page.body)")
                let faults = document.faults(
                    Array(page.body.utf8), of: "/v1/orders/{entity}/{ref}", 200, seen: &seen)
                #expect(faults.isEmpty, "\(faults)")
            }
            // What this traffic has none of.
            let absent = [
                "Awaited", "Hold.ended_at", "System.differs", "Wait.", "LineSite.expected", "Exception.resolved",
            ]
            let ofOrders = document.members.filter { member in
                ["Order.", "System.", "Line.", "LineSite.", "Shipment.", "Amount.", "TimelineEntry.", "Delivery."]
                    .contains {
                        member.hasPrefix($0)
                    } && !absent.contains { member.hasPrefix($0) }
            }
            let unseen = ofOrders.subtracting(seen).subtracting(["TimelineEntry.rule"])
            #expect(unseen.isEmpty, "\(unseen.sorted())")

            // Each read is in the trail, by name.
            #expect(stage.number("SELECT count(*) FROM audit WHERE actor = 'reader'") == Int64(orders.count))
            let trail = try #require(WebPage.get(port, "/v1/audit?limit=1000", token: boss.token))
            #expect(trail.status == 200)
            let entries = Program.object(trail.body)?["entries"] as? [[String: Any]] ?? []
            #expect(entries.count == orders.count)
            let audit = try stage.command("audit", "--entity", "ACME-DE", "--json")
            #expect(try audit.exitCode() == 0, audit.report)

            // Whose it is not.
            let foreign = try #require(orders.first { $0[0] != "ACME-DE" })
            #expect(WebPage.get(port, "/v1/orders/\(foreign[0])/\(foreign[1])", token: german.token)?.status == 404)
            #expect(WebPage.get(port, "/v1/audit", token: all.token)?.status == 403)
            #expect(WebPage.get(port, "/v1/lanes")?.status == 401)
            let entities = try #require(WebPage.get(port, "/v1/entities", token: german.token))
            #expect(entities.body.contains("ACME-DE") && !entities.body.contains(foreign[0]))
            let search = try #require(WebPage.get(port, "/v1/orders?ref=\(foreign[1])", token: all.token))
            #expect(search.body.contains(foreign[1]))

            // The lists tell what the store has.
            let books = Program.object(try #require(WebPage.get(port, "/v1/books?limit=1000", token: all.token)).body)
            let lines = try #require(books?["lines"] as? [[String: Any]])
            #expect(lines.reduce(0) { $0 + ($1["taken"] as? Int ?? 0) } == Int(sent))
            #expect(books?["balanced"] as? Bool == true)
            let open = stage.number("SELECT count(*) FROM exceptions WHERE resolved_at IS NULL")
            var listed = 0
            var next: String?
            repeat {
                let path = "/v1/exceptions?limit=2" + (next.map { "&after=\($0)" } ?? "")
                let page = Program.object(try #require(WebPage.get(port, path, token: all.token)).body)
                listed += (page?["exceptions"] as? [Any])?.count ?? 0
                next = page?["next"] as? String
            } while next != nil
            #expect(listed == Int(open))

            // Tokens are exchanged by a reload: the pipeline goes on, and the old token opens nothing.
            let other = try token("reader", "--role", "viewer")
            try write([other.line], stage)
            pipeline.hangUp()
            let told = try pipeline.waitForLog("config.reloaded")
            #expect(told["change"] as? String == "tokens")
            #expect(WebPage.get(port, "/v1/lanes", token: all.token)?.status == 401)
            #expect(WebPage.get(port, "/v1/lanes", token: other.token)?.status == 200)
            // No token is in the log.
            #expect(!pipeline.errors.contains(all.token) && !pipeline.errors.contains(other.token))
        }

        @Test func aReloadTakesEffectWholeOrNotAtAll() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let first = try stage.sent(by: try stage.sendTraffic(orders: 30, seed: 31, rate: 5000))
            try stage.waitUntilSettled(first, pipeline)
            let applied = "sluice_config_reloads_total"

            // A bad file among good ones: refused with its place, and the old configuration runs on.
            try stage.edit("entities/acme-de.json5", "weight: 4", "weight: 5")
            try stage.edit("entities/acme-fr.json5", "store: \"demo\"", "store: \"nowhere\"")
            pipeline.hangUp()
            let refusal = try pipeline.waitForLog("config.refused")
            #expect((refusal["reason"] as? String ?? "").contains("config"), pipeline.report)
            #expect(pipeline.errors.contains("there is no store"), pipeline.report)
            try #require(eventually { value(port, applied, "refused") == 1 }, pipeline.report)
            #expect(value(port, applied, "applied") == 0)
            #expect(WebPage.get(port, "/readyz")?.status == 200)
            let second = try stage.sent(by: try stage.sendTraffic(orders: 30, seed: 32, rate: 5000))
            try stage.waitUntilSettled(first + second, pipeline)

            // What the sockets are made of.
            try stage.edit("entities/acme-fr.json5", "store: \"nowhere\"", "store: \"demo\"")
            try stage.edit("sluice.json5", "listen: \"127.0.0.1:0\"", "listen: \"127.0.0.1:1\"")
            pipeline.hangUp()
            try #require(eventually { value(port, applied, "refused") == 2 }, pipeline.report)
            #expect(pipeline.errors.contains("http.listen changes with a restart only"))

            // All good, and a legal entity more: it takes effect under traffic, and nothing is lost.
            try stage.edit("sluice.json5", "listen: \"127.0.0.1:1\"", "listen: \"127.0.0.1:0\"")
            let added = try String(contentsOfFile: "\(stage.configuration)/entities/nova-nl.json5", encoding: .utf8)
            try added.replacingOccurrences(of: "\"NOVA-NL\"", with: "\"NOVA-BE\"").write(
                toFile: "\(stage.configuration)/entities/nova-be.json5", atomically: true, encoding: .utf8)
            let sender = try stage.sendTraffic(orders: 60, seed: 33, rate: 300)
            try #require(eventually { stage.outcomes > first + second + 20 }, pipeline.report)
            pipeline.hangUp()
            let told = try pipeline.waitForLog("config.reloaded")
            #expect(told["change"] as? String == "everything")
            let third = try stage.sent(by: sender)
            try stage.waitUntilSettled(first + second + third, pipeline)
            _ = try stage.balancedBooks(first + second + third)
            try stage.expectOneRowForEachPosition()
            #expect(value(port, applied, "applied") == 1 && value(port, applied, "refused") == 2)
            #expect(WebPage.get(port, "/v1/entities")?.body.contains("NOVA-BE") == true)
            try #require(eventually { WebPage.get(port, "/readyz")?.status == 200 }, pipeline.report)

            // A secret that changed where it is kept is reason enough, and one that is gone is a refusal.
            pipeline.hangUp()
            try #require(eventually { value(port, applied, "applied") == 2 }, pipeline.report)
            pipeline.terminate()
            #expect(try pipeline.exitCode() == 0, pipeline.report)
        }
    }
}
