import Embedded
import Foundation
import Postgres

/// How many events of a healthy legal entity are committed behind the first waiting record of a blocked one, when both
/// share a partition record by record.
///
/// The blocked one's backlog is full, and it pauses then.
struct IsolationBlock {
    let stage: Stage
    let orders: Int

    func run() throws -> (passed: Int, perSecond: Double) {
        let topic = stage.name("shared")
        try stage.broker.createTopic(topic, partitions: 1, settings: ["message.timestamp.type": "LogAppendTime"])
        let target = ReferenceLoad.Target(brokers: stage.brokers, topic: topic)
        var settings = SluiceRun.configuration(stage, topic: topic, legalEntities: 2)
        settings.entity = { $0 == 0 ? "backlog: { high: 1, on_full: \"pause\" }," : "" }
        let run = try SluiceRun(stage, settings)
        defer { try? run.clear() }
        let first = ReferenceLoad(orders: 20, legalEntities: 1, seed: 50)
        _ = try first.produce(to: target)
        try run.waitForRecords(first.records)
        try run.waitForLog("backlog.full")
        let load = ReferenceLoad(orders: orders, legalEntities: 2, seed: 51)
        _ = try load.produce(to: target)
        var connection = try run.database.connect()
        try waitUntilStill(&connection)
        let blocked = try rows(of: 0, &connection)
        guard blocked == first.records else { throw WrongWork(findings: ["the blocked one went on: \(blocked) rows"]) }
        let passed = try rows(of: 1, &connection)
        let rate = try rate(&connection)
        SluiceBench.say("shared partition: \(passed) of \(load.records / 2) passed, \(Figures.number(rate)) records/s")
        try unblock(run, first.records + load.records, &connection)
        var expected = StoreProbe.Expectation(
            records: first.records + load.records, events: first.events + load.events,
            orders: first.orders + load.orders)
        expected.hasWholeBacklog = false
        _ = try run.finish(expected)
        return (passed, rate)
    }

    private func rows(of index: Int, _ connection: inout Connection) throws -> Int {
        try StoreProbe.number(
            "SELECT count(*) FROM outcomes WHERE legal_entity = '\(ReferenceTraffic.legalEntity(index))'", &connection)
    }

    private func rate(_ connection: inout Connection) throws -> Double {
        try connection.execute(
            """
            SELECT coalesce(count(*) / nullif(extract(epoch FROM max(at) - min(at)), 0), 0)::double precision FROM (
                SELECT pg_xact_commit_timestamp(xmin) AS at FROM journal
                WHERE legal_entity = '\(ReferenceTraffic.legalEntity(1))'
            ) w
            """
        ).double(0, 0)
    }

    /// Waits until nothing has been stored for three seconds.
    private func waitUntilStill(_ connection: inout Connection) throws {
        var last = -1
        var still = 0
        let end = ContinuousClock.now + .seconds(300)
        while still < 30 {
            guard ContinuousClock.now < end else { throw BenchError("the store does not come to rest") }
            usleep(100_000)
            let size = try StoreProbe.size(of: SluiceRun.tables, &connection)
            still = size == last ? still + 1 : 0
            last = size
        }
    }

    /// Empties the backlog, as Odoo would, until everything is stored: nothing of what waited may be lost.
    private func unblock(_ run: SluiceRun, _ records: Int, _ connection: inout Connection) throws {
        let end = ContinuousClock.now + .seconds(300)
        while try StoreProbe.number("SELECT count(*) FROM outcomes", &connection) < records {
            guard run.isRunning, ContinuousClock.now < end else {
                throw WrongWork(findings: ["what was blocked does not go on"])
            }
            try connection.execute("DELETE FROM backlog WHERE legal_entity = '\(ReferenceTraffic.legalEntity(0))'")
            usleep(250_000)
        }
    }
}
