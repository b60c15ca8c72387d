/// The open records of one source partition, in offset order: a ring that grows by doubling.
///
/// 16 bytes a record. A record is open from its poll until everything before it, and itself, is done.
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

    /// Storage above this many records is given back when the ring runs empty.
    static let keptCapacity = 4096

    private var entries: [Entry] = []
    private var head = 0
    /// Open records.
    private(set) var count = 0

    /// The oldest open record, or nil.
    var first: Entry? { count == 0 ? nil : entries[head] }

    /// The newest open record, or nil.
    var last: Entry? { count == 0 ? nil : entries[(head + count - 1) & (entries.count - 1)] }

    /// Adds a record behind the newest.
    mutating func append(_ entry: Entry) {
        if count == entries.count { grow() }
        entries[(head + count) & (entries.count - 1)] = entry
        count += 1
    }

    /// Removes the oldest record.
    mutating func removeFirst() {
        precondition(count > 0, "no open record")
        head = (head + 1) & (entries.count - 1)
        count -= 1
        if count == 0, entries.count > Self.keptCapacity {
            entries = []
            head = 0
        }
    }

    /// Marks the record at `offset` done.
    ///
    /// - Returns: its state before, or nil when no such record is open.
    mutating func markDone(_ offset: Int64) -> Bool? {
        guard let place = index(of: offset) else { return nil }
        let slot = (head + place) & (entries.count - 1)
        defer { entries[slot].isDone = true }
        return entries[slot].isDone
    }

    /// Position of `offset` among the open records.
    ///
    /// Offsets only grow, by one but for gaps, so the difference to the oldest is exact in a log without gaps and an
    /// upper bound in any other; only then is there a search.
    private func index(of offset: Int64) -> Int? {
        guard let first, offset >= first.offset, let last, offset <= last.offset else { return nil }
        let mask = entries.count - 1
        let guess = Int(min(offset - first.offset, Int64(count - 1)))
        if entries[(head + guess) & mask].offset == offset { return guess }
        var low = 0
        var high = guess
        while low < high {
            let middle = (low + high) / 2
            if entries[(head + middle) & mask].offset < offset { low = middle + 1 } else { high = middle }
        }
        return entries[(head + low) & mask].offset == offset ? low : nil
    }

    private mutating func grow() {
        var larger: [Entry] = []
        let capacity = max(64, entries.count * 2)
        larger.reserveCapacity(capacity)
        for index in 0..<count { larger.append(entries[(head + index) & (entries.count - 1)]) }
        larger.append(
            contentsOf: repeatElement(Entry(offset: 0, entity: 0, isDone: false), count: capacity - count))
        entries = larger
        head = 0
    }
}
