import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// Two appliers with memories of their own, as of two processes, and states that are not what was remembered.
@Suite struct InstancesTests {
    private func shipment(_ store: StoreFixture, _ number: Int, offset: Int64, partition: Int32) -> Taken {
        store.event(
            "s\(number)", "O-1", "partially_fulfilled", offset: offset, channel: "wms", partition: partition,
            secondsAgo: Int64(1000 - number), more: ",\"shipment\":{\"ref\":\"S-\(number)\"}")
    }

    @Test func bothInstancesEffectsArePresent() throws {
        let store = try StoreFixture()
        var one = try Bench(store)
        var two = try Bench(store)
        let first = store.event("e1", "O-1", "received", offset: 0, sequence: 1)
        try one.apply([first])
        var polled = [first]
        for number in 1...6 {
            let event = shipment(
                store, number, offset: Int64(number), partition: Int32(number % 2))
            polled.append(event)
            // Each remembers the order as it wrote it last, which the other has changed since.
            let applied = number % 2 == 0 ? try one.apply([event]) : try two.apply([event])
            #expect(applied.outcomes == [.applied])
        }
        let order = try #require(try one.order("O-1"))
        #expect(order.shipments.count == 6)
        #expect(order.version == 7)
        #expect(try one.count("outcomes") == 7)
    }

    @Test func revisionConflictIsToldAsAConflict() throws {
        let store = try StoreFixture()
        var one = try Bench(store)
        var two = try Bench(store)
        try one.apply([store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        try two.apply([shipment(store, 1, offset: 0, partition: 1)])
        #expect(throws: ApplyError.self) {
            _ = try one.applier.apply(
                [shipment(store, 2, offset: 1, partition: 1)], manner: .quick, now: StoreFixture.now, &one.connection)
        }
        #expect(try one.order("O-1")?.shipments.count == 1)
    }

    /// Out of date, the memory says that the order may not be closed yet.
    @Test func staleMemoryDoesNotRefuseAnEvent() throws {
        let store = try StoreFixture()
        var one = try Bench(store)
        var two = try Bench(store)
        try one.apply([store.event("e1", "O-1", "received", offset: 0, channel: "desk", secondsAgo: 100)])
        try two.apply([
            store.event("e2", "O-1", "shipped", offset: 1, channel: "desk", secondsAgo: 90),
            store.event("e3", "O-1", "invoiced", offset: 2, channel: "desk", secondsAgo: 80),
        ])
        let closed = store.event("e4", "O-1", "closed", offset: 3, channel: "desk", secondsAgo: 70)
        #expect(try one.apply([closed]).outcomes == [.applied])
        #expect(try one.order("O-1")?.state == .closed)
        #expect(try one.count("rejected") == 0)
    }

    @Test func sameKeyByTwoInstancesIsAppliedOnce() throws {
        let store = try StoreFixture()
        var one = try Bench(store)
        var two = try Bench(store)
        let first = store.event("e1", "O-1", "received", offset: 0, sequence: 1)
        #expect(try one.apply([first]).outcomes == [.applied])
        #expect(try two.apply([first]).outcomes == [nil], "the same position")
        let other = store.event("e1", "O-1", "received", offset: 5, sequence: 1, partition: 1)
        #expect(try two.apply([other]).outcomes == [.duplicate])
        #expect(try one.order("O-1")?.version == 1)
    }

    /// The answer to COMMIT was lost: what is there at the batch's own positions was written by it.
    @Test func redoCountsWhatItFindsAsItsOwn() throws {
        var bench = try Bench()
        let batch = [
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            bench.store.event("e1", "O-1", "received", offset: 1, sequence: 1),
            bench.store.event("e2", "O-1", "teleported", offset: 2, sequence: 2),
            bench.store.record("?", offset: 3),
        ]
        let outcomes: [Outcome?] = [.applied, .duplicate, .rejected, .deadLettered]
        #expect(try bench.apply(batch).outcomes == outcomes)
        let order = try bench.order("O-1")
        bench.restart()
        let redone = try bench.applier.apply(batch, manner: .redo, now: StoreFixture.now, &bench.connection)
        #expect(redone.outcomes == outcomes)
        #expect(try bench.order("O-1") == order)
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test func redoOfWhatWasNotCommittedAppliesIt() throws {
        var bench = try Bench()
        let batch = [bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)]
        let redone = try bench.applier.apply(batch, manner: .redo, now: StoreFixture.now, &bench.connection)
        #expect(redone.outcomes == [.applied])
        #expect(try bench.imbalance(batch) == 0)
    }
}
