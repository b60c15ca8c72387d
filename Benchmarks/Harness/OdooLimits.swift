import Delivery
import Embedded
import Foundation
import Metrics
import OrderEvents
import Postgres

/// What limits do: follow a change of capacity, leave the others untouched.
struct OdooLimits {
    let stage: Stage

    private var isSmoke: Bool { stage.options.isSmoke }
    private var runs: Int { isSmoke ? 1 : max(5, stage.options.runs) }

    func measure(_ figures: inout Figures) throws {
        try step(&figures)
        try hang(&figures)
    }

    private func folder(_ what: String) -> String { "\(stage.folder)/\(stage.name(what))" }

    /// Seconds from two workers to eight until orders are created at four fifths of the best rate that the eight give.
    ///
    /// Latencies divided by 2 only: by 20 eight workers would create more than this machine can send.
    private func step(_ figures: inout Figures) throws {
        let before = isSmoke ? 1.0 : 6.0
        let after = isSmoke ? 3.0 : 14.0
        var seconds: [Double] = []
        for run in 0..<runs {
            let load = try OdooLoad(orders: isSmoke ? 6000 : 18_000, legalEntities: 1, seed: 200 + run)
            let odoo = try load.makeOdoo(folder: folder("step"), workers: 2, divisor: Self.stepDivisor)
            let net = try OdooRun(stage, addresses: [odoo.url], concurrency: 16)
            let creates = load.events.filter { $0.state == .received }
            try net.tell(creates[...])
            net.service.start()
            _ = try sample(net, before)
            try odoo.instruct(#"{"workers": 8, "latency": {"recorded_divided_by": \#(Int(Self.stepDivisor))}}"#)
            let samples = try sample(net, after)
            if let found = Self.followed(samples) { seconds.append(found) }
            if try net.number("SELECT count(*) FROM backlog") == 0 { throw BenchError("step: too few orders") }
            net.end()
            odoo.stop()
        }
        figures.add("step_seconds", seconds, unit: "s", note: "2 workers to 8, until 0.8 of their best; bar 10, aim 3")
    }

    private static let stepDivisor = 2.0

    /// How many orders Odoo has, every tenth of a second for `seconds`.
    private func sample(_ net: OdooRun, _ seconds: Double) throws -> [(at: Double, orders: Double)] {
        let start = ContinuousClock.now
        var samples: [(Double, Double)] = []
        while true {
            let passed = (ContinuousClock.now - start) / .seconds(1)
            samples.append((passed, Double(try net.number("SELECT count(*) FROM deliveries"))))
            if passed >= seconds { return samples }
            usleep(100_000)
        }
    }

    /// When a window of two seconds begins in which four fifths of the best such window were created; nil: never.
    static func followed(_ samples: [(at: Double, orders: Double)]) -> Double? {
        let rates = samples.compactMap { sample -> (at: Double, rate: Double)? in
            guard let end = samples.first(where: { $0.at >= sample.at + 2 }) else { return nil }
            return (sample.at, (end.orders - sample.orders) / (end.at - sample.at))
        }
        guard let best = rates.map(\.rate).max(), best > 0 else { return nil }
        return rates.first { $0.rate >= 0.8 * best }?.at
    }

    /// What the others' orders took in one run, in seconds from told to confirmed, and their confirmations a second.
    private struct HungRun {
        var before: [Double] = []
        var during: [Double] = []
        var rateBefore = 0.0
        var rateDuring = 0.0
    }

    /// Twenty Odoos, each with a steady trickle of orders; then one hangs.
    ///
    /// Both windows are of one run and have the same load, and the slowest orders count: all of the others' are waited
    /// for. What hangs answers again at the end, so that nothing of a run is left for the next one.
    private func hang(_ figures: inout Figures) throws {
        let entities = isSmoke ? 3 : 20
        let measured = try (0..<runs).map { try hungRun(entities, seed: 300 + $0) }
        func tails(_ part: (HungRun) -> [Double]) -> [Double] {
            measured.map { (Self.percentile(part($0)) ?? .nan) * 1000 }
        }
        let before = tails(\.before)
        let during = tails(\.during)
        let note = "the others while one of \(entities) hangs ÷ before"
        figures.add(
            "hung_throughput_ratio", measured.map { $0.rateDuring / $0.rateBefore }, note: note + "; bar 0.95, aim 1")
        figures.add("hung_p99_ratio", zip(during, before).map { $0 / $1 }, note: note + "; bar 1.2, aim 1.05")
        figures.add("hung_before_p99_ms", before, unit: "ms", note: "told to confirmed, \(Int(window)) s")
        figures.add("hung_during_p99_ms", during, unit: "ms")
        let halves = measured.map { run -> Double in
            let half = run.before.count / 2
            return (Self.percentile(Array(run.before[half...])) ?? .nan)
                / (Self.percentile(Array(run.before[..<half])) ?? .nan)
        }
        figures.add("hung_chance_p99_ratio", halves, note: "second half of before ÷ its first: what chance does")
    }

    private var window: Double { isSmoke ? 1 : 20 }

    private func hungRun(_ entities: Int, seed: Int) throws -> HungRun {
        let perSecond = isSmoke ? 30.0 : 100
        let warming = isSmoke ? 1.0 : 5
        let load = try OdooLoad(
            orders: Int((warming + 2 * window) * perSecond), legalEntities: entities, seed: seed)
        let creates = load.events.filter { $0.state == .received }
        let first = Int(warming * perSecond)
        let second = first + Int(window * perSecond)
        let odoos = try (0..<entities).map { _ in
            try load.makeOdoo(folder: folder("hang"), workers: 2, divisor: OdooPart.divisor)
        }
        let net = try OdooRun(stage, addresses: odoos.map(\.url), concurrency: OdooPart.concurrency)
        defer {
            net.end()
            for odoo in odoos { odoo.stop() }
        }
        net.service.start()
        try trickle(creates[..<first], net, seconds: warming)
        var run = HungRun()
        run.rateBefore = try rate(net) { try trickle(creates[first..<second], net, seconds: window) }
        try odoos[0].instruct(#"{"faults":[{"kind":"slow","milliseconds":3600000}]}"#)
        run.rateDuring = try rate(net) { try trickle(creates[second...], net, seconds: window) }
        guard try net.reaches(0, "SELECT count(*) FROM backlog WHERE \(Self.others)", within: .seconds(30)) else {
            throw BenchError("hung: the others' orders do not come to an end")
        }
        guard try net.number("SELECT count(*) FROM backlog") > 0 else { throw BenchError("hung: nothing hung") }
        try odoos[0].instruct("{}")
        run.before = try latencies(net, first..<second)
        run.during = try latencies(net, second..<creates.count)
        return run
    }

    /// Those that do not hang.
    private static let others = "legal_entity <> '\(ReferenceTraffic.legalEntity(0))'"

    /// How many of the others' orders are confirmed a second while `body` runs.
    private func rate(_ run: OdooRun, _ body: () throws -> Void) throws -> Double {
        func clock() throws -> Double { try run.seconds("SELECT extract(epoch FROM clock_timestamp())").first ?? .nan }
        let start = try clock()
        try body()
        let end = try clock()
        let confirmed = try run.number(
            """
            SELECT count(*) FROM deliveries WHERE delivered_version > 0 AND \(Self.others)
                AND extract(epoch FROM confirmed_at) BETWEEN \(start) AND \(end)
            """)
        return Double(confirmed) / (end - start)
    }

    /// Tells events evenly over `seconds`.
    func trickle(_ events: ArraySlice<OdooLoad.Told>, _ run: OdooRun, seconds: Double) throws {
        let start = ContinuousClock.now
        var told = events.startIndex
        while told < events.endIndex {
            let share = min(1, (ContinuousClock.now - start) / .seconds(1) / seconds)
            let due = events.startIndex + Int(share * Double(events.count))
            if due > told {
                try run.tell(events[told..<due])
                told = due
            }
            usleep(5000)
        }
    }

    /// Seconds from told to confirmed of the others' orders in `range`, in the sequence in which they were told.
    private func latencies(_ run: OdooRun, _ range: Range<Int>) throws -> [Double] {
        try run.seconds(
            """
            SELECT extract(epoch FROM d.confirmed_at - o.updated_at)::double precision
            FROM deliveries d JOIN orders o USING (legal_entity, order_ref)
            WHERE d.delivered_version > 0 AND \(Self.others)
                AND substr(o.order_ref, 3)::bigint BETWEEN \(range.lowerBound) AND \(range.upperBound - 1)
            ORDER BY o.updated_at
            """)
    }

    static func percentile(_ values: [Double]) -> Double? {
        let sorted = values.sorted()
        return sorted.isEmpty ? nil : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    }
}

extension OdooRun {
    /// The only column of `sql`.
    func seconds(_ sql: String) throws -> [Double] {
        let rows = try query(sql)
        return (0..<rows.count).compactMap { Double(rows.text($0, 0)) }
    }
}
