import OrderEvents

/// Realistic marketplace traffic of several legal entities and channels, decided by its settings alone.
///
/// A pure value: no clock, no global randomness, no I/O; the same settings give the same bytes. It holds
/// `TrafficSettings.openOrders` orders at a time (some 10 KiB each), however many it makes. Records come one by one;
/// within a topic the records of an order have the same key, between topics nothing is promised to a reader: the final
/// states it expects do not depend on how the topics are interleaved.
public struct TrafficGenerator: Sendable {
    /// How many expectations are kept; later orders are generated but not remembered.
    public static let maximumExpectations = 200_000

    /// What was emitted so far.
    public private(set) var counts = TrafficCounts()
    /// The orders whose last event was emitted, in the sequence in which that happened; bounded by
    /// `maximumExpectations`.
    public private(set) var expectations: [ExpectedOrder] = []

    private struct OpenOrder {
        var story: OrderStory
        var steps: [Step]
        var position: Int
        var isWhole: Bool
    }

    private let settings: TrafficSettings
    /// Legal entities by weight: an order's is drawn from it.
    private let entityDeck: [Int]
    private let runTag: UInt64
    private var random: SeededRandom
    private var mishaps: Mishaps
    private var courses: [Course] = []
    private var open: [OpenOrder] = []
    private var begun = 0
    private var nextStart: Int64
    private var clock: Int64
    private var emitted = 0

    /// Traffic as `settings` say.
    public init(_ settings: TrafficSettings = TrafficSettings()) {
        precondition(!settings.legalEntities.isEmpty, "traffic needs a legal entity")
        precondition(settings.legalEntities.allSatisfy { !$0.warehouses.isEmpty }, "a legal entity needs a warehouse")
        self.settings = settings
        entityDeck = settings.legalEntities.indices.flatMap {
            Array(repeating: $0, count: max(1, settings.legalEntities[$0].weight))
        }
        runTag = SeededRandom.mixed(settings.seed)
        random = SeededRandom(seed: settings.seed)
        mishaps = Mishaps(settings.shares, random: &random)
        nextStart = settings.startingAt.microseconds
        clock = settings.startingAt.microseconds
    }

    /// The next record, or nil when all orders are through or the number of records is reached.
    public mutating func next() -> TrafficRecord? {
        guard emitted < settings.records else { return nil }
        while open.count < max(1, settings.openOrders), begun < settings.orders { beginOrder() }
        guard !open.isEmpty else { return nil }
        let slot = random.below(open.count)
        let step = open[slot].steps[open[slot].position]
        let record = record(of: step, in: open[slot].story)
        open[slot].position += 1
        if open[slot].position == open[slot].steps.count { finishOrder(slot) }
        emitted += 1
        counts.records[step.kind, default: 0] += 1
        return record
    }

    /// Up to `limit` records more; fewer only at the end.
    public mutating func next(upTo limit: Int) -> [TrafficRecord] {
        var records: [TrafficRecord] = []
        while records.count < limit, let record = next() { records.append(record) }
        return records
    }

    private mutating func beginOrder() {
        if courses.isEmpty {
            courses = Course.deck
            courses.shuffle(using: &random)
        }
        let course = courses.removeLast()
        let entity = settings.legalEntities[entityDeck[random.below(entityDeck.count)]]
        var story = OrderStory(index: begun, course: course, entity: entity, runTag: runTag, random: &random)
        story.fault = OrderFault(index: begun, every: settings.invalidEvery)
        let planned = story.steps(
            startingAt: nextStart, longestPause: settings.millisecondsBetweenEvents, random: &random)
        let plan = mishaps.befall(planned, random: &random)
        open.append(OpenOrder(story: story, steps: plan.steps, position: 0, isWhole: plan.withheld == 0))
        counts.withheld += plan.withheld
        counts.orders += 1
        begun += 1
        nextStart += 1000 * Int64(random.within(0...max(0, 2 * settings.millisecondsBetweenOrders)))
    }

    private mutating func finishOrder(_ slot: Int) {
        let order = open[slot]
        open.swapAt(slot, open.count - 1)
        open.removeLast()
        guard expectations.count < Self.maximumExpectations else { return }
        expectations.append(
            ExpectedOrder(
                legalEntity: order.story.entity.name, orderRef: order.story.canonicalRef,
                finalState: order.isWhole ? order.story.course.finalState : nil, channel: order.story.source.name,
                isInvalid: order.story.fault != nil))
    }

    private mutating func record(of step: Step, in story: OrderStory) -> TrafficRecord {
        clock = max(clock + 1000, step.occurredAt + 200_000)
        return TrafficRecord(
            topic: step.channel.topic, key: Array(story.canonicalRef.utf8), value: story.value(of: step),
            headers: headers(of: step, in: story), timestamp: Timestamp(microseconds: clock), kind: step.kind)
    }

    /// Who sent it; of the group's own shop, which is instrumented, also the trace in which it did.
    private func headers(of step: Step, in story: OrderStory) -> [TrafficRecord.Header] {
        var headers = [TrafficRecord.Header(name: "source", value: Array(step.channel.name.utf8))]
        guard step.channel == .portal else { return headers }
        let number = SeededRandom.mixed(runTag &+ UInt64(story.index) << 16 &+ UInt64(step.number))
        let trace = TraceContext(
            high: runTag, low: number | 1, parent: SeededRandom.mixed(number) | 1, flags: TraceContext.sampled)
        headers.append(TrafficRecord.Header(name: "traceparent", value: Array(trace.traceparent.utf8)))
        return headers
    }
}
