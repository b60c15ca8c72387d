// What an instance is told to do, as plain values.
//
// A configuration is loaded whole or not at all: `load` collects every problem of every file and throws them together,
// so nobody mends a folder one message at a time and no part of a bad folder ever takes effect. Loading is offline: it
// reads files, resolves no secret and opens no connection.

/// A whole, valid configuration.
///
/// Lists are sorted by name, so the same files always give the same value.
public struct Configuration: Equatable, Sendable {
    /// Where events come from, and where dead letters go.
    public var kafka: KafkaSettings
    /// The PostgreSQL databases, by name; at least one.
    public var stores: [StoreSettings]
    /// Where metrics, health and the read API listen.
    public var http: HTTPSettings
    /// How much memory waiting events may take.
    public var budgets: BudgetSettings
    /// How long a worker waits for a batch to grow when there is little to do.
    public var linger: Duration
    /// How long each store keeps what it wrote.
    public var retention: RetentionSettings
    /// How long a stopping process may take to finish what it has begun.
    public var shutdownTimeout: Duration
    /// The sources of events, by name; at least one.
    public var channels: [ChannelSettings]
    /// The legal entities, by code; at least one.
    public var entities: [EntitySettings]
    /// What is accepted but should be looked at, such as an unencrypted connection that was asked for.
    public var warnings: [Problem]

    /// Reads and validates the configuration at `path`: the folder, or its `sluice.json5` with `channels/` and
    /// `entities/` beside it.
    ///
    /// - Throws: Every problem that was found, ordered by file and line.
    public static func load(path: String) throws(ConfigurationError) -> Configuration {
        let folder = ConfigurationFolder(path: path)
        var problems = ProblemList()
        let files = folder.read(into: &problems)
        for file in files {
            guard let root = file.root else { continue }
            ShapeCheck.run(root, file: file, into: &problems)
        }
        let draft = ConfigurationDraft(files: files, isComplete: problems.unreadableFiles == 0)
        draft.crossCheck(into: &problems)
        if problems.isEmpty, let configuration = draft.configuration() { return configuration }
        problems.requireOne(file: path)
        throw ConfigurationError(problems: problems.sorted, omitted: problems.omitted)
    }
}

/// Kafka: brokers, consumer group, dead letters, and librdkafka options from an allow-list.
public struct KafkaSettings: Equatable, Sendable {
    /// `host:port` of the brokers to begin with; at least one.
    public var brokers: [String]
    /// The consumer group; default `sluice`.
    public var group: String
    /// The instance's name for static membership, or nil for dynamic membership.
    public var instanceID: String?
    /// The topic of undecodable records; default `sluice.dead-letters`.
    ///
    /// No channel reads it.
    public var deadLetterTopic: String
    /// librdkafka's own settings, by name; none of those that Sluice sets itself.
    public var options: [KafkaOption]
    /// Whether brokers off loopback without TLS were asked for.
    public var insecure = false
}

/// One librdkafka setting.
public struct KafkaOption: Equatable, Sendable {
    /// Which clients know a setting.
    ///
    /// A client that is given a setting of the other only logs it.
    public enum Scope: Sendable {
        /// Consumers and producers.
        case both
        /// Consumers only.
        case consumer
        /// Producers only.
        case producer
    }

    /// librdkafka's name.
    public var name: String
    /// The value, or where it is kept.
    public var value: ConfiguredText
    /// Which clients know it.
    public var scope: Scope
}

/// One PostgreSQL database and its workers.
public struct StoreSettings: Equatable, Sendable {
    /// The name that entities and metrics use.
    public var name: String
    /// The connection URL or connection string of libpq.
    public var url: ConfiguredText
    /// The same for who only reads; nil: `url`.
    public var readerURL: ConfiguredText?
    /// Connections that apply batches; default 4.
    public var workers: Int
    /// A label for people: where the data resides.
    public var region: String?
    /// Whether `sluice run` applies the store's migrations; default true.
    ///
    /// `sluice migrate` always does.
    public var migrate: Bool
    /// Whether a server off loopback without verified TLS was asked for.
    public var insecure = false
}

/// Where the HTTP server listens, and who may ask.
public struct HTTPSettings: Equatable, Sendable {
    /// A numeric address, without brackets; default `127.0.0.1`.
    public var host: String
    /// The port; default 9464; 0 takes any free one.
    public var port: Int
    /// How many series a page of metrics may have: 1,000...10,000,000.
    public var series = 100_000
    /// Where the hashes of the bearer tokens are; nil: no token is needed, and the address is loopback.
    public var tokens: SecretReference?
    /// Whether a proxy that ends TLS stands in front.
    public var isBehindTLS = false

    /// Whether the address can be reached from this machine only.
    public var isLoopback: Bool { NetworkAddress.isLoopback(host) }
}

/// Bounds on events that wait in memory.
public struct BudgetSettings: Equatable, Sendable {
    /// Bytes for the process; default 64 MiB.
    public var process: Int
    /// Bytes for one lane; default 4 MiB; never more than `process`.
    public var lane: Int
    /// Bytes that may wait for legal entities that may not go on, and for stores that are away, beyond `process`.
    ///
    /// Default 128 MiB.
    public var blocked: Int
}

/// How long rows are kept: `keys` <= `payloads` <= `journal`.
public struct RetentionSettings: Equatable, Sendable {
    /// Idempotency keys; default 30 days.
    public var keys: Duration
    /// The journal; default 730 days.
    public var journal: Duration
    /// The records' own bytes in the journal; default 90 days.
    public var payloads: Duration
    /// Dead letters; default 90 days.
    public var deadLetters: Duration
    /// The audit trail; default 730 days, never less than 30.
    public var audit: Duration
}
