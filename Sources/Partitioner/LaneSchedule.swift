public import OrderEvents

// Which events go next. Pure: no locks, no clock, no I/O; the shell in Workers holds it under one lock and calls it
// once per poll burst and once per batch.
//
// Fairness: deficit round robin over legal entities by weight, and within an entity over its lanes. Only what has work
// takes part, so nobody's capacity idles.
//
// Sequence: events of one order never are in two batches at once. While an order has events waiting or in flight, its
// later events join the lane in which the first of them waits, whatever warehouse they name: so one queue holds the
// order's sequence. An event that reaches the front while its order is in flight is set aside with its order, and goes
// first when that order's batch is complete. Nothing is looked at twice: the work of a call is what it moves.

/// The lanes of one store and the order in which they are served.
public struct LaneSchedule: Sendable {
    private struct LaneState: Sendable {
        let entity: Int
        /// Events in the sequence in which they came.
        var waiting = Chain()
        /// Orders whose batch is complete and that have events set aside: they go first.
        var firstReady: Int32 = -1
        var lastReady: Int32 = -1
        /// Events set aside.
        var setAside = 0
        var bytes = 0
        var isActive = false
        var isFull = false
        var feeders = PartitionSet()

        var events: Int { waiting.count + setAside }
        /// Whether a turn would move anything.
        var canGo: Bool { firstReady >= 0 || (waiting.count > 0 && setAside < LaneSchedule.maximumSetAside) }
    }

    private struct EntityState: Sendable {
        /// What a turn is worth, in thousandths of an event.
        let quantum: Int
        var lanes = Ring<Int>()
        var deficit = 0
        var isActive = false
    }

    /// Depth of one lane's queue, for metrics.
    public struct Depth: Sendable {
        /// Events waiting.
        public var events: Int
        /// Their memory.
        public var bytes: Int
        /// When the oldest was polled.
        public var oldest: Timestamp?
    }

    /// Events that the lightest entity may take per turn, and a lane of any entity before the next lane.
    static let quantum = 32
    /// Events that the heaviest entity may take per turn: what the others wait for at most.
    static let maximumQuantum = 512
    /// Events of orders in flight that a lane sets aside before it waits for them.
    static let maximumSetAside = 8192
    /// The process budget stays full until the level has fallen to this many hundredths of it: room for some bursts.
    static let processResume = 90
    /// A lane stays full until its level has fallen to this many hundredths of its bound.
    ///
    /// Low, because a partition that is paused while others go on loses what was fetched ahead of it.
    static let laneResume = 30

    private var lanes: [LaneState]
    private var entities: [EntityState]
    private var turn = Ring<Int>()
    /// The entity whose turn a full batch interrupted.
    private var serving: Int?
    private var events = EventPool()
    private var orders = OrderTable()
    private var inFlight: [UInt32: Receipt] = [:]
    private var nextBatch: UInt32 = 1
    /// When a batch is due, however small; nil: nothing could go into one.
    private var dueAt: Int64?
    private var setAsideEvents = 0
    private var fullLanes: Set<Int> = []
    private let bounds: LaneBounds

    /// Events waiting in lanes.
    public private(set) var waitingEvents = 0
    /// Memory of the events waiting or in flight.
    public private(set) var openBytes = 0
    /// Whether the process budget is full.
    public private(set) var isFull = false

    /// No events yet.
    ///
    /// `lanes` are all lanes of the process, so that indexes agree; other stores' stay empty.
    public init(lanes: [Lane], bounds: LaneBounds) {
        self.bounds = bounds
        // Entity -1 (dead letters) is schedule entity 0.
        let entityCount = Int(lanes.map(\.entity).max() ?? -1) + 2
        var weights = Array(repeating: 1, count: entityCount)
        for lane in lanes { weights[Int(lane.entity) + 1] = max(1, lane.weight) }
        let quanta = Self.quanta(weights)
        entities = quanta.map { EntityState(quantum: $0) }
        self.lanes = lanes.map { LaneState(entity: Int($0.entity) + 1) }
    }

    /// Turns in proportion to the weights: no longer than `maximumQuantum`, else as long as `quantum` for the lightest.
    private static func quanta(_ weights: [Int]) -> [Int] {
        let heaviest = weights.max() ?? 1
        // Dead letters have weight 1 and no say in it.
        let lightest = weights.dropFirst().min() ?? 1
        return weights.map { weight in
            max(1, min(weight * quantum * 1000 / lightest, weight * maximumQuantum * 1000 / heaviest))
        }
    }

    /// Whether nothing waits and nothing is in flight.
    public var isEmpty: Bool { waitingEvents == 0 && inFlight.isEmpty }

    /// How many lanes there are.
    public var laneCount: Int { lanes.count }

    /// Depth of lane `index`.
    ///
    /// Looks at every open order when the lane has set events aside; `depths` does that once for all lanes.
    public func depth(ofLane index: Int) -> Depth {
        let lane = lanes[index]
        var oldest = events.oldest(of: lane.waiting)
        if lane.setAside > 0 {
            for order in orders.all where order.lane == index {
                oldest = [oldest, events.oldest(of: order.blocked)].compactMap { $0 }.min()
            }
        }
        return Depth(events: lane.events, bytes: lane.bytes, oldest: oldest)
    }

    /// Depths of the lanes in which anything waits, by lane index.
    public func depths() -> [(lane: Int, depth: Depth)] {
        var setAside: [Int: Timestamp] = [:]
        if setAsideEvents > 0 {
            for order in orders.all {
                guard let time = events.oldest(of: order.blocked) else { continue }
                setAside[order.lane] = min(setAside[order.lane] ?? time, time)
            }
        }
        return lanes.indices.compactMap { index in
            let lane = lanes[index]
            guard lane.events > 0 else { return nil }
            let oldest = [events.oldest(of: lane.waiting), setAside[index]].compactMap { $0 }.min()
            return (index, Depth(events: lane.events, bytes: lane.bytes, oldest: oldest))
        }
    }

    // MARK: - In

    /// Takes a polled record into its lane.
    ///
    /// `now`: microseconds of the caller's clock.
    public mutating func enqueue(_ taken: consuming Taken, now: Int64) {
        var lane = 0
        var hash: UInt64 = 0
        let partition: Int32
        switch taken {
        case .event(let event):
            lane = Int(max(0, event.lane))
            hash = event.orderHash
            partition = event.source.partition
        case .deadLetter(let letter):
            // Dead letters wait in lane 0 and belong to no order.
            partition = letter.source.partition
        }
        let cost = taken.cost
        var order: Int32 = -1
        if hash != 0 {
            order = orders.index(of: hash, lane: lane)
            orders[order].open += 1
            lane = orders[order].lane
        }
        lanes[lane].feeders.insert(partition)
        lanes[lane].bytes += cost
        events.append(consume taken, order: order, cost: cost, to: &lanes[lane].waiting)
        openBytes += cost
        waitingEvents += 1
        dueAt = min(dueAt ?? Int64.max, now + bounds.linger)
        if lanes[lane].bytes >= bounds.laneBytes, !lanes[lane].isFull {
            lanes[lane].isFull = true
            fullLanes.insert(lane)
        }
        if openBytes >= bounds.processBytes { isFull = true }
        activate(lane)
    }

    private mutating func activate(_ lane: Int) {
        guard !lanes[lane].isActive, lanes[lane].canGo else { return }
        lanes[lane].isActive = true
        let entity = lanes[lane].entity
        entities[entity].lanes.append(lane)
        guard !entities[entity].isActive else { return }
        entities[entity].isActive = true
        turn.append(entity)
    }

    /// What must not be polled now.
    public func pressure() -> Pressure {
        if isFull { return Pressure(everything: true) }
        if fullLanes.isEmpty { return .none }
        var partitions: Set<Int32> = []
        for lane in fullLanes { lanes[lane].feeders.add(to: &partitions) }
        return Pressure(partitions: partitions)
    }

    // MARK: - Out

    /// The next batch, or when to ask again.
    public mutating func next(now: Int64) -> Offer {
        guard let dueAt else { return .wait(until: nil) }
        guard waitingEvents - setAsideEvents >= bounds.batchEvents || isFull || now >= dueAt else {
            return .wait(until: dueAt)
        }
        var batch = Assembly(id: nextBatch)
        batch.items.reserveCapacity(min(bounds.batchEvents, waitingEvents))
        while !batch.isFull(bounds), let entity = takeTurn() { serve(entity, &batch) }
        // A batch that is not full has taken all that could go: then the next event or completion sets the time.
        self.dueAt = batch.isFull(bounds) ? Int64.min : nil
        guard !batch.items.isEmpty else { return .wait(until: nil) }
        nextBatch = nextBatch == UInt32.max ? 1 : nextBatch + 1
        inFlight[batch.id] = Receipt(orders: batch.orders, bytes: batch.bytes)
        return .batch(LaneBatch(id: batch.id, items: batch.items, bytes: batch.bytes))
    }

    /// The entity whose turn it is.
    private mutating func takeTurn() -> Int? {
        if let serving {
            self.serving = nil
            return serving
        }
        guard let entity = turn.popFirst() else { return nil }
        entities[entity].deficit += entities[entity].quantum
        return entity
    }

    /// One entity's turn: its quantum of events from its lanes.
    private mutating func serve(_ entity: Int, _ batch: inout Assembly) {
        while entities[entity].deficit >= 1000, !batch.isFull(bounds), let lane = entities[entity].lanes.popFirst() {
            let share = min(Self.quantum, entities[entity].deficit / 1000)
            let before = batch.items.count
            take(share, from: lane, &batch)
            entities[entity].deficit -= (batch.items.count - before) * 1000
            if lanes[lane].canGo {
                entities[entity].lanes.append(lane)
            } else {
                lanes[lane].isActive = false
            }
        }
        if entities[entity].lanes.isEmpty {
            entities[entity].isActive = false
            entities[entity].deficit = 0
        } else if entities[entity].deficit >= 1000 {
            serving = entity
        } else {
            turn.append(entity)
        }
    }

    /// Moves up to `share` events of the lane into the batch.
    private mutating func take(_ share: Int, from lane: Int, _ batch: inout Assembly) {
        let most = batch.items.count + share
        let bytesBefore = batch.bytes
        while batch.items.count < most, !batch.isFull(bounds), lanes[lane].firstReady >= 0 {
            let order = lanes[lane].firstReady
            guard claim(order, &batch) else {
                // It went into another batch: that batch's completion makes it ready again.
                dropFirstReady(lane)
                continue
            }
            while batch.items.count < most, !batch.isFull(bounds), orders[order].blocked.count > 0 {
                batch.bytes += events.popFirst(of: &orders[order].blocked, into: &batch.items)
                orders[order].inBatch += 1
                lanes[lane].setAside -= 1
                setAsideEvents -= 1
                waitingEvents -= 1
            }
            if orders[order].blocked.count == 0 { dropFirstReady(lane) }
        }
        while batch.items.count < most, !batch.isFull(bounds), lanes[lane].setAside < Self.maximumSetAside,
            let order = events.firstOrder(of: lanes[lane].waiting)
        {
            // Free orders have nothing set aside here: the loop above has taken it all, or ended the share.
            if order < 0 || claim(order, &batch) {
                batch.bytes += events.popFirst(of: &lanes[lane].waiting, into: &batch.items)
                if order >= 0 { orders[order].inBatch += 1 }
                waitingEvents -= 1
            } else {
                events.moveFirst(of: &lanes[lane].waiting, to: &orders[order].blocked)
                lanes[lane].setAside += 1
                setAsideEvents += 1
            }
        }
        fall(lane, by: batch.bytes - bytesBefore)
    }

    /// Whether the order is free, or in this very batch already.
    private mutating func claim(_ order: Int32, _ batch: inout Assembly) -> Bool {
        if orders[order].batch == batch.id { return true }
        guard orders[order].batch == 0 else { return false }
        orders[order].batch = batch.id
        batch.orders.append(order)
        return true
    }

    /// The lane's level fell: a full one may take again.
    private mutating func fall(_ lane: Int, by bytes: Int) {
        lanes[lane].bytes -= bytes
        if lanes[lane].isFull {
            guard lanes[lane].bytes <= bounds.laneBytes * Self.laneResume / 100 else { return }
            lanes[lane].isFull = false
            fullLanes.remove(lane)
            lanes[lane].feeders.removeAll()
        } else if lanes[lane].bytes == 0 {
            lanes[lane].feeders.removeAll()
        }
    }

    private mutating func dropFirstReady(_ lane: Int) {
        let order = lanes[lane].firstReady
        lanes[lane].firstReady = orders[order].nextReady
        if lanes[lane].firstReady < 0 { lanes[lane].lastReady = -1 }
        orders[order].isReady = false
    }

    // MARK: - Done

    /// The batch's transaction has ended, or the batch is given up: its orders may go on.
    public mutating func complete(_ batch: borrowing LaneBatch) {
        guard let receipt = inFlight.removeValue(forKey: batch.id) else { return }
        openBytes -= receipt.bytes
        if isFull, openBytes <= bounds.processBytes * Self.processResume / 100 { isFull = false }
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

    /// What was set aside has waited long enough: a batch is due at once.
    private mutating func makeReady(_ order: Int32) {
        dueAt = Int64.min
        guard !orders[order].isReady else { return }
        let lane = orders[order].lane
        orders[order].isReady = true
        orders[order].nextReady = -1
        if lanes[lane].lastReady >= 0 {
            orders[lanes[lane].lastReady].nextReady = order
        } else {
            lanes[lane].firstReady = order
        }
        lanes[lane].lastReady = order
        activate(lane)
    }
}

/// What the schedule remembers of a batch in flight.
private struct Receipt: Sendable {
    var orders: [Int32]
    var bytes: Int
}

/// A batch being put together.
private struct Assembly {
    let id: UInt32
    var items: [Taken] = []
    var orders: [Int32] = []
    var bytes = 0

    init(id: UInt32) { self.id = id }

    func isFull(_ bounds: LaneBounds) -> Bool { items.count >= bounds.batchEvents || bytes >= bounds.batchBytes }
}
