import Embedded
import Foundation
import Postgres

/// `memory`: resident memory while a consumer lag is drained, 1,000 legal entities.
struct MemoryPart {
    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        let isSmoke = stage.options.isSmoke
        let entities = isSmoke ? 50 : 1000
        // Five events an order and 2 % duplicates: 300,000 and 1,000,000 records.
        let small = try drain(orders: isSmoke ? 400 : 58_800, entities)
        let large = try drain(orders: isSmoke ? 800 : 196_000, entities)
        // A broker that has just started hands over less than the workers take, so that nothing waits in memory: it
        // and the server are warm when the first figure is taken.
        _ = try small.run("\(small.load.records) records, to warm up")
        var pairs: [(low: Double, high: Double)] = []
        for _ in 1...stage.options.runs {
            let low = try small.run("\(small.load.records) records").peakMiB
            pairs.append((low, try large.run("\(large.load.records) records").peakMiB))
        }
        figures.add(
            "peak_mib", pairs.map(\.high), unit: "MiB", note: "\(large.load.records) records of lag; bar 256, aim 96")
        figures.add(
            "growth_ratio", pairs.map { $0.high / $0.low },
            note: "÷ at \(small.load.records) records; bar 1.05, aim 1.02")
        figures.add("peak_small_mib", pairs.map(\.low), unit: "MiB")
    }

    private func drain(orders: Int, _ entities: Int) throws -> Drain {
        try Drain(stage, ReferenceLoad(orders: orders, legalEntities: entities, seed: 2))
    }
}

/// `scale`: throughput with very many legal entities against one.
struct ScalePart {
    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        let options = stage.options
        let orders = options.isSmoke ? options.orders : options.orders / 2
        let one = try Drain(stage, ReferenceLoad(orders: orders, legalEntities: 1, seed: 3))
        let many = try Drain(
            stage, ReferenceLoad(orders: orders, legalEntities: options.isSmoke ? 100 : 10_000, seed: 4))
        var pairs: [(one: Double, many: Double)] = []
        for _ in 1...options.runs {
            pairs.append(
                (
                    try one.run("1 legal entity").commits.rowsPerSecond,
                    try many.run("\(many.load.settings.legalEntities) legal entities").commits.rowsPerSecond
                ))
        }
        figures.add("entities_10000_ratio", pairs.map { $0.many / $0.one }, note: "bar 0.80, aim 0.95")
        figures.add("entities_1_events_per_second", pairs.map(\.one), unit: "1/s")
        figures.add("entities_10000_events_per_second", pairs.map(\.many), unit: "1/s")
        try ScrapeFigures(stage: stage).measure(&figures)
    }
}

/// `latency`: from Kafka's append to the commit, at half of the peak rate.
///
/// Both times are of this machine's clock: the broker stamps the record when it appends it (LogAppendTime, whole
/// milliseconds, rounded down), the server the transaction when it commits it.
struct LatencyPart {
    /// The first moments of a run, in which connections are made and statements prepared, do not count.
    static let warmSeconds = 2

    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        let options = stage.options
        let load = ReferenceLoad(orders: options.isSmoke ? 300 : options.orders, seed: 5)
        let drain = try Drain(stage, load)
        var peaks: [Double] = []
        for _ in 0..<(options.isSmoke ? 0 : 3) { peaks.append(try drain.run("peak").commits.rowsPerSecond) }
        let rate = options.isSmoke ? 1000 : Figures.median(peaks) / 2
        var samples: [[Double]] = []
        for _ in 1...options.runs { samples.append(try run(load, recordsPerSecond: rate)) }
        figures.add(
            "p99_ms_at_half_load", samples.map { $0[1] }, unit: "ms", note: "append to committed; bar 50, aim 15")
        figures.add("p50_ms_at_half_load", samples.map { $0[0] }, unit: "ms")
        figures.add("p999_ms_at_half_load", samples.map { $0[2] }, unit: "ms")
        figures.add("half_load_events_per_second", [rate], unit: "1/s")
        figures.add("peak_events_per_second", peaks, unit: "1/s")
    }

    private func run(_ load: ReferenceLoad, recordsPerSecond: Double) throws -> [Double] {
        let topic = try Drain.makeTopic(stage)
        let run = try SluiceRun(stage, topic: topic, legalEntities: load.settings.legalEntities)
        defer { try? run.clear() }
        let target = ReferenceLoad.Target(brokers: stage.brokers, topic: topic, recordsPerStep: 10)
        // The consumer has its partitions when the first records are stored.
        let first = ReferenceLoad(orders: 20, seed: 6)
        _ = try first.produce(to: target)
        try run.waitForRecords(first.records)
        let start = ContinuousClock.now
        _ = try load.produce(to: target) { produced, serve in
            let due = start + .seconds(Double(produced) / recordsPerSecond)
            while ContinuousClock.now < due { serve() }
        }
        let records = load.records + first.records
        try run.waitForRecords(records)
        let result = try run.finish(
            StoreProbe.Expectation(
                records: records, events: load.events + first.events, orders: load.orders + first.orders))
        let latencies = try percentiles(run, prefix: "R0005-")
        SluiceBench.say(
            """
            latency at \(Figures.number(recordsPerSecond.rounded())) records/s: \
            p50 \(Figures.number(latencies[0])) ms, p99 \(Figures.number(latencies[1])) ms, \
            p99.9 \(Figures.number(latencies[2])) ms, \
            \(records / max(1, result.commits.transactions)) a transaction
            """)
        return latencies
    }

    /// p50, p99 and p99.9 in milliseconds.
    private func percentiles(_ run: SluiceRun, prefix: String) throws -> [Double] {
        var connection = try run.database.connect()
        let rows = try connection.execute(
            """
            WITH journal AS (
                SELECT logged_at, extract(epoch FROM pg_xact_commit_timestamp(xmin) - logged_at) * 1000 AS ms
                FROM journal WHERE order_ref LIKE '\(prefix)%'
            )
            SELECT unnest(percentile_disc(ARRAY[0.5, 0.99, 0.999]) WITHIN GROUP (ORDER BY ms))::double precision
            FROM journal
            WHERE logged_at >= (SELECT min(logged_at) FROM journal)
                  + make_interval(secs => \(stage.options.isSmoke ? 0 : Self.warmSeconds))
            """)
        guard rows.count == 3 else { throw BenchError("there are no latencies") }
        return (0..<3).map { rows.double($0, 0) }
    }
}
