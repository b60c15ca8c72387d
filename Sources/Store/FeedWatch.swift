import OrderEvents
public import Postgres

/// Finds channels that are silent for longer than they may be.
///
/// One exception a legal entity names all of its silent channels: it is about no order. It ends when all are heard
/// again.
public struct FeedWatch: Sendable {
    /// What this process hears.
    private let heard: HeardFeeds
    /// Since when this process listens, microseconds since 1970.
    private let startedAt: Int64
    /// What was appended last, by feed.
    private var appended: [Int64]
    private let legalEntities: [String]

    /// After a start, nobody is called silent for so long: what was said meanwhile is still being read.
    private static let grace: Int64 = 120_000_000
    /// What is heard is known to other instances only after so long.
    private static let slack: Int64 = 15_000_000

    /// A watch over `heard`; `startedAt`: since when this process listens.
    public init(_ heard: HeardFeeds, startedAt: Int64) {
        self.heard = heard
        self.startedAt = startedAt
        appended = Array(repeating: 0, count: heard.feeds.count)
        legalEntities = Set(heard.feeds.map(\.legalEntity)).sorted()
    }

    /// text[] legal_entity -> text legal_entity, text detail of what is open.
    private static let open = Statement(
        "feeds_open",
        """
        SELECT r.e, x.detail FROM unnest($1::text[]) AS r(e)
        JOIN exceptions x ON x.legal_entity = r.e AND x.order_ref = '' AND x.code = 'feed_silent'
             AND x.resolved_at IS NULL
        """)

    /// Appends what was heard, each feed a few times in the time that it may be silent.
    public mutating func append(now: Int64, _ connection: inout Connection) throws(PostgresError) {
        var news: [(feed: HeardFeeds.Feed, at: Int64)] = []
        var indexes: [Int] = []
        for (index, feed) in heard.feeds.enumerated() {
            guard let at = heard.heard(index), at > appended[index], now - appended[index] >= feed.expectEvery / 10
            else { continue }
            news.append((feed, at))
            indexes.append(index)
        }
        try Feeds.append(news, &connection)
        for (index, row) in zip(indexes, news) { appended[index] = row.at }
    }

    /// Opens and ends `feed_silent`, within the transaction that is open.
    public func check(now: Int64, _ connection: inout Connection) throws(PostgresError) -> CheckResult {
        var result = CheckResult()
        guard !heard.feeds.isEmpty else { return result }
        try Feeds.fold(legalEntities, &connection)
        let known = try Feeds.read(heard.feeds, &connection)
        var silent: [String: [String]] = [:]
        for (index, feed) in heard.feeds.enumerated() {
            let last = [known[index], heard.heard(index)].compactMap { $0 }.max()
            let isSilent = isSilent(since: last, feed, now)
            result.feeds.append((feed.legalEntity, feed.channel, isSilent))
            guard isSilent else { continue }
            let since = last.map { "since \(Timestamp(microseconds: $0).rfc3339)" } ?? "from the beginning"
            silent[feed.legalEntity, default: []].append("\(feed.channel) \(since)")
        }
        var entities = Parameters()
        entities.texts(legalEntities)
        var open: [String: String] = [:]
        do {
            let rows = try connection.query(Self.open, entities)
            for row in 0..<rows.count { open[rows.text(row, 0)] = rows.text(row, 1) }
        }
        let told = silent.mapValues { "silent: " + $0.joined(separator: ", ") }
        try raise(told.filter { open[$0.key] != $0.value }, now, &result, &connection)
        try resolve(open.keys.filter { silent[$0] == nil }.sorted(), now, &result, &connection)
        return result
    }

    private func isSilent(since last: Int64?, _ feed: HeardFeeds.Feed, _ now: Int64) -> Bool {
        guard now - startedAt > min(feed.expectEvery, Self.grace) else { return false }
        return now - (last ?? startedAt) > feed.expectEvery + Self.slack
    }

    private func raise(
        _ told: [String: String], _ now: Int64, _ result: inout CheckResult, _ connection: inout Connection
    ) throws(PostgresError) {
        guard !told.isEmpty else { return }
        let rows = told.sorted { $0.key < $1.key }
        var values = Self.key(rows.map(\.key), now)
        values.texts(rows.map { _ in ExceptionCode.feedSilent.severity })
        values.texts(rows.map(\.value))
        values.int64s(rows.map { _ in 1 })
        let written = try connection.query(ApplyStatements.raiseExceptions, values)
        for row in 0..<written.count where written.bool(row, 2) {
            result.opened.append((written.text(row, 0), written.text(row, 1)))
        }
    }

    private func resolve(
        _ entities: [String], _ now: Int64, _ result: inout CheckResult, _ connection: inout Connection
    ) throws(PostgresError) {
        guard !entities.isEmpty else { return }
        var values = Self.key(entities, now)
        values.text("sluice")
        let written = try connection.query(ApplyStatements.resolveExceptions, values)
        for row in 0..<written.count {
            result.ended.append((written.text(row, 0), written.text(row, 1), written.double(row, 2)))
        }
    }

    private static func key(_ entities: [String], _ now: Int64) -> Parameters {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now)
        parameters.texts(entities)
        parameters.texts(entities.map { _ in "" })
        parameters.texts(entities.map { _ in ExceptionCode.feedSilent.rawValue })
        return parameters
    }
}
