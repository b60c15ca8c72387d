/// The methods of the models: each gives an answer and the facts of its transaction.
struct StandInMethods {
    private static let models: Set<String> = [
        "res.company", "res.users", "res.partner", "stock.warehouse", "product.product", "sale.order", "mail.message",
        "ir.model.data", "account.tax", "delivery.carrier", "stock.picking", "stock.move", "account.move", "crm.tag",
        "sale.order.line", "sale.advance.payment.inv",
    ]
    private static let ofModel: Set<String> = [
        "search_read", "search_count", "load", "create", "context_get", "check_object_reference",
    ]

    /// Runs one call on the books, all or nothing.
    static func run(
        _ model: String, _ method: String, _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard models.contains(model) else { throw .notFound("the model '\(model)' does not exist") }
        if method.hasPrefix("_") || method == "browse" || method == "ensure_one" {
            throw .access("Private methods (such as '\(model).\(method)') cannot be called remotely.")
        }
        if ofModel.contains(method), call.body["ids"] != nil {
            throw .arguments("cannot call \(model).\(method) with ids")
        }
        switch (model, method) {
        case ("res.users", "context_get"):
            return (.object(["lang": "en_US", "tz": .bool(false), "uid": 5]), [])
        case ("ir.model.data", "check_object_reference"): return (try lookUp(call, books), [])
        case ("ir.model.data", _):
            throw .access("You are not allowed to access 'Model Data' (ir.model.data) records.")
        case ("sale.order", "load"), ("res.partner", "load"):
            var load = try StandInLoad(model, call)
            return load.run(&books)
        case (_, "search_read"): return (try StandInRows(books: books, call: call).search(model), [])
        case (_, "search_count"):
            if case .object(let members) = call.body,
                let unknown = members.keys.first(where: { !["domain", "limit", "context"].contains($0) })
            {
                throw .arguments("got an unexpected keyword argument '\(unknown)'")
            }
            return (try StandInRows(books: books, call: call).count(model), [])
        case ("sale.order", "read"), ("stock.picking", "read"), ("account.move", "read"), ("stock.move", "read"),
            ("sale.order.line", "read"):
            return (try StandInRows(books: books, call: call).read(model), [])
        case ("sale.order", "create"): return try create(call, &books)
        case ("sale.order", _): return try act(method, call, &books)
        case ("stock.picking", _): return try move(method, call, &books)
        case ("stock.move", "write"): return (.bool(true), try StandInStock(call: call).writeMoves(books))
        case ("account.move", "action_post"): return try StandInInvoices.post(try StandInRules.invoices(call, books))
        case ("sale.advance.payment.inv", "create"): return try StandInInvoices.wizard(call, &books)
        case ("sale.advance.payment.inv", "create_invoices"): return try StandInInvoices.create(call, &books)
        case ("crm.tag", "create"):
            guard let given = call.body["vals_list"] else {
                throw .arguments("missing a required argument: 'vals_list'")
            }
            let tags = (given.asList ?? [given]).map { (books.newID(), $0["name"]?.asText ?? "") }
            return (.list(tags.map { .integer($0.0) }), tags.map { .tag($0.0, $0.1) })
        default: throw .notFound("The method '\(model).\(method)' does not exist")
        }
    }

    private static func act(
        _ method: String, _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        if method == "write", call.body["vals"] == nil { throw .arguments("missing a required argument: 'vals'") }
        if method == "export_data" {
            throw .user("You don't have the rights to export data. Please contact an Administrator.")
        }
        let orders = try StandInRules.orders(call, books)
        let now = call.now
        switch method {
        case "action_confirm":
            guard orders.allSatisfy({ $0.state == "draft" || $0.state == "sent" }) else {
                throw .user("Some orders are not in a state requiring confirmation.")
            }
            return (
                .bool(true),
                orders.map { .state(order: $0.id, "sale", at: now) }
                    + StandInStock(call: call).confirm(orders, &books)
            )
        case "action_quotation_sent":
            guard orders.allSatisfy({ $0.state == "draft" }) else {
                throw .user("Only draft orders can be marked as sent directly.")
            }
            return (.null, orders.map { .state(order: $0.id, "sent", at: now) })
        case "action_cancel":
            if call.release < 19, !(call.body["context"]?["disable_cancel_warning"]?.isTrue ?? false),
                orders.contains(where: { $0.state != "draft" })
            {
                // 18 asks, and does nothing.
                guard orders.count == 1 else { throw .value("Expected singleton: sale.order") }
                return (.object(["type": "ir.actions.act_window", "res_model": "sale.order.cancel"]), [])
            }
            guard orders.allSatisfy({ !$0.locked }) else {
                throw .user("You cannot cancel a locked order. Please unlock it first.")
            }
            return (
                .bool(true),
                orders.map { .state(order: $0.id, "cancel", at: now) }
                    + StandInStock(call: call).cancel(orders.flatMap { books.pickings(of: $0.id) }, books)
            )
        case "action_draft":
            return (
                .bool(true),
                orders.filter { $0.state == "cancel" || $0.state == "sent" }
                    .map { .state(order: $0.id, "draft", at: now) }
            )
        case "action_lock": return (.null, orders.map { .locked(order: $0.id, true, at: now) })
        case "action_unlock": return (.null, orders.map { .locked(order: $0.id, false, at: now) })
        case "message_post": return try post(call, orders, &books)
        case "write": return try write(call, orders)
        case "get_external_id":
            var names: [String: StandInValue] = [:]
            for order in orders {
                let name = books.externalIDs.first { $0.value.model == "sale.order" && $0.value.record == order.id }?
                    .key
                names[String(order.id)] = .text(name ?? "")
            }
            return (.object(names), [])
        default: throw .notFound("The method 'sale.order.\(method)' does not exist")
        }
    }

    private static func move(
        _ method: String, _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        let pickings = try StandInRules.pickings(call, books)
        let stock = StandInStock(call: call)
        switch method {
        case "button_validate": return try stock.validate(pickings, &books)
        case "action_assign": return (.bool(true), try stock.assign(pickings, books))
        case "do_unreserve": return (.null, stock.unreserve(pickings, books))
        case "action_cancel": return (.bool(true), stock.cancel(pickings, books))
        case "write": return (.bool(true), try stock.write(pickings, books))
        default: throw .notFound("The method 'stock.picking.\(method)' does not exist")
        }
    }

    private static func post(
        _ call: StandInCall, _ orders: [StandInOrder], _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard orders.count == 1, let order = orders.first else {
            let ids = orders.map { String($0.id) }.joined(separator: ", ")
            throw .value("Expected singleton: sale.order(\(ids))")
        }
        let text = call.body["body"]?.asText ?? ""
        let isHTML = call.body["body_is_html"]?.isTrue ?? false
        let message = StandInMessage(
            id: books.newID(), model: "sale.order", record: order.id, body: isHTML ? text : "<p>\(escaped(text))</p>",
            type: call.body["message_type"]?.asText ?? "notification",
            subtype: call.body["subtype_xmlid"]?.asText == "mail.mt_comment" ? "Discussions" : "Note", date: call.now)
        return (.list([.integer(message.id)]), [.message(message)])
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
    }

    private static func write(
        _ call: StandInCall, _ orders: [StandInOrder]
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard case .object(let values)? = call.body["vals"] else {
            throw .arguments("missing a required argument: 'vals'")
        }
        var facts: [StandInFact] = []
        for order in orders {
            for (field, value) in values.sorted(by: { $0.key < $1.key }) {
                switch field {
                case "client_order_ref":
                    facts.append(.reference(order: order.id, value.asText ?? "", at: call.now))
                case "tag_ids": facts.append(.tags(order: order.id, tags(order.tags, value), at: call.now))
                case "note": break
                case "state":
                    guard let state = value.asText, ["draft", "sent", "sale", "cancel"].contains(state) else {
                        throw .value("Wrong value for sale.order.state: '\(value.asText ?? "")'")
                    }
                    facts.append(.state(order: order.id, state, at: call.now))
                default: throw .value("Invalid field '\(field)' in 'sale.order'")
                }
            }
        }
        return (.bool(true), facts)
    }

    /// Odoo's commands for a many-to-many: 4 links, 3 unlinks, 5 unlinks all, 6 replaces.
    private static func tags(_ before: [Int], _ commands: StandInValue) -> [Int] {
        var tags = before
        for command in commands.asList ?? [] {
            guard let parts = command.asList, let code = parts.first?.asInteger else { continue }
            let id = parts.dropFirst().first?.asInteger ?? 0
            switch code {
            case 4: if !tags.contains(id) { tags.append(id) }
            case 3: tags.removeAll { $0 == id }
            case 5: tags = []
            case 6: tags = parts.last?.asList?.compactMap(\.asInteger) ?? []
            default: break
            }
        }
        return tags
    }

    private static func lookUp(_ call: StandInCall, _ books: StandInBooks) throws(StandInException) -> StandInValue {
        guard let module = call.body["module"]?.asText, let name = call.body["xml_id"]?.asText else {
            throw .arguments("missing a required argument: 'module'")
        }
        guard let found = books.externalIDs["\(module).\(name)"] else {
            throw .value("External ID not found in the system: \(module).\(name)")
        }
        return .list([.text(found.model), .integer(found.record)])
    }

    /// Plain `create`: not repeatable, as with the real one.
    private static func create(
        _ call: StandInCall, _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        guard let given = call.body["vals_list"] else { throw .arguments("missing a required argument: 'vals_list'") }
        var ids: [StandInValue] = []
        var facts: [StandInFact] = []
        for values in given.asList ?? [given] {
            guard let partner = values["partner_id"]?.asInteger else {
                throw StandInException(
                    status: 422, name: "odoo.exceptions.ValidationError",
                    message: "The operation cannot be completed: Missing required value for the field 'Customer' "
                        + "(partner_id).\nModel: 'Sales Order' (sale.order)\n")
            }
            guard books.partners[partner] != nil else { throw .missing("res.partner", partner) }
            let company = values["company_id"]?.asInteger ?? call.companies.first ?? 1
            var lines: [StandInOrder.Line] = []
            for command in values["order_line"]?.asList ?? [] {
                guard let line = command.asList?.last, let product = line["product_id"]?.asInteger else { continue }
                guard books.product(product) != nil else { throw .missing("product.product", product) }
                lines.append(
                    StandInOrder.Line(
                        id: books.newID(), externalID: nil, product: product,
                        quantity: String(line["product_uom_qty"]?.asNumber ?? 1),
                        price: String(line["price_unit"]?.asNumber ?? 0)))
            }
            let order = StandInOrder(
                id: books.newID(), clientOrderRef: values["client_order_ref"]?.asText ?? "", company: company,
                warehouse: values["warehouse_id"]?.asInteger
                    ?? books.warehouses.first { $0.company == company }?.id ?? 1,
                partner: partner, lines: lines, writeDate: call.now)
            if let refusal = StandInRules.mismatch(order, books, call) { throw refusal }
            ids.append(.integer(order.id))
            facts += [.order(order), StandInRules.creationMessage(order.id, &books, call)]
        }
        return (.list(ids), facts)
    }
}
