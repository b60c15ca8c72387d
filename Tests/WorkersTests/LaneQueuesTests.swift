import Embedded
import Foundation
import OrderEvents
import Partitioner
import Testing

@testable import Workers

/// What the poll thread is told by the lanes of one store and of several.
@Suite struct LaneQueuesTests {
    private static let lanes = LaneMap(
        entities: (0..<2).map {
            EntityRoute(name: "E\($0)", weight: 1, store: $0, warehouses: [], channels: nil)
        }
    ).lanes

    private func event(_ id: Int64, lane: Int32) -> Taken {
        var event = OrderEvent(
            source: SourcePosition(
                partition: lane, epoch: 1, offset: id, loggedAt: nil, polledAt: Timestamp(microseconds: 0)),
            bytes: [UInt8](repeating: 0, count: 100), payloadCount: 100, contentHash: 0, channel: 0)
        event.lane = lane
        event.orderHash = UInt64(id) + 1
        return .event(event)
    }

    /// Lanes whose process budget two events fill.
    private func queues() -> LaneQueues {
        LaneQueues(
            lanes: Self.lanes,
            bounds: LaneBounds(
                processBytes: 2 * event(0, lane: 1).cost, laneBytes: 1 << 20, batchEvents: 1, linger: 0))
    }

    @Test(.timeLimit(.minutes(10))) func whoWaitsForRoomGoesOnAsSoonAsThereIsSome() throws {
        let queues = queues()
        queues.offer([event(0, lane: 1), event(1, lane: 1)])
        let full = queues.pressure()
        #expect(full.everything)
        // Nothing changes: the bound ends it.
        queues.waitForChange(of: full, within: .milliseconds(1))
        #expect(queues.pressure() == full)
        let batch = try #require(queues.take())
        // A thread of its own: the threads of tasks may all be busy with tests that block.
        Thread.detachNewThread { queues.complete(batch) }
        queues.waitForChange(of: full, within: .seconds(3600))
        #expect(queues.pressure() == .none)
        // What is different already is not waited for.
        queues.waitForChange(of: full, within: .seconds(3600))
    }

    /// What docs/OPERATIONS.md says of `budgets.blocked`.
    @Test func theBudgetOfTheBlockedHoldsAHundredThousandUsualEvents() throws {
        var settings = ReferenceTraffic.Settings()
        settings.orders = 200
        var traffic = ReferenceTraffic(settings)
        let decoder = EventDecoder(ChannelFormat(name: "reference", index: 0, kind: .canonical))
        var bytes = 0
        var cost = 0
        while let record = traffic.next() {
            let source = SourcePosition(
                partition: 1, epoch: 1, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: 0))
            bytes += record.value?.count ?? 0
            cost += decoder.decode(value: record.value, key: nil, source: source).cost
        }
        let events = traffic.totalRecords
        #expect((440...480).contains(bytes / events))
        let bounds = LaneBounds(processBytes: 1 << 20, laneBytes: 1 << 20, linger: 0)
        let room = bounds.blockedBytes / (cost / events)
        #expect(room >= 110_000, "room for \(room) events of \(cost / events) bytes")
    }

    @Test(.timeLimit(.minutes(10))) func withSeveralStoresTheOneThatIsFullIsWaitedFor() throws {
        let stores = [queues(), queues()]
        let router = LaneRouter(queues: stores, lanes: Self.lanes)
        router.offer([event(0, lane: 1), event(1, lane: 2), event(2, lane: 2)])
        let full = router.pressure()
        #expect(full.everything)
        #expect(!stores[0].pressure().everything)
        let batch = try #require(stores[1].take())
        Thread.detachNewThread { stores[1].complete(batch) }
        router.waitForChange(of: full, within: .seconds(3600))
        #expect(router.pressure() == .none)
        router.waitForChange(of: full, within: .seconds(3600))
        stores[0].close()
        stores[1].close()
    }
}
