import Embedded
import Foundation
import Postgres

/// One run of `sluice run` in a process of its own, over a database of its own.
final class SluiceRun {
    /// What a run took.
    struct Result {
        var commits: StoreProbe.Commits
        /// CPU seconds of the process from its start to the end of its work.
        var cpuSeconds: Double
        var peakMiB: Double

        func cpuMicroseconds(perEventOf records: Int) -> Double { cpuSeconds * 1_000_000 / Double(records) }
    }

    /// Every record adds a row to one of these.
    static let tables = ["journal", "duplicates", "rejected", "dead_letters"]

    let stage: Stage
    let database: Database
    let process: MeasuredProcess
    private let configuration: String
    private let log: String
    private let environment: [String: String]

    /// Migrates a new database and starts the process, which joins a consumer group of its own.
    convenience init(_ stage: Stage, topic: String, legalEntities: Int, logLevel: String = "warning") throws {
        try self.init(
            stage, Self.configuration(stage, topic: topic, legalEntities: legalEntities), logLevel: logLevel)
    }

    /// The usual configuration, with a consumer group of its own.
    static func configuration(_ stage: Stage, topic: String, legalEntities: Int) -> BenchConfiguration {
        BenchConfiguration(
            brokers: stage.broker.bootstrapServers, group: stage.name("bench"), topic: topic,
            legalEntities: legalEntities, workers: stage.options.workers)
    }

    /// Starts the process; over a new database, which is migrated before, unless it shares another run's.
    init(_ stage: Stage, _ settings: BenchConfiguration, sharing other: SluiceRun? = nil, logLevel: String = "warning")
        throws
    {
        self.stage = stage
        database = try other?.database ?? stage.makeDatabase()
        environment = [Stage.storeVariable: database.url, Stage.odooKeyVariable: "none"]
        configuration = try other?.configuration ?? settings.write(to: stage.folder)
        log = "\(stage.folder)/\(stage.name(settings.group)).log"
        if other == nil {
            let migrate = try MeasuredProcess(
                [stage.options.sluice, "migrate", "--config", configuration], environment: environment, log: log)
            guard migrate.wait(within: .seconds(120)) == 0 else {
                throw BenchError("sluice migrate failed: \(Self.tail(log))")
            }
        }
        process = try MeasuredProcess(
            [stage.options.sluice, "run", "--config", configuration, "--log-level", logLevel],
            environment: environment, log: log)
    }

    /// Waits until the store has `records` outcomes: until the tables have not grown for a moment and the rows are
    /// there.
    func waitForRecords(_ records: Int, within bound: Duration = .seconds(300)) throws {
        var connection = try database.connect()
        let end = ContinuousClock.now + bound
        var last = -1
        var quiet = 0
        while ContinuousClock.now < end {
            guard process.isRunning else {
                throw BenchError("sluice run ended with \(process.exitStatus ?? -1): \(Self.tail(log))")
            }
            usleep(100_000)
            let size = try StoreProbe.size(of: Self.tables, &connection)
            quiet = size == last && size > 0 ? quiet + 1 : 0
            last = size
            guard quiet >= 5 else { continue }
            quiet = 0
            if try stored(&connection) >= records { return }
        }
        let stored = try stored(&connection)
        throw WrongWork(findings: ["\(stored) of \(records) records have an outcome after \(bound): \(Self.tail(log))"])
    }

    private func stored(_ connection: inout Connection) throws -> Int {
        var sum = 0
        for table in Self.tables { sum += try StoreProbe.number("SELECT count(*) FROM \(table)", &connection) }
        return sum
    }

    /// Records whose outcome is in the partition ledger: what a producer to the mock cluster is paced by.
    func ledgerRecords() throws -> Int {
        var connection = try database.connect()
        return try StoreProbe.number("SELECT coalesce(sum(records), 0)::bigint FROM partition_ledger", &connection)
    }

    /// Whether the process has been assigned its partitions, as far as its ledger or log can tell.
    var isRunning: Bool { process.isRunning }

    /// Ends the process, verifies rows, states and books, and gives what the run took.
    ///
    /// - Throws: `WrongWork` when anything was lost or doubled.
    func finish(_ expected: StoreProbe.Expectation) throws -> Result {
        let cpu = process.cpuSeconds
        let peak = process.peakMiB
        let status = process.stop(within: .seconds(30))
        var connection = try database.connect()
        var findings = try StoreProbe.findings(expected, &connection)
        if status != 0 { findings.append("sluice run ended with \(status): \(Self.tail(log))") }
        let books = "\(stage.folder)/\(database.name).books"
        let judge = try MeasuredProcess(
            [stage.options.sluice, "books", "--config", configuration, "--json"], environment: environment, log: books)
        if judge.wait(within: .seconds(120)) != 0 {
            findings.append("sluice books does not balance: \(Self.tail(books))")
        }
        guard findings.isEmpty else { throw WrongWork(findings: findings) }
        return Result(
            commits: try StoreProbe.commits(of: Self.tables, &connection), cpuSeconds: cpu, peakMiB: peak)
    }

    /// Waits until the process has logged the event.
    func waitForLog(_ event: String, within bound: Duration = .seconds(60)) throws {
        let end = ContinuousClock.now + bound
        while !((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").contains("\"\(event)\"") {
            guard process.isRunning, ContinuousClock.now < end else {
                throw BenchError("no \(event) in the log: \(Self.tail(log))")
            }
            usleep(20_000)
        }
    }

    /// Where it listens; needs the log level info.
    func port() throws -> UInt16 {
        try waitForLog("http.listening")
        guard let port = Self.port(inLog: log) else {
            throw BenchError("the log does not say where it listens: \(Self.tail(log))")
        }
        return port
    }

    /// Where the process of that log listens; nil: it does not say.
    static func port(inLog path: String) -> UInt16? {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.firstMatch(of: /"address":"[^"]*:([0-9]+)"/).flatMap { UInt16($0.1) }
    }

    /// Removes the database.
    func clear() throws {
        _ = process.stop(within: .seconds(30))
        try stage.drop(database)
        try? FileManager.default.removeItem(atPath: configuration)
    }

    /// The end of a log file, on one line.
    static func tail(_ path: String) -> String {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(4).joined(separator: " | ").suffix(1500).description
    }
}
