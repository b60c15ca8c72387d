import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// Events that wait, and what lets them go on.
@Suite struct ParkingTests {
    private func life(_ store: StoreFixture) -> [Taken] {
        ["received", "validated", "allocated", "shipped"].enumerated().map { index, word in
            store.event(
                "e\(index + 1)", "O-1", word, offset: Int64(index), sequence: Int64(index + 1),
                secondsAgo: 3600 - Int64(index))
        }
    }

    private func expectReleased(_ bench: inout Bench, _ events: [Taken]) throws {
        let order = try #require(try bench.order("O-1"))
        #expect(order.state == .shipped)
        #expect(order.version == 4)
        #expect(order.parked == 0)
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try bench.count("parked WHERE released_outcome = 1") == 2)
        #expect(try bench.count("exceptions WHERE code = 'sequence_gap' AND resolved_at IS NULL") == 0)
        #expect(try bench.imbalance(events) == 0)
    }

    @Test func gapIsReleasedWithinTheBatch() throws {
        var bench = try Bench()
        let e = life(bench.store)
        let applied = try bench.apply([e[0], e[3], e[2], e[1]])
        #expect(applied.outcomes == [.applied, .parked, .parked, .applied])
        #expect(applied.plan.released == [0: 2])
        try expectReleased(&bench, e)
    }

    @Test(arguments: [false, true])
    func gapIsReleasedByALaterBatch(afterRestart: Bool) throws {
        var bench = try Bench()
        let e = life(bench.store)
        #expect(try bench.apply([e[0], e[3]]).outcomes == [.applied, .parked])
        #expect(try bench.order("O-1")?.state == .received)
        #expect(try bench.count("exceptions WHERE code = 'sequence_gap' AND resolved_at IS NULL") == 1)
        if afterRestart { bench.restart() }
        #expect(try bench.apply([e[2]]).outcomes == [.parked])
        if afterRestart { bench.restart() }
        #expect(try bench.apply([e[1]]).outcomes == [.applied])
        try expectReleased(&bench, e)
    }

    @Test func anotherChannelGoesOnBesideAGap() throws {
        var bench = try Bench()
        let e = life(bench.store)
        try bench.apply([e[0], e[2]])
        let shipped = bench.store.event("w1", "O-1", "shipped", offset: 9, channel: "wms", secondsAgo: 60)
        #expect(try bench.apply([shipped]).outcomes == [.applied])
        #expect(try bench.order("O-1")?.state == .shipped)
    }

    @Test func eventBeforeItsOrderWaitsForItsBeginning() throws {
        var bench = try Bench()
        let early = bench.store.event(
            "w1", "O-1", nil, offset: 0, channel: "wms", secondsAgo: 60, more: ",\"milestone\":\"in_transit\"")
        #expect(try bench.apply([early]).outcomes == [.parked])
        #expect(try bench.count("orders WHERE state = 0") == 1)
        #expect(try bench.count("backlog") == 0)
        bench.restart()
        let first = bench.store.event("e1", "O-1", "received", offset: 1, sequence: 1)
        let applied = try bench.apply([first])
        #expect(applied.outcomes == [.applied])
        #expect(applied.plan.released == [0: 1])
        #expect(try bench.order("O-1")?.milestones[Int(Milestone.inTransit.rawValue)] ?? 0 > 0)
        #expect(try bench.imbalance([early, first]) == 0)
    }

    @Test func timeIsUpAppliesAGapWithAFlag() throws {
        var bench = try Bench()
        let e = life(bench.store)
        try bench.apply([e[0], e[3]])
        let early = Timestamp(microseconds: StoreFixture.now.microseconds + 899_000_000)
        let late = Timestamp(microseconds: StoreFixture.now.microseconds + 901_000_000)
        #expect(try bench.applier.sweepParked(now: early, limit: 10, &bench.connection) == nil)
        let swept = try #require(try bench.applier.sweepParked(now: late, limit: 10, &bench.connection))
        #expect(swept.1 == 1)
        #expect(swept.0.plan.released == [0: 1])
        #expect(try bench.order("O-1")?.state == .shipped)
        #expect(try bench.count("parked WHERE released_outcome = 1") == 1)
        #expect(try bench.applier.sweepParked(now: late, limit: 10, &bench.connection) == nil)
        // The workers' memory has the new state, or none.
        #expect(try bench.apply([e[1]], now: late).outcomes == [.stale])
        #expect(try bench.imbalance([e[0], e[1], e[3]]) == 0)
    }

    /// Rows of an entity or a channel that is not configured any more must not keep the sweep from all others.
    @Test func whatCannotGoOnDoesNotKeepTheSweepFromOthers() throws {
        let store = try StoreFixture(parkTimeout: 1)
        var bench = try Bench(store)
        var batch: [Taken] = []
        for number in 0..<6 {
            batch.append(
                store.event("a\(number)", "O-\(number)", "received", offset: Int64(number * 2), sequence: 1))
            batch.append(
                store.event("b\(number)", "O-\(number)", "shipped", offset: Int64(number * 2 + 1), sequence: 3))
        }
        try bench.apply(batch)
        // The first three lose their payload, as if their channel could not be read any more; one more entity is gone.
        try bench.connection.execute("UPDATE journal SET payload = 'x' WHERE event_id IN ('b0', 'b1', 'b2')")
        try bench.connection.execute(
            """
            INSERT INTO parked (parked_at, due_at, legal_entity, order_ref, channel, event_id, warehouse, code)
            SELECT now(), '2000-01-01', 'GONE', 'G-' || i, 'market', 'g' || i, '', 'sequence_gap'
            FROM generate_series(1, 5) AS i
            """)
        var released = 0
        var looks = 0
        let later = Timestamp(microseconds: StoreFixture.now.microseconds + 10)
        while let swept = try bench.applier.sweepParked(now: later, limit: 2, &bench.connection) {
            released += swept.0.plan.released[0] ?? 0
            looks += 1
            try #require(looks < 20, "the sweep does not come to an end")
        }
        #expect(released == 3)
    }
}
