public import Metrics

/// Every metric that Ingest emits.
public final class IngestMetrics: Sendable {
    private let records: CounterFamily
    private let lagRecords: GaugeFamily
    private let lagSeconds: GaugeFamily
    private let status: StateSetFamily
    private let expired: CounterFamily
    private let tracesRefused: CounterFamily
    private let redelivered: CounterFamily
    private let imbalance: GaugeFamily
    private let group: String
    /// Bursts polled and how many records they brought.
    let burstRecords: Histogram
    /// Records that are polled and not ledgered yet.
    let openRecords: Gauge
    /// Commits that the brokers refused or did not answer.
    let commitFailures: Counter
    /// Appends and look-ups that the ledger's store did not answer.
    let ledgerFailures: Counter
    /// Partitions assigned to this process.
    let assignedPartitions: Gauge
    /// Partitions given, taken back and lost.
    let rebalances: CounterFamily
    /// How often partitions stood back for others.
    let fetchTurns: Counter

    /// Takes what the library tells of itself.
    let statistics: @Sendable (String) -> Void

    /// Declares the metrics in `registry`; `group` is the value of `consumergroup`.
    ///
    /// `statistics` is given the library's statistics, JSON, every five seconds on the poll thread: it must not block.
    public init(
        _ registry: Registry, group: String, statistics: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.group = group
        self.statistics = statistics
        records = registry.counter(
            "sluice_ingest_records_total", help: "Records taken from Kafka, counted at the poll.",
            labels: ["topic", "partition"])
        lagRecords = registry.gauge(
            "sluice_consumer_lag_records",
            help: "Offsets between the group's committed offset and the end of what can be read.",
            labels: ["topic", "partition", "consumergroup"])
        lagSeconds = registry.gauge(
            "sluice_consumer_lag_seconds",
            help: """
                Age of the oldest uncommitted record by its timestamp in the log, or since when there has been lag \
                while that is not known; 0 when caught up.
                """,
            labels: ["topic", "partition", "consumergroup"])
        status = registry.stateSet(
            "sluice_consumer_partition_status", help: "How the reading of a partition is doing.",
            labels: ["topic", "partition"], states: PartitionStatus.allCases.map(\.rawValue))
        expired = registry.counter(
            "sluice_ingest_expired_offsets_total",
            help: "Offsets that retention removed from the log before they were read.", labels: ["topic", "partition"])
        tracesRefused = registry.counter(
            "sluice_ingest_traces_refused_total",
            help: "Records whose header traceparent cannot be read: they are taken as if they had none.",
            labels: ["topic"])
        redelivered = registry.redelivered()
        imbalance = registry.booksImbalance()
        burstRecords = registry.histogram(
            "sluice_ingest_burst_records", help: "Records brought by one poll burst that brought any.",
            buckets: [1, 10, 100, 500, 1000, 2000, 4000]
        ).with()
        openRecords = registry.gauge(
            "sluice_ingest_open_records", help: "Records polled and not yet in the partition ledger."
        ).with()
        commitFailures = registry.counter(
            "sluice_ingest_commit_failures_total", help: "Offset commits that failed; they are tried again."
        ).with()
        ledgerFailures = registry.counter(
            "sluice_ingest_ledger_failures_total",
            help: "Calls to the store of the partition ledger that failed; they are tried again."
        ).with()
        assignedPartitions = registry.gauge(
            "sluice_ingest_assigned_partitions", help: "Partitions that this process reads."
        ).with()
        rebalances = registry.counter(
            "sluice_ingest_partition_changes_total", help: "Partitions assigned, revoked and lost.",
            labels: ["change"])
        fetchTurns = registry.counter(
            "sluice_ingest_fetch_turns_total", help: "Times that partitions were paused until others had their turn."
        ).with()
    }

    /// The handles of one partition, resolved once.
    func handles(of source: SourcePartition) -> Handles {
        let partition = String(source.partition)
        // Others count these; a first scrape that says 0 is worth more than one that says nothing.
        _ = redelivered.with(source.topic, partition)
        _ = imbalance.with(source.topic, partition)
        return Handles(
            records: records.with(source.topic, partition),
            lagRecords: lagRecords.with(source.topic, partition, group),
            lagSeconds: lagSeconds.with(source.topic, partition, group), status: status.with(source.topic, partition),
            expired: expired.with(source.topic, partition), tracesRefused: tracesRefused.with(source.topic))
    }

    /// Takes the lag of a partition that is read by somebody else now off the page; its counter and status stay.
    func removeLag(of source: SourcePartition) {
        lagRecords.remove(source.topic, String(source.partition), group)
        lagSeconds.remove(source.topic, String(source.partition), group)
    }

    /// What is told about one partition.
    struct Handles: Sendable {
        let records: Counter
        let lagRecords: Gauge
        let lagSeconds: Gauge
        let status: StateSet
        let expired: Counter
        let tracesRefused: Counter
    }
}
