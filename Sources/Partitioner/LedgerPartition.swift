/// One assigned source partition in the offset ledger.
///
/// Always changed in place: a copy of it would share, and then copy, its ring.
struct LedgerPartition {
    /// Counts are added up when there are so many, then when they have doubled: their memory is bounded by the legal
    /// entities, not by the records.
    private static let runsAtOnce = 4096

    /// The assignment.
    let epoch: UInt32
    /// Open records, in offset order.
    private var open = LedgerRing()
    /// Open records that are not done.
    private(set) var inFlight = 0
    /// Where the next advance begins; nil until the first record of an assignment that began at an unknown offset.
    private var next: Int64?
    /// The offset behind the newest record or known gap.
    private var end: Int64?

    init(epoch: UInt32, from offset: Int64?) {
        self.epoch = epoch
        next = offset
        end = offset
    }

    /// Open records.
    var openCount: Int { open.count }
    /// Offset of the oldest open record.
    var oldestOpen: Int64? { open.first?.offset }
    /// Whether `advance` has taken everything.
    var isSettled: Bool { open.count == 0 && next == end }

    /// Whether `advance` would take anything.
    var canAdvance: Bool { open.first.map { $0.isDone } ?? (next != end) }

    /// Opens a record; false for one that is not newer than all before.
    mutating func polled(_ offset: Int64, entity: Int32) -> Bool {
        if let end, offset < end { return false }
        if next == nil { next = offset }
        end = offset + 1
        open.append(offset, entity: entity)
        inFlight += 1
        return true
    }

    /// Notes that nothing lies between the newest record and `offset`.
    mutating func reached(_ offset: Int64) {
        if let end, offset > end { self.end = offset }
    }

    /// Marks a record done; false when it is not open or was done already.
    mutating func completed(_ offset: Int64) -> Bool {
        guard open.markDone(offset) == false else { return false }
        inFlight -= 1
        return true
    }

    /// Takes the done records at the front; nil when nothing moved.
    mutating func advance(_ partition: Int32) -> LedgerAdvance? {
        guard let start = next, let end else { return nil }
        var runs: [LedgerAdvance.EntityCount] = []
        var records = 0
        var reached = start
        var bound = Self.runsAtOnce
        while let entry = open.first, entry.isDone {
            open.removeFirst()
            records += 1
            reached = entry.offset + 1
            Self.add(.init(entity: entry.entity, count: 1), to: &runs)
            guard runs.count >= bound else { continue }
            Self.addUp(&runs)
            bound = max(Self.runsAtOnce, runs.count * 2)
        }
        // With nothing open any more the stretch reaches over a gap behind the last record too.
        if open.count == 0 { reached = end }
        if reached == start { return nil }
        next = reached
        Self.addUp(&runs)
        return LedgerAdvance(
            partition: partition, epoch: epoch, firstOffset: start, nextOffset: reached, records: records,
            byEntity: runs)
    }

    /// One count for each legal entity, ascending.
    ///
    /// Sorted and then added up: to look each up among those before costs the square of their number.
    private static func addUp(_ runs: inout [LedgerAdvance.EntityCount]) {
        runs.sort { $0.entity < $1.entity }
        var counts: [LedgerAdvance.EntityCount] = []
        for run in runs { add(run, to: &counts) }
        runs = counts
    }

    /// Adds to the last one, if it is of the same legal entity.
    private static func add(_ count: LedgerAdvance.EntityCount, to counts: inout [LedgerAdvance.EntityCount]) {
        if let last = counts.indices.last, counts[last].entity == count.entity {
            counts[last].count += count.count
        } else {
            counts.append(count)
        }
    }
}
