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

    /// Twenty Odoos, each with a steady trickle of orders; then one hangs.
    private func hang(_ figures: inout Figures) throws {
        let entities = isSmoke ? 3 : 20
        var throughput: [Double] = []
        var tails: [Double] = []
        for run in 0..<runs {
            let perSecond = isSmoke ? 30 : 100
            let window = isSmoke ? 1.0 : 10.0
            let load = try OdooLoad(
                orders: Int(3 * window * Double(perSecond)), legalEntities: entities, seed: 300 + run)
            let creates = load.events.filter { $0.state == .received }
            let odoos = try (0..<entities).map { _ in
                try load.makeOdoo(folder: folder("hang"), workers: 2, divisor: OdooPart.divisor)
            }
            let net = try OdooRun(stage, addresses: odoos.map(\.url), concurrency: OdooPart.concurrency)
            net.service.start()
            let third = creates.count / 3
            try trickle(creates[..<third], net, seconds: window)
            try trickle(creates[third..<(2 * third)], net, seconds: window)
            try odoos[0].instruct(#"{"faults":[{"kind":"slow","milliseconds":3600000}]}"#)
            try trickle(creates[(2 * third)...], net, seconds: window)
            usleep(1_000_000)
            let before = try latencies(net, third..<(2 * third), entities)
            let after = try latencies(net, (2 * third)..<creates.count, entities)
            throughput.append(Double(after.count) / Double(max(1, before.count)))
            if let a = Self.percentile(after), let b = Self.percentile(before) { tails.append(a / b) }
            net.service.stop(within: .milliseconds(100))
            for odoo in odoos { odoo.stop() }
        }
        let note = "the others while one of \(entities) hangs ÷ before"
        figures.add("hung_throughput_ratio", throughput, note: note + "; bar 0.95, aim 1")
        figures.add("hung_p99_ratio", tails, note: note + "; bar 1.2, aim 1.05")
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

    /// Seconds from told to confirmed, of the orders in `range` that are not the first entity's and are confirmed.
    private func latencies(_ run: OdooRun, _ range: Range<Int>, _ entities: Int) throws -> [Double] {
        try run.seconds(
            """
            SELECT extract(epoch FROM d.confirmed_at - o.updated_at)::double precision
            FROM deliveries d JOIN orders o USING (legal_entity, order_ref)
            WHERE d.delivered_version > 0 AND o.legal_entity <> '\(ReferenceTraffic.legalEntity(0))'
                AND substr(o.order_ref, 3)::bigint BETWEEN \(range.lowerBound) AND \(range.upperBound - 1)
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
