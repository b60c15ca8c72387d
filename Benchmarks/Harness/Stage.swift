import Embedded
import Foundation
import Postgres
import Synchronization

/// What one part stands on: a broker, a PostgreSQL and a folder, all private, all gone at the end.
///
/// Everything that is compared in a part uses the same server with the same settings. `track_commit_timestamp` makes
/// the server write down when each transaction was committed: all rates and latencies come from there, for us, the
/// floor and the peers alike, and nobody has to ask while the clock runs.
final class Stage {
    static let odooKeyVariable = "SLUICE_BENCH_ODOO_KEY"
    static let storeVariable = "SLUICE_BENCH_DATABASE_URL"
    static let partitions = 8

    let options: Options
    let folder: String
    let broker: EmbeddedBroker
    let postgres: EmbeddedPostgreSQL
    private let leftover: Int
    private var made = 0

    init(_ options: Options) throws {
        self.options = options
        let parts = Parts()
        leftover = Leftovers.shared.add { parts.end() }
        do {
            let broker = try EmbeddedBroker(options.kafkaHome.map { .kafka(home: $0) } ?? .mock)
            parts.broker.withLock { $0 = broker }
            self.broker = broker
            var settings = EmbeddedPostgreSQL.Options()
            settings.port = options.peers == nil ? nil : 0
            settings.settings = [
                ("track_commit_timestamp", "on"), ("shared_buffers", "256MB"), ("max_wal_size", "8GB"),
                ("checkpoint_timeout", "30min"),
            ]
            let postgres = try EmbeddedPostgreSQL(settings)
            parts.postgres.withLock { $0 = postgres }
            self.postgres = postgres
            // Within PostgreSQL's folder, whose watchdog removes it even when this process is killed.
            folder = "\(postgres.folder)/bench"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        } catch {
            Leftovers.shared.remove(leftover)
            parts.end()
            throw error
        }
    }

    private final class Parts: Sendable {
        let broker = Mutex<EmbeddedBroker?>(nil)
        let postgres = Mutex<EmbeddedPostgreSQL?>(nil)

        func end() {
            broker.withLock { $0?.stop() }
            postgres.withLock { $0?.shutDown() }
        }
    }

    /// Ends everything; the folders go with it.
    func tearDown() {
        Leftovers.shared.remove(leftover)
        broker.stop()
        postgres.shutDown()
    }

    /// A name that nothing else of this stage has.
    func name(_ what: String) -> String {
        made += 1
        return "\(what)-\(made)"
    }

    /// The broker's address, as clients take it.
    var brokers: String { broker.bootstrapServers.joined(separator: ",") }

    /// A new, empty database, after a checkpoint, so that no run pays for the one before.
    func makeDatabase() throws -> Database {
        let name = name("bench").replacingOccurrences(of: "-", with: "_")
        let url = try postgres.createDatabase(name)
        var connection = try Connection(ConnectionSettings(postgres.url(database: "postgres")))
        try connection.execute("CHECKPOINT")
        return Database(name: name, url: url, loopbackURL: postgres.loopbackURL(database: name))
    }

    /// Removes a database, whoever is connected to it.
    func drop(_ database: Database) throws {
        var connection = try Connection(ConnectionSettings(postgres.url(database: "postgres")))
        try connection.execute("DROP DATABASE \(database.name) WITH (FORCE)")
    }
}

/// A database of a stage.
struct Database: Sendable {
    let name: String
    let url: String
    let loopbackURL: String?

    /// A session in it that finds Sluice's tables.
    func connect(searchPath: String? = "sluice") throws(PostgresError) -> Connection {
        var settings = try ConnectionSettings(url)
        settings.applicationName = "bench"
        settings.searchPath = searchPath
        settings.statementTimeout = .seconds(300)
        settings.statementDeadline = .seconds(310)
        return try Connection(settings)
    }
}
