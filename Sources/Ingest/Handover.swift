import Partitioner

/// What the poll thread and the ledger thread tell each other.
///
/// Lock order: this monitor, then the ledger's. Bounded by the number of partitions.
struct Handover {
    /// A partition under one assignment.
    struct Assignment: Hashable {
        var partition: Int32
        var epoch: UInt32
    }

    /// Up to where an assignment may be committed.
    struct Committable: Equatable {
        var epoch: UInt32
        var nextOffset: Int64
    }

    // To the ledger thread.

    /// Assignments whose reading is to begin.
    var questions: Set<Assignment> = []
    /// Records that are to be taken alone, when that is noted.
    var takes: [Assignment: Int64] = [:]
    /// Assignments whose reading ends in good order.
    var endings: Set<Assignment> = []
    /// Somebody waits for ledgered work: do not wait for the interval.
    var isUrgent = false
    /// The ledger thread ends; what is not appended stays for the next start.
    var isStopping = false

    // To the poll thread.

    /// What is known of partitions whose reading begins.
    var answers: [Assignment: PartitionOpening] = [:]
    /// Records whose being taken alone is noted.
    var taken: [Assignment: Int64] = [:]
    /// The newest committable offset of each partition.
    var commits: [Int32: Committable] = [:]
    /// Assignments whose stretch the store refused: another owner was there.
    var refused: Set<Assignment> = []

    // Of the ledger thread, for others to see.

    /// Partitions with stretches that were taken from the ledger and are not appended yet.
    var unappended: Set<Int32> = []
    /// Those of them that a store which is away has to take first.
    var waiting: Set<Int32> = []
    /// Whether the last call to the store failed.
    var isStoreAway = false
    var hasEnded = false

    /// Whether everything polled of `partition` is in the store's ledger.
    func isSettled(_ partition: Int32, in ledger: SharedLedger) -> Bool {
        !unappended.contains(partition) && ledger.withLedger { $0.isSettled(partition) }
    }

    /// Whether everything done at the front of `partition` is in the store's ledger, or waits for a store that is away.
    func isAppended(_ partition: Int32, in ledger: SharedLedger) -> Bool {
        if unappended.contains(partition) { return waiting.contains(partition) }
        return !ledger.withLedger { $0.canAdvance(partition) }
    }

    /// Forgets what concerns an assignment that has ended.
    mutating func forget(_ partition: Int32) {
        questions = questions.filter { $0.partition != partition }
        answers = answers.filter { $0.key.partition != partition }
        takes = takes.filter { $0.key.partition != partition }
        taken = taken.filter { $0.key.partition != partition }
        endings = endings.filter { $0.partition != partition }
        refused = refused.filter { $0.partition != partition }
        commits[partition] = nil
    }
}
