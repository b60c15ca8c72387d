import OrderEvents
import Partitioner
import Testing

/// The schedule against a naive model: random arrivals, several workers, batches that end in any sequence.
@Suite struct LaneScheduleModelTests {
    /// What must hold, kept in the plainest way.
    struct Model {
        var waiting: [Int64: Taken] = [:]
        var flying: [UInt32: LaneBatch] = [:]
        /// Events of each order in the sequence in which they came, not yet in a batch.
        var sequences: [UInt64: [Int64]] = [:]
        var taken: Set<Int64> = []
        /// The lane in which an order's events wait while any of them is open.
        var laneOfOrder: [UInt64: Int] = [:]
        var openOfOrder: [UInt64: Int] = [:]

        var openBytes = 0
        /// Orders that a batch in flight has.
        var busy: Set<UInt64> = []
        /// Legal entities that may not go on.
        var paused: Set<Int32> = []

        /// Whether the event could be in a batch now.
        func canGo(_ event: Taken, _ lanes: [Lane]) -> Bool {
            guard event.order != 0 else { return true }
            return !busy.contains(event.order) && !paused.contains(lanes[laneOfOrder[event.order] ?? 0].entity)
        }

        mutating func came(_ event: Taken, lane: Int) {
            waiting[event.source.offset] = event
            openBytes += event.cost
            guard event.order != 0 else { return }
            sequences[event.order, default: []].append(event.source.offset)
            if openOfOrder[event.order, default: 0] == 0 { laneOfOrder[event.order] = lane }
            openOfOrder[event.order, default: 0] += 1
        }

        /// Returns what is wrong with the batch; nil: nothing.
        mutating func left(_ batch: LaneBatch) -> String? {
            for item in batch.items {
                let id = item.source.offset
                guard waiting.removeValue(forKey: id) != nil else { return "event \(id) was not waiting" }
                guard taken.insert(id).inserted else { return "event \(id) left twice" }
                guard item.order != 0 else { continue }
                if busy.contains(item.order) { return "order \(item.order) is in two batches" }
                guard sequences[item.order]?.first == id else { return "event \(id) is out of sequence" }
                sequences[item.order]?.removeFirst()
            }
            guard batch.bytes == batch.items.map(\.cost).reduce(0, +) else { return "the batch's bytes are wrong" }
            flying[batch.id] = batch
            for item in batch.items where item.order != 0 { busy.insert(item.order) }
            return nil
        }

        mutating func ended(_ batch: LaneBatch) {
            flying[batch.id] = nil
            openBytes -= batch.items.map(\.cost).reduce(0, +)
            for item in batch.items where item.order != 0 {
                openOfOrder[item.order, default: 0] -= 1
                busy.remove(item.order)
            }
        }

        func depths() -> [Int: Int] {
            var depths: [Int: Int] = [:]
            for event in waiting.values {
                let lane = event.order == 0 ? 0 : laneOfOrder[event.order] ?? -1
                depths[lane, default: 0] += 1
            }
            return depths
        }
    }

    @Test(arguments: 0..<12) func agreesWithTheModel(_ shape: Int) {
        let seed = SeededRandom.seed("lane schedule, shape \(shape)")
        var random = SeededRandom(seed: seed &+ UInt64(shape))
        let lanes = LaneFixture.lanes(
            (0..<4).flatMap { entity in (0..<3).map { _ in (entity: Int32(entity), weight: Int(entity) + 1) } })
        let bounds = LaneFixture.bounds(events: [1, 7, 50, 400][shape % 4], bytes: shape % 3 == 0 ? 3_000 : 1 << 40)
        var schedule = LaneSchedule(lanes: lanes, bounds: bounds, priorities: shape % 2 == 0 ? .none : .three)
        var model = Model()
        // Few orders: most events meet one that is in flight.
        let orders = UInt64([3, 40, 500][shape % 3])
        var id: Int64 = 0
        for step in 0..<3_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<2:
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    let order = UInt64.random(in: 1...orders, using: &random)
                    let lane = Int.random(in: 1..<lanes.count, using: &random)
                    let isLetter = Int.random(in: 0..<20, using: &random) == 0
                    let event =
                        isLetter
                        ? LaneFixture.deadLetter(id)
                        : LaneFixture.event(
                            id, lane: lane, order: order, bytes: Int.random(in: 0...300, using: &random), polledAt: id,
                            channel: Int32.random(in: 0..<3, using: &random))
                    id += 1
                    model.came(event, lane: lane)
                    schedule.enqueue(event, now: Int64(step))
                }
            case 2..<6 where model.flying.count < 5:
                let canGo = model.waiting.values.contains { model.canGo($0, lanes) }
                let batch = schedule.batch(now: Int64(step))
                // Work-conserving: what can go is offered, and nothing else.
                #expect((batch != nil) == canGo, "seed \(seed), step \(step)")
                if let batch, let fault = model.left(batch) {
                    Issue.record("seed \(seed), step \(step): \(fault)")
                    return
                }
                if let batch { #expect(batch.items.count <= bounds.batchEvents) }
            case 6 where shape >= 6:
                let entity = Int32.random(in: 0..<4, using: &random)
                let isPaused = model.paused.remove(entity) == nil
                if isPaused { model.paused.insert(entity) }
                schedule.setPaused(entity, isPaused)
            default:
                guard let batch = model.flying.values.randomElement(using: &random) else { continue }
                model.ended(batch)
                let time = Bool.random(using: &random) ? Int64.random(in: 0...100_000, using: &random) : nil
                schedule.complete(batch, microseconds: time)
            }
            let isExact =
                schedule.waitingEvents == model.waiting.count && schedule.openBytes == model.openBytes
                && schedule.isEmpty == (model.waiting.isEmpty && model.flying.isEmpty)
            guard isExact else {
                Issue.record("seed \(seed), step \(step): the sums are wrong")
                return
            }
            if step % 500 == 0 { compareDepths(schedule, model) }
        }
        for entity in model.paused { schedule.setPaused(entity, false) }
        // In the end everything left, once.
        while !schedule.isEmpty {
            while let batch = schedule.batch() { #expect(model.left(batch) == nil, "seed \(seed)") }
            guard let batch = model.flying.values.first else { break }
            model.ended(batch)
            schedule.complete(batch)
        }
        #expect(
            schedule.isEmpty && schedule.openBytes == 0 && schedule.blockedBytes == 0 && model.taken.count == Int(id),
            "seed \(seed)")
    }

    private func compareDepths(_ schedule: LaneSchedule, _ model: Model) {
        let expected = model.depths()
        let depths = schedule.depths()
        #expect(Dictionary(uniqueKeysWithValues: depths.map { ($0.lane, $0.depth.events) }) == expected)
        for (lane, depth) in depths {
            let one = schedule.depth(ofLane: lane)
            #expect(one.events == depth.events && one.bytes == depth.bytes && one.oldest == depth.oldest)
            let times = model.waiting.values.filter { ($0.order == 0 ? 0 : model.laneOfOrder[$0.order] ?? -1) == lane }
                .map(\.source.polledAt)
            #expect(depth.oldest == times.min())
        }
    }
}
