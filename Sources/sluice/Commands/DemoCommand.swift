import Configuration
import Embedded
import Foundation
import HTTPServer
import Metrics
import OrderEvents
import Postgres
import Store

/// `sluice demo`: all of it, embedded, with traffic; balances the books.
enum DemoCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice demo [--orders N] [--rate N] [--seed N] [--port N] [--drop-row] [--stay] [--json]",
        help: """
            Starts a broker (librdkafka's mock cluster, or a real Kafka when KAFKA_HOME is set), a private PostgreSQL,
            an Odoo stand-in and the pipeline, sends seeded traffic of several legal entities through, shows live
            numbers, and then holds the books and Odoo's orders against the store. Exits 0 only if everything balances.

              --orders N   orders to generate (default 400)
              --rate N     records a second at most (default 400)
              --seed N     seed of the traffic (default 1)
              --port N     port of /metrics and health on 127.0.0.1 (default: any free one)
              --drop-row   deletes one committed journal row before the books are drawn up: they must not balance
              --stay       keeps everything running after the table until SIGTERM or Ctrl-C
            """,
        options: ["orders", "rate", "seed", "port"], flags: ["drop-row", "stay", "json"])

    /// How long the traffic may take to settle after its last record.
    private static let settleBound: Duration = .seconds(150)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        var settings = TrafficSettings()
        settings.orders = try arguments.number("orders", 1...1_000_000, default: 400)
        settings.invalidEvery = 25
        settings.seed = UInt64(try arguments.number("seed", 0...Int.max, default: 1))
        // The traffic ends now: its events lie in the past, its latencies are those of a feed that was behind.
        let span = Int64(settings.spanMilliseconds) * 1000
        settings.startingAt = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000) - span)
        let rate = try arguments.number("rate", 1...1_000_000, default: 400)
        let port = try arguments.number("port", 0...65535, default: 0)
        let isQuiet = arguments.has("json")
        let say: (String) -> Void = { if !isQuiet { Output.line($0) } }
        let signals = TerminationSignals()
        say("sluice demo  seed \(settings.seed), \(settings.orders) orders, \(rate) records a second at most\n")
        let stage = try DemoStage(partitions: 4, say: say)
        defer { stage.tearDown() }
        var demo = Demo(stage: stage, signals: signals, say: say)
        return try demo.play(
            settings, rate: rate, port: port, dropsRow: arguments.has("drop-row"), stays: arguments.has("stay"),
            json: isQuiet)
    }

    /// One performance.
    private struct Demo {
        let stage: DemoStage
        let signals: TerminationSignals
        let say: (String) -> Void

        mutating func play(
            _ settings: TrafficSettings, rate: Int, port: Int, dropsRow: Bool, stays: Bool, json: Bool
        ) throws(CommandFailure) -> Int32 {
            let path = try stage.writeConfiguration(parkTimeout: "5s", httpPort: port)
            let instance = try Instance(
                ConfigurationSource.load(path: path), log: Log(minimumLevel: json ? .error : .warning))
            let pipeline = instance.pipeline
            let signals = signals
            guard try instance.start(isStopping: { signals.isStopping }) else { return 1 }
            say("configured   \(path)")
            say("look         http://127.0.0.1:\(instance.server.port)/  (/metrics, /livez, /readyz, /v1/…)\n")
            let traffic = try send(settings, rate, pipeline)
            var unsettled = try settle(traffic, pipeline)
            if stays, !signals.isStopping {
                say("\nstays up until Ctrl-C; the configuration: \(path)")
                signals.wait()
            }
            if !instance.stop() { unsettled.append("the shutdown was cut short") }
            return try conclude(traffic, settings, unsettled: unsettled, dropsRow: dropsRow, json: json)
        }

        /// Sends the traffic from a thread of its own and shows the numbers meanwhile.
        private func send(
            _ settings: TrafficSettings, _ rate: Int, _ pipeline: Pipeline
        ) throws(CommandFailure) -> TrafficProducer.Result {
            let producer = TrafficProducer(
                brokers: stage.broker.bootstrapServers, source: .realistic(TrafficGenerator(settings)),
                recordsPerSecond: rate)
            let signals = signals
            let outcome = Background { () throws(CommandFailure) -> TrafficProducer.Result in
                try producer.run(consumed: { pipeline.recordsPolled }, isStopping: { signals.isStopping })
            }
            var connection = try connect()
            while !outcome.isDone {
                Thread.sleep(forTimeInterval: 1)
                try show(&connection, pipeline)
            }
            return try outcome.result()
        }

        /// Waits until everything sent has its outcome, nothing is due and the backlog is delivered.
        ///
        /// Gives what was still missing when the time was up.
        private func settle(
            _ traffic: TrafficProducer.Result, _ pipeline: Pipeline
        ) throws(CommandFailure) -> [String] {
            var missing: [String] = []
            var connection = try connect()
            let end = ContinuousClock.now + DemoCommand.settleBound
            while ContinuousClock.now < end, !signals.isStopping {
                let counts = try read(&connection)
                let sent = Int64(traffic.acknowledged)
                missing = [
                    ("not polled", sent - Int64(pipeline.recordsPolled)), ("in flight", pipeline.isIdle ? 0 : 1),
                    ("parked with a fallback", counts.parkedDue), ("in the backlog", counts.backlogMoving),
                    ("without a verdict", counts.unchecked), ("without an outcome", sent - counts.total),
                ].filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
                if missing.isEmpty { return [] }
                Thread.sleep(forTimeInterval: 1)
                try show(&connection, pipeline)
            }
            return missing.isEmpty ? ["stopped"] : missing
        }

        private func show(_ connection: inout Connection, _ pipeline: Pipeline) throws(CommandFailure) {
            let counts = try read(&connection)
            let outcomes = Outcome.allCases.map { "\($0.name) \(counts.sum($0))" }.joined(separator: "  ")
            let backlog = counts.backlog.values.reduce(0, +)
            let orders = counts.inOdoo.values.reduce(0, +)
            say("polled \(pipeline.recordsPolled)  \(outcomes)  backlog \(backlog)  in odoo \(orders)")
        }

        private func connect() throws(CommandFailure) -> Connection {
            do throws(PostgresError) {
                var settings = try ConnectionSettings(stage.storeURL)
                settings.searchPath = Migrations.schema
                return try Connection(settings)
            } catch {
                throw CommandFailure(code: .unavailable, message: error.message)
            }
        }

        private func read(_ connection: inout Connection) throws(CommandFailure) -> DemoCounts {
            do throws(PostgresError) {
                return try DemoCounts.read(&connection)
            } catch {
                throw CommandFailure(code: .unavailable, message: error.message)
            }
        }

        /// Draws up the books, holds Odoo against the store, prints the table.
        private func conclude(
            _ traffic: TrafficProducer.Result, _ settings: TrafficSettings, unsettled: [String], dropsRow: Bool,
            json: Bool
        ) throws(CommandFailure) -> Int32 {
            var connection = try connect()
            if dropsRow { try dropRow(&connection) }
            let lines: [BookLine]
            do throws(PostgresError) {
                lines = try Books.read(&connection)
            } catch { throw CommandFailure(code: .unavailable, message: error.message) }
            let audit = try OdooAudit.run(
                ordersJSON: stage.odoo.ordersJSON(), expectations: traffic.expectations, &connection)
            let taken = lines.reduce(0) { $0 + $1.taken }
            let isBalanced = lines.allSatisfy { $0.imbalance == 0 } && taken == Int64(traffic.acknowledged)
            let report = DemoReport(
                lines: lines, audit: audit, traffic: traffic, unsettled: unsettled, isBalanced: isBalanced)
            Output.line(json ? report.json : report.text)
            return isBalanced && unsettled.isEmpty && audit.findings.isEmpty ? 0 : 1
        }

        private func dropRow(_ connection: inout Connection) throws(CommandFailure) {
            do throws(PostgresError) {
                _ = try connection.execute(
                    """
                    DELETE FROM journal WHERE (legal_entity, channel, event_id) IN (
                        SELECT legal_entity, channel, event_id FROM journal ORDER BY recorded_at LIMIT 1)
                    """)
            } catch { throw CommandFailure(code: .unavailable, message: error.message) }
            say("\ndropped one committed journal row")
        }
    }
}
