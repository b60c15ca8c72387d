public import OrderEvents

/// The offset ledger as the poll thread, the workers and the ledger thread share it.
///
/// Locked once per burst or batch. Nothing is done under the lock but the ledger's own arithmetic.
public final class SharedLedger: Sendable {
    private let ledger = Monitor(OffsetLedger())

    /// An empty ledger.
    public init() {}

    /// Begins an assignment; see `OffsetLedger.assign`.
    public func assign(_ partition: Int32, epoch: UInt32, from offset: Int64?) {
        ledger.change { $0.assign(partition, epoch: epoch, from: offset) }
    }

    /// Ends assignments and forgets what was open.
    ///
    /// - Returns: how many records were in flight.
    @discardableResult
    public func revoke(_ partitions: [Int32]) -> Int {
        ledger.change { ledger in partitions.reduce(0) { $0 + ledger.revoke($1) } }
    }

    /// Counts the records of one burst, in poll order, before they are offered to anybody.
    ///
    /// - Returns: the indexes of records that must not be processed, ascending; usually none.
    public func polled(_ burst: [LedgerRecord]) -> [Int] {
        ledger.withLock { ledger in
            var refused: [Int] = []
            for index in burst.indices where !ledger.polled(burst[index]) { refused.append(index) }
            return refused
        }
    }

    /// Notes that a partition has no record below `offset` that was not polled.
    public func reached(_ partition: Int32, offset: Int64) {
        ledger.withLock { $0.reached(partition, offset: offset) }
    }

    /// Notes that the records at `positions` have durable outcomes; for workers, once a batch, after its transaction.
    public func completed(_ positions: [SourcePosition]) {
        ledger.change { _ = $0.completed(positions) }
    }

    /// Takes what may be ledgered; see `OffsetLedger.advance`.
    public func advance(except left: Set<Int32> = []) -> [LedgerAdvance] {
        ledger.withLock { $0.advance(except: left) }
    }

    /// Records of a partition that are polled and not done.
    public func inFlight(_ partition: Int32) -> Int { ledger.withLock { $0.inFlight(partition) } }

    /// Records in flight, over all partitions.
    public var inFlight: Int { ledger.withLock { $0.inFlight } }

    /// Records that are open, over all partitions.
    public var openRecords: Int { ledger.withLock { $0.openRecords } }

    /// Waits until none of `partitions` has a record in flight, at most `bound`.
    ///
    /// - Returns: whether none has.
    public func waitUntilDrained(_ partitions: [Int32], within bound: Duration) -> Bool {
        ledger.wait(within: bound) { ledger in partitions.allSatisfy { ledger.inFlight($0) == 0 } }
    }

    /// Runs `body` with the ledger; for looking at several of its figures at once.
    public func withLedger<R>(_ body: (inout OffsetLedger) -> R) -> R { ledger.withLock(body) }
}
