import OrderEvents
import Testing

@testable import Partitioner

/// Who waits in Kafka when the process budget is nearly full.
@Suite struct PartyLevelsTests {
    private static let cost = LaneFixture.event(0, lane: 1, order: 1).cost

    /// A schedule of legal entities with these weights, and room for so many events.
    private func schedule(_ weights: [Int], room: Int, batch: Int = 10) -> LaneSchedule {
        LaneSchedule(
            lanes: LaneFixture.lanes(weights.enumerated().map { (entity: Int32($0.offset), weight: $0.element) }),
            bounds: LaneFixture.bounds(process: room * Self.cost, events: batch))
    }

    private func fill(_ schedule: inout LaneSchedule, lane: Int, _ count: Int, partition: Int32) {
        for _ in 0..<count {
            let id = Int64(schedule.waitingEvents) + Int64(lane) * 1_000_000
            schedule.enqueue(
                LaneFixture.event(id, lane: lane, order: UInt64(id) + 1, partition: partition), now: 0)
        }
    }

    @Test func whoHasMoreThanItsShareWaitsInItsOwnPartitions() {
        var schedule = schedule([3, 1], room: 40)
        fill(&schedule, lane: 2, 28, partition: 1)
        fill(&schedule, lane: 1, 1, partition: 0)
        #expect(schedule.pressure(now: 0) == .none, "there is room")
        fill(&schedule, lane: 1, 2, partition: 0)
        #expect(schedule.pressure(now: 0) == Pressure(partitions: [1]))
        // Its share is a quarter of thirty events; it goes on at three quarters of that.
        var now: Int64 = 0
        while schedule.depth(ofLane: 2).events > 5, let batch = schedule.batch() {
            schedule.complete(batch)
            now += PartyLevels.interval
            let isOver = schedule.depth(ofLane: 2).events > 5
            #expect(schedule.pressure(now: now) == (isOver ? Pressure(partitions: [1]) : .none))
            fill(&schedule, lane: 1, 3, partition: 0)
        }
    }

    @Test func aPartitionThatFeedsSomebodyElseIsPolledAllTheSame() {
        var schedule = schedule([3, 1], room: 40)
        fill(&schedule, lane: 2, 20, partition: 1)
        fill(&schedule, lane: 2, 10, partition: 2)
        fill(&schedule, lane: 1, 1, partition: 1)
        #expect(schedule.pressure(now: 0) == Pressure(partitions: [2]))
    }

    @Test func equalsWhoAllHaveMuchAreLeftToTheProcessBudget() {
        var schedule = schedule([1, 1, 1], room: 30)
        for lane in 1...3 { fill(&schedule, lane: lane, 9, partition: Int32(lane)) }
        #expect(schedule.pressure(now: 0) == .none)
        fill(&schedule, lane: 1, 3, partition: 1)
        #expect(schedule.pressure(now: 0).everything)
    }

    @Test func aLoneFloodLeavesRoomForWhoeverComes() {
        var schedule = schedule([1, 1], room: 40)
        fill(&schedule, lane: 1, 31, partition: 0)
        #expect(schedule.pressure(now: 0) == Pressure(partitions: [0]))
    }

    /// Twenty legal entities with partitions of their own, polled evenly; the workers do half of what comes.
    @Test func sharesFollowTheWeightsAlsoWhenMemoryIsWhatIsShort() {
        let weights = (0..<20).map { $0 < 10 ? 3 : 1 }
        var schedule = schedule(weights, room: 2_000, batch: 50)
        var taken = Array(repeating: 0, count: 20)
        var id: Int64 = 0
        for step in 0..<6_000 {
            let now = Int64(step) * 5_000
            let pressure = schedule.pressure(now: now)
            for party in 0..<20 where !pressure.everything && !pressure.partitions.contains(Int32(party)) {
                for _ in 0..<5 {
                    let event = LaneFixture.event(
                        id, lane: party + 1, order: UInt64(id) + 1, partition: Int32(party))
                    schedule.enqueue(event, now: now)
                    id += 1
                }
            }
            guard let batch = schedule.batch(now: now) else { continue }
            for item in batch.items {
                if case .event(let event) = item, step > 1_000 { taken[Int(event.lane) - 1] += 1 }
            }
            schedule.complete(batch)
        }
        let share = Double(taken[..<10].reduce(0, +)) / Double(taken.reduce(0, +))
        #expect(abs(share - 0.75) < 0.02, "\(share)")
    }
}
