import Embedded
import OrderEvents
import TestSupport
import Testing

extension PipelineTests {
    /// `kill -9` and SIGTERM under load.
    @Suite struct KillTests {
        private static let orders = 240
        private static let seed = 11

        /// An undisturbed run: its records, and the states of its orders.
        private func undisturbed() throws -> (sent: Int64, states: [[String]]) {
            let stage = try Stage()
            let pipeline = try stage.run()
            let sender = try stage.sendTraffic(orders: Self.orders, seed: Self.seed, rate: 5000)
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, pipeline)
            _ = try stage.balancedBooks(sent)
            try stage.expectOneSalesOrderForEachOrder()
            return (sent, try stage.states())
        }

        /// The states that the generator ends its orders with, where it withheld nothing.
        private func expectTheStatesThatTheTrafficTells(_ states: [[String]]) {
            var settings = TrafficSettings()
            settings.orders = Self.orders
            settings.seed = UInt64(Self.seed)
            var generator = TrafficGenerator(settings)
            while generator.next() != nil {}
            var found: [String: String] = [:]
            for row in states { found["\(row[0]) \(row[1])"] = row[2] }
            for order in generator.expectations {
                guard let state = order.finalState else { continue }
                #expect(found["\(order.legalEntity) \(order.orderRef)"] == "\(state.rawValue)", "\(order)")
            }
        }

        /// Kills the pipeline `times` times while traffic comes in, then lets it come to rest.
        private func disturbed(kills times: Int, rate: Int, isRealKafka: Bool) throws -> (
            sent: Int64, states: [[String]]
        ) {
            let stage = try Stage(isRealKafka: isRealKafka)
            let sender = try stage.sendTraffic(orders: Self.orders, seed: Self.seed, rate: rate)
            for kill in 0..<times {
                let pipeline = try stage.run()
                let before = stage.outcomes
                // Some die with their first batch, some a while later, while Odoo is being called.
                let enough = before + Int64([1, 60, 120][kill % 3])
                try #require(
                    eventually { stage.outcomes >= enough || !sender.isRunning },
                    pipeline.report)
                try pipeline.killAtOnce()
            }
            let pipeline = try stage.run()
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, pipeline)
            _ = try stage.balancedBooks(sent)
            try stage.expectOneRowForEachPosition()
            try stage.expectOneSalesOrderForEachOrder()
            return (sent, try stage.states())
        }

        @Test func tenKillsUnderLoadChangeNothing() throws {
            let calm = try undisturbed()
            expectTheStatesThatTheTrafficTells(calm.states)
            let rough = try disturbed(kills: 10, rate: 60, isRealKafka: false)
            #expect(rough.sent == calm.sent)
            #expect(rough.states == calm.states)
        }

        @Test(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
        func killsUnderLoadChangeNothingOnARealKafka() throws {
            let rough = try disturbed(kills: 4, rate: 300, isRealKafka: true)
            expectTheStatesThatTheTrafficTells(rough.states)
        }

        @Test func aTermUnderLoadEndsInTimeAndTheNextProcessGoesOn() throws {
            let stage = try Stage(odooLatency: "20")
            let sender = try stage.sendTraffic(orders: Self.orders, seed: Self.seed, rate: 400)
            let first = try stage.run()
            try #require(eventually { stage.outcomes > 200 }, first.report)
            first.terminate()
            // shutdown_timeout is 10 s.
            #expect(try first.exitCode(within: .seconds(12)) == 0, first.report)
            #expect(first.logged("pipeline.stopped").first?["drained"] as? Bool == true, first.report)
            let second = try stage.run()
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, second)
            _ = try stage.balancedBooks(sent)
            try stage.expectOneRowForEachPosition()
            try stage.expectOneSalesOrderForEachOrder()
            // What was drained was committed: the second process polled nothing again.
            let page = try #require(WebPage.get(try stage.port(of: second), "/metrics"))
            #expect(page.samples("sluice_redelivered_records_total").reduce(0) { $0 + $1.value } == 0)
            second.terminate()
            #expect(try second.exitCode() == 0, second.report)
        }
    }
}
