public import OrderEvents

// Which events go next. Pure: no locks, no clock, no I/O; the shell in Workers holds it under one lock and calls it
// once per poll burst and once per batch. Whose turn it is says `FairShares`, how full the lanes are `LaneLevels`, what
// events cost `WorkMeter`.
//
// A lane has one queue, or one for each priority where any is configured.
//
// Sequence: events of one order never are in two batches at once. While an order has events waiting or in flight, its
// later events join the queue in which the first of them waits, whatever warehouse and priority they have: so one queue
// holds the order's sequence. An event that reaches the front while its order is in flight is set aside with its order,
// and goes first when that order's batch is complete. Nothing is looked at twice: the work of a call is what it moves.

/// The lanes of one store and the order in which they are served.
public struct LaneSchedule: Sendable {
    /// Depth of one lane's queue, for metrics.
    public struct Depth: Sendable {
        /// Events waiting.
        public var events: Int
        /// Their memory.
        public var bytes: Int
        /// When the oldest was polled.
        public var oldest: Timestamp?
    }

    /// How many lanes there are.
    public let laneCount: Int
    private let bounds: LaneBounds
    private let priorities: Priorities
    /// Queues of a lane.
    private let ranks: Int
    /// By lane, then by priority.
    private var queues: [WaitingQueue]
    /// Queues of each party, which lie together.
    private var ranges: [Range<Int>]
    private var isPaused: [Bool]
    private var shares: FairShares
    private var levels: LaneLevels
    private var meter = WorkMeter()
    private var events = EventPool()
    private var orders = OrderTable()
    private var inFlight: [UInt32: Receipt] = [:]
    private var nextBatch: UInt32 = 1
    /// When a batch is due, however small; nil: nothing could go into one.
    private var dueAt: Int64?
    private var setAsideEvents = 0
    /// Events that wait, not set aside, for paused legal entities.
    private var pausedEvents = 0
    /// When a batch last ended, or the first of those in flight left.
    private var movedAt: Int64 = 0
    /// When a legal entity last kept up: had all that waited of it in one batch.
    private var keptUpAt: Int64?
    private var isStalled = false

    /// Events waiting in lanes.
    public private(set) var waitingEvents = 0

    /// No events yet.
    ///
    /// `lanes` are all lanes of the process, those of a legal entity one after the other, so that indexes agree; other
    /// stores' stay empty.
    public init(lanes: [Lane], bounds: LaneBounds, priorities: Priorities = .none) {
        self.bounds = bounds
        self.priorities = priorities
        laneCount = lanes.count
        let ranks = priorities.isUsed ? Priority.allCases.count : 1
        self.ranks = ranks
        // Entity -1 (dead letters) is party 0.
        let parties = Int(lanes.map(\.entity).max() ?? -1) + 2
        var weights = Array(repeating: 1, count: parties)
        var ranges = Array(repeating: 0..<0, count: parties)
        for (index, lane) in lanes.enumerated() {
            let party = Int(lane.entity) + 1
            weights[party] = max(1, lane.weight)
            let start = ranges[party].isEmpty ? index * ranks : ranges[party].lowerBound
            ranges[party] = start..<(index + 1) * ranks
        }
        self.ranges = ranges
        isPaused = Array(repeating: false, count: parties)
        shares = FairShares(weights: weights)
        queues = lanes.flatMap { lane in
            Array(repeating: WaitingQueue(party: Int(lane.entity) + 1), count: ranks)
        }
        levels = LaneLevels(parties: queues.map(\.party), weights: weights, bounds: bounds)
    }

    /// Whether nothing waits and nothing is in flight.
    public var isEmpty: Bool { waitingEvents == 0 && inFlight.isEmpty }
    /// Memory of the events waiting or in flight.
    public var openBytes: Int { levels.openBytes }
    /// Memory of the events that wait for legal entities that may not go on, or drain after they could not.
    public var blockedBytes: Int { levels.blockedBytes }
    /// Whether the process budget is full.
    public var isFull: Bool { levels.isFull }

    /// Depth of lane `index`.
    ///
    /// Looks at every open order when the lane has set events aside; `depths` does that once for all lanes.
    public func depth(ofLane index: Int) -> Depth { depth(index, setAside: oldestSetAside()) }

    /// Depths of the lanes in which anything waits, by lane index.
    public func depths() -> [(lane: Int, depth: Depth)] {
        let setAside = oldestSetAside()
        return (0..<laneCount).compactMap { index in
            let depth = depth(index, setAside: setAside)
            return depth.events > 0 ? (index, depth) : nil
        }
    }

    private func depth(_ lane: Int, setAside: [Int: Timestamp]) -> Depth {
        var depth = Depth(events: 0, bytes: 0, oldest: nil)
        for queue in lane * ranks..<(lane + 1) * ranks where queues[queue].events > 0 {
            depth.events += queues[queue].events
            depth.bytes += levels.bytes(queue)
            let times = [depth.oldest, events.oldest(of: queues[queue].waiting), setAside[queue]]
            depth.oldest = times.compactMap { $0 }.min()
        }
        return depth
    }

    /// When the oldest event that is set aside was polled, by queue.
    private func oldestSetAside() -> [Int: Timestamp] {
        var oldest: [Int: Timestamp] = [:]
        if setAsideEvents == 0 { return oldest }
        for order in orders.all {
            guard let time = events.oldest(of: order.blocked) else { continue }
            oldest[order.queue] = min(oldest[order.queue] ?? time, time)
        }
        return oldest
    }

    // MARK: - In

    /// Takes a polled record into its lane.
    ///
    /// `now`: microseconds of the caller's clock.
    public mutating func enqueue(_ taken: consuming Taken, now: Int64) {
        var lane = 0
        var hash: UInt64 = 0
        var priority = Priority.normal
        let partition: Int32
        switch taken {
        case .event(let event):
            lane = Int(max(0, event.lane))
            hash = event.orderHash
            partition = event.source.partition
            if ranks > 1 { priority = priorities.priority(of: event) }
        case .deadLetter(let letter):
            // Dead letters wait in lane 0 and belong to no order.
            partition = letter.source.partition
        }
        let cost = taken.cost
        var queue = lane * ranks + (ranks > 1 ? priority.rawValue : 0)
        var order: Int32 = -1
        if hash != 0 {
            order = orders.index(of: hash, queue: queue)
            orders[order].open += 1
            queue = orders[order].queue
        }
        let isPaused = isPaused[queues[queue].party]
        if isPaused || isStalled { levels.block(queue) }
        levels.came(queue, cost, from: partition)
        events.append(consume taken, order: order, cost: cost, to: &queues[queue].waiting)
        waitingEvents += 1
        if isPaused { pausedEvents += 1 } else { dueAt = min(dueAt ?? Int64.max, now + bounds.linger) }
        activate(queue)
    }

    private mutating func activate(_ queue: Int) {
        guard !queues[queue].isActive, queues[queue].canGo else { return }
        queues[queue].isActive = true
        let priority = ranks > 1 ? queue % ranks : Priority.normal.rawValue
        shares.wake(queue, of: queues[queue].party, priority: priority)
    }

    /// A legal entity's events may not go on, or may again; they are taken in all the same, within
    /// `LaneBounds.blockedBytes`.
    ///
    /// `entity`: its index in the lane map. What is in flight is not called back.
    public mutating func setPaused(_ entity: Int32, _ isPaused: Bool) {
        let party = Int(entity) + 1
        guard self.isPaused.indices.contains(party), self.isPaused[party] != isPaused else { return }
        self.isPaused[party] = isPaused
        shares.setPaused(party, isPaused)
        for queue in ranges[party] {
            pausedEvents += isPaused ? queues[queue].waiting.count : -queues[queue].waiting.count
            if isPaused { levels.block(queue) } else if !isStalled { levels.unblock(queue) }
        }
        // What waited has waited long enough.
        if !isPaused { dueAt = Int64.min }
    }

    /// What must not be polled now.
    ///
    /// `now`: of the caller's clock.
    public mutating func pressure(now: Int64 = 0) -> Pressure {
        noteStall(now)
        return levels.pressure(now: now)
    }

    /// Whether batches are in flight and none has ended for `limit` microseconds.
    public func standsStill(for limit: Int64, now: Int64) -> Bool { !inFlight.isEmpty && now - movedAt >= limit }

    private mutating func noteStall(_ now: Int64) {
        guard let limit = bounds.stallAfter else { return }
        let isStalled = standsStill(for: limit, now: now)
        guard isStalled != self.isStalled else { return }
        self.isStalled = isStalled
        if isStalled {
            for queue in queues.indices where queues[queue].events > 0 { levels.block(queue) }
        } else {
            for queue in levels.blockedQueues where !isPaused[queues[queue].party] { levels.unblock(queue) }
        }
    }

    /// What of `partitions` waits for whoever may not go on; see `LaneSink.heldUp`.
    ///
    /// As of the last `pressure`.
    public func heldUp(of partitions: Set<Int32>) -> HeldUp {
        var heldUp = HeldUp()
        for queue in levels.blockedQueues where mayNotGo(queue) {
            heldUp.waiting += events.count(of: queues[queue].waiting, from: partitions)
        }
        if setAsideEvents > 0 {
            for order in orders.all where mayNotGo(order.queue) {
                heldUp.waiting += events.count(of: order.blocked, from: partitions)
            }
        }
        if isStalled { heldUp.inFlight = inFlight.values.reduce(0) { $0 + $1.events } }
        return heldUp
    }

    private func mayNotGo(_ queue: Int) -> Bool { isStalled || isPaused[queues[queue].party] }

    /// Drops what waits for whoever may not go on, of source partitions that were given back.
    ///
    /// Else it would wait, without effect, beside the same records when they are polled again. Goes through all that
    /// waits for them.
    public mutating func forget(_ partitions: Set<Int32>) {
        for queue in levels.blockedQueues where mayNotGo(queue) {
            let isPaused = isPaused[queues[queue].party]
            var kept = Chain()
            while let order = events.firstOrder(of: queues[queue].waiting) {
                guard let partition = events.firstPartition(of: queues[queue].waiting), partitions.contains(partition)
                else {
                    events.moveFirst(of: &queues[queue].waiting, to: &kept)
                    continue
                }
                levels.dropped(queue, events.dropFirst(of: &queues[queue].waiting))
                waitingEvents -= 1
                if isPaused { pausedEvents -= 1 }
                guard order >= 0 else { continue }
                orders[order].open -= 1
                if orders[order].open == 0 { orders.close(order) }
            }
            queues[queue].waiting = kept
        }
    }

    // MARK: - Out

    /// The next batch, or when to ask again.
    public mutating func next(now: Int64) -> Offer {
        guard let dueAt else { return .wait(until: nil) }
        let ready = waitingEvents - setAsideEvents - pausedEvents
        let isShared = keptUpAt.map { now - $0 < LaneBounds.keptUpFor } ?? false
        let most = isShared ? bounds.sharedBatchEvents : bounds.batchEvents
        guard ready >= most || isFull || now >= dueAt else { return .wait(until: dueAt) }
        var batch = Assembly(id: nextBatch, mostEvents: most)
        batch.items.reserveCapacity(min(most, waitingEvents))
        while !batch.isFull(bounds), let turn = shares.next() {
            let before = batch.items.count
            let cost = take(turn.most, from: turn.queue, &batch)
            batch.charge(turn.party, cost)
            queues[turn.queue].isActive = queues[turn.queue].canGo
            shares.took(turn, cost: cost, hasMore: queues[turn.queue].isActive)
            // Nobody waits for a dead letter, and what is set aside waits for its own order.
            let isAll = queues[turn.queue].setAside == 0 && !shares.hasWork(turn.party)
            if turn.party > 0, isAll { batch.notePrompt(batch.items.count - before) }
        }
        // A batch that is not full has taken all that could go: then the next event or completion sets the time.
        self.dueAt = batch.isFull(bounds) ? Int64.min : nil
        if batch.promptEvents > 0 { keptUpAt = now }
        guard !batch.items.isEmpty else { return .wait(until: nil) }
        nextBatch = nextBatch == UInt32.max ? 1 : nextBatch + 1
        if inFlight.isEmpty { movedAt = now }
        inFlight[batch.id] = Receipt(
            orders: batch.orders, events: batch.items.count, bytes: batch.bytes, charges: batch.charges,
            isTelling: batch.items.count >= bounds.promptBatchEvents)
        return .batch(LaneBatch(id: batch.id, items: batch.items, bytes: batch.bytes))
    }

    /// Moves events of the queue into the batch until they cost `most`, and returns their cost.
    private mutating func take(_ most: Int, from queue: Int, _ batch: inout Assembly) -> Int {
        var cost = 0
        let bytesBefore = batch.bytes
        while cost < most, !batch.isFull(bounds), queues[queue].firstReady >= 0 {
            let order = queues[queue].firstReady
            guard claim(order, &batch) else {
                // It went into another batch: that batch's completion makes it ready again.
                dropFirstReady(queue)
                continue
            }
            while cost < most, !batch.isFull(bounds), orders[order].blocked.count > 0 {
                cost += left(events.popFirst(of: &orders[order].blocked, into: &batch.items), &batch)
                orders[order].inBatch += 1
                queues[queue].setAside -= 1
                setAsideEvents -= 1
            }
            if orders[order].blocked.count == 0 { dropFirstReady(queue) }
        }
        while cost < most, !batch.isFull(bounds), queues[queue].setAside < WaitingQueue.maximumSetAside,
            let order = events.firstOrder(of: queues[queue].waiting)
        {
            // Free orders have nothing set aside here: the loop above has taken it all, or ended the share.
            if order < 0 || claim(order, &batch) {
                cost += left(events.popFirst(of: &queues[queue].waiting, into: &batch.items), &batch)
                if order >= 0 { orders[order].inBatch += 1 }
            } else {
                events.moveFirst(of: &queues[queue].waiting, to: &orders[order].blocked)
                queues[queue].setAside += 1
                setAsideEvents += 1
            }
        }
        levels.left(queue, batch.bytes - bytesBefore, mayGoOn: !isStalled)
        return cost
    }

    /// An event of so many bytes left its queue; returns its cost.
    private mutating func left(_ bytes: Int, _ batch: inout Assembly) -> Int {
        batch.bytes += bytes
        waitingEvents -= 1
        return meter.price(bytes: bytes)
    }

    /// Whether the order is free, or in this very batch already.
    private mutating func claim(_ order: Int32, _ batch: inout Assembly) -> Bool {
        if orders[order].batch == batch.id { return true }
        guard orders[order].batch == 0 else { return false }
        orders[order].batch = batch.id
        batch.orders.append(order)
        return true
    }

    private mutating func dropFirstReady(_ queue: Int) {
        let order = queues[queue].firstReady
        queues[queue].firstReady = orders[order].nextReady
        if queues[queue].firstReady < 0 { queues[queue].lastReady = -1 }
        orders[order].isReady = false
    }

    // MARK: - Done

    /// The batch's transaction has ended, or the batch is given up: its orders may go on.
    ///
    /// `microseconds`: how long it took; nil: nothing is known of that. `now`: of the caller's clock.
    public mutating func complete(_ batch: borrowing LaneBatch, microseconds: Int64? = nil, now: Int64 = 0) {
        guard let receipt = inFlight.removeValue(forKey: batch.id) else { return }
        movedAt = now
        levels.ended(receipt.bytes)
        // A small batch is all round trips, and at low load nobody waits for his share.
        if let microseconds, receipt.isTelling { correct(receipt.charges, microseconds) }
        for order in receipt.orders {
            orders[order].open -= orders[order].inBatch
            orders[order].inBatch = 0
            orders[order].batch = 0
            if orders[order].open == 0 {
                orders.close(order)
            } else if orders[order].blocked.count > 0 {
                makeReady(order)
            }
        }
    }

    private mutating func correct(_ charges: [(party: Int, cost: Int)], _ microseconds: Int64) {
        let sum = charges.reduce(0) { $0 + $1.cost }
        let correction = meter.correction(cost: sum, microseconds: microseconds)
        for charge in charges { shares.correct(charge.party, by: Int(Double(charge.cost) * correction)) }
    }

    /// What was set aside has waited long enough: a batch is due at once.
    private mutating func makeReady(_ order: Int32) {
        dueAt = Int64.min
        guard !orders[order].isReady else { return }
        let queue = orders[order].queue
        orders[order].isReady = true
        orders[order].nextReady = -1
        if queues[queue].lastReady >= 0 {
            orders[queues[queue].lastReady].nextReady = order
        } else {
            queues[queue].firstReady = order
        }
        queues[queue].lastReady = order
        activate(queue)
    }
}
