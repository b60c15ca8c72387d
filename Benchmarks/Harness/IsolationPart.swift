import Embedded
import Foundation
import Postgres

/// `isolation`: what legal entities, bad records, blocked neighbours and lost instances do to the others.
struct IsolationPart {
    /// The legal entities of a crowd.
    static let crowd = 20
    /// Records a second of the quiet legal entity.
    static let quietRate = 200.0
    /// One record in so many cannot be read.
    static let poisonGap = 99

    let stage: Stage
    /// Orders of a load: half of the reference load, because there are many runs.
    let orders: Int

    init(stage: Stage) {
        self.stage = stage
        let options = stage.options
        // The mock cluster forgets what is older than a few megabytes, and nobody paces here.
        orders =
            options.isSmoke ? options.orders : options.kafkaHome == nil ? 2_000 : max(1_000, options.orders / 2)
    }

    func measure(_ figures: inout Figures) throws {
        let one = try filled(ReferenceLoad(orders: orders, legalEntities: 1, seed: 11))
        let even = try filled(ReferenceLoad(orders: orders, legalEntities: Self.crowd, seed: 12))
        let poisoned = try poisonedTopic()
        var values: [String: [Double]] = [:]
        func add(_ key: String, _ value: Double?) { if let value { values[key, default: []].append(value) } }
        for round in 1...stage.options.runs {
            SluiceBench.say("isolation: round \(round) of \(stage.options.runs)")
            // There and back: a machine that grows slower or faster meanwhile counts for nothing.
            let loads = [
                ("\(Self.crowd) legal entities", even), ("one legal entity", one),
                ("one in \(Self.poisonGap + 1) is poison", poisoned),
            ]
            var rates = [0.0, 0.0, 0.0]
            for place in [0, 1, 2, 2, 1, 0] { rates[place] += try drain(loads[place].0, loads[place].1) }
            add("lone_ratio", rates[1] / rates[0])
            add("poison_ratio", rates[2] / rates[0])
            let flooded = try quietLatency("beside a flood", one)
            let beside = try quietLatency("beside \(Self.crowd)", even)
            add("quiet_p99_ms", flooded)
            add("quiet_p99_even_ms", beside)
            if let flooded, let beside { add("quiet_p99_ratio", flooded / beside) }
            let shares = IsolationShares(stage: stage, orders: orders)
            add("jain", try shares.jain())
            add("weight_error", try shares.weightError())
        }
        let block = try IsolationBlock(stage: stage, orders: stage.options.kafkaHome == nil ? orders : 100_000).run()
        add("shared_partition_events", Double(block.passed))
        add("shared_partition_events_per_second", block.perSecond)
        if stage.options.kafkaHome == nil {
            figures.remarks.append("takeover: not measured, a mock cluster's group is not a broker's")
        } else {
            let takeover = try IsolationTakeover(stage: stage).run(rounds: stage.options.runs)
            values["takeover_kill_over_session_seconds"] = takeover.kill
            values["takeover_term_seconds"] = takeover.term
        }
        report(values, &figures)
    }

    private func report(_ values: [String: [Double]], _ figures: inout Figures) {
        for (key, unit, note) in [
            ("quiet_p99_ratio", "", "beside a flood ÷ beside an even crowd; bar 1.25, aim 1.1"),
            ("quiet_p99_ms", "ms", "beside a flood; bar 250, aim 100"), ("quiet_p99_even_ms", "ms", ""),
            ("jain", "", "20 saturated equals; bar 0.99, aim 0.995"),
            ("weight_error", "", "largest error of a share at weights 3:1; bar 0.05, aim 0.02"),
            ("lone_ratio", "", "one legal entity ÷ 20; bar 0.95, aim 1"),
            ("poison_ratio", "", "1 % poison ÷ clean; bar 0.97, aim 0.99"),
            ("shared_partition_events", "", "a neighbour's events behind a blocked one; bar 100,000, aim 1,000,000"),
            ("shared_partition_events_per_second", "1/s", "the neighbour's rate meanwhile"),
            ("takeover_kill_over_session_seconds", "s", "beyond the session's time-out; bar 3, aim 1"),
            ("takeover_term_seconds", "s", "bar 1, aim 0.5"),
        ] {
            figures.add(key, values[key] ?? [], unit: unit, note: note)
        }
    }

    // MARK: - Topics

    /// A topic with records in it, and what they leave behind.
    struct Filled {
        var topic: String
        var expected: StoreProbe.Expectation
        var legalEntities: Int
    }

    private func filled(_ load: ReferenceLoad) throws -> Filled {
        let topic = try Drain.makeTopic(stage)
        _ = try load.produce(to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic))
        return Filled(
            topic: topic,
            expected: StoreProbe.Expectation(records: load.records, events: load.events, orders: load.orders),
            legalEntities: load.settings.legalEntities)
    }

    private func poisonedTopic() throws -> Filled {
        // It may be there: a mock cluster makes what is asked for.
        try? stage.broker.createTopic("sluice.dead-letters", partitions: 1)
        let load = ReferenceLoad(orders: orders, legalEntities: Self.crowd, seed: 13)
        let topic = try Drain.makeTopic(stage)
        let poison = try load.produceWithPoison(
            every: Self.poisonGap, to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic))
        return Filled(
            topic: topic,
            expected: StoreProbe.Expectation(
                records: load.records + poison, events: load.events, orders: load.orders, deadLetters: poison),
            legalEntities: Self.crowd)
    }

    // MARK: - Runs

    /// Drains a topic and gives its rate; records that cannot be read count as records.
    private func drain(_ what: String, _ filled: Filled) throws -> Double {
        let run = try SluiceRun(stage, topic: filled.topic, legalEntities: filled.legalEntities)
        defer { try? run.clear() }
        try run.waitForRecords(filled.expected.records)
        let rate = try run.finish(filled.expected).commits.rowsPerSecond
        SluiceBench.say("\(what): \(Figures.number(rate.rounded())) records/s")
        return rate
    }

    /// p99 in milliseconds, from append to commit, of a quiet legal entity with partitions of its own, while a crowd's
    /// topic is drained; nil: nothing came while it was.
    private func quietLatency(_ what: String, _ crowd: Filled) throws -> Double? {
        let topic = stage.name("quiet")
        try stage.broker.createTopic(topic, partitions: 1, settings: ["message.timestamp.type": "LogAppendTime"])
        var settings = SluiceRun.configuration(stage, topic: crowd.topic, legalEntities: Self.crowd + 1)
        settings.moreTopics = [topic]
        let run = try SluiceRun(stage, settings)
        defer { try? run.clear() }
        let traffic = PacedTraffic(
            PacedTraffic.load(legalEntity: Self.crowd, seed: 14),
            to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic), recordsPerSecond: Self.quietRate)
        let sent: PacedTraffic.Sent
        do {
            let end = ContinuousClock.now + .seconds(300)
            while try run.ledgerRecords() < crowd.expected.records * 95 / 100 {
                guard run.isRunning, ContinuousClock.now < end else { throw BenchError("the crowd is not drained") }
                usleep(100_000)
            }
            sent = try traffic.stop()
        } catch {
            _ = try? traffic.stop()
            throw error
        }
        var expected = crowd.expected
        expected.records += sent.records
        expected.events += sent.records
        expected.orders += sent.orders
        expected.isWhole = false
        try run.waitForRecords(expected.records)
        _ = try run.finish(expected)
        let latency = try percentile(run, ReferenceTraffic.legalEntity(Self.crowd))
        SluiceBench.say("quiet \(what): p99 \(latency.map { Figures.number($0) } ?? "unknown") ms of \(sent.records)")
        return latency
    }

    /// Of what was appended and committed while the crowd's records were: from a second after its first commit to its
    /// last.
    private func percentile(_ run: SluiceRun, _ quiet: String) throws -> Double? {
        var connection = try run.database.connect()
        let rows = try connection.execute(
            """
            WITH written AS (
                SELECT legal_entity, logged_at, pg_xact_commit_timestamp(xmin) AS at FROM journal
            ), crowd AS (
                SELECT min(at) AS first, max(at) AS last FROM written WHERE legal_entity <> '\(quiet)'
            )
            SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM at - logged_at) * 1000)
                   ::double precision, count(*)
            FROM written, crowd
            WHERE legal_entity = '\(quiet)' AND at < last
                AND logged_at > first + make_interval(secs => \(stage.options.isSmoke ? 0 : 1))
            """)
        return rows.int64(0, 1) > 0 ? rows.double(0, 0) : nil
    }
}
