import Delivery
import Embedded
import Foundation
import OrderEvents

/// How long cancellations take: without any load, and while three times as many orders come as Odoo takes.
struct OdooUrgency {
    let stage: Stage
    /// Whole orders a second that this Odoo takes.
    let capacity: Double

    private static let overload = 3.0
    /// Events of the load that come at a time.
    private static let tick: useconds_t = 10_000

    private var isSmoke: Bool { stage.options.isSmoke }
    private var runs: Int { isSmoke ? 1 : max(5, stage.options.runs) }
    private var seconds: Double { isSmoke ? 2 : 10 }
    private var cancellations: Int { isSmoke ? 20 : 150 }

    private struct Times {
        var p99: Double
        var longestCall: Double
    }

    func measure(_ figures: inout Figures) throws {
        var ratios: [Double] = []
        var unloaded: [Double] = []
        var loaded: [Double] = []
        var calls: [Double] = []
        for run in 0..<runs {
            let calm = try cancelled(among: 0, seed: 400 + run)
            let busy = try cancelled(among: Int(Self.overload * capacity * seconds), seed: 500 + run)
            ratios.append(busy.p99 / (calm.p99 + busy.longestCall))
            unloaded.append(calm.p99 * 1000)
            loaded.append(busy.p99 * 1000)
            calls.append(busy.longestCall * 1000)
        }
        figures.add("critical_p99_ratio", ratios, note: "÷ (unloaded p99 + longest call); bar 1.5, aim 1.2")
        figures.add("critical_p99_ms", loaded, unit: "ms", note: "at three times overload, told to confirmed")
        figures.add("critical_unloaded_p99_ms", unloaded, unit: "ms")
        figures.add("critical_longest_call_ms", calls, unit: "ms")
    }

    /// Cancels orders that Odoo has, one by one, while `load` others come, each as it is confirmed and as it is
    /// invoiced.
    private func cancelled(among load: Int, seed: Int) throws -> Times {
        let doomed = try OdooLoad(orders: cancellations, legalEntities: 1, seed: seed, cancelEvery: 1)
        let others = try OdooLoad(orders: load, legalEntities: 1, seed: seed + 50, firstOrder: cancellations)
        let odoo = try others.makeOdoo(
            folder: "\(stage.folder)/\(stage.name("urgent"))", workers: OdooPart.workers, divisor: OdooPart.divisor,
            with: doomed)
        let net = try OdooRun(stage, addresses: [odoo.url], concurrency: OdooPart.concurrency)
        defer {
            net.end()
            odoo.stop()
        }
        try net.tell(doomed.events.filter { $0.state == .received }[...])
        net.service.start()
        guard try net.drain(within: .seconds(60)) else { throw BenchError("urgent: orders were not created") }
        try feed(doomed.events.filter { $0.state == .cancelled }, others, net)
        let left = try net.number("SELECT count(*) FROM backlog WHERE class > 0")
        if load > 0, left == 0 { throw BenchError("urgent: Odoo took all that came, so nothing was overloaded") }
        let end = ContinuousClock.now + .seconds(60)
        while try net.number("SELECT count(*) FROM backlog WHERE class = 0") > 0 {
            guard ContinuousClock.now < end else { throw BenchError("urgent: cancellations were not delivered") }
            usleep(20_000)
        }
        let times = try net.seconds(
            """
            SELECT extract(epoch FROM d.confirmed_at - o.updated_at)::double precision
            FROM deliveries d JOIN orders o USING (legal_entity, order_ref) WHERE o.state = 9
            """)
        guard times.count == cancellations, let p99 = OdooLimits.percentile(times) else {
            throw BenchError("urgent: \(times.count) of \(cancellations) cancellations were confirmed")
        }
        return Times(p99: p99, longestCall: odoo.longestCallSeconds())
    }

    /// The others come evenly, each as confirmed and half of the time later as invoiced; cancellations from the second
    /// tenth of the time on, when a backlog has built up.
    private func feed(_ cancelled: [OdooLoad.Told], _ others: OdooLoad, _ net: OdooRun) throws {
        let confirmed = others.events.filter { $0.state == .allocated }
        let invoiced = others.events.filter { $0.state == .invoiced }
        var told = (confirmed: 0, invoiced: 0, cancelled: 0)
        let start = ContinuousClock.now
        func due(_ count: Int, from: Double, to: Double, _ now: Double) -> Int {
            min(count, max(0, Int(Double(count) * (now - from) / (to - from))))
        }
        while told.cancelled < cancelled.count {
            let now = (ContinuousClock.now - start) / .seconds(1) / seconds
            let next = (
                confirmed: due(confirmed.count, from: 0, to: 1, now),
                invoiced: due(invoiced.count, from: 0.5, to: 1.5, now),
                cancelled: due(cancelled.count, from: 0.1, to: 1, now)
            )
            if next.confirmed > told.confirmed { try net.tell(confirmed[told.confirmed..<next.confirmed]) }
            if next.invoiced > told.invoiced { try net.tell(invoiced[told.invoiced..<next.invoiced]) }
            if next.cancelled > told.cancelled { try net.tell(cancelled[told.cancelled..<next.cancelled]) }
            told = next
            usleep(Self.tick)
        }
    }
}
