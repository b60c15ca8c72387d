import OrderEvents
import Testing

@testable import Partitioner

@Suite struct LaneScheduleTests {
    @Test func anOrderInFlightBlocksOnlyItself() {
        var schedule = LaneSchedule(lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds())
        schedule.enqueue(LaneFixture.event(0, lane: 1, order: 7), now: 0)
        let first = schedule.batch()
        for id in 1...3 as ClosedRange<Int64> { schedule.enqueue(LaneFixture.event(id, lane: 1, order: 7), now: 0) }
        for id in 4...6 as ClosedRange<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id)), now: 0)
        }
        #expect(schedule.batch()?.ids == [4, 5, 6])
        #expect(schedule.batch() == nil)
        if let first { schedule.complete(first) }
        #expect(schedule.batch()?.ids == [1, 2, 3])
    }

    @Test func anOrdersSequenceIsKeptAcrossItsLanes() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (0, 1), (0, 1)]), bounds: LaneFixture.bounds(events: 2))
        for id in 0..<9 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1 + Int(id) % 3, order: 7), now: 0)
        }
        var ids: [Int64] = []
        while let batch = schedule.batch() {
            ids += batch.ids
            #expect(schedule.batch() == nil)
            schedule.complete(batch)
        }
        #expect(ids == Array(0..<9))
    }

    @Test func sharesFollowTheWeightsUnderSaturation() {
        for (weights, expected) in [([3, 1], 0.75), ([1000, 1], 1000.0 / 1001), ([2, 2], 0.5), ([300, 100], 0.75)] {
            var schedule = LaneSchedule(
                lanes: LaneFixture.lanes([(0, weights[0]), (1, weights[1])]), bounds: LaneFixture.bounds(events: 77))
            var id: Int64 = 0
            var taken = [0, 0]
            for _ in 0..<4_000 {
                for lane in [1, 2] where schedule.depth(ofLane: lane).events < 600 {
                    for _ in 0..<600 {
                        schedule.enqueue(LaneFixture.event(id, lane: lane, order: UInt64(id) + 1, bytes: 0), now: 0)
                        id += 1
                    }
                }
                guard let batch = schedule.batch() else { break }
                #expect(batch.items.count == 77)
                for item in batch.items {
                    if case .event(let event) = item { taken[Int(event.lane) - 1] += 1 }
                }
                schedule.complete(batch)
            }
            let share = Double(taken[0]) / Double(taken[0] + taken[1])
            #expect(abs(share - expected) < 0.01, "\(weights): \(share)")
        }
    }

    @Test func aHeavyEntityDoesNotKeepTheOthersWaitingForLong() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1000), (1, 1)]), bounds: LaneFixture.bounds(events: 100))
        for id in 0..<5_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1, bytes: 0), now: 0)
        }
        schedule.enqueue(LaneFixture.event(9_999, lane: 2, order: 99_999), now: 0)
        var before = 0
        while let batch = schedule.batch(), !batch.ids.contains(9_999) { before += batch.items.count }
        #expect(before <= 3 * FairShares.mostQuantum / WorkMeter.unit)
    }

    @Test func theLanesOfAnEntityTakeTurns() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (0, 1)]), bounds: LaneFixture.bounds(events: 128))
        for id in 0..<1_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: id < 900 ? 1 : 2, order: UInt64(id) + 1), now: 0)
        }
        #expect(schedule.batch()?.ids.filter { $0 >= 900 }.count == 64)
    }

    @Test func aLoneEntityTakesAll() {
        let lanes = LaneFixture.lanes((0..<50).map { (entity: Int32($0), weight: 1 + Int($0)) })
        var schedule = LaneSchedule(lanes: lanes, bounds: LaneFixture.bounds(events: 2_000))
        for id in 0..<2_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
        }
        #expect(schedule.batch()?.items.count == 2_000)
    }

    @Test func lingerIsTheLongestThatABatchWaitsForCompany() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds(events: 6, linger: 50))
        schedule.enqueue(LaneFixture.event(0, lane: 1, order: 1), now: 100)
        schedule.enqueue(LaneFixture.event(1, lane: 1, order: 2), now: 140)
        #expect(schedule.next(now: 149).waits(until: 150))
        guard let first = schedule.batch(now: 150) else { return #expect(Bool(false)) }
        #expect(first.ids == [0, 1])
        // What comes later starts a linger of its own.
        schedule.enqueue(LaneFixture.event(2, lane: 1, order: 3), now: 160)
        #expect(schedule.next(now: 170).waits(until: 210))
        // A full batch does not wait, and what is left over goes at once. It keeps up, so three are full.
        for id in 3...5 as ClosedRange<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 170)
        }
        #expect(schedule.batch(now: 170)?.ids == [2, 3, 4])
        #expect(schedule.batch(now: 170)?.ids == [5])
        #expect(schedule.next(now: 170).waits(until: nil))
        // What was set aside has waited: it goes when its order may.
        schedule.enqueue(LaneFixture.event(6, lane: 1, order: 1), now: 200)
        #expect(schedule.batch(now: 260) == nil)
        schedule.complete(first)
        #expect(schedule.batch(now: 261)?.ids == [6])
    }

    @Test func aLaneSetsAsideNoMoreThanItsBoundAndGoesOnAfterwards() {
        var schedule = LaneSchedule(lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds(events: 20_000))
        schedule.enqueue(LaneFixture.event(0, lane: 1, order: 7), now: 0)
        let hot = schedule.batch()
        let most = Int64(WaitingQueue.maximumSetAside)
        for id in 1...(most + 500) {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: 7, bytes: 0), now: 0)
        }
        schedule.enqueue(LaneFixture.event(most + 501, lane: 1, order: 8), now: 0)
        // The other order is behind the bound: it waits.
        #expect(schedule.batch() == nil)
        #expect(schedule.waitingEvents == Int(most) + 501)
        if let hot { schedule.complete(hot) }
        #expect(schedule.batch()?.ids == Array(1...(most + 501)))
    }

    @Test func pressureHasHysteresisForTheProcessAndForALane() {
        let cost = LaneFixture.event(0, lane: 1, order: 1).cost
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]),
            bounds: LaneFixture.bounds(process: 20 * cost, lane: 10 * cost, events: 1))
        for id in 0..<9 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1, partition: Int32(id % 2)), now: 0)
        }
        #expect(schedule.pressure() == .none)
        schedule.enqueue(LaneFixture.event(9, lane: 1, order: 10, partition: 70), now: 0)
        #expect(schedule.pressure() == Pressure(partitions: [0, 1, 70]))
        // Down to three tenths of its bound the lane stays full.
        var flying: [LaneBatch] = []
        for _ in 0..<6 { if let batch = schedule.batch() { flying.append(batch) } }
        #expect(schedule.pressure() == Pressure(partitions: [0, 1, 70]))
        if let batch = schedule.batch() { flying.append(batch) }
        #expect(schedule.pressure() == .none)
        // In flight still counts for the process.
        for id in 10..<20 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: id % 2 == 0 ? 1 : 2, order: UInt64(id) + 1), now: 0)
        }
        #expect(schedule.pressure().everything)
        // Down to nine tenths of its bound it stays full.
        schedule.complete(flying[0])
        #expect(schedule.openBytes == 19 * cost && schedule.pressure().everything)
        schedule.complete(flying[1])
        #expect(schedule.openBytes == 18 * cost && !schedule.pressure().everything)
    }

    @Test func aBatchCompletedTwiceCountsOnce() {
        var schedule = LaneSchedule(lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds())
        schedule.enqueue(LaneFixture.event(0, lane: 1, order: 1), now: 0)
        guard let batch = schedule.batch() else { return #expect(Bool(false)) }
        schedule.enqueue(LaneFixture.event(1, lane: 1, order: 2), now: 0)
        let second = schedule.batch()
        schedule.complete(batch)
        schedule.complete(batch)
        #expect(schedule.openBytes == second?.bytes && !schedule.isEmpty)
    }

    @Test func anIdleScheduleGivesItsMemoryBack() {
        var pool = EventPool()
        var chain = Chain()
        for id in 0..<10_000 as Range<Int64> {
            pool.append(LaneFixture.event(id, lane: 1, order: 1), order: -1, cost: 1, to: &chain)
        }
        #expect(pool.places == 10_000)
        var items: [Taken] = []
        while pool.popFirst(of: &chain, into: &items) > 0 {}
        #expect(items.map(\.source.offset) == Array(0..<10_000) && pool.places == 0)
        var table = OrderTable()
        let indexes = (1...1_000).map { table.index(of: UInt64($0), queue: 0) }
        #expect(table.places == 1_000)
        for index in indexes { table.close(index) }
        #expect(table.places == 0)
    }

    @Test func placesAreUsedAgain() {
        var pool = EventPool()
        var chain = Chain()
        var items: [Taken] = []
        for id in 0..<10_000 as Range<Int64> {
            pool.append(LaneFixture.event(id, lane: 1, order: 1), order: -1, cost: 1, to: &chain)
            if chain.count > 10 { _ = pool.popFirst(of: &chain, into: &items) }
        }
        #expect(pool.places == 11)
    }

    /// Not a timed test: a scan of what is set aside would make it run for minutes.
    @Test func aHotOrderDoesNotMakeTheOthersSlow() {
        var schedule = LaneSchedule(lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds(events: 10))
        var id: Int64 = 0
        var flying: LaneBatch?
        var taken = 0
        for round in 0..<12_000 {
            schedule.enqueue(
                LaneFixture.event(id, lane: 1, order: round % 2 == 0 ? 1 : UInt64(id) + 2, bytes: 0), now: 0)
            id += 1
            guard let batch = schedule.batch() else { continue }
            taken += batch.items.count
            // The batch that has the hot order stays in flight for long.
            if batch.items.contains(where: { $0.order == 1 }) {
                flying = batch
            } else {
                schedule.complete(batch)
            }
            if round % 4_000 == 3_999, let batch = flying {
                flying = nil
                schedule.complete(batch)
            }
        }
        #expect(taken >= 6_000)
    }
}

extension Offer {
    fileprivate func waits(until time: Int64?) -> Bool {
        if case .wait(let until) = self { return until == time }
        return false
    }
}
