import Foundation
import Ingest
import Metrics
import OrderEvents
import Partitioner
import Postgres
import Store

/// Takes the dead letters of one store to dead_letter_topic.
///
/// The row comes first and says whether it was produced, so nothing is lost when either side is away.
final class DeadLetterLoop: Sendable {
    /// Letters of one bite: with 1 MiB kept of each, 64 MiB of memory at most.
    static let bite = 64

    private let store: String
    private let connection: ConnectionSettings
    private let brokers: [String]
    private let topic: String
    private let options: [(name: String, value: String)]
    private let log: Log
    private let life = Monitor(Life())

    private struct Life: Sendable {
        var isStopping = false
        var hasEnded = false
    }

    init(
        store: String, connection: ConnectionSettings, brokers: [String], topic: String,
        options: [(name: String, value: String)], log: Log
    ) {
        self.store = store
        self.connection = connection
        self.brokers = brokers
        self.topic = topic
        self.options = options
        self.log = log
    }

    func start() {
        Thread.detachNewThread { [self] in
            Thread.current.name = "dead-letters"
            run()
            life.change { $0.hasEnded = true }
        }
    }

    /// Ends after the bite that is under way, at most after `bound`.
    func stop(within bound: Duration) {
        life.change { $0.isStopping = true }
        _ = life.wait(within: bound) { $0.hasEnded }
    }

    private func pause(_ duration: Duration) -> Bool { !life.wait(within: duration) { $0.isStopping } }

    private func run() {
        while producesWithOneClient() {}
    }

    /// Until the client is spent; returns false when the loop has to end.
    private func producesWithOneClient() -> Bool {
        let producer: DeadLetterProducer
        do throws(IngestError) {
            producer = try DeadLetterProducer(brokers: brokers, topic: topic, options: options)
        } catch {
            log.error("dead_letters.refused", [("reason", .text(error.description))])
            return pause(.seconds(5))
        }
        while pause(.seconds(1)) {
            do throws(PostgresError) {
                var session = try Connection(connection)
                while true {
                    let next = try bite(&session, producer)
                    guard pause(next.wait) else { return false }
                    if next.isSpent { return true }
                }
            } catch {
                log.warning("dead_letters.store_away", [("store", .text(store)), ("reason", .text(error.message))])
                guard pause(.seconds(2)) else { return false }
            }
        }
        return false
    }

    /// One bite; returns how long to wait before the next, and whether that needs another client.
    private func bite(
        _ connection: inout Connection, _ producer: borrowing DeadLetterProducer
    ) throws(PostgresError) -> (wait: Duration, isSpent: Bool) {
        let due = try DeadLetterFeed.due(limit: Self.bite, &connection)
        guard !due.isEmpty else { return (.milliseconds(500), false) }
        let records = due.map {
            DeadLetterRecord(
                source: SourcePartition(topic: $0.topic, partition: $0.partition), offset: $0.offset,
                loggedAt: $0.loggedAt, channel: $0.channel,
                reason: DeadLetter.Reason(rawValue: $0.reason) ?? .invalidValue, detail: $0.detail, key: $0.key,
                value: $0.payload, trace: $0.trace)
        }
        let answer = producer.produce(records, within: .seconds(10))
        try DeadLetterFeed.markProduced(zip(due, answer.acknowledged).filter(\.1).map(\.0), &connection)
        guard answer.acknowledged.contains(false) else { return (.zero, false) }
        log.warning(
            "dead_letters.not_acknowledged",
            [
                ("topic", .text(topic)), ("reason", .text(answer.refusals.joined(separator: "; "))),
                ("remedy", "the rows stay and are produced again"),
            ])
        return (.seconds(2), answer.isSpent)
    }
}
