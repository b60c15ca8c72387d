import OrderEvents
import Testing

@testable import Partitioner

/// Priorities, cost by time, legal entities that may not go on, stores that do not answer, hot lanes.
@Suite struct LaneFlowTests {
    // MARK: - Priorities

    @Test func theUrgentEventsOfALegalEntityOvertakeAndTheOthersStillGo() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1)]), bounds: LaneFixture.bounds(events: 100), priorities: .three)
        for id in 0..<5_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1, channel: 2), now: 0)
        }
        _ = schedule.batch()
        schedule.enqueue(LaneFixture.event(9_000, lane: 1, order: 9_001, channel: 0), now: 0)
        schedule.enqueue(LaneFixture.event(9_001, lane: 1, order: 9_002, channel: 1), now: 0)
        #expect(schedule.batch()?.ids.prefix(3) == [9_000, 9_001, 100])
        // While urgent ones keep coming the others get their share of every batch or two.
        var bulk = 0
        for round in 0..<100 {
            for id in 0..<100 {
                let next = Int64(10_000 + round * 100 + id)
                schedule.enqueue(LaneFixture.event(next, lane: 1, order: UInt64(next), channel: 0), now: 0)
            }
            bulk += schedule.batch()?.ids.filter { $0 < 5_000 }.count ?? 0
        }
        #expect((450...600).contains(bulk))
    }

    @Test func anOrdersEventsStayInSequenceWhateverTheirPriority() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (0, 1)]), bounds: LaneFixture.bounds(events: 10), priorities: .three)
        for id in 0..<300 as Range<Int64> {
            schedule.enqueue(
                LaneFixture.event(id, lane: 1 + Int(id) % 2, order: UInt64(id % 7) + 1, channel: Int32(id) % 3), now: 0)
        }
        var seen: [UInt64: Int64] = [:]
        while let batch = schedule.batch() {
            for item in batch.items {
                #expect(seen[item.order] ?? -1 < item.source.offset)
                seen[item.order] = item.source.offset
            }
            schedule.complete(batch)
        }
        #expect(schedule.isEmpty)
    }

    @Test func aRulesPriorityComesBeforeItsChannels() {
        let priorities = Priorities([(.bulk, [nil, .critical]), (.normal, [])])
        func priority(_ channel: Int32, _ rule: Int16) -> Priority? {
            guard case .event(var event) = LaneFixture.event(0, lane: 1, order: 1, channel: channel) else { return nil }
            event.rule = rule
            return priorities.priority(of: event)
        }
        #expect(priority(0, -1) == .bulk && priority(0, 0) == .bulk && priority(0, 1) == .critical)
        #expect(priority(1, -1) == .normal && priority(7, -1) == .normal)
        #expect(priorities.isUsed && !Priorities([(.normal, [nil])]).isUsed)
    }

    // MARK: - Size of batches

    /// Legal entity 0 floods; the others have one event each.
    private func flooded(others: Int) -> LaneSchedule {
        let parties = (0...others).map { (Int32($0), 1) }
        var schedule = LaneSchedule(lanes: LaneFixture.lanes(parties), bounds: LaneFixture.bounds(events: 400))
        for id in 0..<5_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
        }
        for other in 0..<others {
            let id = Int64(10_000 + other)
            schedule.enqueue(LaneFixture.event(id, lane: 2 + other, order: UInt64(id)), now: 0)
        }
        return schedule
    }

    @Test func whoKeepsUpBesideAFloodGetsASmallBatch() {
        var schedule = flooded(others: 1)
        let first = schedule.batch()?.ids ?? []
        #expect(first.contains(10_000) && first.count == 100)
        // It may come again, and would wait until one of these is done.
        #expect(schedule.batch()?.items.count == 200)
        #expect(schedule.batch(now: 1_000_999_999)?.items.count == 200)
        #expect(schedule.batch(now: 1_001_000_000)?.items.count == 400)
    }

    @Test func batchesAreLargeWhereMostKeepUp() {
        var schedule = flooded(others: 399)
        #expect(schedule.batch()?.items.count == 400)
    }

    @Test func aDeadLetterMakesNoBatchSmall() {
        var schedule = flooded(others: 0)
        schedule.enqueue(LaneFixture.deadLetter(20_000), now: 0)
        let batch = schedule.batch()
        #expect(batch?.items.count == 400 && batch?.ids.contains(20_000) == true)
    }

    // MARK: - Cost

    @Test func whoseBatchTookLongerThanItsChargeWaitsForThat() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]), bounds: LaneFixture.bounds(events: 32))
        for id in 0..<1_000 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1 + Int(id) % 2, order: UInt64(id) + 1), now: 0)
        }
        func next(taking microseconds: Int64) -> Set<Int64> {
            guard let batch = schedule.batch() else { return [] }
            schedule.complete(batch, microseconds: microseconds)
            return Set(batch.ids.map { $0 % 2 + 1 })
        }
        #expect(next(taking: 1_000) == [1])
        // Four times as long for as many events: three more turns' worth.
        #expect(next(taking: 4_000) == [2])
        let lanes = (0..<5).map { _ in next(taking: 1_000) }
        #expect(lanes[..<3].allSatisfy { $0 == [1] })
        #expect(lanes[3...].contains { $0.contains(2) })
    }

    @Test func largerEventsCostMore() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]), bounds: LaneFixture.bounds(events: 1_000))
        var bytes = [0, 0]
        var id: Int64 = 0
        for _ in 0..<200 {
            for lane in [1, 2] where schedule.depth(ofLane: lane).events < 2_000 {
                for _ in 0..<2_000 {
                    let event = LaneFixture.event(id, lane: lane, order: UInt64(id) + 1, bytes: lane == 1 ? 0 : 5_000)
                    schedule.enqueue(event, now: 0)
                    id += 1
                }
            }
            guard let batch = schedule.batch() else { break }
            for item in batch.items { if case .event(let event) = item { bytes[Int(event.lane) - 1] += event.cost } }
            schedule.complete(batch)
        }
        let share = Double(bytes[0]) / Double(bytes[0] + bytes[1])
        #expect(abs(share - 0.5) < 0.02, "\(share)")
    }

    // MARK: - Who may not go on

    /// A paused legal entity and a healthy one in the same partition.
    @Test func aPausedLegalEntityStopsNobodyUntilItsOwnBudgetIsFull() {
        let cost = LaneFixture.event(0, lane: 1, order: 1).cost
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]),
            bounds: LaneFixture.bounds(process: 20 * cost, lane: 10 * cost, blocked: 100 * cost, events: 5))
        schedule.setPaused(0, true)
        var id: Int64 = 0
        var healthy = 0
        for _ in 0..<99 {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
            schedule.enqueue(LaneFixture.event(id + 1, lane: 2, order: UInt64(id) + 2), now: 0)
            id += 2
            #expect(schedule.pressure() == .none)
            guard let batch = schedule.batch() else { return #expect(Bool(false)) }
            #expect(batch.items.allSatisfy { $0.order % 2 == 0 })
            healthy += batch.items.count
            schedule.complete(batch)
        }
        #expect(healthy == 99 && schedule.blockedBytes == 99 * cost)
        schedule.enqueue(LaneFixture.event(id, lane: 1, order: 9_999, partition: 3), now: 0)
        #expect(schedule.pressure() == Pressure(partitions: [0, 3]))
        // It may go on: what waited does not count for the process meanwhile, and is not lost.
        schedule.setPaused(0, false)
        #expect(!schedule.isFull)
        var drained = 0
        while let batch = schedule.batch() {
            drained += batch.items.count
            schedule.complete(batch)
            if drained == 10 { #expect(schedule.pressure() == .none) }
        }
        #expect(drained == 100 && schedule.blockedBytes == 0 && schedule.isEmpty)
        // As any other from then on.
        for next in 0..<10 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(next, lane: 1, order: UInt64(next) + 1), now: 0)
        }
        #expect(schedule.pressure() == Pressure(partitions: [0]))
    }

    @Test func aLaneThatIsFullWhenItIsPausedStopsNobodyAnyMore() {
        let cost = LaneFixture.event(0, lane: 1, order: 1).cost
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1)]),
            bounds: LaneFixture.bounds(process: 10 * cost, lane: 10 * cost, blocked: 100 * cost))
        for id in 0..<10 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
        }
        #expect(schedule.pressure().everything)
        schedule.setPaused(0, true)
        #expect(schedule.pressure() == .none && schedule.batch() == nil)
    }

    @Test func whatWaitsOfAPartitionThatIsGivenBackIsDropped() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]), bounds: LaneFixture.bounds(), priorities: .three)
        schedule.enqueue(LaneFixture.event(0, lane: 1, order: 7, partition: 1), now: 0)
        guard let flying = schedule.batch() else { return #expect(Bool(false)) }
        schedule.setPaused(0, true)
        for id in 1...9 as ClosedRange<Int64> {
            schedule.enqueue(
                LaneFixture.event(
                    id, lane: 1, order: UInt64(6 + id % 3), partition: Int32(id % 2), channel: Int32(id % 3)), now: 0)
        }
        schedule.enqueue(LaneFixture.event(20, lane: 2, order: 30, partition: 1), now: 0)
        schedule.forget([1])
        let cost = LaneFixture.event(0, lane: 1, order: 1).cost
        #expect(schedule.waitingEvents == 5 && schedule.blockedBytes == 4 * cost)
        schedule.complete(flying)
        // What can go is not dropped: it goes its way.
        guard let healthy = schedule.batch() else { return #expect(Bool(false)) }
        #expect(healthy.ids == [20])
        schedule.complete(healthy)
        schedule.setPaused(0, false)
        guard let rest = schedule.batch() else { return #expect(Bool(false)) }
        #expect(rest.ids.sorted() == [2, 4, 6, 8])
        schedule.complete(rest)
        #expect(schedule.isEmpty && schedule.openBytes == 0 && schedule.blockedBytes == 0)
    }

    @Test func theEventsOfAPausedLegalEntityMakeNoBatchDue() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]), bounds: LaneFixture.bounds(events: 6, linger: 50))
        schedule.setPaused(0, true)
        for id in 0..<7 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
        }
        #expect(schedule.batch(now: 1_000) == nil)
        schedule.enqueue(LaneFixture.event(9, lane: 2, order: 10), now: 1_000)
        #expect(schedule.batch(now: 1_049) == nil)
        #expect(schedule.batch(now: 1_050)?.ids == [9])
        schedule.setPaused(0, false)
        #expect(schedule.batch(now: 1_050)?.ids == [0, 1, 2])
    }

    @Test func aStoreThatEndsNoBatchStopsNobodyUntilTheBudgetIsFull() {
        let cost = LaneFixture.event(0, lane: 1, order: 1).cost
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1)]),
            bounds: LaneFixture.bounds(
                process: 20 * cost, lane: 20 * cost, blocked: 50 * cost, events: 2, stallAfter: 500))
        for id in 0..<20 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1), now: 0)
        }
        guard let batch = schedule.batch(now: 100) else { return #expect(Bool(false)) }
        #expect(schedule.pressure(now: 599).everything)
        #expect(schedule.pressure(now: 600) == .none)
        for id in 20..<52 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: UInt64(id) + 1, partition: 7), now: 600)
        }
        // Only the partitions that feed it: other stores go on with the rest.
        #expect(schedule.pressure(now: 700) == Pressure(partitions: [0, 7]))
        // It answers again, and drains.
        schedule.complete(batch, now: 800)
        #expect(!schedule.pressure(now: 800).everything)
        var left = 0
        while let batch = schedule.batch(now: 800) {
            left += batch.items.count
            schedule.complete(batch, now: 800)
        }
        #expect(left == 50 && schedule.pressure(now: 900) == .none && schedule.blockedBytes == 0)
    }

    @Test func whatWaitsInVainIsCountedByPartition() {
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes([(0, 1), (1, 1)]), bounds: LaneFixture.bounds(stallAfter: 500))
        func heldUp(_ partitions: Set<Int32>) -> [Int] {
            let heldUp = schedule.heldUp(of: partitions)
            return [heldUp.waiting, heldUp.inFlight]
        }
        for id in 0..<4 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: 7, partition: Int32(id % 2)), now: 0)
        }
        guard let flying = schedule.batch(now: 100) else { return #expect(Bool(false)) }
        // Of the order in flight: they are set aside when a batch is asked for.
        for id in 4..<7 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: 7, partition: 1), now: 100)
        }
        #expect(schedule.batch(now: 100) == nil)
        for id in 7..<9 as Range<Int64> {
            schedule.enqueue(LaneFixture.event(id, lane: 1, order: 8, partition: 1), now: 100)
        }
        #expect(heldUp([0, 1]) == [0, 0])
        schedule.setPaused(0, true)
        #expect(heldUp([0, 1]) == [5, 0] && heldUp([0]) == [0, 0])
        schedule.setPaused(0, false)
        #expect(heldUp([0, 1]) == [0, 0])
        // The store does not answer: neither what it has nor what waits for it goes on.
        _ = schedule.pressure(now: 700)
        #expect(heldUp([1]) == [5, 4] && heldUp([0]) == [0, 4])
        #expect(schedule.standsStill(for: 500, now: 700))
        schedule.forget([1])
        #expect(heldUp([1]) == [3, 4])
        schedule.complete(flying, now: 800)
        _ = schedule.pressure(now: 800)
        #expect(heldUp([0, 1]) == [0, 0])
        #expect(schedule.batch(now: 800)?.ids == [4, 5, 6])
    }

    // MARK: - Hot lanes

    /// One lane has all the traffic: every worker gets a batch of it, and no order is in two.
    @Test func aHotLaneIsWorkForEveryWorker() {
        let seed = SeededRandom.seed("hot lane")
        var random = SeededRandom(seed: seed)
        var schedule = LaneSchedule(
            lanes: LaneFixture.lanes((0..<20).map { (entity: $0, weight: 1) }), bounds: LaneFixture.bounds(events: 50))
        var flying: [LaneBatch] = []
        var seen: [UInt64: Int64] = [:]
        var id: Int64 = 0
        var taken = 0
        var idle = 0
        while taken < 40_000 {
            while schedule.waitingEvents < 2_000 {
                let order = UInt64.random(in: 1...500, using: &random)
                schedule.enqueue(LaneFixture.event(id, lane: 1, order: order), now: 0)
                id += 1
            }
            while flying.count < 8, let batch = schedule.batch() {
                let others = flying.flatMap { $0.items.map(\.order) }
                #expect(Set(others).isDisjoint(with: batch.items.map(\.order)), "seed \(seed)")
                for item in batch.items {
                    #expect(seen[item.order] ?? -1 < item.source.offset, "seed \(seed)")
                    seen[item.order] = item.source.offset
                }
                taken += batch.items.count
                flying.append(batch)
            }
            if flying.count < 8 { idle += 1 }
            schedule.complete(flying.remove(at: Int.random(in: 0..<flying.count, using: &random)))
        }
        #expect(idle == 0, "seed \(seed)")
    }
}
