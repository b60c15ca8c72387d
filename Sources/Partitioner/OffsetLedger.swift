public import OrderEvents

/// A stretch of a source partition whose records all have a durable outcome: one row of the partition ledger.
public struct LedgerAdvance: Equatable, Sendable {
    /// How many records of one legal entity are in the stretch.
    public struct EntityCount: Equatable, Sendable {
        /// Index of the legal entity; -1: unknown.
        public var entity: Int32
        /// Records.
        public var count: Int

        /// `count` records of `entity`.
        public init(entity: Int32, count: Int) {
            self.entity = entity
            self.count = count
        }
    }

    /// Index of the source partition.
    public var partition: Int32
    /// The assignment under which the records were polled.
    public var epoch: UInt32
    /// Where the stretch begins: the end of the one before or, for the first, where the assignment began.
    public var firstOffset: Int64
    /// The offset behind the stretch: what may be committed.
    public var nextOffset: Int64
    /// Records polled in the stretch.
    ///
    /// Less than the difference of the offsets where the log has gaps (compaction, transaction markers); 0 for a
    /// stretch that has only such.
    public var records: Int
    /// The records by legal entity, ascending; the counts add up to `records`.
    public var byEntity: [EntityCount]

    /// A stretch; see the properties.
    public init(
        partition: Int32, epoch: UInt32, firstOffset: Int64, nextOffset: Int64, records: Int, byEntity: [EntityCount]
    ) {
        self.partition = partition
        self.epoch = epoch
        self.firstOffset = firstOffset
        self.nextOffset = nextOffset
        self.records = records
        self.byEntity = byEntity
    }
}

/// A polled record as the ledger counts it.
public struct LedgerRecord: Equatable, Sendable {
    /// Index of the source partition.
    public var partition: Int32
    /// Index of the legal entity; -1: unknown.
    public var entity: Int32
    /// Kafka offset.
    public var offset: Int64

    /// A record; see the properties.
    public init(partition: Int32, entity: Int32, offset: Int64) {
        self.partition = partition
        self.entity = entity
        self.offset = offset
    }
}

/// Which polled records still have no durable outcome, and up to where each partition may be committed.
///
/// Pure. Every record is counted here before anything could drop it. Records complete in any sequence; what may be
/// committed moves only over the done records at the front. An assignment has an epoch: what was polled under an older
/// one completes without effect. Offsets are compared, never subtracted to count: logs have gaps.
public struct OffsetLedger {
    /// By index of the source partition; nil while not assigned.
    private var partitions: [LedgerPartition?] = []
    /// Records that are open, over all partitions.
    public private(set) var openRecords = 0

    /// A ledger without partitions.
    public init() {}

    /// Begins an assignment: forgets whatever was open and counts from `offset`, or from the first record when nil.
    public mutating func assign(_ partition: Int32, epoch: UInt32, from offset: Int64?) {
        precondition(partition >= 0, "a source partition has an index")
        revoke(partition)
        while partitions.count <= Int(partition) { partitions.append(nil) }
        partitions[Int(partition)] = LedgerPartition(epoch: epoch, from: offset)
    }

    /// Ends an assignment: forgets what was open.
    ///
    /// - Returns: how many records were in flight.
    @discardableResult
    public mutating func revoke(_ partition: Int32) -> Int {
        guard isAssigned(partition) else { return 0 }
        let inFlight = inFlight(partition)
        openRecords -= open(partition)
        partitions[Int(partition)] = nil
        return inFlight
    }

    /// Counts a polled record.
    ///
    /// - Returns: false when it was polled before under this assignment (a rewind) or the partition is not assigned:
    ///   then it must not be processed.
    public mutating func polled(_ record: LedgerRecord) -> Bool {
        guard isAssigned(record.partition) else { return false }
        let isNew = partitions[Int(record.partition)]?.polled(record.offset, entity: record.entity) == true
        if isNew { openRecords += 1 }
        return isNew
    }

    /// Notes that there is no record between the newest polled one and `offset`: the log's end, or a gap.
    public mutating func reached(_ partition: Int32, offset: Int64) {
        if isAssigned(partition) { partitions[Int(partition)]?.reached(offset) }
    }

    /// Notes that the records at `positions` have durable outcomes.
    ///
    /// Unknown, stale and repeated positions have no effect.
    /// - Returns: how many records were in flight and no longer are.
    @discardableResult
    public mutating func completed(_ positions: some Sequence<SourcePosition>) -> Int {
        var finished = 0
        for position in positions where epoch(position.partition) == position.epoch {
            if partitions[Int(position.partition)]?.completed(position.offset) == true { finished += 1 }
        }
        return finished
    }

    /// Takes the done records at the front of every partition.
    ///
    /// - Returns: at most one stretch a partition, in index order; nothing for a partition that did not move, or is one
    ///   of `left`.
    public mutating func advance(except left: Set<Int32> = []) -> [LedgerAdvance] {
        var advances: [LedgerAdvance] = []
        for index in partitions.indices where left.isEmpty || !left.contains(Int32(index)) {
            guard let advance = partitions[index]?.advance(Int32(index)) else { continue }
            openRecords -= advance.records
            advances.append(advance)
        }
        return advances
    }

    /// Records of a partition that are polled and not done; 0 when it is not assigned.
    public func inFlight(_ partition: Int32) -> Int {
        isAssigned(partition) ? partitions[Int(partition)]?.inFlight ?? 0 : 0
    }

    /// Records of a partition that are open: in flight, or done behind one that is.
    public func open(_ partition: Int32) -> Int {
        isAssigned(partition) ? partitions[Int(partition)]?.openCount ?? 0 : 0
    }

    /// Epoch of a partition's assignment; nil when it is not assigned.
    public func epoch(_ partition: Int32) -> UInt32? {
        isAssigned(partition) ? partitions[Int(partition)]?.epoch : nil
    }

    /// Whether everything that was polled of a partition has been taken by `advance`; true when it is not assigned.
    public func isSettled(_ partition: Int32) -> Bool {
        isAssigned(partition) ? partitions[Int(partition)]?.isSettled ?? true : true
    }

    /// Whether `advance` would take anything of a partition.
    public func canAdvance(_ partition: Int32) -> Bool {
        isAssigned(partition) ? partitions[Int(partition)]?.canAdvance ?? false : false
    }

    /// Offset of the oldest open record of a partition, or nil.
    public func oldestOpen(_ partition: Int32) -> Int64? {
        isAssigned(partition) ? partitions[Int(partition)]?.oldestOpen : nil
    }

    /// Records in flight, over all partitions.
    public var inFlight: Int { partitions.reduce(0) { $0 + ($1?.inFlight ?? 0) } }

    private func isAssigned(_ partition: Int32) -> Bool {
        partitions.indices.contains(Int(partition)) && partitions[Int(partition)] != nil
    }
}
