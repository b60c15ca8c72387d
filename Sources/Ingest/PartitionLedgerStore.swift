public import Partitioner

/// Where the partition ledger is kept: which stretches of each source partition have durable outcomes.
///
/// Called on the ledger thread only, which may block. Any throw means that the store is away: the same call is made
/// again later, with backoff, and nothing is committed meanwhile.
public protocol PartitionLedgerStore: Sendable {
    /// Reads up to where each partition is ledgered.
    ///
    /// - Returns: for each of `partitions`, in their sequence, the highest ledgered `nextOffset`; nil where there is
    ///   none.
    func nextOffsets(of partitions: [SourcePartition]) throws -> [Int64?]

    /// Appends stretches durably, all or none.
    ///
    /// Repeating an append changes nothing and is no conflict: the same (partition, `firstOffset`, `nextOffset`) may
    /// come again when the answer to the first was lost. A stretch that begins below what is ledgered for its
    /// partition, and is not such a repetition, was polled by an owner that another one has overtaken: it is left
    /// out, and its partition is returned.
    /// - Returns: indexes of the partitions whose stretches were refused; usually none.
    func append(_ advances: [LedgerAdvance]) throws -> [Int32]
}
