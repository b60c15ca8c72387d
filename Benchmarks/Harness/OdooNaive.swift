import Embedded
import Foundation
import Odoo
import OrderEvents
import Orders

/// What most people would write: a call for each event, in the sequence of each order's events, several orders at once.
///
/// It needs further calls where Odoo's methods do: the delivery's number before it is made, the invoice's before it is
/// posted. It knows all ids of master data beforehand.
struct OdooNaive: Sendable {
    private let api: any OdooAPI
    private let products: [String: Int]
    private let partners: [String: Int]
    private let clients: Int

    init(_ odoo: OdooStandIn, _ load: OdooLoad, clients: Int) {
        api = JSON2API(url: odoo.url, database: "standin", key: "KEY", exchange: HTTPExchange())
        products = Dictionary(uniqueKeysWithValues: load.skus.sorted().enumerated().map { ($1, $0 + 1) })
        partners = Dictionary(uniqueKeysWithValues: load.customers.sorted().enumerated().map { ($1, $0 + 1) })
        self.clients = clients
    }

    /// Delivers all events; gives the seconds that it took.
    func run(_ load: OdooLoad) async throws -> Double {
        let start = ContinuousClock.now
        let byOrder = Dictionary(grouping: load.events, by: \.order).sorted { $0.key < $1.key }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<clients {
                let mine = byOrder.filter { $0.key % clients == client }.map { order, events in
                    (order, load.orders[order], events.map { ($0.state, $0.entity) })
                }
                group.addTask {
                    for (order, truth, events) in mine {
                        let lines = truth.lines.map {
                            OrderDraft.Line(
                                sku: $0.sku, quantity: $0.quantity?.description ?? "1",
                                unitPrice: $0.unitPrice?.description)
                        }
                        let warehouse = truth.warehouses.first?.code ?? "W1"
                        var id = 0
                        for (state, entity) in events {
                            id = try await tell(state, order, entity, lines, truth.customerRef, warehouse, id)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func tell(
        _ state: CanonicalState, _ order: Int, _ entity: Int, _ lines: [OrderDraft.Line], _ customer: String,
        _ warehouse: String, _ id: Int
    ) async throws -> Int {
        let context: [String: OdooValue] = ["allowed_company_ids": [.integer(entity + 1)]]
        switch state {
        case .received: return try await create(order, entity, lines, customer, warehouse)
        case .allocated: try await call("sale.order", "action_confirm", id, context)
        case .cancelled: try await call("sale.order", "action_cancel", id, context)
        case .shipped:
            let row = try await call(
                "sale.order", "read", id, context, ["fields": ["picking_ids"]])
            let picking = row.asList?.first?["picking_ids"]?.asList?.first?.asInteger ?? 0
            try await call("stock.picking", "button_validate", picking, context)
            try await note(state, id, context)
        case .invoiced:
            var active = context
            active["active_model"] = "sale.order"
            active["active_ids"] = [.integer(id)]
            let wizard = try await api.call(
                OdooCall(
                    "sale.advance.payment.inv", "create",
                    arguments: ["vals_list": [["advance_payment_method": "delivered"]]], context: active))
            try await call(
                "sale.advance.payment.inv", "create_invoices", wizard.asList?.first?.asInteger ?? 0, active)
            let row = try await call("sale.order", "read", id, context, ["fields": ["invoice_ids"]])
            let invoice = row.asList?.first?["invoice_ids"]?.asList?.first?.asInteger ?? 0
            try await call("account.move", "action_post", invoice, context)
            try await note(state, id, context)
        default: break
        }
        return id
    }

    private func note(_ state: CanonicalState, _ id: Int, _ context: [String: OdooValue]) async throws {
        try await call(
            "sale.order", "message_post", id, context, ["body": .text(state.name), "subtype_xmlid": "mail.mt_note"])
    }

    @discardableResult
    private func call(
        _ model: String, _ method: String, _ id: Int, _ context: [String: OdooValue],
        _ arguments: [String: OdooValue] = [:]
    ) async throws -> OdooValue {
        try await api.call(OdooCall(model, method, ids: [id], arguments: arguments, context: context))
    }

    private func create(
        _ order: Int, _ entity: Int, _ lines: [OrderDraft.Line], _ customer: String, _ warehouse: String
    ) async throws -> Int {
        let number = Int(warehouse.dropFirst()) ?? 1
        let identity = "sluice.naive_\(order)"
        var rows: [OdooValue] = []
        for (index, line) in lines.enumerated() {
            let header =
                index == 0
                ? [
                    identity, OdooLoad.reference(order), String(entity + 1), String(partners[customer] ?? 1),
                    String(entity * 3 + number),
                ] : ["", "", "", "", ""]
            let cells =
                header + [
                    "\(identity)_l\(index)", String(products[line.sku] ?? 1), line.quantity, line.unitPrice ?? "1",
                ]
            rows.append(.list(cells.map(OdooValue.text)))
        }
        let answer = try await api.call(
            OdooCall(
                "sale.order", "load",
                arguments: [
                    "fields": [
                        "id", "client_order_ref", "company_id/.id", "partner_id/.id", "warehouse_id/.id",
                        "order_line/id", "order_line/product_id/.id", "order_line/product_uom_qty",
                        "order_line/price_unit",
                    ], "data": .list(rows),
                ],
                context: [
                    "allowed_company_ids": [.integer(entity + 1)], "mode": "update", "noupdate": true,
                ]))
        guard let id = answer["ids"]?.asList?.first?.asInteger else {
            throw BenchError("the naive connector's order \(order) was refused")
        }
        return id
    }
}
