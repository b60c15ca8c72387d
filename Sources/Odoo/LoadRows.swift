// The rows of Odoo's `load`: one per line, the order's columns on its first row only, every cell a text.

extension OdooOrders {
    /// `load` as insert-or-ignore: creates what is missing, gives the ids of what exists and leaves it alone.
    static func insertOrIgnore(_ context: [String: OdooValue]) -> [String: OdooValue] {
        context.merging(["mode": "update", "noupdate": true]) { _, ours in ours }
    }

    static func rows(
        _ draft: OrderDraft, company: Int, warehouse: Int?, partner: Int, products: [Int]
    ) -> (fields: OdooValue, data: OdooValue) {
        let identity = draft.externalID
        var fields = ["id", "client_order_ref", "company_id/.id", "partner_id/.id"]
        var header = [identity, draft.orderRef, String(company), String(partner)]
        if let warehouse {
            fields.append("warehouse_id/.id")
            header.append(String(warehouse))
        }
        fields += ["order_line/id", "order_line/product_id/.id", "order_line/product_uom_qty"]
        // An empty price cell would be a price of 0, not the price list's: the column is there for all lines or none.
        let priced = draft.lines.allSatisfy { $0.unitPrice != nil }
        if priced { fields.append("order_line/price_unit") }
        let blank = [String](repeating: "", count: header.count)
        var data: [OdooValue] = []
        for (index, (line, product)) in zip(draft.lines, products).enumerated() {
            var row = index == 0 ? header : blank
            row += [ExternalID.line(of: identity, number: index + 1), String(product), line.quantity]
            if priced { row.append(line.unitPrice ?? "") }
            data.append(.list(row.map(OdooValue.text)))
        }
        return (.list(fields.map(OdooValue.text)), .list(data))
    }

    /// The id of the only record of a `load`.
    static func loadedID(_ answer: OdooValue, _ operation: String) throws(OrderFailure) -> Int {
        if let id = answer["ids"]?.asList?.first?.asInteger { return id }
        throw .call(
            OdooFailure.of(messages: answer["messages"]?.asList ?? [], record: 0, operation: operation)
                ?? OdooFailure(
                    .refused, name: "load.refused", reason: "neither ids nor a blamed row", operation: operation))
    }

    /// Whether a failure may come from an id that was remembered and is gone.
    static func mayBeStale(_ failure: OdooFailure) -> Bool {
        failure.kind == .missing || (failure.name == "load.refused" && failure.field != nil)
    }

    /// `text` with the characters that HTML gives a meaning replaced.
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
