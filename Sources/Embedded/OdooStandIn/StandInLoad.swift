/// Odoo's `load` on the stand-in's books: all or nothing, row errors as messages of an HTTP 200.
struct StandInLoad {
    /// One record of the call: the columns of its first row and those of its lines.
    struct Record {
        var from: Int
        var to: Int
        var header: [String: String]
        var lines: [[String: String]]

        var externalID: String? { header["id"].map(StandInLoad.qualified) }
    }

    /// What a record comes to: facts to write, or why not.
    enum Converted {
        case kept(id: Int)
        case written(id: Int, [StandInFact])
    }

    private static let columns: [String: Set<String>] = [
        "sale.order": [
            "id", "client_order_ref", "company_id/.id", "warehouse_id/.id", "partner_id/.id", "order_line/id",
            "order_line/product_id/.id", "order_line/product_uom_qty", "order_line/price_unit", "origin",
            "order_line/tax_ids/.id", "order_line/tax_id/.id",
        ],
        "res.partner": ["id", "name", "ref", "company_id/.id"],
    ]

    let model: String
    let records: [Record]
    let call: StandInCall
    private var messages: [StandInValue] = []
    private var blamedWhileCreating = false

    init(_ model: String, _ call: StandInCall) throws(StandInException) {
        guard let fields = call.body["fields"]?.asList?.map({ $0.asText ?? "" }) else {
            throw .arguments("missing a required argument: 'fields'")
        }
        guard let data = call.body["data"]?.asList else { throw .arguments("missing a required argument: 'data'") }
        // Renamed with 19.
        let renamed = call.release < 19 ? "order_line/tax_ids/.id" : "order_line/tax_id/.id"
        for field in fields where field == renamed {
            throw .value("Invalid field name '\(field)'")
        }
        for field in fields where Self.columns[model]?.contains(field) != true {
            throw .value("Invalid field name '\(field)'")
        }
        self.model = model
        self.call = call
        self.records = Self.split(fields, data)
    }

    /// An external id with its module; without one Odoo takes `__import__`.
    static func qualified(_ name: String) -> String { name.contains(".") ? name : "__import__." + name }

    private static func split(_ fields: [String], _ data: [StandInValue]) -> [Record] {
        var records: [Record] = []
        for (index, row) in data.enumerated() {
            var header: [String: String] = [:]
            var line: [String: String] = [:]
            for (field, cell) in zip(fields, row.asList ?? []) {
                guard let text = cell.asText, !text.isEmpty else { continue }
                if field.hasPrefix("order_line/") {
                    line[String(field.dropFirst("order_line/".count))] = text
                } else {
                    header[field] = text
                }
            }
            if !header.isEmpty || records.isEmpty {
                records.append(Record(from: index, to: index, header: header, lines: []))
            }
            let last = records.count - 1
            records[last].to = index
            if !line.isEmpty { records[last].lines.append(line) }
        }
        return records
    }

    /// The external ids that the call would create.
    func created(in books: StandInBooks) -> [String] {
        records.compactMap(\.externalID).filter { books.externalIDs[$0] == nil }
    }

    /// The answer when another transaction is creating one of the same external ids.
    var conflict: StandInValue {
        .object([
            "ids": .bool(false), "nextrow": 0,
            "messages": .list([
                message(0, "could not serialize access due to concurrent update\n", field: nil, name: nil)
            ]),
        ])
    }

    /// Runs the call: the answer, and the facts to write when it is a success.
    mutating func run(_ books: inout StandInBooks) -> (StandInValue, [StandInFact]) {
        var ids: [StandInValue] = []
        var facts: [StandInFact] = []
        var seen: [String: Int] = [:]
        for index in records.indices {
            if let name = records[index].externalID, let id = seen[name] {
                ids.append(.integer(id))
                continue
            }
            switch model == "res.partner" ? partner(index, &books) : order(index, &books) {
            case .kept(let id): ids.append(.integer(id))
            case .written(let id, let new):
                ids.append(.integer(id))
                facts += new
                if let name = records[index].externalID { seen[name] = id }
            case nil: break
            }
        }
        if messages.isEmpty {
            return (.object(["ids": .list(ids), "messages": .list([]), "nextrow": 0]), facts)
        }
        if blamedWhileCreating, let first = messages.first(where: { $0["field"] == nil }),
            first["record"]?.asInteger != 0
        {
            // The batch as a whole fails first, and that is told of the first record.
            messages.insert(message(0, first["message"]?.asText ?? "", field: nil, name: nil), at: 0)
        }
        return (.object(["ids": .bool(false), "messages": .list(messages), "nextrow": 0]), [])
    }

    // MARK: Records

    private mutating func order(_ index: Int, _ books: inout StandInBooks) -> Converted? {
        let record = records[index]
        let existing = record.externalID.flatMap { books.externalIDs[$0] }
        if let existing, existing.noUpdate, call.isUpdateMode { return .kept(id: existing.record) }
        let before = messages.count
        let company = reference("company_id", "Company", "res.company", index) {
            (1...max(1, books.companies.count)) ~= $0
        }
        let warehouse = reference("warehouse_id", "Warehouse", "stock.warehouse", index) { books.warehouse($0) != nil }
        let partner = reference("partner_id", "Customer", "res.partner", index) { books.partners[$0] != nil }
        let old = existing.flatMap { books.orders[$0.record] }
        guard let partnerID = partner ?? old?.partner else {
            messages.append(
                message(
                    index,
                    "Missing required value for the field 'Customer' (partner_id).\nModel: 'Sales Order' (sale.order)\n"
                        + "- create/update: a mandatory field is not set\n- delete: another model requires the record "
                        + "being deleted, you can archive it instead\n", field: "partner_id", name: nil))
            return nil
        }
        let lines = lines(index, old?.lines ?? [], &books)
        guard messages.count == before else { return nil }
        let companyID = company ?? old?.company ?? call.companies.first ?? 1
        let warehouseID =
            warehouse ?? old?.warehouse ?? books.warehouses.first { $0.company == companyID }?.id ?? 1
        var order = StandInOrder(
            id: old?.id ?? books.newID(),
            clientOrderRef: record.header["client_order_ref"] ?? old?.clientOrderRef ?? "",
            origin: record.header["origin"] ?? old?.origin, company: companyID, warehouse: warehouseID,
            partner: partnerID, lines: lines, writeDate: call.now)
        if let old {
            order.state = old.state
            order.locked = old.locked
            order.tags = old.tags
            if old.locked && !record.lines.isEmpty {
                blame(index, "It is forbidden to modify the following fields in a locked order:\nQuantity")
                return nil
            }
        }
        if let name = record.externalID, name.contains(" ") {
            messages.append(
                message(
                    index,
                    "new row for relation \"ir_model_data\" violates check constraint "
                        + "\"ir_model_data_name_nospaces\"\n",
                    field: nil, name: nil))
            return nil
        }
        if let refusal = StandInRules.mismatch(order, books, call) {
            blame(index, refusal.message)
            return nil
        }
        return .written(
            id: order.id, identified(record, "sale.order", order.id) + [.order(order)] + created(old, order, &books))
    }

    private func created(_ old: StandInOrder?, _ order: StandInOrder, _ books: inout StandInBooks) -> [StandInFact] {
        old == nil ? [StandInRules.creationMessage(order.id, &books, call)] : []
    }

    private mutating func partner(_ index: Int, _ books: inout StandInBooks) -> Converted? {
        let record = records[index]
        let existing = record.externalID.flatMap { books.externalIDs[$0] }
        if let existing, existing.noUpdate, call.isUpdateMode { return .kept(id: existing.record) }
        let before = messages.count
        let company = reference("company_id", "Company", "res.company", index) {
            (1...max(1, books.companies.count)) ~= $0
        }
        guard messages.count == before else { return nil }
        let old = existing.flatMap { books.partners[$0.record] }
        guard let name = record.header["name"] ?? old?.name else {
            blame(index, "Contacts require a name")
            return nil
        }
        if let company, !call.companies.contains(company) {
            blame(index, StandInException.unauthorizedCompanies.message)
            return nil
        }
        let partner = StandInPartner(
            id: old?.id ?? books.newID(), name: name, ref: record.header["ref"] ?? old?.ref ?? "",
            company: company ?? old?.company)
        return .written(id: partner.id, identified(record, "res.partner", partner.id) + [.partner(partner)])
    }

    private func identified(_ record: Record, _ model: String, _ id: Int) -> [StandInFact] {
        guard let name = record.externalID else { return [] }
        return [.externalID(name, model: model, record: id, noUpdate: call.isNoUpdate)]
    }

    private mutating func lines(
        _ index: Int, _ old: [StandInOrder.Line], _ books: inout StandInBooks
    ) -> [StandInOrder.Line] {
        var lines = old
        for row in records[index].lines {
            let product = row["product_id/.id"].flatMap { Int($0) }
            if let text = row["product_id/.id"], product.map({ books.product($0) == nil }) ?? true {
                messages.append(
                    message(
                        index, "No matching record found for database id '\(text)' in field 'Order Lines/Product'",
                        field: "order_line", name: "Order Lines", model: "product.product"))
                continue
            }
            var numbersAreSound = true
            for (column, label) in [("product_uom_qty", "Quantity"), ("price_unit", "Unit Price")] {
                guard let text = row[column], Double(text) == nil else { continue }
                numbersAreSound = false
                messages.append(
                    message(
                        index, "'\(text)' does not seem to be a number for field 'Order Lines/\(label)'",
                        field: "order_line", name: "Order Lines"))
            }
            guard numbersAreSound, let product else { continue }
            let taxes = (row["tax_ids/.id"] ?? row["tax_id/.id"])?.split(separator: ",").compactMap { Int($0) }
            if let taxes, let unknown = taxes.first(where: { id in !books.taxes.contains { $0.id == id } }) {
                messages.append(
                    message(
                        index, "No matching record found for database id '\(unknown)' in field 'Order Lines/Taxes'",
                        field: "order_line", name: "Order Lines", model: "account.tax"))
                continue
            }
            let name = row["id"].map(Self.qualified)
            let at = name.flatMap { name in lines.firstIndex { $0.externalID == name } }
            let line = StandInOrder.Line(
                id: at.map { lines[$0].id } ?? books.newID(), externalID: name, product: product,
                quantity: row["product_uom_qty"] ?? "1", price: row["price_unit"] ?? "0", taxes: taxes)
            if let at { lines[at] = line } else { lines.append(line) }
        }
        return lines
    }

    private mutating func reference(
        _ field: String, _ label: String, _ target: String, _ index: Int, exists: (Int) -> Bool
    ) -> Int? {
        guard let text = records[index].header["\(field)/.id"] else { return nil }
        guard let id = Int(text) else {
            messages.append(
                message(
                    index, "Invalid database id '\(text)' for the field '\(label)'", field: field, name: label,
                    model: target))
            return nil
        }
        if exists(id) { return id }
        messages.append(
            message(
                index, "No matching record found for database id '\(text)' in field '\(label)'", field: field,
                name: label, model: target))
        return nil
    }

    // MARK: Messages

    private mutating func blame(_ index: Int, _ text: String) {
        messages.append(message(index, text, field: nil, name: nil))
        blamedWhileCreating = true
    }

    private func message(
        _ index: Int, _ text: String, field: String?, name: String?, model: String? = nil
    ) -> StandInValue {
        var members: [String: StandInValue] = [
            "rows": .object([
                "from": .integer(records.indices.contains(index) ? records[index].from : 0),
                "to": .integer(records.indices.contains(index) ? records[index].to : 0),
            ]),
            "record": .integer(index), "type": "error", "message": .text(text),
        ]
        if let field { members["field"] = .text(field) }
        if let name { members["field_name"] = .text(name) }
        if let model {
            members["moreinfo"] = .object([
                "name": "Possible Values", "type": "ir.actions.act_window", "target": "new",
                "view_mode": "list,form", "res_model": "ir.model.data",
                "domain": .list([.list(["model", "=", .text(model)])]),
            ])
        }
        return .object(members)
    }
}
