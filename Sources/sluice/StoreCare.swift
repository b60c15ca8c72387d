import Foundation
import Metrics
import OrderEvents
import Partitioner
import Postgres
import Store

/// Looks after one store: gauges of what it holds, and retention.
final class StoreCare: Sendable {
    /// How often the gauges are read.
    private static let gaugeInterval: Duration = .seconds(15)
    /// How often a pass of the retention begins.
    private static let passInterval: Duration = .seconds(3600)

    private struct Life: Sendable {
        var isStopping = false
        var hasEnded = false
    }

    private let store: String
    private let connection: ConnectionSettings
    private let retention: Store.RetentionSettings
    private let log: Log
    private let metrics: StoreMetrics
    /// As the ledger knows this process.
    private let instance: String
    private let life = Monitor(Life())

    init(
        store: String, connection: ConnectionSettings, retention: Store.RetentionSettings, metrics: StoreMetrics,
        instance: String, log: Log
    ) {
        self.store = store
        self.connection = connection
        self.retention = retention
        self.metrics = metrics
        self.instance = instance
        self.log = log
    }

    func start() {
        Thread.detachNewThread { [self] in
            Thread.current.name = "care-\(store)"
            // Kept from connection to connection.
            var books = BooksWatch(instance: instance, now: Int64(Date().timeIntervalSince1970 * 1_000_000))
            while pause(.seconds(1)) {
                do throws(PostgresError) {
                    var session = try Connection(connection)
                    try look(after: &session, &books)
                } catch {
                    log.warning("store.care_failed", [("store", .text(store)), ("reason", .text(error.message))])
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

    private func look(
        after connection: inout Connection, _ books: inout BooksWatch
    ) throws(PostgresError) {
        var walk = StateWalk()
        var pass = Retention(retention)
        var shown: Set<[String]> = []
        var shownParked: Set<String> = []
        var shownStates: [String: Set<CanonicalState>] = [:]
        var nextGauges = ContinuousClock.now
        var nextBite = ContinuousClock.now + .seconds(5)
        var nextBooks = ContinuousClock.now + .seconds(2)
        repeat {
            if nextGauges <= .now {
                nextGauges = .now + Self.gaugeInterval
                showExceptions(try ExceptionCounts.read(&connection), &shown)
                showParked(try ParkedCounts.read(&connection), &shownParked)
                if let states = try walk.advance(&connection) { show(states, &shownStates) }
            }
            if nextBite <= .now { nextBite = .now + (try bite(&pass, &connection)) }
            if nextBooks <= .now { nextBooks = .now + (try compare(&books, &connection)) }
        } while pause(max(.milliseconds(10), ContinuousClock.now.duration(to: min(nextGauges, nextBite, nextBooks))))
    }

    /// A bite of what was ledgered lately against its rows; returns when the next is due.
    ///
    /// At most a twentieth of the time, however much there is to compare: what is behind is compared later.
    private func compare(
        _ books: inout BooksWatch, _ connection: inout Connection
    ) throws(PostgresError) -> Duration {
        let start = ContinuousClock.now
        let (found, hasMore) = try books.step(&connection)
        for one in found {
            metrics.imbalance.with(one.topic, String(one.partition)).add(Double(one.imbalance))
            guard one.imbalance != 0 else { continue }
            log.error(
                "books.imbalance",
                [
                    ("store", .text(store)), ("topic", .text(one.topic)), ("partition", .integer(Int(one.partition))),
                    ("records", .integer(Int(one.imbalance))), ("remedy", "sluice books says where"),
                ])
        }
        let to = hasMore ? Double(books.comparedTo) / 1_000_000 : Date().timeIntervalSince1970
        metrics.booksChecked.with(store).set(to)
        return max(hasMore ? .milliseconds(500) : .seconds(10), start.duration(to: .now) * 20)
    }

    /// One bite of the retention; returns when the next is due.
    private func bite(_ pass: inout Retention, _ connection: inout Connection) throws(PostgresError) -> Duration {
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        do throws(StoreError) {
            let report = try pass.step(now: now, &connection)
            if report.rows > 0 { metrics.retained.with(store, report.stage.rawValue).add(report.rows) }
            if report.imbalance != 0 {
                log.error(
                    "books.imbalance",
                    [("store", .text(store)), ("records", .integer(Int(report.imbalance)))])
            }
            // A full bite leaves the store to others for a moment.
            return report.hasMore ? .milliseconds(report.rows > 0 ? 200 : 10) : Self.passInterval
        } catch {
            if let cause = error.underlying, cause.isConnectionLost { throw cause }
            log.warning("store.retention_failed", [("store", .text(store)), ("reason", .text(error.description))])
            return .seconds(60)
        }
    }

    private func showExceptions(_ counts: [ExceptionCounts], _ shown: inout Set<[String]>) {
        var seen: Set<[String]> = []
        for count in counts {
            metrics.openExceptions.with(count.legalEntity, count.code).set(Double(count.open))
            seen.insert([count.legalEntity, count.code])
        }
        // What has ended is 0, not what it was.
        for labels in shown.subtracting(seen) { metrics.openExceptions.with(values: labels).set(0) }
        shown.formUnion(seen)
    }

    private func showParked(_ counts: [ParkedCounts], _ shown: inout Set<String>) {
        let now = Date().timeIntervalSince1970
        for count in counts {
            metrics.parked.with(count.legalEntity).set(Double(count.events))
            metrics.parkedOldest.with(count.legalEntity).set(
                max(0, now - Double(count.oldestSince.microseconds) / 1_000_000))
        }
        let seen = Set(counts.map(\.legalEntity))
        for entity in shown.subtracting(seen) {
            metrics.parked.with(entity).set(0)
            metrics.parkedOldest.with(entity).set(0)
        }
        shown.formUnion(seen)
    }

    /// Where series are scarce, a state is shown from the first time that an order was found in it: most never are.
    private func show(_ states: [StateCounts], _ shown: inout [String: Set<CanonicalState>]) {
        let now = Date().timeIntervalSince1970
        var counted: [String: [CanonicalState: StateCounts]] = [:]
        for count in states { counted[count.legalEntity, default: [:]][count.state] = count }
        for (entity, found) in counted {
            shown[entity, default: []].formUnion(metrics.isRoomy ? CanonicalState.allCases : Array(found.keys))
        }
        for (entity, states) in shown {
            for state in states {
                let count = counted[entity]?[state]
                metrics.orders.with(entity, state.name).set(Double(count?.orders ?? 0))
                let since = count?.oldestSince.map { Double($0.microseconds) / 1_000_000 }
                metrics.oldest.with(entity, state.name).set(since.map { max(0, now - $0) } ?? 0)
            }
        }
    }
}
