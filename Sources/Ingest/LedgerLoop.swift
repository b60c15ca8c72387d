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
    ///
    /// Beside them, the ledger of other partitions goes on.
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
            let isThere = answerQuestions() && noteTakes() && appendDone() && noteEndings()
            noteStore(isAway: !isThere)
        }
        handover.change { $0.hasEnded = true }
    }

    private func waitForWork() {
        if let backoff {
            // Nothing but the end cuts a backoff short: whoever is in a hurry cannot make the store come back.
            _ = handover.wait(within: backoff) { $0.isStopping }
        } else {
            _ = handover.wait(within: interval) { state in
                state.isUrgent || !state.questions.isEmpty || !state.takes.isEmpty || !state.endings.isEmpty
                    || state.isStopping
            }
        }
    }

    /// Begins the readings of assigned partitions; false when the store is away.
    private func answerQuestions() -> Bool {
        let questions = handover.withLock { $0.questions }.sorted { $0.partition < $1.partition }
        if questions.isEmpty { return true }
        return call("opening") {
            let openings = try store.open(questions.compactMap { sources[$0.partition] })
            guard openings.count == questions.count else {
                log.error("ledger.store_answer_short", [("asked", .integer(questions.count))])
                return
            }
            handover.change { state in
                for (question, opening) in zip(questions, openings) where state.questions.remove(question) != nil {
                    state.answers[question] = opening
                }
            }
        }
    }

    /// Notes which records are taken alone; false when the store is away.
    private func noteTakes() -> Bool {
        let takes = handover.withLock { $0.takes }
        if takes.isEmpty { return true }
        return call("taking") {
            try store.take(
                takes.compactMap { entry in sources[entry.key.partition].map { ($0, entry.value) } })
            handover.change { state in
                for (assignment, offset) in takes where state.takes[assignment] == offset {
                    state.takes[assignment] = nil
                    state.taken[assignment] = offset
                }
            }
        }
    }

    /// Notes which readings end in good order; false when the store is away.
    private func noteEndings() -> Bool {
        let endings = handover.withLock { $0.endings }
        if endings.isEmpty { return true }
        return call("closing") {
            try store.close(endings.compactMap { sources[$0.partition] })
            handover.change { $0.endings.subtract(endings) }
        }
    }

    /// Appends what is done; false when the store is away.
    private mutating func appendDone() -> Bool {
        // Under the monitor's lock, so that nobody sees a stretch in neither place.
        let left = Set(pending.map(\.partition))
        let fresh = handover.withLock { state in
            let advances = ledger.advance(except: left)
            state.unappended.formUnion(advances.map(\.partition))
            return advances
        }
        pending += fresh
        if pending.isEmpty { return true }
        // A stretch without records (transaction markers) is worth a commit and no row.
        let rows = pending.filter { $0.records > 0 }
        var answer: (refused: [Int32], waiting: [Int32]) = ([], [])
        let isThere = call("appending") { if !rows.isEmpty { answer = try store.append(rows) } }
        guard isThere else { return false }
        finish(refused: Set(answer.refused), waiting: Set(answer.waiting))
        return true
    }

    /// Runs `body` with the store; false, and told, when it is away.
    private func call(_ doing: String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            log.warning("ledger.store_away", [("doing", .text(doing)), ("error", .text(String(describing: error)))])
            return false
        }
    }

    private mutating func finish(refused: Set<Int32>, waiting: Set<Int32>) {
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
        if !waiting.isEmpty { metrics.ledgerFailures.add() }
        let done = pending.filter { !waiting.contains($0.partition) }
        pending.removeAll { !waiting.contains($0.partition) }
        handover.change { state in
            state.waiting = waiting
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
