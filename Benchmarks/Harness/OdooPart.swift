import Delivery
import Embedded
import Foundation
import Odoo
import OrderEvents
import Partitioner

/// `odoo`: what delivery gets out of an Odoo, and what it does to it.
///
/// The Odoo is the stand-in with the recorded profile, all its latencies divided by 20, 4 workers. Needs no Kafka:
/// orders come into the store as workers write them.
struct OdooPart {
    static let divisor = 20.0
    static let workers = 4
    static let concurrency = 8

    let stage: Stage

    private var isSmoke: Bool { stage.options.isSmoke }
    private var runs: Int { isSmoke ? 1 : max(5, stage.options.runs) }

    func measure(_ figures: inout Figures) throws {
        var wrong: [String] = []
        try compare(&figures, &wrong)
        try loseAnswers(&figures, &wrong)
        try OdooLimits(stage: stage).measure(&figures)
        guard let capacity = figures.median("orders_per_second") else { throw BenchError("no capacity was measured") }
        try OdooUrgency(stage: stage, capacity: capacity).measure(&figures)
        try OdooOutage(stage: stage, capacity: capacity).measure(&figures, &wrong)
        guard wrong.isEmpty else { throw WrongWork(findings: wrong) }
    }

    private func folder(_ what: String) -> String { "\(stage.folder)/\(stage.name(what))" }

    // MARK: Rates

    private func compare(_ figures: inout Figures, _ wrong: inout [String]) throws {
        var ratios: [Double] = []
        var ours: [Double] = []
        var theirs: [Double] = []
        var saved: [Double] = []
        let count = isSmoke ? 40 : 1000
        for run in 0..<runs {
            let load = try OdooLoad(orders: count, legalEntities: 1, seed: run + 1)
            let naive = try load.makeOdoo(folder: folder("naive"), workers: Self.workers, divisor: Self.divisor)
            let connector = OdooNaive(naive, load, clients: Self.concurrency)
            let seconds = try awaiting { try await connector.run(load) }
            let naiveCalls = naive.calls().values.reduce(0, +)
            let naiveStates = try Self.states(naive)
            naive.stop()
            // All at once: how fast it can be.
            let odoo = try load.makeOdoo(folder: folder("odoo"), workers: Self.workers, divisor: Self.divisor)
            let net = try OdooRun(stage, addresses: [odoo.url], concurrency: Self.concurrency)
            let start = ContinuousClock.now
            try net.tell(load.events[...])
            net.service.start()
            guard try net.drain(within: .seconds(300)) else { throw BenchError("deliveries do not come to an end") }
            let took = (ContinuousClock.now - start) / .seconds(1)
            net.end()
            if try Self.states(odoo) != naiveStates { wrong.append("run \(run): other states than one call per event") }
            odoo.stop()
            // As they happen, at three times what one call per event takes.
            let paced = try load.makeOdoo(folder: folder("paced"), workers: Self.workers, divisor: Self.divisor)
            let pacedRun = try OdooRun(stage, addresses: [paced.url], concurrency: Self.concurrency)
            pacedRun.service.start()
            try feed(load, pacedRun, seconds: seconds / 3)
            guard try pacedRun.drain(within: .seconds(300)) else { throw BenchError("deliveries do not end") }
            let calls = paced.calls().values.reduce(0, +)
            pacedRun.end()
            if try Self.states(paced) != naiveStates {
                wrong.append("run \(run): other states at three times overload")
            }
            paced.stop()
            ratios.append(seconds / took)
            ours.append(Double(count) / took)
            theirs.append(Double(count) / seconds)
            saved.append(1 - Double(calls) / Double(naiveCalls))
            SluiceBench.say(
                "odoo: \(Int(Double(count) / took)) orders/s, one call per event \(Int(Double(count) / seconds))")
        }
        figures.add("orders_ratio", ratios, note: "÷ one call per event, \(count) orders; bar 3, aim 10")
        figures.add("orders_per_second", ours, note: "of the divided profile")
        figures.add("naive_orders_per_second", theirs)
        figures.add("calls_saved", saved, note: "at three times overload; bar 0.40, aim 0.60")
    }

    private func feed(_ load: OdooLoad, _ run: OdooRun, seconds: Double) throws {
        let start = ContinuousClock.now
        var told = 0
        while told < load.events.count {
            let share = min(1, (ContinuousClock.now - start) / .seconds(1) / max(seconds, 0.001))
            let due = min(load.events.count, max(told + 1, Int(share * Double(load.events.count))))
            try run.tell(load.events[told..<due])
            told = due
            usleep(5000)
        }
    }

    /// How many orders are in which state, delivered and invoiced how far.
    private static func states(_ odoo: OdooStandIn) throws -> [String: Int] {
        try orders(odoo).reduce(into: [:]) { counts, order in
            let words = ["state", "delivery_status", "invoice_status"].map { order[$0] as? String ?? "-" }
            counts[words.joined(separator: " "), default: 0] += 1
        }
    }

    static func orders(_ odoo: OdooStandIn) throws -> [[String: Any]] {
        let json = try JSONSerialization.jsonObject(with: Data(odoo.ordersJSON().utf8))
        guard let orders = json as? [[String: Any]] else { throw BenchError("the stand-in's orders cannot be read") }
        return orders
    }

    // MARK: Lost answers

    private func loseAnswers(_ figures: inout Figures, _ wrong: inout [String]) throws {
        var doubled: [Double] = []
        var missing: [Double] = []
        for run in 0..<(isSmoke ? 1 : 3) {
            let count = isSmoke ? 60 : run == 0 ? 10_000 : 1000
            let load = try OdooLoad(orders: count, legalEntities: 2, seed: 100 + run)
            let odoo = try load.makeOdoo(
                folder: folder("lossy"), workers: Self.workers, divisor: Self.divisor, seed: UInt64(run + 1))
            try odoo.instruct(
                #"{"faults":[{"kind":"lose_answer","share":0.05},{"kind":"late","share":0.01,"milliseconds":300}],"#
                    + #""latency":{"recorded_divided_by":\#(Int(Self.divisor))}}"#)
            let net = try OdooRun(stage, addresses: [odoo.url, odoo.url], concurrency: Self.concurrency)
            try net.tell(load.events[...])
            net.service.start()
            if try !net.drain(within: .seconds(isSmoke ? 120 : 480)) { wrong.append("run \(run): not all delivered") }
            net.end()
            let orders = try Self.orders(odoo)
            let names = Dictionary(grouping: orders) { "\($0["company"] ?? "") \($0["client_order_ref"] ?? "")" }
            var twice = names.values.reduce(0) { $0 + $1.count - 1 }
            for order in orders {
                let pickings = order["pickings"] as? [String] ?? []
                let invoices = order["invoices"] as? [String] ?? []
                if pickings.count != 1 || invoices.count > 1 { twice += 1 }
            }
            let whole = orders.count {
                $0["state"] as? String == "sale" && $0["delivery_status"] as? String == "full"
                    && $0["invoices"] as? [String] == ["posted"]
            }
            doubled.append(Double(twice))
            missing.append(Double(count - whole))
            odoo.stop()
        }
        let note = "of all runs; 5 % lost answers, 1 % late; bar 0"
        figures.add("doubled", [doubled.reduce(0, +)], note: note)
        figures.add("missing", [missing.reduce(0, +)], note: note)
    }
}

/// The result of `body`, waited for by a thread that has nothing else to do.
func awaiting<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let done = Monitor<Result<Value, any Error>?>(nil)
    Task {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        done.change { $0 = result }
    }
    while !done.wait(within: .seconds(3600), until: { $0 != nil }) {}
    guard let result = done.withLock({ $0 }) else { throw BenchError("no result") }
    return try result.get()
}
