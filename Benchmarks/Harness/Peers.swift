import Foundation
import Kafka
import Postgres
import Store

/// What a user would run instead of Sluice.
protocol Peer {
    var name: String { get }
    /// One run, verified: events a second between its first and its last commit.
    func run() throws -> Double
}

/// A Python consumer as a team would write it: Benchmarks/peers/consumer.py.
struct PythonPeer: Peer {
    enum Manner: String {
        /// Batches, pipeline mode, a process for each core.
        case batched = "python_batched"
        /// The same in one process.
        case batchedAlone = "python_batched_one_process"
        /// One transaction an event.
        case single = "python_single"
    }

    let stage: Stage
    let python: String
    let manner: Manner
    let topic: String
    /// What is in the topic.
    let load: ReferenceLoad
    /// How many records it reads; all, if there are no more.
    let limit: Int

    var name: String { manner.rawValue }

    func run() throws -> Double {
        let database = try stage.makeDatabase()
        defer { try? stage.drop(database) }
        var connection = try database.connect()
        _ = try Migrations.apply(to: &connection)
        let script = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            .appendingPathComponent("Benchmarks/peers/consumer.py").path
        let log = "\(stage.folder)/\(stage.name(name)).log"
        // Partitions are not equally long, so of the whole load each process reads its own to their end.
        let isWhole = limit >= load.records
        let words = [
            python, script, "--brokers", stage.brokers, "--group", stage.name("peer"), "--topic", topic, "--url",
            database.url, "--limit", isWhole ? "0" : String(limit), "--partitions", String(Stage.partitions),
            "--manner", manner == .single ? "single" : "batched", "--processes",
            manner == .batchedAlone ? "1" : String(FloorRun.clients),
        ]
        let process = try MeasuredProcess(words, log: log)
        guard process.wait(within: .seconds(300)) == 0 else {
            throw BenchError("\(name) failed (\(process.exitStatus ?? -1)): \(SluiceRun.tail(log))")
        }
        let stored = try StoreProbe.commits(of: ["journal", "duplicates"], &connection)
        let events = try StoreProbe.number("SELECT count(*) FROM journal", &connection)
        let orders = try StoreProbe.number(
            "SELECT count(*) FROM (SELECT DISTINCT legal_entity, order_ref FROM journal) o", &connection)
        let findings = try StoreProbe.findings(
            StoreProbe.Expectation(records: stored.rows, events: events, orders: orders, isWhole: false), &connection)
        guard findings.isEmpty else { throw WrongWork(findings: findings.map { "\(name): \($0)" }) }
        let wanted = min(limit, load.records)
        guard stored.rows >= wanted else {
            throw WrongWork(findings: ["\(name) stored \(stored.rows) of \(wanted) records"])
        }
        return stored.rowsPerSecond
    }
}

/// Kafka Connect with the JDBC sink: one upsert of the raw record under its key, and nothing else.
struct JDBCSinkPeer: Peer {
    static let name = "jdbc_sink"

    let stage: Stage
    let kafkaHome: String
    let folder: String
    let load: ReferenceLoad
    private let topic: String

    var name: String { Self.name }

    /// Fills a topic of its own with the same values, keyed by event.
    init(stage: Stage, kafkaHome: String, folder: String, load: ReferenceLoad) throws {
        self.stage = stage
        self.kafkaHome = kafkaHome
        self.folder = folder
        self.load = load
        topic = try Drain.makeTopic(stage)
        _ = try load.produce(to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic, isKeyedByEvent: true))
    }

    func run() throws -> Double {
        let database = try stage.makeDatabase()
        defer { try? stage.drop(database) }
        var connection = try database.connect(searchPath: "public")
        try connection.execute("CREATE TABLE events (id text PRIMARY KEY, payload text NOT NULL)")
        let name = stage.name("jdbc-sink")
        let (worker, sink) = try writeProperties(name, database)
        let process = try MeasuredProcess(
            ["\(kafkaHome)/bin/connect-standalone.sh", worker, sink], log: "\(stage.folder)/\(name).log")
        defer { _ = process.stop(within: .seconds(10)) }
        let end = ContinuousClock.now + .seconds(300)
        var last = -1
        while true {
            guard process.isRunning, ContinuousClock.now < end else {
                throw BenchError("the JDBC sink did not finish: \(SluiceRun.tail("\(stage.folder)/\(name).log"))")
            }
            usleep(500_000)
            let size = try StoreProbe.size(of: ["events"], &connection)
            defer { last = size }
            guard size == last, size > 0 else { continue }
            if try StoreProbe.number("SELECT count(*) FROM events", &connection) >= load.events { break }
        }
        let commits = try StoreProbe.commits(of: ["events"], &connection)
        let wrong = try StoreProbe.number(
            "SELECT count(*) FROM events WHERE position(id in payload) = 0", &connection)
        guard commits.rows == load.events, wrong == 0 else {
            throw WrongWork(findings: ["jdbc_sink: \(commits.rows) rows, \(wrong) wrong, instead of \(load.events)"])
        }
        // Its rows are the events; it has read the duplicates too.
        return commits.rowsPerSecond * Double(load.records) / Double(load.events)
    }

    private func writeProperties(_ name: String, _ database: Database) throws -> (worker: String, sink: String) {
        guard let url = database.loopbackURL.flatMap({ URLComponents(string: $0) }), let port = url.port else {
            throw BenchError("the JDBC sink needs PostgreSQL on a loopback port")
        }
        let worker = "\(stage.folder)/\(name).worker"
        let sink = "\(stage.folder)/\(name).sink"
        // No REST port is known to be free but 0, which Connect takes.
        try """
        bootstrap.servers=\(stage.brokers)
        key.converter=org.apache.kafka.connect.storage.StringConverter
        value.converter=org.apache.kafka.connect.storage.StringConverter
        offset.storage.file.filename=\(stage.folder)/\(name).offsets
        plugin.path=\(folder)
        listeners=http://127.0.0.1:0
        """.write(toFile: worker, atomically: true, encoding: .utf8)
        try """
        name=\(name)
        connector.class=io.debezium.connector.jdbc.JdbcSinkConnector
        tasks.max=2
        topics=\(topic)
        connection.url=jdbc:postgresql://127.0.0.1:\(port)/\(database.name)?reWriteBatchedInserts=true
        connection.username=\(url.user ?? "")
        connection.password=\(url.password ?? "")
        collection.name.format=events
        insert.mode=upsert
        primary.key.mode=record_key
        primary.key.fields=id
        schema.evolution=none
        batch.size=1000
        use.reduction.buffer=true
        consumer.override.max.poll.records=2000
        consumer.override.auto.offset.reset=earliest
        transforms=value,key
        transforms.value.type=org.apache.kafka.connect.transforms.HoistField$Value
        transforms.value.field=payload
        transforms.key.type=org.apache.kafka.connect.transforms.HoistField$Key
        transforms.key.field=id
        """.write(toFile: sink, atomically: true, encoding: .utf8)
        return (worker, sink)
    }
}
