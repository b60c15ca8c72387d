public import Postgres
internal import Synchronization

// Channels that must be heard. A batch notes in memory that a channel was heard, because a row that every batch updates
// would be one that they all wait for. Each instance appends what it heard to channel_heard now and then, so that a
// restart, or another instance, knows it.

/// When each channel that must be heard was last heard, by this process.
///
/// Shared by workers and checks; any thread.
public final class HeardFeeds: Sendable {
    /// A channel of a legal entity that must be heard.
    public struct Feed: Hashable, Sendable {
        /// The legal entity.
        public var legalEntity: String
        /// The channel.
        public var channel: String
        /// How long it may be silent, in microseconds.
        public var expectEvery: Int64

        /// A feed; see the properties.
        public init(legalEntity: String, channel: String, expectEvery: Int64) {
            self.legalEntity = legalEntity
            self.channel = channel
            self.expectEvery = expectEvery
        }
    }

    private final class Time: Sendable {
        let microseconds = Atomic<Int64>(0)
    }

    private struct Pair: Hashable {
        var entity: Int32
        var channel: Int32
    }

    /// The feeds.
    public let feeds: [Feed]
    private let times: [Time]
    private let slots: [Pair: Int]

    /// No channel must be heard.
    public convenience init() { self.init([]) }

    /// Feeds with the process' numbers of legal entity and channel.
    public init(_ feeds: [(feed: Feed, entity: Int32, channel: Int32)]) {
        self.feeds = feeds.map(\.feed)
        times = feeds.map { _ in Time() }
        slots = Dictionary(
            feeds.enumerated().map { (Pair(entity: $1.entity, channel: $1.channel), $0) },
            uniquingKeysWith: { a, _ in a })
    }

    /// Notes that a channel told something about a legal entity; nothing unless it must be heard.
    public func hear(entity: Int32, channel: Int32, at microseconds: Int64) {
        guard !slots.isEmpty, let slot = slots[Pair(entity: entity, channel: channel)] else { return }
        times[slot].microseconds.max(microseconds, ordering: .relaxed)
    }

    /// When the feed at `index` was last heard by this process, microseconds since 1970; nil: not yet.
    public func heard(_ index: Int) -> Int64? {
        let time = times[index].microseconds.load(ordering: .relaxed)
        return time == 0 ? nil : time
    }
}

/// What the store knows of channels that must be heard.
public enum Feeds {
    /// timestamptz[] heard_at, text[] legal_entity, text[] channel.
    private static let append = Statement(
        "feeds_append",
        """
        INSERT INTO channel_heard (heard_at, legal_entity, channel)
        SELECT t, e, c FROM unnest($1::timestamptz[], $2::text[], $3::text[]) AS r(t, e, c) ON CONFLICT DO NOTHING
        """)
    /// text[] legal_entity: leaves the latest row of each channel.
    private static let fold = Statement(
        "feeds_fold",
        """
        DELETE FROM channel_heard h USING unnest($1::text[]) AS r(e)
        WHERE h.legal_entity = r.e AND EXISTS (
            SELECT FROM channel_heard n
            WHERE n.legal_entity = h.legal_entity AND n.channel = h.channel AND n.heard_at > h.heard_at)
        """)
    /// text[] legal_entity, text[] channel -> bigint ordinality, timestamptz heard_at.
    private static let read = Statement(
        "feeds_read",
        """
        SELECT r.i, h.heard_at FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(e, c, i)
        JOIN LATERAL (
            SELECT heard_at FROM channel_heard WHERE legal_entity = r.e AND channel = r.c
            ORDER BY heard_at DESC LIMIT 1
        ) h ON true
        """)

    /// Appends when feeds were heard.
    public static func append(
        _ heard: [(feed: HeardFeeds.Feed, at: Int64)], _ connection: inout Connection
    ) throws(PostgresError) {
        guard !heard.isEmpty else { return }
        var parameters = Parameters()
        parameters.timestamps(microsecondsSinceUnixEpoch: heard.map(\.at))
        parameters.texts(heard.map(\.feed.legalEntity))
        parameters.texts(heard.map(\.feed.channel))
        _ = try connection.query(append, parameters)
    }

    /// Leaves the latest row of each channel of these legal entities.
    public static func fold(_ legalEntities: [String], _ connection: inout Connection) throws(PostgresError) {
        var parameters = Parameters()
        parameters.texts(legalEntities)
        _ = try connection.query(fold, parameters)
    }

    /// When any instance last heard each of the feeds, microseconds since 1970; nil: never.
    public static func read(
        _ feeds: [HeardFeeds.Feed], _ connection: inout Connection
    ) throws(PostgresError) -> [Int64?] {
        var heard = [Int64?](repeating: nil, count: feeds.count)
        guard !feeds.isEmpty else { return heard }
        var parameters = Parameters()
        parameters.texts(feeds.map(\.legalEntity))
        parameters.texts(feeds.map(\.channel))
        let rows = try connection.query(read, parameters)
        for row in 0..<rows.count { heard[Int(rows.int64(row, 0)) - 1] = rows.timestamp(row, 1) }
        return heard
    }
}
