import Metrics
import OrderEvents

/// The partitions that records are taken from: which are open, what comes next in each, and what was odd.
struct IntakePartitions {
    private struct Partition {
        var epoch: UInt32
        /// The offset that comes next, or a later one where the log has gaps; nil before the first record when reading
        /// began at the oldest.
        var expected: Int64?
        /// False while the partition is being given up: its records are left for the next owner.
        var isOpen: Bool
        var clock = LogClock()
        /// Records since the last `endBurst`.
        var fresh = 0
        let handles: IngestMetrics.Handles

        /// What to do with the record at `offset`, where it was expected if it came too late, and whether it came
        /// again.
        func admit(_ offset: Int64) -> (epoch: UInt32?, skippedFrom: Int64?, isAgain: Bool) {
            guard isOpen else { return (nil, nil, false) }
            guard let expected, offset != expected else { return (epoch, nil, false) }
            if offset < expected { return (nil, nil, true) }
            return (epoch, expected, false)
        }

        /// Counts a record; gives how many there are since the last `endBurst`.
        mutating func count(_ source: SourcePosition) -> Int {
            if fresh == 0, let at = source.loggedAt { clock.note(source.offset, at: at) }
            fresh += 1
            expected = max(expected ?? 0, source.offset + 1)
            return fresh
        }

        mutating func endBurst() {
            handles.records.add(fresh)
            fresh = 0
        }

        mutating func age(of next: Int64, now: Timestamp) -> Double? {
            clock.drop(before: next)
            return clock.age(of: next, now: now)
        }
    }

    /// Index of the source partition by topic index and partition; -1: never assigned.
    private var indexes: [[Int32]] = []
    /// By index of the source partition; nil while not assigned.
    ///
    /// Asked in place: a look into a copy would count up its handles.
    private var partitions: [Partition?] = []
    /// Partitions with records since the last `endBurst`.
    private var touched: [Int32] = []
    /// Partitions that gave a record again that was taken before, with the lowest such offset.
    private var rewound: [Int32: Int64] = [:]
    /// The widest gap that the records of a partition jumped over: compaction, transaction markers, or loss.
    private var gaps: [Int32: Range<Int64>] = [:]

    /// Begins to take records of a partition.
    mutating func open(
        _ index: Int32, topic: Int32, partition: Int32, epoch: UInt32, from offset: Int64?,
        handles: IngestMetrics.Handles
    ) {
        while indexes.count <= Int(topic) { indexes.append([]) }
        while indexes[Int(topic)].count <= Int(partition) { indexes[Int(topic)].append(-1) }
        indexes[Int(topic)][Int(partition)] = index
        while partitions.count <= Int(index) { partitions.append(nil) }
        partitions[Int(index)] = Partition(epoch: epoch, expected: offset, isOpen: true, handles: handles)
    }

    /// Takes no more records of a partition that is being given up.
    mutating func shut(_ index: Int32) {
        if partitions.indices.contains(Int(index)) { partitions[Int(index)]?.isOpen = false }
    }

    /// Forgets a partition.
    mutating func close(_ index: Int32) {
        if partitions.indices.contains(Int(index)) { partitions[Int(index)] = nil }
        rewound[index] = nil
        gaps[index] = nil
    }

    /// Index of the source partition; -1: never assigned.
    func index(topic: Int32, partition: Int32) -> Int32 {
        guard indexes.indices.contains(Int(topic)), indexes[Int(topic)].indices.contains(Int(partition)) else {
            return -1
        }
        return indexes[Int(topic)][Int(partition)]
    }

    /// The offset behind the newest record taken, or where reading began.
    func expected(_ index: Int32) -> Int64? {
        partitions.indices.contains(Int(index)) ? partitions[Int(index)]?.expected : nil
    }

    /// Seconds since the record at `next` was appended, as far as it is known.
    mutating func age(_ index: Int32, of next: Int64, now: Timestamp) -> Double? {
        partitions.indices.contains(Int(index)) ? partitions[Int(index)]?.age(of: next, now: now) : nil
    }

    /// The epoch under which the record is taken; nil when it is not.
    mutating func admit(_ index: Int32, offset: Int64) -> UInt32? {
        guard index >= 0, let found = partitions[Int(index)]?.admit(offset) else { return nil }
        if found.isAgain { rewound[index] = min(offset, rewound[index] ?? offset) }
        if let expected = found.skippedFrom, gaps[index].map({ $0.count < offset - expected }) ?? true {
            gaps[index] = expected..<offset
        }
        return found.epoch
    }

    /// Notes that a record was polled that is not taken yet.
    mutating func pass(_ index: Int32, offset: Int64) { partitions[Int(index)]?.expected = offset + 1 }

    /// Counts a record that is taken.
    mutating func count(_ source: SourcePosition) {
        if partitions[Int(source.partition)]?.count(source) == 1 { touched.append(source.partition) }
    }

    /// Counts a record whose trace cannot be read.
    func refuseTrace(_ index: Int32) { partitions[Int(index)]?.handles.tracesRefused.add() }

    /// Tells the metrics how many records came.
    mutating func endBurst() {
        for index in touched { partitions[Int(index)]?.endBurst() }
        touched.removeAll(keepingCapacity: true)
    }

    /// Takes the partitions that gave a record again since the last call, with the lowest such offset.
    mutating func takeRewound() -> [Int32: Int64] {
        defer { if !rewound.isEmpty { rewound = [:] } }
        return rewound
    }

    /// Takes the gaps noted since the last call.
    mutating func takeGaps() -> [Int32: Range<Int64>] {
        defer { if !gaps.isEmpty { gaps = [:] } }
        return gaps
    }
}
