public import OrderEvents
public import Partitioner

/// The lanes of one store between the poll thread and the workers: `LaneSchedule` under one lock, with waiting.
///
/// The only place where threads of the data path wait for each other. The poll thread locks it once a burst, a worker
/// twice a batch.
public final class LaneQueues: Sendable {
    private struct State: Sendable {
        var schedule: LaneSchedule
        /// Counts what may have made a batch possible: a waiting worker looks again when it has moved on.
        var news: UInt64 = 0
        var isClosed = false
    }

    private let state: Monitor<State>
    /// How long a worker waits at most before it looks again.
    private static let longestWait: Int64 = 1_000_000
    /// How long one of several stores may end no batch before its lanes count as blocked, in microseconds.
    public static let stallAfter: Int64 = 500_000

    /// Empty queues of `lanes`.
    public init(lanes: [Lane], bounds: LaneBounds, priorities: Priorities = .none) {
        state = Monitor(State(schedule: LaneSchedule(lanes: lanes, bounds: bounds, priorities: priorities)))
    }

    /// Monotonic microseconds.
    public static func clock() -> Int64 {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    private static let start = ContinuousClock.now

    /// Takes the records of one poll burst.
    ///
    /// Called on the poll thread.
    public func offer(_ burst: [Taken]) {
        let now = Self.clock()
        state.change { state in
            for taken in burst { state.schedule.enqueue(taken, now: now) }
            state.news += 1
        }
    }

    /// What must not be polled now.
    public func pressure() -> Pressure {
        let now = Self.clock()
        return state.withLock { $0.schedule.pressure(now: now) }
    }

    /// Waits until `pressure()` is another than `pressure`, at most `bound`.
    public func waitForChange(of pressure: Pressure, within bound: Duration) {
        _ = state.wait(within: bound) { state in
            state.schedule.pressure(now: Self.clock()) != pressure || state.isClosed
        }
    }

    /// The next batch; blocks until there is one.
    ///
    /// Nil: the queues are closed.
    public func take() -> LaneBatch? {
        while true {
            let now = Self.clock()
            let (offer, news, isClosed) = state.withLock { state in
                (state.isClosed ? .wait(until: nil) : state.schedule.next(now: now), state.news, state.isClosed)
            }
            if isClosed { return nil }
            switch offer {
            case .batch(let batch): return batch
            case .wait(let until):
                let wait = min(max(0, (until ?? Int64.max) - now), Self.longestWait)
                _ = state.wait(within: .microseconds(wait)) { $0.news != news || $0.isClosed }
            }
        }
    }

    /// The batch has its durable outcomes, or is given up.
    ///
    /// `microseconds`: how long its work took, by which the shares of those in it are corrected; nil: it was given up.
    public func complete(_ batch: LaneBatch, microseconds: Int64? = nil) {
        let now = Self.clock()
        state.change { state in
            state.schedule.complete(batch, microseconds: microseconds, now: now)
            state.news += 1
        }
    }

    /// The lanes of a legal entity are taken from no more, or again; `entity` is its index in the lane map.
    ///
    /// Its events are still taken in, up to `LaneBounds.blockedBytes` for all such entities together.
    public func setPaused(_ entity: Int32, _ isPaused: Bool) {
        state.change { state in
            state.schedule.setPaused(entity, isPaused)
            state.news += 1
        }
    }

    /// No more batches: workers that wait return.
    ///
    /// What is queued is dropped; Kafka still has it.
    public func close() { state.change { $0.isClosed = true } }

    /// Whether nothing waits and nothing is in flight.
    public var isEmpty: Bool { state.withLock { $0.schedule.isEmpty } }

    /// Whether batches are in flight and none has ended for `microseconds`.
    public func standsStill(for microseconds: Int64) -> Bool {
        let now = Self.clock()
        return state.withLock { $0.schedule.standsStill(for: microseconds, now: now) }
    }

    /// Source partitions were given back: what waits of them for whoever may not go on is dropped.
    public func forget(_ partitions: Set<Int32>) { state.change { $0.schedule.forget(partitions) } }

    /// What of source partitions waiting would not make less.
    public func heldUp(of partitions: Set<Int32>) -> HeldUp {
        state.withLock { $0.schedule.heldUp(of: partitions) }
    }

    /// Depths of all lanes that hold anything, by lane index, and the bytes that wait for whoever may not go on.
    public func depths() -> (lanes: [(lane: Int, depth: LaneSchedule.Depth)], blockedBytes: Int) {
        state.withLock { ($0.schedule.depths(), $0.schedule.blockedBytes) }
    }
}

/// The lanes of all stores: each record goes to the queues of its lane's store.
public final class LaneRouter: LaneSink {
    private let queues: [LaneQueues]
    private let storeOfLane: [Int]

    /// Routes to `queues`, one for each store, by the store of each lane.
    public init(queues: [LaneQueues], lanes: [Lane]) {
        self.queues = queues
        self.storeOfLane = lanes.map(\.store)
    }

    /// Takes the records of one poll burst.
    ///
    /// Called on the poll thread.
    public func offer(_ burst: [Taken]) {
        guard queues.count > 1 else {
            queues.first?.offer(burst)
            return
        }
        var parts = [[Taken]](repeating: [], count: queues.count)
        for taken in burst {
            let lane =
                switch taken {
                case .event(let event): max(0, Int(event.lane))
                case .deadLetter: 0
                }
            parts[storeOfLane[lane]].append(taken)
        }
        for (store, part) in parts.enumerated() where !part.isEmpty { queues[store].offer(part) }
    }

    /// What must not be polled now, for any store.
    public func pressure() -> Pressure { Self.sum(queues.map { $0.pressure() }) }

    /// Source partitions were given back.
    public func forget(_ partitions: Set<Int32>) { for queue in queues { queue.forget(partitions) } }

    /// What of source partitions waiting would not make less, in all stores.
    public func heldUp(of partitions: Set<Int32>) -> HeldUp {
        queues.reduce(into: HeldUp()) { sum, queue in
            let one = queue.heldUp(of: partitions)
            sum.waiting += one.waiting
            sum.inFlight += one.inFlight
        }
    }

    /// Waits until a store whose lanes are full says something else than now, at most `bound`; returns at once when
    /// `pressure()` is not `pressure` any more.
    public func waitForChange(of pressure: Pressure, within bound: Duration) {
        let each = queues.map { $0.pressure() }
        guard Self.sum(each) == pressure else { return }
        // Whatever the others do, nothing is better for the poll thread before this one has room.
        let store = each.firstIndex { $0.everything } ?? each.firstIndex { $0 != .none } ?? 0
        if queues.indices.contains(store) { queues[store].waitForChange(of: each[store], within: bound) }
    }

    private static func sum(_ pressures: [Pressure]) -> Pressure {
        var sum = Pressure.none
        for pressure in pressures {
            sum.everything = sum.everything || pressure.everything
            sum.partitions.formUnion(pressure.partitions)
        }
        return sum
    }
}
