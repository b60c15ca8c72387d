import Foundation
import Metrics
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store

/// The scheduled checks of one store: what only time shows.
///
/// Orders that stay in a flow for longer than their legal entity promises, and channels that are silent for longer than
/// they may be. Every instance runs it; a bite is done by whoever comes first.
final class CheckLoop: Sendable {
    /// How often a pass begins.
    private static let interval: Duration = .seconds(5)
    /// How long the walk for new promises may take of a pass: it is done once, and leaves the store to others.
    private static let walkShare: Duration = .seconds(1)
    /// Orders of one legal entity in one transaction: so long a batch may have to wait for one of them.
    private static let bite = 200

    private struct Life: Sendable {
        var isStopping = false
        var hasEnded = false
    }

    private let store: String
    private let connection: ConnectionSettings
    private let promises: [Promise]
    private let feeds: HeardFeeds
    private let log: Log
    private let metrics: StoreMetrics
    private let life = Monitor(Life())

    /// The checks of one store; nothing runs before `start`.
    ///
    /// `promises`: of every legal entity of the store, those without a promise included. `feeds`: what this store's
    /// legal entities must hear.
    init(
        store: String, connection: ConnectionSettings, promises: [Promise], feeds: HeardFeeds,
        metrics: StoreMetrics, log: Log
    ) {
        self.store = store
        self.connection = connection
        self.promises = promises
        self.feeds = feeds
        self.metrics = metrics
        self.log = log
    }

    func start() {
        Thread.detachNewThread { [self] in
            Thread.current.name = "checks-\(store)"
            var watch = FeedWatch(feeds, startedAt: Self.now())
            while pause(.seconds(1)) {
                do throws(PostgresError) {
                    var session = try Connection(connection)
                    var walk = PromiseWalk(promises)
                    repeat { try pass(&walk, &watch, &session) } while pause(Self.interval)
                } catch {
                    log.warning("checks.failed", [("store", .text(store)), ("reason", .text(error.message))])
                    if !pause(.seconds(5)) { break }
                }
            }
            life.change { $0.hasEnded = true }
        }
    }

    /// Ends after the bite that is under way, at most after `bound`.
    func stop(within bound: Duration) {
        life.change { $0.isStopping = true }
        _ = life.wait(within: bound) { $0.hasEnded }
    }

    private func pause(_ duration: Duration) -> Bool { !life.wait(within: duration) { $0.isStopping } }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    private func pass(
        _ walk: inout PromiseWalk, _ watch: inout FeedWatch, _ connection: inout Connection
    ) throws(PostgresError) {
        try watch.append(now: Self.now(), &connection)
        let heard = try OrderLooks.alone(&connection) { connection throws(PostgresError) in
            try watch.check(now: Self.now(), &connection)
        }
        if let heard { show(heard) }
        let promising = promises.filter { !$0.times.isEmpty }
        while !promising.isEmpty {
            let result = try OrderLooks.alone(&connection) { connection throws(PostgresError) in
                try OrderLooks.look(promising, now: Self.now(), limit: Self.bite, &connection)
            }
            guard let result else { break }
            show(result)
            if result.looked == 0 || !pause(.milliseconds(1)) { break }
        }
        let end = ContinuousClock.now + Self.walkShare
        while ContinuousClock.now < end {
            let hasMore = try OrderLooks.alone(&connection) { connection throws(PostgresError) in
                try walk.advance(now: Self.now(), &connection)
            }
            if hasMore != true || !pause(.milliseconds(10)) { break }
        }
        metrics.lastPass.with(store).set(Date().timeIntervalSince1970)
    }

    private func show(_ result: CheckResult) {
        for feed in result.feeds {
            metrics.silentFeeds.with(feed.legalEntity, feed.channel).set(feed.isSilent ? 1 : 0)
        }
        if result.looked > 0 { metrics.looked.with(store).add(result.looked) }
        for (entity, code) in result.opened { metrics.exceptions.with(entity, code).add() }
        for (entity, code, seconds) in result.ended { metrics.resolution.with(entity, code).observe(max(0, seconds)) }
        if result.unreadable > 0 {
            log.error(
                "checks.document_unreadable",
                [("store", .text(store)), ("orders", .integer(result.unreadable))])
        }
    }
}
