import Embedded
import Foundation
import Postgres

/// Whose events are committed while everybody has more than enough: each legal entity has a topic of its own, filled
/// beforehand, and what counts is committed while none of them is drained.
struct IsolationShares {
    let stage: Stage
    let orders: Int

    /// Jain's index of 20 equals: 1 when all get the same, 1/20 when one gets all.
    func jain() throws -> Double? {
        let count = IsolationPart.crowd
        guard let rows = try run(weights: Array(repeating: 1, count: count), partitions: 1) else { return nil }
        let sum = rows.reduce(0, +)
        let index = sum * sum / (Double(count) * rows.reduce(0) { $0 + $1 * $1 })
        SluiceBench.say("jain: \(Figures.number(index)) of \(Figures.number(sum)) records")
        return index
    }

    /// How far a share is from what the weights 3, 3, 1, 1 say, in parts of it: the worst of the four.
    func weightError() throws -> Double? {
        let weights = [3, 3, 1, 1]
        guard let rows = try run(weights: weights, partitions: 2) else { return nil }
        let sum = rows.reduce(0, +)
        let error = zip(rows, weights).map { abs($0 / sum * 8 / Double($1) - 1) }.max() ?? 1
        SluiceBench.say("weights 3, 3, 1, 1: \(rows.map { Figures.number($0 / sum) }.joined(separator: ", "))")
        return error
    }

    /// Records committed of each legal entity while all were saturated; nil: there was no such time.
    private func run(weights: [Int], partitions: Int) throws -> [Double]? {
        let sum = weights.reduce(0, +)
        var topics: [String] = []
        var expected = StoreProbe.Expectation(records: 0, events: 0, orders: 0)
        for (index, weight) in weights.enumerated() {
            var load = ReferenceLoad(orders: max(20, orders * weight / sum), legalEntities: 1, seed: 20 + index)
            load.settings.firstLegalEntity = index
            let topic = stage.name("share")
            try stage.broker.createTopic(
                topic, partitions: partitions, settings: ["message.timestamp.type": "LogAppendTime"])
            _ = try load.produce(to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic))
            topics.append(topic)
            expected.records += load.records
            expected.events += load.events
            expected.orders += load.orders
        }
        var settings = SluiceRun.configuration(stage, topic: topics[0], legalEntities: weights.count)
        settings.moreTopics = Array(topics.dropFirst())
        settings.entity = { "weight: \(weights[$0])," }
        let run = try SluiceRun(stage, settings)
        defer { try? run.clear() }
        try run.waitForRecords(expected.records)
        _ = try run.finish(expected)
        return try shares(run, weights.count)
    }

    private func shares(_ run: SluiceRun, _ count: Int) throws -> [Double]? {
        var connection = try run.database.connect()
        let rows = try connection.execute(
            """
            WITH written AS (
                SELECT legal_entity, pg_xact_commit_timestamp(xmin) AS at FROM journal
            ), spans AS (
                SELECT min(at) AS first, max(at) AS last FROM written GROUP BY legal_entity
            ), span AS (
                SELECT max(first) + make_interval(secs => \(stage.options.isSmoke ? 0 : 1)) AS first, min(last) AS last
                FROM spans
            )
            SELECT w.legal_entity, count(*) FILTER (WHERE w.at > s.first AND w.at < s.last)
            FROM written w, span s GROUP BY 1 ORDER BY 1
            """)
        let counts = (0..<rows.count).map { Double(rows.int64($0, 1)) }
        guard counts.count == count, counts.reduce(0, +) > 0 else {
            SluiceBench.say("no time in which all of \(count) legal entities were saturated")
            return nil
        }
        return counts
    }
}
