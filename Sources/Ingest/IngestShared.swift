import Metrics
import Partitioner
import Synchronization

/// How Ingest is doing, for readiness and people.
public struct IngestStatus: Equatable, Sendable {
    /// Partitions being read.
    public var assignedPartitions = 0
    /// Whether no broker could be reached when last tried.
    public var areBrokersAway = false
    /// Whether the store of the partition ledger was away when last tried.
    public var isLedgerStoreAway = false
    /// Whether the poll thread is running.
    public var isPolling = false
    /// Whether the group has answered since the start, be it with no partition at all.
    public var hasBeenAssigned = false
    /// Whether polling has ended for good, so that only another process helps.
    public var hasGivenUp = false
    /// Seconds since the poll thread's last round; nil: it does not run.
    public var secondsSinceRound: Double?

    /// The status before anything happened.
    public init() {}
}

/// What the threads of Ingest share.
final class IngestShared: Sendable {
    let settings: IngestSettings
    let decoder: any RecordDecoding
    let sink: any LaneSink
    let ledger: SharedLedger
    let sources: SourcePartitions
    let metrics: IngestMetrics
    let log: Log
    let handover = Monitor(Handover())
    let status = Mutex(IngestStatus())
    /// What the last look at lag and status found.
    let survey = Mutex<[PartitionSurvey]>([])
    /// When the poll thread's last round began (monotonic milliseconds); 0: none did.
    let lastRound = Atomic<Int64>(0)
    private let stopping = Atomic(false)
    private let openBound = Atomic(false)
    private let epochs = Atomic<UInt32>(0)

    init(
        settings: IngestSettings, decoder: any RecordDecoding, sink: any LaneSink, ledger: SharedLedger,
        sources: SourcePartitions, metrics: IngestMetrics, log: Log
    ) {
        self.settings = settings
        self.decoder = decoder
        self.sink = sink
        self.ledger = ledger
        self.sources = sources
        self.metrics = metrics
        self.log = log
    }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }
    func beginStopping() { stopping.store(true, ordering: .releasing) }

    /// Whether polling is paused because too many records are open.
    ///
    /// Only the poll thread changes it.
    var isOpenBoundReached: Bool { openBound.load(ordering: .relaxed) }
    func setOpenBoundReached(_ isReached: Bool) { openBound.store(isReached, ordering: .relaxed) }

    /// A number that no assignment of this process had before.
    func nextEpoch() -> UInt32 { epochs.add(1, ordering: .relaxed).newValue }

    func noteAssigned(_ count: Int) {
        metrics.assignedPartitions.set(Double(count))
        status.withLock { $0.assignedPartitions = count }
    }
}
