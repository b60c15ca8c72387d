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
    private struct Sessions: ~Copyable {
        var open: [Session] = []
    }

    /// A connection that is opened when it is needed and dropped when it fails.
    private final class Session {
        var connection: Connection?
    }

    private let settings: [ConnectionSettings]
    private let sources: SourcePartitions
    /// Index of the legal entity -> name and store.
    private let entities: [(name: String, store: Int)]
    private let instance: String
    private let sessions: Mutex<Sessions>

    init(
        settings: [ConnectionSettings], sources: SourcePartitions, entities: [(name: String, store: Int)],
        instance: String
    ) {
        self.settings = settings
        self.sources = sources
        self.entities = entities
        self.instance = instance
        sessions = Mutex(Sessions())
    }

    func nextOffsets(of partitions: [SourcePartition]) throws -> [Int64?] {
        try withStore(0) { connection throws(PostgresError) in
            try PartitionLedger.nextOffsets(
                topics: partitions.map(\.topic), partitions: partitions.map(\.partition), &connection)
        }
    }

    func append(_ advances: [LedgerAdvance]) throws -> [Int32] {
        guard !advances.isEmpty else { return [] }
        let known = advances.filter { sources[$0.partition] != nil }
        let standings = try withStore(0) { connection throws(PostgresError) in
            try PartitionLedger.begin(known.map { stretch($0, store: nil) }, &connection)
        }
        let fresh = zip(known, standings).filter { $0.1 == .append }.map(\.0)
        for store in settings.indices.dropFirst() where !fresh.isEmpty {
            try withStore(store) { connection throws(PostgresError) in
                try PartitionLedger.follow(
                    fresh.map { stretch($0, store: store) }, instance: instance, &connection)
            }
        }
        try withStore(0) { connection throws(PostgresError) in
            try PartitionLedger.append(fresh.map { stretch($0, store: 0) }, instance: instance, &connection)
            _ = try connection.execute("COMMIT")
        }
        return zip(known, standings).filter { $0.1 == .overtaken }.map(\.0.partition)
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
            while sessions.open.count < settings.count { sessions.open.append(Session()) }
            let session = sessions.open[store]
            var connection: Connection
            if let open = session.connection.take() {
                connection = open
            } else {
                connection = try Connection(settings[store])
            }
            do throws(PostgresError) {
                let result = try body(&connection)
                session.connection = consume connection
                return result
            } catch {
                // Closing ends whatever transaction is open, here and in the store that decides.
                sessions.open = []
                throw error
            }
        }
    }
}
