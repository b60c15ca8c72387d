public import Partitioner

/// What is known of a partition when its reading begins.
public struct PartitionOpening: Sendable {
    /// The highest ledgered `nextOffset`; nil where there is none.
    public var nextOffset: Int64?
    /// Readings in a row, with next to no progress, that ended without a word: a crash, a `kill -9`.
    public var uncleanEnds: Int
    /// The record that such readings had taken alone when they ended, and how many of them.
    public var suspect: (offset: Int64, ends: Int)?

    /// An opening; see the properties.
    public init(nextOffset: Int64?, uncleanEnds: Int = 0, suspect: (offset: Int64, ends: Int)? = nil) {
        self.nextOffset = nextOffset
        self.uncleanEnds = uncleanEnds
        self.suspect = suspect
    }
}

/// Where the partition ledger is kept: which stretches of each source partition have durable outcomes, and who reads
/// it.
///
/// Called on the ledger thread only, which may block. Any throw means that the store is away: the same call is made
/// again later, with backoff, and nothing is committed meanwhile.
public protocol PartitionLedgerStore: Sendable {
    /// Begins to read partitions, and tells what is known of them.
    ///
    /// Repeating it for a reading that is open changes nothing.
    /// - Returns: for each of `partitions`, in their sequence.
    func open(_ partitions: [SourcePartition]) throws -> [PartitionOpening]

    /// Ends readings in good order.
    func close(_ partitions: [SourcePartition]) throws

    /// Notes durably, before it is looked at, that a record is taken alone; at most one of each partition.
    func take(_ records: [(partition: SourcePartition, offset: Int64)]) throws

    /// Appends stretches durably.
    ///
    /// Repeating an append changes nothing and is no conflict: the same (partition, `firstOffset`, `nextOffset`) may
    /// come again when the answer to the first was lost. A stretch that begins below what is ledgered for its
    /// partition, and is not such a repetition, was polled by an owner that another one has overtaken: it is left
    /// out, and its partition is returned.
    /// - Returns: indexes of the partitions whose stretches were refused, and of those that have to come again because
    ///   a store that they need is away; usually none.
    func append(_ advances: [LedgerAdvance]) throws -> (refused: [Int32], waiting: [Int32])
}
