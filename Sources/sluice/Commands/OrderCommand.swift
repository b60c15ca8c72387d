import Configuration
import Foundation
import OrderEvents
import Orders
import Postgres
import Store

/// `sluice order`: everything about one order.
enum OrderCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice order ENTITY REF --config PATH [--json]",
        help: """
            Shows an order's state, what it waits for, its lines, holds, references, timeline with outcomes, what Odoo
            has of it and its exceptions. REF is its canonical reference or any other name that an event gave it.
            """,
        options: ["config"], flags: ["json"], words: 2...2)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        let (entity, reference) = (arguments.words[0], arguments.words[1])
        guard let settings = configuration.entities.first(where: { $0.name == entity }),
            let store = configuration.stores.first(where: { $0.name == settings.store })
        else {
            let known = configuration.entities.map(\.name).joined(separator: ", ")
            throw CommandFailure(code: .failed, message: "no legal entity \(entity) is configured; there are \(known)")
        }
        var connection = try StoreAccess.connect(store)
        do {
            let found = try OrderView.find(reference, legalEntity: entity, &connection)
            guard found.count == 1, let orderRef = found.first else {
                guard !found.isEmpty else {
                    var message = "\(entity) has no order that goes by this reference"
                    if let waiting = try OrderView.waiting(for: reference, legalEntity: entity, &connection) {
                        message += "; \(waiting.events) events wait for one, since \(waiting.since.rfc3339)"
                    }
                    throw CommandFailure(code: .failed, message: message)
                }
                let list = found.joined(separator: "\n  ")
                throw CommandFailure(
                    code: .failed, message: "\(found.count) orders go by this reference; name one of\n  \(list)")
            }
            guard let view = try OrderView.read(orderRef, legalEntity: entity, &connection) else {
                throw CommandFailure(code: .failed, message: "\(entity) has no order that goes by this reference")
            }
            let page = OrderPage(view: view, deliversTo: settings.odoo?.company)
            Output.line(arguments.has("json") ? JSONText.render(page.json, pretty: true) : page.text)
            return 0
        } catch let error as StoreError {
            throw CommandFailure(code: .unavailable, message: error.description)
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure(code: .software, message: "\(error)")
        }
    }
}

/// An order as a page of text, or as JSON.
struct OrderPage {
    var view: OrderView
    /// The company in Odoo; nil: the entity has no destination.
    var deliversTo: String?

    /// What the order waits for and since when, one sentence each; empty: nothing.
    var waitsFor: [String] {
        var reasons: [String] = []
        for hold in view.order.holds where hold.endedAt == nil {
            let reason = hold.reason.isEmpty ? "a hold" : "a \(hold.reason) hold"
            reasons.append("\(reason) of \(hold.channel), since \(hold.since.rfc3339)")
        }
        for waiting in view.waiting {
            let number = waiting.sequence.map { " (number \($0))" } ?? ""
            let until = waiting.until.map { ", at most until \($0.rfc3339)" } ?? ""
            reasons.append(
                "\(waiting.channel)'s event \(waiting.eventID)\(number) is parked: \(waiting.code), "
                    + "since \(waiting.since.rfc3339)\(until)")
        }
        if let standing = view.standing, deliversTo != nil {
            let how =
                standing.attempts == 0
                ? "its delivery is due"
                : "its delivery was tried \(standing.attempts) times, next at \(standing.dueAt.rfc3339)"
            reasons.append("Odoo: \(how), behind since \(standing.since.rfc3339)")
        }
        return reasons
    }

    /// The page as text.
    var text: String {
        let order = view.order
        var page = [
            "\(view.legalEntity)  \(view.orderRef)",
            "state      \(order.state?.name ?? "not begun")"
                + (order.isHeld ? " (underneath: \(order.path?.name ?? "not begun"))" : ""),
            "version    \(order.version)",
        ]
        let waits = waitsFor
        page.append("waits for  " + (waits.isEmpty ? "nothing" : waits.joined(separator: "\n           ")))
        page.append("reached    " + times.map { "\($0.0) \($0.1)" }.joined(separator: "\n           "))
        if !order.warehouses.isEmpty { page.append("warehouses \(order.warehouseCodes.joined(separator: ", "))") }
        if let total = order.total { page.append("total      \(total) \(order.currency)") }
        if !view.references.isEmpty {
            page.append("known as   " + view.references.map(Self.name).joined(separator: ", "))
        }
        page.append("odoo       \(delivery)")
        page += sections
        return page.joined(separator: "\n")
    }

    private var times: [(String, String)] {
        let order = view.order
        let states = CanonicalState.allCases.compactMap { state -> (String, Timestamp)? in
            order.time(of: state).map { (state.name, $0) }
        }
        let milestones = Milestone.allCases.compactMap { milestone -> (String, Timestamp)? in
            order.time(of: milestone).map { (milestone.name, $0) }
        }
        return (states + milestones).sorted { $0.1 < $1.1 }.map { ($0.0, $0.1.rfc3339) }
    }

    private var delivery: String {
        guard let company = deliversTo else { return "this legal entity has no destination" }
        guard let delivery = view.delivery, let id = delivery.odooID else { return "not in \(company) yet" }
        return
            "sales order \(id) of \(company), brought up to version \(delivery.version) "
            + "at \(delivery.confirmedAt.rfc3339)"
    }

    private static func name(_ name: Order.OtherName) -> String {
        "\(name.kind.name) \(name.issuer.isEmpty ? "" : "\(name.issuer)/")\(name.value)"
    }

    private var sections: [String] {
        let order = view.order
        var parts: [String] = []
        if !order.lines.isEmpty {
            parts.append(
                "\nlines\n"
                    + Output.table(
                        ["line", "sku", "quantity", "unit price"],
                        order.lines.map {
                            [$0.line, $0.sku, $0.quantity?.description ?? "", $0.unitPrice?.description ?? ""]
                        }))
        }
        parts.append("\ntimeline" + (view.isTimelineCut ? " (the last \(OrderView.timelineLimit))" : ""))
        parts.append(
            Output.table(
                ["recorded", "channel", "number", "word", "outcome", "state", "why"], view.timeline.map(Self.row)))
        if view.duplicates > 0 { parts.append("and \(view.duplicates) duplicates") }
        if !view.exceptions.isEmpty {
            parts.append("\nexceptions")
            parts.append(
                Output.table(
                    ["code", "severity", "since", "count", "ended", "detail"],
                    view.exceptions.map {
                        [
                            $0.code, $0.severity, $0.firstSeen.rfc3339, String($0.count),
                            $0.resolvedAt?.rfc3339 ?? "open",
                            $0.detail,
                        ]
                    }))
        }
        return parts
    }

    private static func row(_ entry: OrderView.Entry) -> [String] {
        let word = [entry.status?.name, entry.milestone?.name].compactMap { $0 }.joined(separator: " + ")
        var outcome = entry.outcome.name
        if let released = entry.releasedOutcome { outcome += ", then \(released.name)" }
        let states =
            entry.from == entry.to
            ? entry.to?.name ?? "" : "\(entry.from?.name ?? "none") -> \(entry.to?.name ?? "none")"
        return [
            entry.recordedAt.rfc3339, entry.channel, entry.sequence.map(String.init) ?? "", word, outcome, states,
            entry.code ?? "",
        ]
    }

    /// The page as an object for programs.
    var json: [String: Any] {
        let order = view.order
        var object: [String: Any] = [
            "legal_entity": view.legalEntity, "order_ref": view.orderRef, "state": order.state?.name ?? "not_begun",
            "version": Int(order.version), "waits_for": waitsFor, "duplicates": Int(view.duplicates),
            "warehouses": order.warehouseCodes, "references": view.references.map(Self.name),
            "reached": Dictionary(uniqueKeysWithValues: times),
        ]
        object["lines"] = order.lines.map { line -> [String: Any] in
            var row: [String: Any] = ["line": line.line, "sku": line.sku]
            row["quantity"] = line.quantity?.description
            row["unit_price"] = line.unitPrice?.description
            return row
        }
        object["timeline"] = view.timeline.map { entry -> [String: Any] in
            var row: [String: Any] = [
                "recorded_at": entry.recordedAt.rfc3339, "occurred_at": entry.occurredAt.rfc3339,
                "channel": entry.channel, "event_id": entry.eventID, "outcome": entry.outcome.name,
                "topic": entry.topic, "partition": Int(entry.partition), "offset": Int(entry.offset),
            ]
            row["sequence"] = entry.sequence.map { Int($0) }
            row["status"] = entry.status?.name
            row["milestone"] = entry.milestone?.name
            row["from"] = entry.from?.name
            row["to"] = entry.to?.name
            row["code"] = entry.code
            row["released_as"] = entry.releasedOutcome?.name
            return row
        }
        object["exceptions"] = view.exceptions.map { exception -> [String: Any] in
            [
                "code": exception.code, "severity": exception.severity, "detail": exception.detail,
                "count": Int(exception.count), "first_seen": exception.firstSeen.rfc3339,
                "resolved_at": exception.resolvedAt?.rfc3339 as Any? ?? NSNull(),
            ]
        }
        if let delivery = view.delivery {
            object["delivery"] = [
                "odoo_id": delivery.odooID.map { Int($0) } as Any? ?? NSNull(), "version": Int(delivery.version),
                "confirmed_at": delivery.confirmedAt.rfc3339,
            ]
        }
        return object
    }
}
