internal import class Foundation.Thread
internal import Glibc
internal import Kafka
internal import Synchronization
public import Metrics
public import Partitioner

/// Kafka to lanes: polls, decodes, counts, and commits what is durably done.
///
/// Owns two threads: `kafka-poll`, which alone touches the consumer, and `ledger`, which alone touches the store of the
/// partition ledger. Lifecycle: `start` once, `stop` once.
public final class IngestService: Sendable {
    /// Consumers that may fail for good, one after another, before polling ends and only a restart of the process
    /// helps.
    static let maximumConsumers = 10

    /// What the poll thread tells whoever starts and stops it.
    private struct Life {
        var isStarted = false
        var failure: String?
        var isDrained = false
        var hasEnded = false
    }

    private let shared: IngestShared
    private let store: any PartitionLedgerStore
    private let life = Monitor(Life())

    /// A service; nothing runs before `start`.
    ///
    /// - Parameters:
    ///   - settings: how to read.
    ///   - decoder: decodes and routes, on the poll thread.
    ///   - sink: takes what was decoded.
    ///   - ledger: the workers report finished positions to the same one.
    ///   - sources: the process's table of source partitions.
    ///   - store: where the partition ledger is kept.
    ///   - metrics: what is measured.
    ///   - log: where decisions are told.
    public init(
        settings: IngestSettings, decoder: any RecordDecoding, sink: any LaneSink, ledger: SharedLedger,
        sources: SourcePartitions, store: any PartitionLedgerStore, metrics: IngestMetrics, log: Log
    ) {
        shared = IngestShared(
            settings: settings, decoder: decoder, sink: sink, ledger: ledger, sources: sources, metrics: metrics,
            log: log)
        self.store = store
    }

    /// How it is doing.
    public var status: IngestStatus {
        var status = shared.status.withLock { $0 }
        status.isLedgerStoreAway = shared.handover.withLock { $0.isStoreAway }
        let last = shared.lastRound.load(ordering: .relaxed)
        if status.isPolling, last > 0 { status.secondsSinceRound = max(0, monotonicSeconds() - Double(last) / 1000) }
        return status
    }

    /// The partitions that are read, as of half a second ago.
    public var partitions: [PartitionSurvey] { shared.survey.withLock { $0 } }

    /// Starts the threads and returns when the consumer was made.
    ///
    /// Brokers and the store may be away.
    ///
    /// - Throws: `IngestError` when a setting is refused: nothing runs then.
    public func start() throws(IngestError) {
        startThread("ledger") { service in service.runLedger() }
        startThread("kafka-poll", isPreferred: true) { service in service.runPoll() }
        _ = life.wait(within: .seconds(30)) { $0.isStarted || $0.failure != nil }
        if let failure = life.withLock({ $0.failure }) {
            shared.handover.change { $0.isStopping = true }
            throw IngestError(failure)
        }
    }

    /// Stops polling, waits for the work in flight until the drain deadline, makes its ledger and offsets durable,
    /// leaves the group.
    ///
    /// Blocks for at most about `drainDeadline` + 2 `closeBound`. Workers must still be running.
    /// - Returns: whether everything polled was done and ledgered.
    public func stop() -> Bool {
        guard life.withLock({ $0.isStarted && $0.failure == nil }) else { return true }
        shared.beginStopping()
        let settings = shared.settings
        let bound = settings.drainDeadline + settings.closeBound * 3 + settings.pollWait + .seconds(2)
        let hasEnded = life.wait(within: bound) { $0.hasEnded }
        shared.handover.change { $0.isStopping = true }
        _ = shared.handover.wait(within: settings.closeBound) { $0.hasEnded }
        return hasEnded && life.withLock { $0.isDrained }
    }

    /// The nice value of the poll thread and of the client's threads that it starts: three times the weight of usual
    /// ones when all want a core.
    ///
    /// Every legal entity waits for these: whoever is quiet would wait longer for them to get a core than for the work
    /// of whoever floods.
    private static let preferredNice: Int32 = -5

    /// `isPreferred`: before threads of usual priority, where the system lets the process say so (RLIMIT_NICE).
    private func startThread(
        _ name: String, isPreferred: Bool = false, _ body: @escaping @Sendable (IngestService) -> Void
    ) {
        Thread.detachNewThread { [self] in
            // Inside: a name that is set before the start is not applied on Linux.
            Thread.current.name = name
            // Linux: of the calling thread alone.
            if isPreferred { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.preferredNice) }
            body(self)
        }
    }

    private func runLedger() {
        var loop = LedgerLoop(
            handover: shared.handover, ledger: shared.ledger, store: store, sources: shared.sources,
            interval: shared.settings.commitInterval, metrics: shared.metrics, log: shared.log)
        loop.run()
    }

    private func runPoll() {
        var isDrained = true
        var made = 0
        while !shared.isStopping, made < Self.maximumConsumers {
            made += 1
            do throws(KafkaError) {
                var loop = try PollLoop(shared: shared)
                life.change { $0.isStarted = true }
                shared.status.withLock { $0.isPolling = true }
                loop.run()
                shared.status.withLock { $0.isPolling = false }
                isDrained = loop.finish()
                // Everything that counts is done; the end of the client waits for brokers that are away.
                if shared.isStopping { end(isDrained) }
            } catch {
                if !life.withLock({ $0.isStarted }) {
                    life.change { $0.failure = error.description }
                    return
                }
                shared.log.error("consumer.not_made", [("error", .text(error.description))])
            }
            // Only a fatal error leads here without stopping: another consumer, after a pause.
            _ = life.wait(within: .seconds(5)) { _ in shared.isStopping }
        }
        if made == Self.maximumConsumers, !shared.isStopping {
            shared.status.withLock { $0.hasGivenUp = true }
            shared.log.error("ingest.given_up", [("consumers", .integer(made))])
        }
        end(isDrained)
    }

    private func end(_ isDrained: Bool) {
        life.change { state in
            state.isDrained = isDrained
            state.hasEnded = true
        }
    }
}
