import Delivery
import Embedded
import Foundation
import Metrics
import OrderEvents
import Postgres

/// What limits do: follow a change of capacity, leave the others untouched, let urgent orders through.
struct OdooLimits {
    let stage: Stage

    private var isSmoke: Bool { stage.options.isSmoke }
    private var runs: Int { isSmoke ? 1 : max(5, stage.options.runs) }

    func measure(_ figures: inout Figures) throws {
        try step(&figures)
        try hang(&figures)
        try urgent(&figures)
    }

    private func folder(_ what: String) -> String { "\(stage.folder)/\(stage.name(what))" }

    /// The value of a metric's only series, or of the one that names `entity`.
    private func gauge(_ name: String, _ entity: String, _ run: OdooRun) -> Double {
        let text = String(decoding: run.registry.textExposition(), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + "{") && $0.contains("\"\(entity)\"") }
        return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
    }

    /// Seconds from two workers to eight until the limit is within a fifth of what they bear.
    private func step(_ figures: inout Figures) throws {
        var seconds: [Double] = []
        for run in 0..<runs {
            let load = try OdooLoad(orders: isSmoke ? 200 : 6000, legalEntities: 1, seed: 200 + run)
            let odoo = try load.makeOdoo(folder: folder("step"), workers: 2, divisor: OdooPart.divisor)
            let net = try OdooRun(stage, addresses: [odoo.url], concurrency: 16)
            let creates = load.events.filter { $0.state == .received }
            try net.tell(creates[...])
            net.service.start()
            let entity = ReferenceTraffic.legalEntity(0)
            func wait(_ bound: Double, _ isReady: () -> Bool) -> Double? {
                let start = ContinuousClock.now
                while !isReady() {
                    let passed = (ContinuousClock.now - start) / .seconds(1)
                    if passed > bound { return nil }
                    usleep(20_000)
                }
                return (ContinuousClock.now - start) / .seconds(1)
            }
            // First it finds the two.
            _ = wait(5) { gauge("sluice_odoo_limit_concurrency", entity, net) >= 2 }
            usleep(isSmoke ? 100_000 : 1_500_000)
            // A limit that stands above what two bear would have followed before anything changed.
            let isSettled = wait(20) { gauge("sluice_odoo_limit_concurrency", entity, net) <= 5 } != nil
            try odoo.instruct(#"{"workers": 8, "latency": {"recorded_divided_by": \#(Int(OdooPart.divisor))}}"#)
            let found = wait(60) { gauge("sluice_odoo_limit_concurrency", entity, net) >= 0.8 * 8 }
            if let found, isSettled { seconds.append(found) }
            net.end()
            odoo.stop()
        }
        figures.add("step_seconds", seconds, unit: "s", note: "from 2 workers to 8; bar 10, aim 3")
    }

    /// Twenty Odoos, each with a steady trickle of orders; then one hangs.
    private func hang(_ figures: inout Figures) throws {
        let entities = isSmoke ? 3 : 20
        var throughput: [Double] = []
        var tails: [Double] = []
        for run in 0..<runs {
            let perSecond = isSmoke ? 30 : 100
            let window = isSmoke ? 1.0 : 6.0
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
    private func trickle(_ events: ArraySlice<OdooLoad.Told>, _ run: OdooRun, seconds: Double) throws {
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

    /// Cancellations without load, and among three times as many orders as Odoo takes.
    private func urgent(_ figures: inout Figures) throws {
        var ratios: [Double] = []
        for run in 0..<runs {
            let calm = try cancelled(orders: isSmoke ? 40 : 100, seconds: isSmoke ? 2 : 10, seed: 400 + run)
            let busy = try cancelled(orders: isSmoke ? 200 : 3000, seconds: isSmoke ? 2 : 10, seed: 500 + run)
            guard let unloaded = calm.p99, let loaded = busy.p99 else { continue }
            ratios.append(loaded / (unloaded + busy.longest))
        }
        figures.add(
            "critical_p99_ratio", ratios,
            note: "cancellations among many more orders than Odoo takes; bar 1.5, aim 1.2")
    }

    private func cancelled(orders: Int, seconds: Double, seed: Int) throws -> (p99: Double?, longest: Double) {
        let load = try OdooLoad(orders: orders, legalEntities: 1, seed: seed, cancelEvery: 20)
        let odoo = try load.makeOdoo(folder: folder("urgent"), workers: OdooPart.workers, divisor: OdooPart.divisor)
        let net = try OdooRun(stage, addresses: [odoo.url], concurrency: OdooPart.concurrency)
        defer {
            net.end()
            odoo.stop()
        }
        let first = load.events.filter { $0.state == .received && $0.order % 20 == 0 }
        try net.tell(first[...])
        net.service.start()
        _ = try net.drain(within: .seconds(60))
        // The others come at once; the cancellations one by one among them.
        let rest = load.events.filter { $0.order % 20 != 0 && ($0.state == .received || $0.state == .allocated) }
        try net.tell(rest[...])
        let cancellations = load.events.filter { $0.state == .cancelled }
        try trickle(cancellations[...], net, seconds: seconds)
        _ = try net.drain(within: .seconds(120))
        let times = try net.seconds(
            """
            SELECT extract(epoch FROM d.confirmed_at - o.updated_at)::double precision
            FROM deliveries d JOIN orders o USING (legal_entity, order_ref) WHERE o.state = 9
            """)
        return (Self.percentile(times), odoo.longestCallSeconds())
    }
}

extension OdooRun {
    /// The only column of `sql`.
    func seconds(_ sql: String) throws -> [Double] {
        let rows = try query(sql)
        return (0..<rows.count).compactMap { Double(rows.text($0, 0)) }
    }
}
