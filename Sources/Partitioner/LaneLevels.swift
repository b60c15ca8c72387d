// How full the lanes are. Three bounds: of the process, of each queue (a lane's events of one priority), and of what is
// blocked; and shares of the first (`PartyLevels`). What waits for a legal entity that may not go on, or for a store
// that does not answer, does not count for the first two: it would fill them, and stop everybody else who has events in
// the same partitions. It has a budget of its own, and keeps it until it has drained.

/// The levels of one store's queues, and what must therefore not be polled.
///
/// Pure.
struct LaneLevels: Sendable {
    private struct Level: Sendable {
        let party: Int
        var bytes = 0
        var isFull = false
        var isBlocked = false
        /// Source partitions that its events came from.
        var feeders = PartitionSet()
    }

    /// The process budget stays full until the level has fallen to this many hundredths of it: room for some bursts.
    static let processResume = 90
    /// A queue stays full, or blocked, until its level has fallen to this many hundredths of its bound.
    ///
    /// Low, because a partition that is paused while others go on loses what was fetched ahead of it.
    static let queueResume = 30

    private var levels: [Level]
    private var full: Set<Int> = []
    private var blocked: Set<Int> = []
    private var isBlockedFull = false
    private var parties: PartyLevels
    private let bounds: LaneBounds

    /// Memory of the events waiting or in flight.
    private(set) var openBytes = 0
    /// Memory of the events that wait in blocked queues.
    private(set) var blockedBytes = 0
    /// Whether the process budget is full.
    private(set) var isFull = false

    /// Nothing waits yet; `parties` has the party of each queue.
    init(parties: [Int], weights: [Int], bounds: LaneBounds) {
        levels = parties.map { Level(party: $0) }
        self.parties = PartyLevels(weights: weights, processBytes: bounds.processBytes)
        self.bounds = bounds
    }

    /// Memory of the events that wait in a queue.
    func bytes(_ queue: Int) -> Int { levels[queue].bytes }

    /// An event came into a queue.
    mutating func came(_ queue: Int, _ bytes: Int, from partition: Int32) {
        levels[queue].feeders.insert(partition)
        levels[queue].bytes += bytes
        openBytes += bytes
        if levels[queue].isBlocked {
            blockedBytes += bytes
            if blockedBytes >= bounds.blockedBytes { isBlockedFull = true }
            return
        }
        parties.add(levels[queue].party, bytes)
        if levels[queue].bytes >= bounds.laneBytes, !levels[queue].isFull {
            levels[queue].isFull = true
            full.insert(queue)
        }
        if openBytes - blockedBytes >= bounds.processBytes { isFull = true }
    }

    /// Events left a queue for a batch.
    ///
    /// `mayGoOn`: nothing keeps it from draining.
    mutating func left(_ queue: Int, _ bytes: Int, mayGoOn: Bool) {
        levels[queue].bytes -= bytes
        if levels[queue].isBlocked {
            blockedBytes -= bytes
            noteBlockedLevel()
            if mayGoOn { unblock(queue) }
            return
        }
        parties.add(levels[queue].party, -bytes)
        if levels[queue].isFull {
            guard isLow(queue) else { return }
            levels[queue].isFull = false
            full.remove(queue)
            levels[queue].feeders.removeAll()
        } else if levels[queue].bytes == 0 {
            levels[queue].feeders.removeAll()
        }
    }

    /// Events of a blocked queue were given up.
    mutating func dropped(_ queue: Int, _ bytes: Int) {
        left(queue, bytes, mayGoOn: false)
        openBytes -= bytes
    }

    /// A batch has ended.
    mutating func ended(_ bytes: Int) {
        openBytes -= bytes
        noteProcessLevel()
    }

    /// What waits in the queue, and what comes, waits for somebody who may not go on.
    mutating func block(_ queue: Int) {
        guard !levels[queue].isBlocked else { return }
        levels[queue].isBlocked = true
        levels[queue].isFull = false
        full.remove(queue)
        blocked.insert(queue)
        blockedBytes += levels[queue].bytes
        parties.add(levels[queue].party, -levels[queue].bytes)
        if blockedBytes >= bounds.blockedBytes { isBlockedFull = true }
        noteProcessLevel()
    }

    /// The queue may go on: it counts as others do as soon as it has drained.
    mutating func unblock(_ queue: Int) {
        guard levels[queue].isBlocked, isLow(queue) else { return }
        levels[queue].isBlocked = false
        blocked.remove(queue)
        blockedBytes -= levels[queue].bytes
        parties.add(levels[queue].party, levels[queue].bytes)
        if levels[queue].bytes == 0 { levels[queue].feeders.removeAll() }
        noteBlockedLevel()
    }

    /// Queues that are blocked, or drain after they were.
    var blockedQueues: Set<Int> { blocked }

    /// What must not be polled now.
    ///
    /// `now`: microseconds of the caller's clock.
    mutating func pressure(now: Int64) -> Pressure {
        if isFull { return Pressure(everything: true) }
        let levels = levels
        parties.look(now: now, level: openBytes - blockedBytes) { isWanted in
            var feeders = PartitionSet()
            for level in levels where level.bytes > 0 && !level.isBlocked && isWanted(level.party) {
                feeders.formUnion(level.feeders)
            }
            return feeders
        }
        if full.isEmpty, !isBlockedFull, parties.partitions.isEmpty { return .none }
        var partitions = parties.partitions
        for queue in full { levels[queue].feeders.add(to: &partitions) }
        if isBlockedFull { for queue in blocked { levels[queue].feeders.add(to: &partitions) } }
        return Pressure(partitions: partitions)
    }

    private func isLow(_ queue: Int) -> Bool { levels[queue].bytes <= bounds.laneBytes * Self.queueResume / 100 }

    private mutating func noteProcessLevel() {
        if isFull, openBytes - blockedBytes <= bounds.processBytes * Self.processResume / 100 { isFull = false }
    }

    private mutating func noteBlockedLevel() {
        if isBlockedFull, blockedBytes <= bounds.blockedBytes * Self.processResume / 100 { isBlockedFull = false }
    }
}
