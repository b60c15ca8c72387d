// Who takes more of the process budget than his share. When it is nearly full, what comes next is decided by who finds
// room, and no longer by the turns: a legal entity that drains slowly, because its weight is small, would fill it, and
// one that drains fast would find nothing of its own in memory. So whoever has more than his share, by weight among
// those who have anything, waits in Kafka instead, where that hinders nobody else.

/// Memory of the events that wait for each legal entity, and whose partitions must not be polled for it.
///
/// Pure. Blocked queues do not count.
struct PartyLevels: Sendable {
    /// Hundredths of the process budget from which on it counts who has how much, and which are shared out.
    static let shared = 75
    /// Who had more than his share may go on at so many hundredths of it.
    static let resume = 75
    /// Microseconds between two looks: they go through all queues.
    static let interval: Int64 = 20_000

    private let processBytes: Int
    private let weights: [Int]
    private var bytes: [Int]
    private var isOver: [Bool]
    /// Weights of those who have anything.
    private var activeWeight = 0
    private var overCount = 0
    private var lookAt = Int64.min
    /// Source partitions that feed only legal entities with more than their share.
    private(set) var partitions: Set<Int32> = []

    init(weights: [Int], processBytes: Int) {
        self.weights = weights
        self.processBytes = processBytes
        bytes = Array(repeating: 0, count: weights.count)
        isOver = Array(repeating: false, count: weights.count)
    }

    mutating func add(_ party: Int, _ change: Int) {
        let wasActive = bytes[party] > 0
        bytes[party] += change
        if wasActive != (bytes[party] > 0) { activeWeight += wasActive ? -weights[party] : weights[party] }
    }

    /// Looks who has how much, if it is time to; `level`: bytes that count for the process.
    ///
    /// `feeders` gives the partitions of the parties that hold or do not hold what is asked.
    mutating func look(now: Int64, level: Int, feeders: ((_ isWanted: (Int) -> Bool) -> PartitionSet)) {
        let isNearlyFull = level > processBytes / 100 * Self.shared
        guard isNearlyFull || overCount > 0, now >= lookAt else { return }
        lookAt = now + Self.interval
        var active = 0
        overCount = 0
        for party in weights.indices where bytes[party] > 0 || isOver[party] {
            active += 1
            let share = processBytes / 100 * Self.shared / max(1, activeWeight) * weights[party]
            if isOver[party] {
                isOver[party] = bytes[party] > share / 100 * Self.resume
            } else {
                isOver[party] = isNearlyFull && bytes[party] >= share
            }
            if isOver[party] { overCount += 1 }
        }
        partitions = []
        // When several have more than their share, and nobody less, they are equal: then the process budget decides.
        guard overCount > 0, overCount == 1 || overCount < active else { return }
        let over = isOver
        var only = feeders { over[$0] }
        only.subtract(feeders { !over[$0] })
        only.add(to: &partitions)
    }
}
