import Embedded
import Foundation
import Postgres

/// Two instances share a topic under a steady load; one goes, by SIGKILL or SIGTERM, and the other takes over.
struct IsolationTakeover {
    /// The shortest that a broker takes by default.
    static let sessionMilliseconds = 6000
    static let recordsPerSecond = 1000.0

    let stage: Stage

    func run(rounds: Int) throws -> (kill: [Double], term: [Double]) {
        let topic = try Drain.makeTopic(stage)
        var settings = SluiceRun.configuration(stage, topic: topic, legalEntities: 1)
        settings.kafka = """
            options: { "session.timeout.ms": \(Self.sessionMilliseconds), "heartbeat.interval.ms": 300 },
            """
        var runs = [try SluiceRun(stage, settings)]
        let first = runs[0]
        defer {
            for run in runs.dropFirst() { _ = run.process.stop(within: .seconds(30)) }
            try? first.clear()
        }
        let traffic = PacedTraffic(
            PacedTraffic.load(legalEntity: 0, seed: 60),
            to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic), recordsPerSecond: Self.recordsPerSecond)
        var result: (kill: [Double], term: [Double]) = ([], [])
        let sent: PacedTraffic.Sent
        var staying = first
        do {
            var connection = try first.database.connect()
            for round in 0..<2 * rounds {
                let leaving = staying
                staying = try SluiceRun(stage, settings, sharing: first)
                runs.append(staying)
                let partitions = try waitUntilShared([leaving, staying], &connection)
                let signal = round % 2 == 0 ? SIGKILL : SIGTERM
                let seconds = try takeover(from: leaving, partitions, to: staying, signal, &connection)
                if signal == SIGKILL {
                    result.kill.append(seconds - Double(Self.sessionMilliseconds) / 1000)
                } else {
                    result.term.append(seconds)
                }
                SluiceBench.say(
                    "takeover after \(signal == SIGKILL ? "SIGKILL" : "SIGTERM"): \(Figures.number(seconds)) s")
            }
            sent = try traffic.stop()
        } catch {
            _ = try? traffic.stop()
            throw error
        }
        try staying.waitForRecords(sent.records)
        _ = try staying.finish(
            StoreProbe.Expectation(
                records: sent.records, events: sent.records, orders: sent.orders, isWhole: false))
        return result
    }

    /// Waits until both have ledgered within the last second, and gives the partitions of the first.
    private func waitUntilShared(_ runs: [SluiceRun], _ connection: inout Connection) throws -> [Int] {
        let end = ContinuousClock.now + .seconds(90)
        // Twice in a row: a rebalance may be under way.
        var seen: [[Int]] = []
        while ContinuousClock.now < end {
            usleep(1_000_000)
            var owned: [[Int]] = []
            for run in runs { owned.append(try recent(run, &connection)) }
            let isShared =
                owned.allSatisfy { $0.count == Stage.partitions / 2 } && Set(owned[0]).isDisjoint(with: owned[1])
            if isShared, seen == owned { return owned[0] }
            seen = isShared ? owned : []
        }
        throw BenchError("the two instances do not come to share the partitions")
    }

    /// Partitions of which an instance has ledgered something lately.
    private func recent(_ run: SluiceRun, _ connection: inout Connection) throws -> [Int] {
        let rows = try connection.execute(
            """
            SELECT DISTINCT source_partition::bigint FROM partition_ledger
            WHERE instance LIKE '%:\(run.process.pid)' AND recorded_at > now() - interval '900 milliseconds' ORDER BY 1
            """)
        return (0..<rows.count).map { Int(rows.int64($0, 0)) }
    }

    /// Seconds from the signal to the first commit by the other instance of a record of one of the partitions.
    ///
    /// Its first stretch in the ledger tells where it began; what lies behind that, and was committed after the signal,
    /// is its own.
    private func takeover(
        from leaving: SluiceRun, _ partitions: [Int], to staying: SluiceRun, _ signal: Int32,
        _ connection: inout Connection
    ) throws -> Double {
        let start = Date().timeIntervalSince1970
        kill(leaving.process.pid, signal)
        let list = partitions.map(String.init).joined(separator: ", ")
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            usleep(300_000)
            let rows = try connection.execute(
                """
                SELECT extract(epoch FROM min(pg_xact_commit_timestamp(j.xmin)))::double precision, count(*)
                FROM journal j JOIN (
                    SELECT source_partition, min(first_offset) AS first FROM partition_ledger
                    WHERE instance LIKE '%:\(staying.process.pid)' AND source_partition IN (\(list))
                        AND recorded_at > to_timestamp(\(start)) GROUP BY 1
                ) l ON j.source_partition = l.source_partition AND j.source_offset >= l.first
                WHERE pg_xact_commit_timestamp(j.xmin) > to_timestamp(\(start))
                """)
            if rows.int64(0, 1) > 0 { return rows.double(0, 0) - start }
        }
        throw BenchError("nobody took over within a minute")
    }
}
