internal import Kafka

/// How Ingest reads from Kafka.
public struct IngestSettings: Sendable {
    /// What the library may hold of records that were not polled yet: its queue, and one answer on top of it.
    public static let fetchedAheadBytes = 2 << 20
    /// Headers of a record that are looked at, at most.
    public static let maximumHeaders = 64

    /// `host:port` of brokers to begin with.
    public var brokers: [String]
    /// Consumer group.
    public var group: String
    /// Static member id; nil for dynamic membership.
    public var instanceID: String?
    /// More settings by librdkafka's names; the caller has checked them against its allow-list.
    ///
    /// Those that Ingest's promises rest on are set after them and cannot be changed.
    public var options: [(name: String, value: String)]
    /// Topics to read; `RecordDecoding` gets indexes in this list.
    public var topics: [String]
    /// How long one poll may wait for a record.
    public var pollWait: Duration = .milliseconds(100)
    /// Records of one burst at most.
    public var burstRecords = 2048
    /// Bytes after which a burst ends.
    public var burstBytes = 4 << 20
    /// How often done work is ledgered and committed.
    public var commitInterval: Duration = .milliseconds(200)
    /// How long a revoked partition, and stopping, waits for the work in flight.
    public var drainDeadline: Duration = .seconds(10)
    /// How long the commit before giving up partitions, and leaving the group, may take (each).
    public var closeBound: Duration = .seconds(3)
    /// Records that are polled and not ledgered, over all partitions, at which polling pauses: 4 bytes each,
    /// 20 in a log with a gap behind every record.
    ///
    /// Large, because one waiting record holds up the ledger of its partition while all others behind it go on.
    public var maximumOpenRecords = 2_000_000
    /// How long a partition with lag may stand still before it counts as stalled or stopped; a sixth of it is a
    /// warning.
    public var stallAfter: Duration = .seconds(60)

    /// Settings with the usual bounds.
    public init(
        brokers: [String], group: String, topics: [String], instanceID: String? = nil,
        options: [(name: String, value: String)] = []
    ) {
        self.brokers = brokers
        self.group = group
        self.topics = topics
        self.instanceID = instanceID
        self.options = options
    }

    /// The consumer's settings.
    func clientSettings() -> ClientSettings {
        var settings = ClientSettings([
            "client.id": "sluice",
            // Memory of records fetched ahead: the library's default is 64 MiB. Little suffices, because the library is
            // woken when its queue runs dry (`Consumer.wake`), and whatever comes waits behind it, rebalances too. Only
            // bytes count: a bound in records would be reached long before with small records.
            "queued.max.messages.kbytes": "1024",
            "queued.min.messages": "1000000",
            // One answer; a batch that is larger still comes, alone, up to receive.message.max.bytes.
            "fetch.max.bytes": "1048576",
            "fetch.message.max.bytes": "262144",
            // Must be above the largest batch that a topic takes, else its partition stands still.
            "receive.message.max.bytes": "104857600",
            "fetch.wait.max.ms": "100",
            "fetch.error.backoff.ms": "100",
            // A topic that appears, or gets partitions, is found within 10 s instead of 5 min.
            "topic.metadata.refresh.interval.ms": "10000",
            "reconnect.backoff.ms": "100",
            "reconnect.backoff.max.ms": "5000",
            "session.timeout.ms": "10000",
            "heartbeat.interval.ms": "1000",
            "max.poll.interval.ms": "300000",
            "socket.keepalive.enable": "true",
        ])
        for option in options { settings.set(option.name, option.value) }
        settings.set("bootstrap.servers", brokers.joined(separator: ","))
        settings.set("group.id", group)
        if let instanceID { settings.set("group.instance.id", instanceID) }
        // What the promises rest on: no offset is committed but by us, behind ledgered work.
        settings.set("enable.auto.commit", "false")
        settings.set("enable.auto.offset.store", "false")
        settings.set("auto.offset.reset", "earliest")
        settings.set("partition.assignment.strategy", "cooperative-sticky")
        settings.set("isolation.level", "read_committed")
        settings.set("allow.auto.create.topics", "false")
        // Tells the log's end, and so the gaps that transaction markers leave behind the last record.
        settings.set("enable.partition.eof", "true")
        settings.set("check.crcs", "true")
        settings.set("statistics.interval.ms", "5000")
        return settings
    }
}

/// Why Ingest could not begin.
public struct IngestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed and what to change; no secrets.
    public let description: String

    init(_ description: String) { self.description = description }
}
