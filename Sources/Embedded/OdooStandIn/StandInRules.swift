/// One call as the stand-in sees it: who calls, for which companies, with what.
struct StandInCall: Sendable {
    /// Arguments by name, with `ids` and `context` among them.
    var body: StandInValue
    /// Companies that the call sees; the first is the default.
    var companies: [Int]
    /// Wall clock as Odoo writes it.
    var now: String
    /// The server's release: 18 or 19.
    var release = 19

    var isUpdateMode: Bool { body["context"]?["mode"]?.asText == "update" }
    var isNoUpdate: Bool { body["context"]?["noupdate"]?.isTrue ?? false }

    /// The ids of the call; nil: none given.
    func ids() throws(StandInException) -> [Int]? {
        guard let value = body["ids"] else { return nil }
        guard let list = value.asList else {
            throw StandInException(
                status: 500, name: "psycopg2.errors.InvalidTextRepresentation",
                message: "invalid input syntax for type integer")
        }
        return list.compactMap(\.asInteger)
    }
}

/// What Odoo refuses of a sales order.
enum StandInRules {
    /// What belongs to another company than the order; nil: nothing.
    static func mismatch(_ order: StandInOrder, _ books: StandInBooks, _ call: StandInCall) -> StandInException? {
        guard call.companies.contains(order.company) else { return .unauthorizedCompanies }
        let company = books.companies[order.company - 1]
        func text(_ what: String, _ field: String, _ name: String) -> StandInException {
            .user(
                "Uh-oh! You\u{2019}ve got some company inconsistencies here:\n- \u{201C}\(orderName(order.id))\u{201D} "
                    + "belongs to company \u{201C}\(company)\u{201D} "
                    + "while \u{201C}\(what)\u{201D} (\(field): '\(name)') "
                    + "belongs to another company.\nTo avoid a mess, no company crossover is allowed!")
        }
        if let warehouse = books.warehouse(order.warehouse), warehouse.company != order.company {
            return text("Warehouse", "warehouse_id", warehouse.name)
        }
        if let partner = books.partners[order.partner], partner.company ?? order.company != order.company {
            return text("Customer", "partner_id", partner.name)
        }
        for line in order.lines {
            if let product = books.product(line.product), product.company ?? order.company != order.company {
                return text("Product", "product_id", "[\(product.code)] \(product.name)")
            }
        }
        return nil
    }

    /// `S00042`.
    static func orderName(_ id: Int) -> String {
        let digits = String(id)
        return "S" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    static func creationMessage(_ order: Int, _ books: inout StandInBooks, _ call: StandInCall) -> StandInFact {
        .message(
            StandInMessage(
                id: books.newID(), model: "sale.order", record: order, body: "<p>Sales Order created</p>",
                type: "notification", subtype: "Note", date: call.now))
    }

    static func pickings(_ call: StandInCall, _ books: StandInBooks) throws(StandInException) -> [StandInPicking] {
        var pickings: [StandInPicking] = []
        for id in try call.ids() ?? [] {
            guard let picking = books.pickings[id] else { throw .missing("stock.picking", id) }
            guard call.companies.contains(picking.company) else { throw .hidden }
            pickings.append(picking)
        }
        return pickings
    }

    static func invoices(_ call: StandInCall, _ books: StandInBooks) throws(StandInException) -> [StandInInvoice] {
        var invoices: [StandInInvoice] = []
        for id in try call.ids() ?? [] {
            guard let invoice = books.invoices[id] else { throw .missing("account.move", id) }
            guard call.companies.contains(invoice.company) else { throw .hidden }
            invoices.append(invoice)
        }
        return invoices
    }

    /// The orders of a call of an action, each there and visible.
    ///
    /// Odoo answers `true` for no ids at all.
    static func orders(_ call: StandInCall, _ books: StandInBooks) throws(StandInException) -> [StandInOrder] {
        var orders: [StandInOrder] = []
        for id in try call.ids() ?? [] {
            guard let order = books.orders[id] else { throw .missing("sale.order", id) }
            guard call.companies.contains(order.company) else { throw .hidden }
            orders.append(order)
        }
        return orders
    }
}
