/// An invoice: `account.move`.
struct StandInInvoice: Codable, Equatable, Sendable {
    struct Line: Codable, Equatable, Sendable {
        var line: Int
        var quantity: Double
        var price: Double
    }

    var id: Int
    var orders: [Int]
    var company: Int
    var posted = false
    var lines: [Line]
    var date: String

    var total: Double { lines.reduce(0) { $0 + $1.quantity * $1.price } }
}

/// What invoicing does to the books, by delivered quantities.
enum StandInInvoices {
    /// `sale.advance.payment.inv/create`: a wizard, which is forgotten with the process.
    static func wizard(
        _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard let given = call.body["vals_list"] else { throw .arguments("missing a required argument: 'vals_list'") }
        var ids: [StandInValue] = []
        for values in given.asList ?? [given] {
            guard values["advance_payment_method"]?.asText ?? "delivered" == "delivered" else {
                throw .value("Wrong value for sale.advance.payment.inv.advance_payment_method")
            }
            let id = books.newID()
            books.wizards[id] = values["consolidated_billing"].map(\.isTrue) ?? true
            ids.append(.integer(id))
        }
        return (.list(ids), [])
    }

    /// `create_invoices`: a draft for what was delivered and is not invoiced yet.
    static func create(
        _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard let id = try call.ids()?.first, let isConsolidated = books.wizards[id] else {
            throw .missing("sale.advance.payment.inv", try call.ids()?.first ?? 0)
        }
        let wanted = call.body["context"]?["active_ids"]?.asList?.compactMap(\.asInteger) ?? []
        var drafts: [StandInInvoice] = []
        for number in wanted {
            guard let order = books.orders[number] else { throw .missing("sale.order", number) }
            guard call.companies.contains(order.company) else { throw .hidden }
            let delivered = books.delivered(order)
            let invoiced = books.invoiced(order)
            let lines = order.lines.compactMap { line -> StandInInvoice.Line? in
                let open = (delivered[line.id] ?? 0) - (invoiced[line.id] ?? 0)
                guard open > 0, order.state == "sale" else { return nil }
                return StandInInvoice.Line(line: line.id, quantity: open, price: Double(line.price) ?? 0)
            }
            guard !lines.isEmpty else { continue }
            let same = drafts.firstIndex {
                isConsolidated && $0.company == order.company
                    && books.orders[$0.orders[0]]?.partner == order.partner
            }
            if let same {
                drafts[same].orders.append(order.id)
                drafts[same].lines += lines
            } else {
                drafts.append(
                    StandInInvoice(
                        id: books.newID(), orders: [order.id], company: order.company, lines: lines, date: call.now))
            }
        }
        guard let first = drafts.first else {
            throw .user(
                "Cannot create an invoice. No items are available to invoice.\n\nTo resolve this issue, please ensure "
                    + "that:\n   \u{2022} The products have been delivered before attempting to invoice them.\n")
        }
        return (window(first.id, drafts.count), drafts.map(StandInFact.invoice))
    }

    static func post(
        _ invoices: [StandInInvoice]
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        for invoice in invoices where invoice.posted {
            throw .user("The entry \(name(invoice)) (id \(invoice.id)) must be in draft.")
        }
        return (
            .bool(false),
            invoices.map {
                var posted = $0
                posted.posted = true
                return .invoice(posted)
            }
        )
    }

    static func name(_ invoice: StandInInvoice) -> String { "INV/2026/\(invoice.id)" }

    private static func window(_ id: Int, _ count: Int) -> StandInValue {
        .object([
            "id": 262, "display_name": "Invoices", "name": "Invoices", "type": "ir.actions.act_window",
            "res_model": "account.move", "res_id": count == 1 ? .integer(id) : .bool(false), "target": "current",
            "view_mode": "list,form",
        ])
    }
}
