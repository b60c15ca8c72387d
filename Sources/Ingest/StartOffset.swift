/// Where reading of a partition begins.
///
/// Pure. The ledger knows what is durable, the group's committed offset lies at or below it; the later one is where
/// work is left. Both can be wrong after somebody restored a store, recreated a topic or lost a log's tail: an offset
/// behind the log's end would make the broker reset the position anywhere, so it is not used.
struct StartOffset: Equatable {
    /// Something that an operator should know.
    enum Remark: Equatable {
        /// The ledger (or both) is ahead of the log: the topic was recreated or lost records.
        case ledgerAheadOfLog
        /// The group committed what the ledger does not know: the store lost its tail, or somebody moved the offsets.
        case ledgerBehindCommitted
    }

    /// The first offset to read; nil: the oldest that the log has.
    var offset: Int64?
    /// What is odd about it.
    var remark: Remark?

    /// Decides.
    ///
    /// - Parameters:
    ///   - ledgered: offset behind the last ledgered stretch, or nil.
    ///   - committed: what the group committed, or nil.
    ///   - end: offset behind the log's newest record.
    init(ledgered: Int64?, committed: Int64?, end: Int64) {
        let usable = committed.flatMap { $0 <= end ? $0 : nil }
        if let ledgered, ledgered > end {
            offset = usable
            remark = .ledgerAheadOfLog
        } else if let ledgered {
            offset = max(ledgered, usable ?? ledgered)
            if let usable, usable > ledgered { remark = .ledgerBehindCommitted }
        } else {
            offset = usable
            if let committed, committed > end {
                remark = .ledgerAheadOfLog
            } else if committed != nil {
                remark = .ledgerBehindCommitted
            }
        }
    }
}
