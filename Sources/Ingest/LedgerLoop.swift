import Metrics
import Partitioner

/// The ledger thread: makes done stretches durable, then hands their offsets to the poll thread.
///
/// The only thread of Ingest that talks to the store, so that a store that is away or slow never holds up a poll.
/// What was taken from the ledger is kept until the store has it, and never committed before.
struct LedgerLoop {
    /// First wait after a failure of the store; doubles up to `longestBackoff`.
    static let firstBackoff = Duration.milliseconds(100)
    /// Longest wait between two tries.
    static let longestBackoff = Duration.seconds(5)

    private let handover: Monitor<Handover>
    private let ledger: SharedLedger
    private let store: any PartitionLedgerStore
    private let sources: SourcePartitions
    private let interval: Duration
    private let metrics: IngestMetrics
    private let log: Log
    /// Taken from the ledger, not in the store yet: at most one stretch a partition.
    private var pending: [LedgerAdvance] = []
    private var backoff: Duration?

    init(
        handover: Monitor<Handover>, ledger: SharedLedger, store: any PartitionLedgerStore, sources: SourcePartitions,
        interval: Duration, metrics: IngestMetrics, log: Log
    ) {
        self.handover = handover
        self.ledger = ledger
        self.store = store
        self.sources = sources
        self.interval = interval
        self.metrics = metrics
        self.log = log
    }

    /// Runs until it is told to end.
    mutating func run() {
        while true {
            waitForWork()
            let isStopping = handover.withLock { state in
                state.isUrgent = false
                return state.isStopping
            }
            if isStopping { break }
            let answered = answerQuestions()
            let appended = answered && appendDone()
            noteStore(isAway: !(answered && appended))
        }
        handover.change { $0.hasEnded = true }
    }

    private func waitForWork() {
        if let backoff {
            // Nothing but the end cuts a backoff short: whoever is in a hurry cannot make the store come back.
            _ = handover.wait(within: backoff) { $0.isStopping }
        } else {
            _ = handover.wait(within: interval) { state in
                state.isUrgent || !state.questions.isEmpty || state.isStopping
            }
        }
    }

    /// Looks up where assigned partitions begin; false when the store is away.
    private func answerQuestions() -> Bool {
        let questions = handover.withLock { $0.questions }.sorted { $0.partition < $1.partition }
        if questions.isEmpty { return true }
        let asked = questions.compactMap { sources[$0.partition] }
        do {
            let offsets = try store.nextOffsets(of: asked)
            guard offsets.count == questions.count else {
                log.error("ledger.store_answer_short", [("asked", .integer(questions.count))])
                return false
            }
            handover.change { state in
                for (question, offset) in zip(questions, offsets) where state.questions.remove(question) != nil {
                    state.answers[question] = offset
                }
            }
            return true
        } catch {
            log.warning("ledger.store_away", [("doing", "reading"), ("error", .text(String(describing: error)))])
            return false
        }
    }

    /// Appends what is done; false when the store is away.
    private mutating func appendDone() -> Bool {
        if pending.isEmpty {
            // Under the monitor's lock, so that nobody sees a stretch in neither place.
            pending = handover.withLock { state in
                let advances = ledger.advance()
                state.unappended.formUnion(advances.map(\.partition))
                return advances
            }
        }
        if pending.isEmpty { return true }
        // A stretch without records (transaction markers) is worth a commit and no row.
        let rows = pending.filter { $0.records > 0 }
        do {
            let refused = rows.isEmpty ? [] : Set(try store.append(rows))
            finish(refused: refused)
            return true
        } catch {
            log.warning(
                "ledger.store_away",
                [
                    ("doing", "appending"), ("partitions", .integer(rows.count)),
                    ("error", .text(String(describing: error))),
                ])
            return false
        }
    }

    private mutating func finish(refused: Set<Int32>) {
        for advance in pending where refused.contains(advance.partition) {
            log.warning(
                "ledger.overtaken",
                [
                    ("topic", .text(sources[advance.partition]?.topic ?? "")),
                    ("partition", .integer(Int(sources[advance.partition]?.partition ?? -1))),
                    ("offset.first", .integer(Int(advance.firstOffset))),
                    ("offset.next", .integer(Int(advance.nextOffset))),
                ])
        }
        let done = pending
        pending = []
        handover.change { state in
            for advance in done {
                state.unappended.remove(advance.partition)
                if refused.contains(advance.partition) {
                    state.refused.insert(.init(partition: advance.partition, epoch: advance.epoch))
                } else {
                    state.commits[advance.partition] = .init(epoch: advance.epoch, nextOffset: advance.nextOffset)
                }
            }
        }
    }

    private mutating func noteStore(isAway: Bool) {
        let wasAway = backoff != nil
        if isAway {
            metrics.ledgerFailures.add()
            let doubled = backoff.map { min($0 * 2, Self.longestBackoff) } ?? Self.firstBackoff
            backoff = doubled
        } else {
            backoff = nil
            if wasAway { log.info("ledger.store_back") }
        }
        if isAway != wasAway { handover.withLock { $0.isStoreAway = isAway } }
    }
}
