import Delivery
import Embedded
import Foundation
import Metrics
import OrderEvents

/// Ten minutes without Odoo, divided as its latencies are: what is called meanwhile, and how the backlog drains then.
struct OdooOutage {
    let stage: Stage
    /// Whole orders a second that this Odoo takes.
    let capacity: Double

    private var isSmoke: Bool { stage.options.isSmoke }
    private var outage: Double { isSmoke ? 3 : 600 / OdooPart.divisor }
    /// How long orders come before the outage, and after it.
    private var before: Double { isSmoke ? 1 : 5 }
    private var after: Double { isSmoke ? 6 : 35 }
    /// Orders that come, by what Odoo takes.
    private static let share = 1.0 / 3

    private struct Sample {
        var at: Double
        var told: Int
        var delivered: Int
        var backlog: Int
        var calls: Int
        var first: Int
        var repeated: Int
        var limit: Int
        var breaker: String
    }

    func measure(_ figures: inout Figures, _ wrong: inout [String]) throws {
        let whole = try run(#"{"kind":"drop"}"#, "outage", &wrong)
        let (begin, end) = (before, before + outage)
        let lasting = Self.between(whole, begin, end)
        figures.add(
            "outage_calls_per_attempt", [Self.ratio(lasting.calls, lasting.first)],
            note: "calls ÷ first visits while Odoo answers nothing; bar 1.1")
        figures.add(
            "outage_visits_per_attempt", [Self.ratio(lasting.first + lasting.repeated, lasting.first)],
            note: "the same, visits; bar 1.1")
        let usual = Double(whole.first { $0.at >= begin }?.backlog ?? 0) + capacity * Self.share
        if let drained = whole.first(where: { $0.at > end && Double($0.backlog) <= usual }) {
            figures.add("outage_drain_seconds", [drained.at - end], unit: "s", note: "until the backlog is as before")
        } else {
            wrong.append("the backlog of the outage did not drain")
        }
        figures.remarks.append("outage: nothing is answered from \(Int(begin)) s to \(Int(end)) s")
        figures.remarks += Self.table(whole)
        // A partial failure does not open the breaker: the budget alone holds calls back.
        let partial = try run(#"{"kind":"drop","share":0.6}"#, "failing", &wrong)
        let failing = Self.between(partial, begin, end)
        figures.add(
            "failing_visits_per_attempt", [Self.ratio(failing.first + failing.repeated, failing.first)],
            note: "visits ÷ first ones while 60 % of the calls fail; bar 1.1")
    }

    private static func ratio(_ all: Int, _ first: Int) -> Double { Double(all) / Double(max(1, first)) }

    /// What came between two times.
    private static func between(
        _ samples: [Sample], _ begin: Double, _ end: Double
    ) -> (calls: Int, first: Int, repeated: Int) {
        guard let start = samples.first(where: { $0.at >= begin }), let stop = samples.last(where: { $0.at <= end })
        else {
            return (0, 0, 0)
        }
        return (stop.calls - start.calls, stop.first - start.first, stop.repeated - start.repeated)
    }

    /// Runs with `fault` in the middle; all orders have to be whole in the end.
    private func run(_ fault: String, _ name: String, _ wrong: inout [String]) throws -> [Sample] {
        let seconds = before + outage + after
        let count = Int(capacity * Self.share * seconds)
        let load = try OdooLoad(orders: count, legalEntities: 1, seed: 600)
        let odoo = try load.makeOdoo(
            folder: "\(stage.folder)/\(stage.name(name))", workers: OdooPart.workers, divisor: OdooPart.divisor)
        let net = try OdooRun(stage, addresses: [odoo.url], concurrency: OdooPart.concurrency)
        defer {
            net.end()
            odoo.stop()
        }
        let events = load.events.filter { $0.state == .invoiced }
        net.service.start()
        let latency = #""latency":{"recorded_divided_by":\#(Int(OdooPart.divisor))}"#
        var samples: [Sample] = []
        var told = 0
        var stage = 0
        let start = ContinuousClock.now
        while true {
            let now = (ContinuousClock.now - start) / .seconds(1)
            if stage == 0, now >= before {
                try odoo.instruct(#"{"faults":[\#(fault)],\#(latency)}"#)
                stage = 1
            }
            if stage == 1, now >= before + outage {
                try odoo.instruct(#"{\#(latency)}"#)
                stage = 2
            }
            let due = min(count, Int(Double(count) * now / seconds))
            if due > told { try net.tell(events[told..<due]) }
            told = due
            if now >= Double(samples.count) { samples.append(try sample(now, told, net, odoo)) }
            if told == count { break }
            usleep(10_000)
        }
        if try !net.drain(within: .seconds(240)) { wrong.append("\(name): not all delivered") }
        let orders = try OdooPart.orders(odoo)
        let whole = orders.count {
            $0["delivery_status"] as? String == "full" && $0["invoices"] as? [String] == ["posted"]
        }
        if orders.count != count || whole != count {
            wrong.append("\(name): \(orders.count) orders, \(whole) whole, of \(count)")
        }
        return samples
    }

    private func sample(_ at: Double, _ told: Int, _ net: OdooRun, _ odoo: OdooStandIn) throws -> Sample {
        let text = String(decoding: net.registry.page(.text) ?? [], as: UTF8.self)
        func value(_ name: String, _ label: String = "") -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + "{") && $0.contains(label) }
            return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) } ?? 0
        }
        let state = Breaker.Name.allCases.first { value("sluice_odoo_breaker_state", "\"\($0.rawValue)\"") == 1 }
        let backlog = Int(try net.number("SELECT count(*) FROM backlog"))
        return Sample(
            at: at, told: told, delivered: told - backlog, backlog: backlog, calls: odoo.calls().values.reduce(0, +),
            first: value("sluice_delivery_visits_total", "\"first\""),
            repeated: value("sluice_delivery_visits_total", "\"repeated\""),
            limit: value("sluice_odoo_limit_concurrency"), breaker: state?.rawValue ?? "-")
    }

    /// The curve, a line a second.
    private static func table(_ samples: [Sample]) -> [String] {
        func cell(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func line(_ cells: [String]) -> String { cells.map { cell($0, 9) }.joined() }
        let header = line(["second", "told", "delivered", "backlog", "calls", "first", "repeated", "limit", "breaker"])
        return [header]
            + zip(samples, samples.dropFirst()).map { last, now in
                line([
                    String(Int(now.at)), String(now.told - last.told), String(now.delivered - last.delivered),
                    String(now.backlog), String(now.calls - last.calls), String(now.first - last.first),
                    String(now.repeated - last.repeated), String(now.limit), now.breaker,
                ])
            }
    }
}
