import Configuration
import Foundation
import OrderEvents
import Orders
import Store

/// An order as a page of text; `OrderPageJSON` has it for programs.
struct OrderPage {
    let view: OrderView
    let entity: EntitySettings

    private var order: Order { view.order }

    /// What the legal entity decides, as far as the order may wait for it.
    var expectations: OrderView.Expectations {
        OrderView.Expectations(
            company: entity.odoo?.company, createAt: entity.odoo?.createAt ?? .validated,
            validates: entity.validation.by == .sluice)
    }

    var text: String {
        let under = order.isHeld && order.state == .onHold ? " (underneath: \(order.path?.name ?? "not begun"))" : ""
        var page = [
            "\(view.legalEntity)  \(view.orderRef)",
            PageText.field("state", ["\(order.state?.name ?? "not begun")\(under), version \(order.version)"]),
            PageText.field("waits for", waits),
            PageText.field("systems", [agreement]),
            PageText.field("reached", times.map { "\(PageText.time($0.at)) \($0.name)" }),
        ]
        if !order.warehouseCodes.isEmpty { page.append(PageText.field("warehouses", [list(order.warehouseCodes)])) }
        if let total = order.total { page.append(PageText.field("total", ["\(total) \(order.currency)"])) }
        if !view.order.names.isEmpty {
            page.append(PageText.field("known as", [list(view.order.names.map(Self.name))]))
        }
        page.append(PageText.field("odoo", [delivery]))
        return (page + sections).joined(separator: "\n")
    }

    private func list(_ words: [String]) -> String { words.joined(separator: ", ") }

    private var waits: [String] {
        let waits = view.waits(expectations).map { wait in
            let since = wait.since.map { ", since \(PageText.time($0))" } ?? ""
            let until = wait.until.map { ", at most until \(PageText.time($0))" } ?? ""
            return wait.what + since + until
        }
        return waits.isEmpty ? ["nothing"] : waits
    }

    /// Whether everybody says the same, in one line.
    private var agreement: String {
        let systems = view.systems(delivers: entity.odoo != nil)
        let others = systems.filter { $0.disagreement != nil }
        guard !others.isEmpty else { return systems.isEmpty ? "none has spoken" : "all agree" }
        let agreeing = systems.filter { $0.disagreement == nil && !$0.word.isEmpty }.map {
            "\($0.name) says \($0.word)"
        }
        let differing = others.map { "\($0.name) \($0.disagreement ?? "")" }
        return (agreeing + differing).joined(separator: "; ")
    }

    /// States and milestones in the sequence of their times.
    var times: [(name: String, at: Timestamp)] {
        let states = CanonicalState.allCases.compactMap { state in order.time(of: state).map { (state.name, $0) } }
        let milestones = Milestone.allCases.compactMap { milestone in
            order.time(of: milestone).map { (milestone.name, $0) }
        }
        return (states + milestones).sorted { $0.1 < $1.1 }.map { (name: $0.0, at: $0.1) }
    }

    private var delivery: String {
        guard let company = entity.odoo?.company else { return "this legal entity has no destination" }
        guard let delivery = view.delivery, let id = delivery.odooID else { return "not in \(company) yet" }
        return "sales order \(id) of \(company), brought up to version \(delivery.version) at "
            + PageText.time(delivery.confirmedAt)
    }

    static func name(_ name: Order.OtherName) -> String {
        "\(name.kind.name) \(name.issuer.isEmpty ? "" : "\(name.issuer)/")\(name.value)"
    }

    // MARK: - Tables

    private var sections: [String] {
        var parts: [String] = []
        func section(_ title: String, _ header: [String], _ rows: [[String]]) {
            guard !rows.isEmpty else { return }
            parts.append("\n\(title)\n" + PageText.table(header, rows))
        }
        section(
            "systems", ["system", "last word", "when", "differs"],
            view.systems(delivers: entity.odoo != nil).map {
                [$0.name, $0.word, $0.at.map(PageText.time) ?? "", $0.disagreement ?? ""]
            })
        section(
            "lines",
            [
                "line", "article", "price", "ordered", "allocated", "backorder", "shipped", "cancelled", "invoiced",
                "expected",
            ],
            order.quantities.flatMap(rows))
        section("holds", ["reason", "of", "since", "ended"], order.holds.map(row))
        section("shipments", ["shipment", "from", "when", "carrier", "goods"], order.shipments.map(row))
        section(
            "invoices", ["invoice", "when", "goods"],
            order.invoices.map { [$0.ref, PageText.time($0.at), Self.goods($0.lines)] })
        section(
            "payments", ["payment", "status", "amount", "when"],
            order.payments.map {
                [$0.ref, $0.status.name, $0.amount.map { "\($0)" } ?? "", PageText.time($0.at)]
            })
        section(
            "timeline" + (view.isTimelineCut ? " (the last \(OrderView.timelineLimit))" : ""),
            ["happened", "channel", "no.", "word", "what became of it"], view.timeline.map(row))
        if view.duplicates > 0 {
            parts.append("and \(view.duplicates) \(view.duplicates == 1 ? "duplicate" : "duplicates")")
        }
        section("exceptions", ExceptionRow.header, view.exceptions.map(ExceptionRow.cells))
        return parts
    }

    /// A line over all warehouses, and below it each warehouse that has to do with it.
    private func rows(_ line: LineQuantities) -> [[String]] {
        func amount(_ value: ExactDecimal) -> String { value.isZero ? "" : "\(value)" }
        let price = order.lines.first { $0.line == line.line && $0.sku == line.sku }?.unitPrice
        let expected = Set(line.warehouses.filter { !$0.backordered.isZero }.map(\.expected).filter { !$0.isEmpty })
        let total = [
            line.line, line.sku, price.map { "\($0)" } ?? "", line.ordered.map { "\($0)" } ?? "",
            amount(line.allocated), amount(line.backordered), amount(line.shipped), amount(line.cancelled),
            amount(line.invoiced), list(expected.sorted()),
        ]
        let named = line.warehouses.filter { !$0.warehouse.isEmpty }
        return [total]
            + named.map { site in
                [
                    "", "  \(site.warehouse)", "", "", amount(site.allocated), amount(site.backordered),
                    amount(site.shipped), "", "",
                    site.backordered.isZero ? "" : site.expected,
                ]
            }
    }

    private func row(_ hold: Order.Hold) -> [String] {
        let ended = hold.endedAt.map(PageText.time) ?? "open"
        return [
            hold.reason.isEmpty ? "(none)" : hold.reason, hold.channel, PageText.time(hold.since),
            hold.isViolated ? "\(ended), violated" : ended,
        ]
    }

    private func row(_ shipment: Order.Shipment) -> [String] {
        let carrier = [shipment.carrier, shipment.tracking].filter { !$0.isEmpty }.joined(separator: " ")
        return [
            shipment.isByTracking ? "(by tracking)" : shipment.ref, shipment.warehouse, PageText.time(shipment.at),
            carrier, Self.goods(shipment.lines),
        ]
    }

    private static func goods(_ lines: [Order.LineAmount]) -> String {
        lines.map { "\($0.quantity) of \($0.line.isEmpty ? $0.sku : "line \($0.line)")" }.joined(separator: ", ")
    }

    private func row(_ entry: OrderView.Entry) -> [String] {
        let word = [entry.status?.name, entry.milestone?.name].compactMap { $0 }.joined(separator: " + ")
        var parts: [String] = []
        if let state = entry.to, entry.from != entry.to { parts.append("-> \(state.name)") }
        if let code = entry.code { parts.append(code) }
        if let released = entry.releasedOutcome { parts.append("then \(released.name)") }
        if !entry.warehouse.isEmpty { parts.append("at \(entry.warehouse)") }
        if let rule = entry.rule { parts.append("by rule \(rule)") }
        let delay = entry.recordedAt.seconds(since: entry.occurredAt)
        if delay >= 60 { parts.append("told \(PageText.span(delay)) later") }
        if let trace = entry.trace { parts.append("trace \(trace.traceID)") }
        return [
            PageText.time(entry.occurredAt), entry.channel, entry.sequence.map(String.init) ?? "", word,
            ([entry.outcome.name] + parts).joined(separator: ", "),
        ]
    }
}

/// An exception as a row of a table.
enum ExceptionRow {
    static let header = ["exception", "since", "ended", "detail"]

    static func cells(_ exception: OrderView.Exception) -> [String] {
        let often = exception.count > 1 ? ", \(exception.count) times" : ""
        return [
            exception.code, PageText.time(exception.firstSeen), exception.resolvedAt.map(PageText.time) ?? "open",
            "\(exception.severity)\(often): \(exception.detail)",
        ]
    }
}

/// A name that events wait for, because no order goes by it yet.
enum AwaitedPage {
    static func text(_ awaited: OrderView.AwaitedName) -> String {
        let count = "\(awaited.events) \(awaited.events == 1 ? "event waits" : "events wait")"
        let since = awaited.since.map { " since \(PageText.time($0))" } ?? ""
        let who = awaited.channels.isEmpty ? "" : " (of \(awaited.channels.joined(separator: ", ")))"
        var page = ["no order goes by \(OrderPage.name(awaited.name)) yet; \(count) for it\(who)\(since)"]
        if !awaited.exceptions.isEmpty {
            page.append("\n" + PageText.table(ExceptionRow.header, awaited.exceptions.map(ExceptionRow.cells)))
        }
        return page.joined(separator: "\n")
    }

    static func json(_ awaited: OrderView.AwaitedName) -> [String: Any] {
        [
            "reference": OrderPage.name(awaited.name), "events": Int(awaited.events),
            "since": awaited.since?.rfc3339 as Any? ?? NSNull(), "channels": awaited.channels,
            "exceptions": awaited.exceptions.map(OrderPage.json),
        ]
    }
}
