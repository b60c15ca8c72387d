public import OrderEvents

// Which events go next. Pure: no locks, no clock, no I/O; the shell in Workers holds it under one lock and calls it once
// per poll burst and once per batch.
//
// Fairness: deficit round robin over legal entities by weight, and within an entity over its lanes. Only what has work
// takes part, so nobody's capacity idles.
//
// Sequence: events of one order never are in two batches at once. While an order has events waiting or in flight, its
// later events join the lane in which the first of them waits, whatever warehouse they name: so one queue holds the
// order's sequence. An event whose order is in flight is set aside in its lane and looked at first next time.

/// Bounds of the lanes.
public struct LaneBounds: Sendable {
    /// Bytes that may wait or be in flight in all lanes together.
    public var processBytes: Int
    /// Bytes that may wait in one lane.
    public var laneBytes: Int
    /// Events of one batch at most.
    public var batchEvents: Int
    /// Bytes of one batch at most.
    public var batchBytes: Int
    /// How long the first event of a batch may wait for company, in microseconds.
    public var linger: Int64

    /// Bounds; see the properties.
    public init(processBytes: Int, laneBytes: Int, batchEvents: Int = 2000, batchBytes: Int = 8 << 20, linger: Int64) {
        self.processBytes = processBytes
        self.laneBytes = laneBytes
        self.batchEvents = batchEvents
        self.batchBytes = batchBytes
        self.linger = linger
    }
}

/// Events of one or more lanes that go through one transaction.
public struct LaneBatch: Sendable {
    /// Identifies the batch until it is completed.
    public let id: UInt32
    /// The events; those of one order are in their sequence.
    public var items: [Taken]
    /// Their memory.
    public let bytes: Int
}

/// What a worker that asked for a batch has to do.
public enum Offer: Sendable {
    /// Work on it and complete it.
    case batch(LaneBatch)
    /// Ask again at this time (microseconds of the caller's clock), or when something new came.
    case wait(until: Int64?)
}

/// The lanes of one store and the order in which they are served.
public struct LaneSchedule: Sendable {
    private struct LaneState: Sendable {
        let entity: Int
        var waiting = Ring<Taken>()
        var setAside: [Taken] = []
        var bytes = 0
        var deficit = 0
        var isActive = false
        var isFull = false
        var feeders: Set<Int32> = []
        var events: Int { waiting.count + setAside.count }
    }

    private struct EntityState: Sendable {
        let weight: Int
        var lanes = Ring<Int>()
        var deficit = 0
        var isActive = false
    }

    private struct OrderState: Sendable {
        var open: UInt32
        var lane: Int32
        var batch: UInt32
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

    /// Events an entity of weight 1 may take per turn.
    static let quantum = 32
    /// Events of orders in flight that a lane sets aside before it waits for them.
    static let maximumSetAside = 8192
    /// A pause ends when the level has fallen to this share of the bound, so that it does not flutter.
    static let resumeShare = 0.7

    private var lanes: [LaneState]
    private var entities: [EntityState]
    private var turn = Ring<Int>()
    private var orders: [UInt64: OrderState] = [:]
    private var inFlight: [UInt32: LaneBatch.Receipt] = [:]
    private var nextBatch: UInt32 = 1
    private var oldestWaiting: Int64?
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
        entities = weights.map { EntityState(weight: $0) }
        self.lanes = lanes.map { LaneState(entity: Int($0.entity) + 1) }
    }

    /// Whether nothing waits and nothing is in flight.
    public var isEmpty: Bool { waitingEvents == 0 && inFlight.isEmpty }

    /// How many lanes there are.
    public var laneCount: Int { lanes.count }

    /// Depth of lane `index`.
    public func depth(ofLane index: Int) -> Depth {
        let lane = lanes[index]
        let oldest = [lane.setAside.first?.source.polledAt, lane.waiting.first?.source.polledAt].compactMap { $0 }.min()
        return Depth(events: lane.events, bytes: lane.bytes, oldest: oldest)
    }

    // MARK: - In

    /// Takes a polled record into its lane.
    ///
    /// `now`: microseconds of the caller's clock.
    public mutating func enqueue(_ taken: consuming Taken, now: Int64) {
        let hash = taken.orderHash
        var index = max(0, taken.lane)
        if hash != 0 {
            if let known = orders[hash] {
                index = known.lane
                orders[hash]?.open += 1
            } else {
                orders[hash] = OrderState(open: 1, lane: index, batch: 0)
            }
        }
        let lane = Int(index)
        let cost = taken.cost
        lanes[lane].feeders.insert(taken.source.partition)
        lanes[lane].bytes += cost
        lanes[lane].waiting.append(taken)
        openBytes += cost
        waitingEvents += 1
        if oldestWaiting == nil { oldestWaiting = now }
        if lanes[lane].bytes >= bounds.laneBytes, !lanes[lane].isFull {
            lanes[lane].isFull = true
            fullLanes.insert(lane)
        }
        if openBytes >= bounds.processBytes { isFull = true }
        activate(lane)
    }

    private mutating func activate(_ lane: Int) {
        guard !lanes[lane].isActive else { return }
        lanes[lane].isActive = true
        let entity = lanes[lane].entity
        entities[entity].lanes.append(lane)
        guard !entities[entity].isActive else { return }
        entities[entity].isActive = true
        turn.append(entity)
    }

    /// What has to be paused now.
    public func pressure() -> Pressure {
        if isFull { return Pressure(everything: true) }
        if fullLanes.isEmpty { return .none }
        var partitions: Set<Int32> = []
        for lane in fullLanes { partitions.formUnion(lanes[lane].feeders) }
        return Pressure(partitions: partitions)
    }

    // MARK: - Out

    /// The next batch, or when to ask again.
    public mutating func next(now: Int64) -> Offer {
        guard waitingEvents > 0, let oldest = oldestWaiting else { return .wait(until: nil) }
        let ripe = waitingEvents >= bounds.batchEvents || isFull || now - oldest >= bounds.linger
        guard ripe else { return .wait(until: oldest + bounds.linger) }
        var batch = Assembly(id: nextBatch)
        var idle = 0
        while !batch.isFull(bounds), idle < turn.count, let entity = turn.popFirst() {
            let before = batch.items.count
            serve(entity, &batch)
            idle = batch.items.count == before ? idle + 1 : 0
        }
        guard !batch.items.isEmpty else { return .wait(until: nil) }
        nextBatch = nextBatch == UInt32.max ? 1 : nextBatch + 1
        waitingEvents -= batch.items.count
        oldestWaiting = waitingEvents == 0 ? nil : now
        inFlight[batch.id] = LaneBatch.Receipt(orders: batch.orders, bytes: batch.bytes)
        return .batch(LaneBatch(id: batch.id, items: batch.items, bytes: batch.bytes))
    }

    /// One entity's turn: its quantum of events from its lanes.
    private mutating func serve(_ entity: Int, _ batch: inout Assembly) {
        entities[entity].deficit += Self.quantum * entities[entity].weight
        var idle = 0
        while entities[entity].deficit > 0, !batch.isFull(bounds), idle < entities[entity].lanes.count,
            let lane = entities[entity].lanes.popFirst()
        {
            let share = min(Self.quantum, entities[entity].deficit)
            let taken = take(share, from: lane, &batch)
            entities[entity].deficit -= taken
            idle = taken == 0 ? idle + 1 : 0
            if lanes[lane].events > 0 {
                entities[entity].lanes.append(lane)
            } else {
                lanes[lane].isActive = false
            }
        }
        if entities[entity].lanes.isEmpty {
            entities[entity].isActive = false
            entities[entity].deficit = 0
        } else {
            // What it could not use because its orders are in flight is not saved up.
            if !batch.isFull(bounds) { entities[entity].deficit = min(0, entities[entity].deficit) }
            turn.append(entity)
        }
    }

    private mutating func take(_ share: Int, from index: Int, _ batch: inout Assembly) -> Int {
        var taken = 0
        if !lanes[index].setAside.isEmpty { taken = takeSetAside(share, from: index, &batch) }
        while taken < share, !batch.isFull(bounds), lanes[index].setAside.count < Self.maximumSetAside,
            let item = lanes[index].waiting.popFirst()
        {
            if claim(item.orderHash, for: batch.id, &batch) {
                taken += 1
                leave(index, item.cost)
                batch.add(item)
            } else {
                lanes[index].setAside.append(item)
            }
        }
        return taken
    }

    private mutating func takeSetAside(_ share: Int, from index: Int, _ batch: inout Assembly) -> Int {
        var taken = 0
        var kept: [Taken] = []
        let items = lanes[index].setAside
        lanes[index].setAside = []
        for item in items {
            if taken < share, !batch.isFull(bounds), claim(item.orderHash, for: batch.id, &batch) {
                taken += 1
                leave(index, item.cost)
                batch.add(item)
            } else {
                kept.append(item)
            }
        }
        lanes[index].setAside = kept
        return taken
    }

    /// Whether the order is free, or in this very batch already.
    private mutating func claim(_ hash: UInt64, for id: UInt32, _ batch: inout Assembly) -> Bool {
        guard hash != 0, let known = orders[hash] else { return true }
        if known.batch == id { return true }
        guard known.batch == 0 else { return false }
        orders[hash]?.batch = id
        batch.orders.append(hash)
        return true
    }

    private mutating func leave(_ lane: Int, _ cost: Int) {
        lanes[lane].bytes -= cost
        guard lanes[lane].isFull, Double(lanes[lane].bytes) <= Double(bounds.laneBytes) * Self.resumeShare else {
            if lanes[lane].bytes == 0 { lanes[lane].feeders.removeAll() }
            return
        }
        lanes[lane].isFull = false
        lanes[lane].feeders.removeAll()
        fullLanes.remove(lane)
    }

    // MARK: - Done

    /// The batch's transaction has ended, or the batch is given up: its orders may go on.
    public mutating func complete(_ batch: borrowing LaneBatch) {
        guard let receipt = inFlight.removeValue(forKey: batch.id) else { return }
        openBytes -= receipt.bytes
        if isFull, Double(openBytes) <= Double(bounds.processBytes) * Self.resumeShare { isFull = false }
        for item in batch.items where item.orderHash != 0 { orders[item.orderHash]?.open -= 1 }
        for hash in receipt.orders {
            if orders[hash]?.open == 0 {
                orders.removeValue(forKey: hash)
            } else {
                orders[hash]?.batch = 0
            }
        }
        // Only events set aside may be left: they are ripe at once.
        if waitingEvents > 0, oldestWaiting == nil { oldestWaiting = Int64.min / 2 }
    }
}

extension LaneBatch {
    /// What the schedule remembers of a batch in flight.
    struct Receipt: Sendable {
        var orders: [UInt64]
        var bytes: Int
    }
}

/// A batch being put together.
private struct Assembly {
    let id: UInt32
    var items: [Taken] = []
    var orders: [UInt64] = []
    var bytes = 0

    func isFull(_ bounds: LaneBounds) -> Bool { items.count >= bounds.batchEvents || bytes >= bounds.batchBytes }

    mutating func add(_ item: Taken) {
        bytes += item.cost
        items.append(item)
    }
}

extension Taken {
    /// Index of the lane; 0 for a dead letter.
    var lane: Int32 {
        switch self {
        case .event(let event): event.lane
        case .deadLetter: 0
        }
    }

    /// Hash of the order; 0 for a dead letter.
    var orderHash: UInt64 {
        switch self {
        case .event(let event): event.orderHash
        case .deadLetter: 0
        }
    }
}
