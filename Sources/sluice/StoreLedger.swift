import Foundation
import Ingest
import Partitioner
import Postgres
import Store
import Synchronization

/// The partition ledger in the stores.
///
/// Every store holds the counts of its own legal entities, the first those of `unknown` too. The first store decides:
/// its append is committed last, so what another store has beyond it is of an attempt that is made again.
final class StoreLedger: PartitionLedgerStore {
    /// How long one call to a store that follows may take at first: the ledger of everybody else waits meanwhile.
    private static let firstPatience = Duration.seconds(1)
    /// The same at most; doubled with each call that took too long, so that a slow store gets its turn.
    private static let longestPatience = Duration.seconds(8)
    /// After a failure a store that follows is left alone for so many times its patience.
    private static let rest = 2

    /// A connection that is opened when it is needed and dropped when it fails.
    private final class Session {
        var connection: Connection?
        var patience = StoreLedger.firstPatience
        /// Until when it is not asked again.
        var restingUntil: ContinuousClock.Instant?
    }

    private let settings: [ConnectionSettings]
    private let sources: SourcePartitions
    /// Index of the legal entity -> name and store.
    private let entities: [(name: String, store: Int)]
    private let instance: String
    /// This process, as nobody else is called, whatever its instance.
    private let reader = UUID().uuidString
    private let sessions: Mutex<[Session]>

    init(
        settings: [ConnectionSettings], sources: SourcePartitions, entities: [(name: String, store: Int)],
        instance: String
    ) {
        self.settings = settings
        self.sources = sources
        self.entities = entities
        self.instance = instance
        sessions = Mutex(settings.map { _ in Session() })
    }

    func open(_ partitions: [SourcePartition]) throws -> [PartitionOpening] {
        try withStore(0) { connection throws(PostgresError) in
            try PartitionReadings.open(
                topics: partitions.map(\.topic), partitions: partitions.map(\.partition), reader: reader, &connection)
        }.map { PartitionOpening(nextOffset: $0.nextOffset, uncleanEnds: $0.uncleanEnds, suspect: $0.suspect) }
    }

    func close(_ partitions: [SourcePartition]) throws {
        try withStore(0) { connection throws(PostgresError) in
            try PartitionReadings.close(
                topics: partitions.map(\.topic), partitions: partitions.map(\.partition), reader: reader, &connection)
        }
    }

    func take(_ records: [(partition: SourcePartition, offset: Int64)]) throws {
        try withStore(0) { connection throws(PostgresError) in
            try PartitionReadings.take(
                topics: records.map(\.partition.topic), partitions: records.map(\.partition.partition),
                offsets: records.map(\.offset), reader: reader, &connection)
        }
    }

    /// What needs no store that is away is appended; a store is asked only for stretches with records of its own.
    func append(_ advances: [LedgerAdvance]) throws -> (refused: [Int32], waiting: [Int32]) {
        let known = advances.filter { sources[$0.partition] != nil }
        if known.isEmpty { return ([], []) }
        let standings = try withStore(0) { connection throws(PostgresError) in
            try PartitionLedger.begin(known.map { stretch($0, store: nil) }, &connection)
        }
        var fresh = zip(known, standings).filter { $0.1 == .append }.map(\.0)
        var waiting: [Int32] = []
        for store in settings.indices.dropFirst() {
            let own = fresh.filter { has($0, recordsOf: store) }
            if own.isEmpty { continue }
            do {
                try checkRested(store)
                try withStore(store) { connection throws(PostgresError) in
                    try PartitionLedger.follow(
                        own.map { stretch($0, store: store) }, instance: instance, &connection)
                }
            } catch {
                // They come again; what the others need goes on.
                let left = Set(own.map(\.partition))
                waiting += left
                fresh.removeAll { left.contains($0.partition) }
            }
        }
        try withStore(0) { connection throws(PostgresError) in
            try PartitionLedger.append(fresh.map { stretch($0, store: 0) }, instance: instance, &connection)
            _ = try connection.execute("COMMIT")
        }
        return (zip(known, standings).filter { $0.1 == .overtaken }.map(\.0.partition), waiting)
    }

    private struct Resting: Error {}

    private func checkRested(_ store: Int) throws {
        let until = sessions.withLock { $0[store].restingUntil }
        if let until, ContinuousClock.now < until { throw Resting() }
    }

    private func has(_ advance: LedgerAdvance, recordsOf store: Int) -> Bool {
        advance.byEntity.contains { count in
            entities.indices.contains(Int(count.entity)) && entities[Int(count.entity)].store == store
        }
    }

    private func stretch(_ advance: LedgerAdvance, store: Int?) -> LedgerStretch {
        let source = sources[advance.partition]
        var counts: [(legalEntity: String, records: Int64)] = []
        for count in advance.byEntity {
            let isKnown = entities.indices.contains(Int(count.entity))
            let home = isKnown ? entities[Int(count.entity)].store : 0
            guard store == nil || home == store else { continue }
            counts.append((isKnown ? entities[Int(count.entity)].name : "unknown", Int64(count.count)))
        }
        return LedgerStretch(
            topic: source?.topic ?? "", partition: source?.partition ?? 0, firstOffset: advance.firstOffset,
            nextOffset: advance.nextOffset, counts: counts)
    }

    private func withStore<Result>(
        _ store: Int, _ body: (inout Connection) throws(PostgresError) -> Result
    ) throws -> Result {
        try sessions.withLock { sessions in
            let session = sessions[store]
            let start = ContinuousClock.now
            do throws(PostgresError) {
                var connection: Connection
                if let open = session.connection.take() {
                    connection = open
                } else {
                    connection = try Connection(settings(ofStore: store, session))
                }
                let result = try body(&connection)
                // Its time-outs are of when it was slow.
                let isQuick = start.duration(to: .now) < Self.firstPatience
                if isQuick, session.patience > Self.firstPatience {
                    session.patience = Self.firstPatience
                } else {
                    session.connection = consume connection
                }
                session.restingUntil = nil
                return result
            } catch {
                // Whatever transaction was open has ended with the connection.
                session.restingUntil = .now + session.patience * Self.rest
                if start.duration(to: .now) >= session.patience {
                    session.patience = min(session.patience * 2, Self.longestPatience)
                }
                throw error
            }
        }
    }

    /// Of a store that follows: every wait has an end that the store which decides, and everybody's ledger, can bear.
    private func settings(ofStore store: Int, _ session: Session) -> ConnectionSettings {
        var own = settings[store]
        if store == 0 { return own }
        own.connectDeadline = session.patience
        own.statementTimeout = session.patience
        own.lockTimeout = session.patience
        // Beyond the server's own time-out, so that it gets to answer for itself.
        own.statementDeadline = session.patience + .milliseconds(500)
        return own
    }
}
