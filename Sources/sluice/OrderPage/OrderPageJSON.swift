import Configuration
import Foundation
import OrderEvents
import Orders
import Store

extension OrderPage {
    /// The page as an object for programs.
    var json: [String: Any] {
        let order = view.order
        var object: [String: Any] = [
            "legal_entity": view.legalEntity, "order_ref": view.orderRef, "state": order.state?.name ?? "not_begun",
            "path": order.path?.name ?? "not_begun", "version": Int(order.version), "duplicates": Int(view.duplicates),
            "warehouses": order.warehouseCodes, "references": view.order.names.map(Self.name),
            "reached": Dictionary(times.map { ($0.name, $0.at.rfc3339) }, uniquingKeysWith: { a, _ in a }),
        ]
        object["currency"] = order.currency.isEmpty ? nil : order.currency
        object["total"] = order.total?.description
        object["waits_for"] = view.waits(expectations).map { wait in
            ["kind": wait.kind.rawValue, "what": wait.what].with("since", wait.since?.rfc3339)
                .with("until", wait.until?.rfc3339)
        }
        object["systems"] = view.systems(delivers: entity.odoo != nil).map { system in
            ["system": system.name, "last_word": system.word].with("at", system.at?.rfc3339)
                .with("differs", system.disagreement)
        }
        object["lines"] = order.quantities.map(line)
        object["holds"] = order.holds.map { hold in
            ["reason": hold.reason, "channel": hold.channel, "since": hold.since.rfc3339, "violated": hold.isViolated]
                .with("ended_at", hold.endedAt?.rfc3339)
        }
        object["shipments"] = order.shipments.map { shipment in
            [
                "ref": shipment.ref, "carrier": shipment.carrier, "tracking": shipment.tracking,
                "warehouse": shipment.warehouse, "at": shipment.at.rfc3339, "lines": shipment.lines.map(Self.amount),
            ]
        }
        object["invoices"] = order.invoices.map { invoice in
            ["ref": invoice.ref, "at": invoice.at.rfc3339, "lines": invoice.lines.map(Self.amount)] as [String: Any]
        }
        object["payments"] = order.payments.map { payment in
            ["ref": payment.ref, "status": payment.status.name, "at": payment.at.rfc3339]
                .with("amount", payment.amount?.description)
        }
        object["timeline"] = view.timeline.map(entry)
        object["exceptions"] = view.exceptions.map(Self.json)
        if let delivery = view.delivery {
            object["delivery"] = [
                "odoo_id": delivery.odooID.map { Int($0) } as Any? ?? NSNull(), "version": Int(delivery.version),
                "confirmed_at": delivery.confirmedAt.rfc3339,
            ]
        }
        return object
    }

    private func line(_ line: LineQuantities) -> [String: Any] {
        let price = view.order.lines.first { $0.line == line.line && $0.sku == line.sku }?.unitPrice
        let sites = line.warehouses.map { site in
            [
                "warehouse": site.warehouse, "allocated": site.allocated.description,
                "backordered": site.backordered.description, "shipped": site.shipped.description,
            ].with("expected", site.expected.isEmpty ? nil : site.expected)
        }
        let row: [String: Any] = [
            "line": line.line, "sku": line.sku, "allocated": line.allocated.description,
            "backordered": line.backordered.description, "shipped": line.shipped.description,
            "cancelled": line.cancelled.description, "invoiced": line.invoiced.description, "warehouses": sites,
        ]
        return row.with("quantity", line.ordered?.description).with("unit_price", price?.description)
    }

    private static func amount(_ amount: Order.LineAmount) -> [String: Any] {
        ["line": amount.line, "sku": amount.sku, "quantity": amount.quantity.description]
    }

    private func entry(_ entry: OrderView.Entry) -> [String: Any] {
        let row: [String: Any] = [
            "recorded_at": entry.recordedAt.rfc3339, "occurred_at": entry.occurredAt.rfc3339,
            "channel": entry.channel, "event_id": entry.eventID, "outcome": entry.outcome.name, "topic": entry.topic,
            "partition": Int(entry.partition), "offset": Int(entry.offset),
        ]
        return row.with("sequence", entry.sequence.map { Int($0) }).with("status", entry.status?.name)
            .with("milestone", entry.milestone?.name).with("from", entry.from?.name).with("to", entry.to?.name)
            .with("disposition", entry.disposition?.name).with("code", entry.code).with("rule", entry.rule)
            .with("warehouse", entry.warehouse.isEmpty ? nil : entry.warehouse)
            .with("released_as", entry.releasedOutcome?.name).with("trace_id", entry.trace?.traceID)
    }

    static func json(_ exception: OrderView.Exception) -> [String: Any] {
        [
            "code": exception.code, "severity": exception.severity, "detail": exception.detail,
            "count": Int(exception.count), "first_seen": exception.firstSeen.rfc3339,
            "last_seen": exception.lastSeen.rfc3339,
            "resolved_at": exception.resolvedAt?.rfc3339 as Any? ?? NSNull(),
        ]
    }
}

extension Dictionary where Key == String {
    /// The same with one more member, unless it has no value.
    fileprivate func with(_ key: String, _ value: Any?) -> [String: Any] {
        var object: [String: Any] = self
        if let value { object[key] = value }
        return object
    }
}
