/// The open records of one source partition, in offset order: a ring that grows by doubling.
///
/// 4 bytes a record, and 16 a stretch of consecutive offsets. A record is open from its poll until everything before
/// it, and itself, is done: behind the lane that is furthest back there may be a hundred thousand.
struct LedgerRing {
    /// One open record.
    struct Entry: Equatable {
        /// Kafka offset.
        var offset: Int64
        /// Index of the legal entity; -1: unknown.
        var entity: Int32
        /// Whether its outcome is durable.
        var isDone: Bool
    }

    /// Consecutive offsets: from here to the next one there is no gap.
    private struct Stretch {
        /// Offset of its first record.
        var offset: Int64
        /// Number of that record: how many were appended before it.
        var number: Int
    }

    /// Storage above this many records is given back when the ring runs empty.
    static let keptCapacity = 4096
    private static let doneBit: UInt32 = 1 << 31

    /// Of each open record the legal entity's index + 1, and whether it is done.
    private var marks: [UInt32] = []
    private var head = 0
    /// Open records.
    private(set) var count = 0
    /// Number of the oldest open record.
    private var oldest = 0
    private var stretches: [Stretch] = []
    /// The stretch of the oldest open record; those before it are over.
    private var firstStretch = 0

    /// The oldest open record, or nil.
    var first: Entry? {
        guard count > 0 else { return nil }
        let stretch = stretches[firstStretch]
        return Entry(
            offset: stretch.offset + Int64(oldest - stretch.number),
            entity: Int32(bitPattern: marks[head] & ~Self.doneBit) - 1, isDone: marks[head] & Self.doneBit != 0)
    }

    /// Adds a record that is not done behind the newest.
    mutating func append(_ offset: Int64, entity: Int32) {
        let number = oldest + count
        let next = stretches.last.map { $0.offset + Int64(number - $0.number) }
        if next != offset { stretches.append(Stretch(offset: offset, number: number)) }
        if count == marks.count { grow() }
        marks[(head + count) & (marks.count - 1)] = UInt32(bitPattern: entity + 1) & ~Self.doneBit
        count += 1
    }

    /// Removes the oldest record.
    mutating func removeFirst() {
        precondition(count > 0, "no open record")
        head = (head + 1) & (marks.count - 1)
        count -= 1
        oldest += 1
        if count == 0 {
            stretches.removeAll(keepingCapacity: marks.count <= Self.keptCapacity)
            firstStretch = 0
            guard marks.count > Self.keptCapacity else { return }
            marks = []
            head = 0
        } else if firstStretch + 1 < stretches.count, stretches[firstStretch + 1].number == oldest {
            firstStretch += 1
            guard firstStretch >= 64, firstStretch * 2 >= stretches.count else { return }
            stretches.removeFirst(firstStretch)
            firstStretch = 0
        }
    }

    /// Marks the record at `offset` done.
    ///
    /// - Returns: its state before, or nil when no such record is open.
    mutating func markDone(_ offset: Int64) -> Bool? {
        guard let place = index(of: offset) else { return nil }
        let slot = (head + place) & (marks.count - 1)
        defer { marks[slot] |= Self.doneBit }
        return marks[slot] & Self.doneBit != 0
    }

    /// Position of `offset` among the open records.
    private func index(of offset: Int64) -> Int? {
        // The first stretch that begins behind it; mostly there are few.
        var low = firstStretch
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > firstStretch else { return nil }
        let stretch = stretches[low - 1]
        let end = low < stretches.count ? stretches[low].number : oldest + count
        let distance = offset - stretch.offset
        guard distance < Int64(end - stretch.number) else { return nil }
        let place = stretch.number + Int(distance) - oldest
        return place >= 0 ? place : nil
    }

    private mutating func grow() {
        var larger: [UInt32] = []
        let capacity = max(64, marks.count * 2)
        larger.reserveCapacity(capacity)
        for index in 0..<count { larger.append(marks[(head + index) & (marks.count - 1)]) }
        larger.append(contentsOf: repeatElement(0, count: capacity - count))
        marks = larger
        head = 0
    }
}
