/// Reading: rows of a model, and the domains that choose among them.
struct StandInRows {
    let books: StandInBooks
    let call: StandInCall

    /// `search_read`.
    func search(_ model: String) throws(StandInException) -> StandInValue {
        let domain = call.body["domain"]?.asList ?? []
        let fields = try fields(model)
        var rows: [StandInValue] = []
        for row in try all(model, domain) where try matches(row, domain, model) { rows.append(row) }
        if call.body["order"]?.asText?.hasPrefix("id desc") ?? false { rows.reverse() }
        rows = Array(rows.dropFirst(call.body["offset"]?.asInteger ?? 0))
        if let limit = call.body["limit"]?.asInteger { rows = Array(rows.prefix(limit)) }
        return .list(try rows.map { row throws(StandInException) in try project(row, fields, model) })
    }

    /// `search_count`.
    func count(_ model: String) throws(StandInException) -> StandInValue {
        guard let domain = call.body["domain"]?.asList else {
            throw .arguments("missing a required argument: 'domain'")
        }
        var count = 0
        for row in try all(model, domain) where try matches(row, domain, model) { count += 1 }
        return .integer(count)
    }

    /// `read`: missing records are left out, hidden ones are an AccessError.
    func read(_ model: String) throws(StandInException) -> StandInValue {
        let fields = try fields(model)
        var rows: [StandInValue] = []
        for id in try call.ids() ?? [] {
            let found: (company: Int, row: StandInValue)?
            switch model {
            case "sale.order": found = books.orders[id].map { ($0.company, row($0)) }
            case "stock.picking": found = books.pickings[id].map { ($0.company, row($0)) }
            case "account.move": found = books.invoices[id].map { ($0.company, row($0)) }
            case "stock.move":
                found = books.moves[id].map { (books.pickings[$0.picking]?.company ?? 1, row($0)) }
            default: found = try all(model, []).first { $0["id"]?.asInteger == id }.map { (call.companies[0], $0) }
            }
            guard let found else { continue }
            guard call.companies.contains(found.company) else { throw .hidden }
            rows.append(try project(found.row, fields, model))
        }
        return .list(rows)
    }

    private func fields(_ model: String) throws(StandInException) -> [String]? {
        call.body["fields"]?.asList?.compactMap(\.asText)
    }

    private func project(
        _ row: StandInValue, _ fields: [String]?, _ model: String
    ) throws(StandInException) -> StandInValue {
        guard let fields else { return row }
        var members: [String: StandInValue] = ["id": row["id"] ?? .bool(false)]
        for field in fields {
            guard let value = row[field] else { throw .value("Invalid field '\(field)' on '\(model)'") }
            members[field] = value
        }
        return .object(members)
    }

    // MARK: Rows

    private func all(_ model: String, _ domain: [StandInValue]) throws(StandInException) -> [StandInValue] {
        switch model {
        case "mail.message":
            return chosenMessages(domain).map {
                .object([
                    "id": .integer($0.id), "model": .text($0.model), "res_id": .integer($0.record),
                    "body": .text($0.body), "message_type": .text($0.type),
                    "subtype_id": .list([2, .text($0.subtype)]), "author_id": .list([69, "Integration API"]),
                    "date": .text($0.date),
                ])
            }
        case "stock.move": return chosenMoves(domain).map(row)
        case "stock.picking":
            return books.pickings.values.filter { call.companies.contains($0.company) }
                .sorted { $0.id < $1.id }.map(row)
        case "account.move":
            return books.invoices.values.filter { call.companies.contains($0.company) }
                .sorted { $0.id < $1.id }.map(row)
        case "crm.tag":
            return books.tags.sorted { $0.key < $1.key }.map {
                .object(["id": .integer($0.key), "name": .text($0.value)])
            }
        case "sale.order.line":
            return books.orders.values.filter { call.companies.contains($0.company) }.flatMap(lineRows)
        case "sale.order":
            return books.orders.values.filter { call.companies.contains($0.company) }
                .sorted { $0.id < $1.id }.map(row)
        default:
            guard let rows = StandInMasters(books: books, companies: call.companies).rows(model) else {
                throw .notFound("the model '\(model)' does not exist")
            }
            return rows
        }
    }

    /// Messages of the order that the domain names; all of them without one.
    private func chosenMessages(_ domain: [StandInValue]) -> [StandInMessage] {
        for term in domain {
            guard let parts = term.asList, parts.count == 3, parts[0].asText == "res_id", parts[1].asText == "=",
                let id = parts[2].asInteger
            else { continue }
            return (books.messages[id] ?? []).sorted { $0.id < $1.id }
        }
        return books.messages.values.flatMap { $0 }.sorted { $0.id < $1.id }
    }

    private func row(_ order: StandInOrder) -> StandInValue {
        let warehouse = books.warehouse(order.warehouse)
        let partner = books.partners[order.partner]
        return .object([
            "id": .integer(order.id), "name": .text(StandInRules.orderName(order.id)),
            "client_order_ref": order.clientOrderRef.isEmpty ? .bool(false) : .text(order.clientOrderRef),
            "state": .text(order.state), "locked": .bool(order.locked),
            "company_id": books.companyPair(order.company),
            "warehouse_id": .list([.integer(order.warehouse), .text(warehouse?.name ?? "")]),
            "partner_id": .list([.integer(order.partner), .text(partner?.name ?? "")]),
            "amount_total": .number(order.total), "order_line": .list(order.lines.map { .integer($0.id) }),
            "picking_ids": .list(books.pickings(of: order.id).map { .integer($0.id) }),
            "invoice_ids": .list(books.invoices(of: order.id).map { .integer($0.id) }),
            "invoice_count": .integer(books.invoices(of: order.id).count),
            "invoice_status": .text(books.invoiceStatus(order)), "delivery_status": books.deliveryStatus(order),
            "effective_date": books.pickings(of: order.id).last { $0.end == "done" }.map { .text($0.date) }
                ?? .bool(false),
            "tag_ids": .list(order.tags.map(StandInValue.integer)), "write_date": .text(order.writeDate),
        ])
    }

    private func row(_ picking: StandInPicking) -> StandInValue {
        let moves = books.moves(of: picking.id)
        let state = picking.end ?? (moves.contains { $0.quantity > 0 } ? "assigned" : "confirmed")
        let isCovered = moves.allSatisfy { $0.quantity >= $0.demand }
        return .object([
            "id": .integer(picking.id), "name": .text("OUT/\(picking.id)"), "state": .text(state),
            "origin": .text(StandInRules.orderName(picking.order)),
            "sale_id": .list([.integer(picking.order), .text(StandInRules.orderName(picking.order))]),
            "backorder_id": picking.backorderOf.map { .list([.integer($0), .text("OUT/\($0)")]) } ?? .bool(false),
            "carrier_id": picking.carrier.map { .list([.integer($0), "Carrier"]) } ?? .bool(false),
            "carrier_tracking_ref": picking.tracking.isEmpty ? .bool(false) : .text(picking.tracking),
            "scheduled_date": .text(picking.date),
            "date_done": picking.end == "done" ? .text(picking.date) : .bool(false),
            "products_availability": picking.end != nil
                ? .bool(false) : isCovered ? "Available" : "Not Available",
            "company_id": books.companyPair(picking.company), "write_date": .text(picking.date),
        ])
    }

    private func row(_ move: StandInMove) -> StandInValue {
        let code = books.product(move.product)?.code ?? ""
        return .object([
            "id": .integer(move.id), "product_id": .list([.integer(move.product), .text("[\(code)]")]),
            "product_uom_qty": .number(move.demand), "quantity": .number(move.quantity),
            "picked": .bool(move.picked), "state": .text(move.state),
            "picking_id": .list([.integer(move.picking), .text("OUT/\(move.picking)")]),
            "sale_line_id": .list([.integer(move.line), .text("[\(code)]")]),
            "origin_returned_move_id": .bool(false),
        ])
    }

    private func row(_ invoice: StandInInvoice) -> StandInValue {
        .object([
            "id": .integer(invoice.id),
            "name": invoice.posted ? .text(StandInInvoices.name(invoice)) : .bool(false),
            "state": invoice.posted ? "posted" : "draft", "move_type": "out_invoice", "payment_state": "not_paid",
            "invoice_origin": .text(invoice.orders.map(StandInRules.orderName).joined(separator: ", ")),
            "amount_total": .number(invoice.total),
            "invoice_date": invoice.posted ? .text(String(invoice.date.prefix(10))) : .bool(false),
            "company_id": books.companyPair(invoice.company), "write_date": .text(invoice.date),
        ])
    }

    private func lineRows(_ order: StandInOrder) -> [StandInValue] {
        let delivered = books.delivered(order)
        let invoiced = books.invoiced(order)
        return order.lines.map {
            .object([
                "id": .integer($0.id),
                "order_id": .list([.integer(order.id), .text(StandInRules.orderName(order.id))]),
                "product_id": .list([.integer($0.product), .text(books.product($0.product)?.code ?? "")]),
                "product_uom_qty": .number(Double($0.quantity) ?? 0), "qty_delivered": .number(delivered[$0.id] ?? 0),
                "qty_invoiced": .number(invoiced[$0.id] ?? 0),
            ])
        }
    }

    /// Moves of the deliveries that the domain names; all of them without any.
    private func chosenMoves(_ domain: [StandInValue]) -> [StandInMove] {
        for term in domain {
            guard let parts = term.asList, parts.count == 3, parts[0].asText == "picking_id" else { continue }
            let ids = (parts[2].asList ?? [parts[2]]).compactMap(\.asInteger)
            return ids.sorted().compactMap { books.pickings[$0] }.filter { call.companies.contains($0.company) }
                .flatMap { books.moves(of: $0.id) }.sorted { $0.id < $1.id }
        }
        return books.moves.values.sorted { $0.id < $1.id }
    }

    // MARK: Domains

    /// Whether a row is chosen by a domain in Odoo's prefix notation; terms beside each other are joined by "and".
    private func matches(
        _ row: StandInValue, _ domain: [StandInValue], _ model: String
    ) throws(StandInException) -> Bool {
        var position = 0
        while position < domain.count {
            guard try term(row, domain, &position, model) else { return false }
        }
        return true
    }

    private func term(
        _ row: StandInValue, _ domain: [StandInValue], _ position: inout Int, _ model: String
    ) throws(StandInException) -> Bool {
        guard position < domain.count else { throw .value("Domain not normalized") }
        let element = domain[position]
        position += 1
        switch element.asText {
        case "&":
            let left = try term(row, domain, &position, model)
            let right = try term(row, domain, &position, model)
            return left && right
        case "|":
            let left = try term(row, domain, &position, model)
            let right = try term(row, domain, &position, model)
            return left || right
        case "!": return try !term(row, domain, &position, model)
        default: break
        }
        guard let parts = element.asList, parts.count == 3, let field = parts[0].asText, let sign = parts[1].asText
        else {
            throw .value("Domain() invalid item in domain: \(element.json)")
        }
        guard let value = row[field] else { throw .value("Invalid field \(model).\(field) in condition") }
        return try compare(value, sign, parts[2])
    }

    private func compare(
        _ value: StandInValue, _ sign: String, _ wanted: StandInValue
    ) throws(StandInException) -> Bool {
        // A many-to-one is compared by its id.
        let value = value.asList?.count == 2 && value.asList?.last?.asText != nil ? value.asList?[0] ?? value : value
        switch sign {
        case "=": return value == wanted
        case "!=": return value != wanted
        case "in": return Self.contains(wanted.asList ?? [], value)
        case "not in": return !Self.contains(wanted.asList ?? [], value)
        case "ilike", "like": return like(value, wanted, open: true)
        case "=like", "=ilike": return like(value, wanted, open: false)
        case ">", ">=", "<", "<=": return ordered(value, sign, wanted)
        default: throw .value("Invalid operator in condition: '\(sign)'")
        }
    }

    private static func contains(_ wanted: [StandInValue], _ value: StandInValue) -> Bool {
        if let values = value.asList { return values.contains { wanted.contains($0) } }
        return wanted.contains(value)
    }

    private func ordered(_ value: StandInValue, _ sign: String, _ wanted: StandInValue) -> Bool {
        let isLess: Bool
        if let a = value.asNumber, let b = wanted.asNumber {
            isLess = a < b
        } else if let a = value.asText, let b = wanted.asText {
            isLess = a < b
        } else {
            return false
        }
        switch sign {
        case "<": return isLess
        case ">=": return !isLess
        case "<=": return isLess || value == wanted
        default: return !isLess && value != wanted
        }
    }

    /// SQL's pattern match, `%` and `_`; letters of either case are equal where it is `ilike`, and here always.
    private func like(_ value: StandInValue, _ wanted: StandInValue, open: Bool) -> Bool {
        guard let text = value.asText?.lowercased(), var pattern = wanted.asText?.lowercased() else { return false }
        if open { pattern = "%" + pattern + "%" }
        return Self.matches(Array(text.utf8), Array(pattern.utf8))
    }

    private static func matches(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        var (t, p, star, mark) = (0, 0, -1, 0)
        while t < text.count {
            if p < pattern.count, pattern[p] == 0x25 {
                (star, mark) = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] || pattern[p] == 0x5F {
                p += 1
                t += 1
            } else if star >= 0 {
                p = star + 1
                mark += 1
                t = mark
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == 0x25 { p += 1 }
        return p == pattern.count
    }
}
