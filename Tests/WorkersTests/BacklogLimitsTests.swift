import Metrics
import OrderEvents
import Partitioner
import Postgres
import Store
import Testing

@testable import Workers

/// A legal entity whose backlog is full, and the others beside it.
@Suite struct BacklogLimitsTests {
    @Test func aFullBacklogStaysFullUntilItHasFallenToFourFifths() {
        func changes(_ high: Int, _ depths: [Int]) -> [Bool] {
            var gate = BacklogGate(high: high)
            return depths.map { gate.observe($0) }
        }
        #expect(changes(1_000, [999, 1_000, 5_000, 801, 800, 999]) == [false, true, false, false, true, false])
        #expect(changes(1, [0, 1, 5, 0]) == [false, true, false, true])
        #expect(BacklogGate(high: .max).low > 0)
    }

    @Test func depthsAreCountedUpToTheirBoundAndInSequence() throws {
        var bench = try Bench()
        for entity in ["ACME", "BETA"] {
            try bench.connection.execute(
                """
                INSERT INTO backlog (legal_entity, order_ref, due_at, since)
                SELECT '\(entity)', 'X-' || i, now(), now() FROM generate_series(1, \(entity == "ACME" ? 7 : 3)) i
                """)
        }
        let asked: [(name: String, bound: Int64)] = [("BETA", 100), ("NONE", 9), ("ACME", 5), ("ACME", 7)]
        #expect(try BacklogDepth.read(asked, &bench.connection) == [3, 0, 5, 7])
        #expect(try BacklogDepth.read([], &bench.connection) == [])
    }

    /// Nothing delivers here: the backlog grows with every order, and falls when the test takes rows out.
    @Test func aPausedLegalEntityWaitsWhileTheOthersGoOn() throws {
        let plant = try Plant(StoreFixture(), workers: 2)
        let store = plant.store
        let registry = plant.registry
        let limits = BacklogLimits(
            store: "eu", connection: try store.connectionSettings,
            limits: [
                BacklogLimits.Limit(entity: 0, legalEntity: "ACME", high: 10, pauses: true),
                BacklogLimits.Limit(entity: 1, legalEntity: "BETA", high: 10, pauses: true),
            ], queues: plant.queues, interval: .milliseconds(5), registry: registry, log: Log(minimumLevel: .error))
        limits.start()
        defer { limits.stop(within: .seconds(10)) }
        func orders(_ entity: String, _ numbers: Range<Int>) -> [Taken] {
            numbers.map {
                store.event(
                    "\(entity)-\($0)", "O-\($0)", "received", offset: Int64($0), entity: entity,
                    partition: entity == "ACME" ? 0 : 1)
            }
        }
        plant.queues.offer(orders("ACME", 0..<12))
        try #require(plant.wait(for: 12))
        try #require(plant.gauge("sluice_backlog_full", "ACME", becomes: 1))
        #expect(plant.gauge("sluice_backlog_limit_orders", "ACME", becomes: 10))
        // It takes no more; the other, which delivers nothing and so has no backlog, does.
        plant.queues.offer(orders("ACME", 12..<20))
        plant.queues.offer(orders("BETA", 0..<30))
        try #require(plant.wait(for: 42))
        var bench = try Bench(store)
        #expect(try bench.count("orders WHERE legal_entity = 'ACME'") == 12)
        #expect(try bench.count("orders WHERE legal_entity = 'BETA'") == 30)
        let waiting = plant.queues.depths()
        #expect(waiting.lanes.map(\.depth.events) == [8] && waiting.blockedBytes > 0)
        // Not before the backlog has fallen to eight.
        _ = try bench.connection.execute("DELETE FROM backlog WHERE order_ref IN ('O-0', 'O-1', 'O-2')")
        #expect(try bench.count("backlog") == 9)
        #expect(plant.gauge("sluice_backlog_full", "ACME", becomes: 1))
        #expect(try bench.count("orders WHERE legal_entity = 'ACME'") == 12)
        _ = try bench.connection.execute("DELETE FROM backlog WHERE order_ref IN ('O-3', 'O-4')")
        try #require(plant.wait(for: 50))
        #expect(try bench.count("orders WHERE legal_entity = 'ACME'") == 20)
        #expect(plant.gauge("sluice_backlog_full", "ACME", becomes: 1), "15 orders are behind again")
        plant.service.stop()
    }
}
