// What is true, as `GET /stand-in/orders` tells it.

extension StandInDesk {
    static func dump(_ order: StandInOrder, _ name: String?, _ books: StandInBooks) -> StandInValue {
        let notes = (books.messages[order.id] ?? []).filter { $0.type == "comment" }
        return .object([
            "id": .integer(order.id), "name": .text(StandInRules.orderName(order.id)),
            "external_id": name.map(StandInValue.text) ?? .null, "client_order_ref": .text(order.clientOrderRef),
            "origin": .text(order.origin ?? ""),
            "company": .text(books.companies[order.company - 1]),
            "warehouse": .text(books.warehouse(order.warehouse)?.code ?? ""),
            "partner_ref": .text(books.partners[order.partner]?.ref ?? ""), "state": .text(order.state),
            "locked": .bool(order.locked), "delivery_status": books.deliveryStatus(order),
            "invoice_status": .text(books.invoiceStatus(order)),
            "tags": .list(order.tags.map { .text(books.tags[$0] ?? "") }),
            "pickings": .list(books.pickings(of: order.id).reversed().map { dump($0, books) }),
            "invoices": .list(books.invoices(of: order.id).map { $0.posted ? "posted" : "draft" }),
            "notes": .integer(notes.count),
            "note_bodies": .list(notes.map { .text($0.body) }),
            "lines": .list(
                order.lines.map {
                    .object([
                        "external_id": $0.externalID.map(StandInValue.text) ?? .null,
                        "product": .text(books.product($0.product)?.code ?? ""), "quantity": .text($0.quantity),
                        "price_unit": .text($0.price),
                        "taxes": .list(($0.taxes ?? []).map { .text(books.taxes[$0 - 1].name) }),
                    ])
                }),
        ])
    }

    /// One line for a delivery: `done 00340434: SKU-1 1, SKU-2 2`.
    private static func dump(_ picking: StandInPicking, _ books: StandInBooks) -> StandInValue {
        let moves = books.moves(of: picking.id)
        let state = picking.end ?? (moves.contains { $0.quantity > 0 } ? "assigned" : "confirmed")
        let goods = moves.filter { $0.end != "cancel" || picking.end == "cancel" }.map { move in
            let quantity = move.end == "done" ? move.quantity : move.demand
            let whole = Int(exactly: quantity).map { String($0) } ?? String(quantity)
            return "\(books.product(move.product)?.code ?? "") \(whole)"
        }
        let tracking = picking.tracking.isEmpty ? "" : " " + picking.tracking
        return .text("\(state)\(tracking): " + goods.joined(separator: ", "))
    }
}
