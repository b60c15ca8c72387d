// The rows of Odoo's `load`: one per line, the order's columns on its first row only, every cell a text.

/// An order with everything that it refers to found: ready to be loaded.
struct LoadedOrder: Sendable {
    var draft: OrderDraft
    var company: Int
    var warehouse: Int?
    var partner: Int
    var products: [Int]
    /// Ids of taxes by line; nil: Odoo's defaults.
    var taxes: [Int]?
    /// Name of the lines' tax column, which differs between releases.
    var taxField: String
    var context: [String: OdooValue]

    private var isPriced: Bool { draft.lines.allSatisfy { $0.unitPrice != nil } }

    /// Orders of one shape have the same columns, and can go in one call.
    ///
    /// An empty cell of a price would be a price of 0, and one of a tax no tax: a column is there for all or for none.
    var shape: String { "\(warehouse != nil) \(isPriced) \(taxes != nil ? taxField : "")" }

    var fields: OdooValue {
        var fields = ["id", "client_order_ref", "origin", "company_id/.id", "partner_id/.id"]
        if warehouse != nil { fields.append("warehouse_id/.id") }
        fields += ["order_line/id", "order_line/product_id/.id", "order_line/product_uom_qty"]
        if isPriced { fields.append("order_line/price_unit") }
        if taxes != nil { fields.append("order_line/\(taxField)/.id") }
        return .list(fields.map(OdooValue.text))
    }

    var rows: [OdooValue] {
        let identity = draft.externalID
        var header = [identity, draft.orderRef, draft.origin, String(company), String(partner)]
        if let warehouse { header.append(String(warehouse)) }
        let blank = [String](repeating: "", count: header.count)
        var data: [OdooValue] = []
        for (index, (line, product)) in zip(draft.lines, products).enumerated() {
            var row = index == 0 ? header : blank
            row += [ExternalID.line(of: identity, number: index + 1), String(product), line.quantity]
            if isPriced { row.append(line.unitPrice ?? "") }
            if let taxes { row.append(String(taxes[index])) }
            data.append(.list(row.map(OdooValue.text)))
        }
        return data
    }
}

/// A customer that Odoo lacks.
struct LoadedPartner: Sendable {
    var identity: String
    var name: String
    var ref: String
    var company: Int
    var context: [String: OdooValue]
}

extension OdooBatches {
    /// Rounds after which a batch that still has refused rows goes on in halves: Odoo's list of bad rows may be short.
    private static let rounds = 4

    /// `load` as insert-or-ignore: creates what is missing, gives the ids of what exists and leaves it alone.
    static func insertOrIgnore(_ context: [String: OdooValue]) -> [String: OdooValue] {
        context.merging(["mode": "update", "noupdate": true]) { _, ours in ours }
    }

    /// Creates orders, all in one call; those that Odoo blames are answered with it, and the rest goes again.
    static func load(_ inputs: [LoadedOrder], _ api: any OdooAPI) async -> [Result<Int, OrderFailure>] {
        await load(inputs, "sale.order", inputs.first?.fields ?? [], inputs.first?.context ?? [:], api) { $0.rows }
    }

    /// Creates customers; one that several orders have is loaded once.
    static func load(partners inputs: [LoadedPartner], _ api: any OdooAPI) async -> [Result<Int, OrderFailure>] {
        var identities: [String] = []
        for input in inputs where !identities.contains(input.identity) { identities.append(input.identity) }
        let unique = identities.compactMap { identity in inputs.first { $0.identity == identity } }
        let answers = await load(
            unique, "res.partner", ["id", "name", "ref", "company_id/.id"], inputs.first?.context ?? [:], api
        ) { partner in
            [[.text(partner.identity), .text(partner.name), .text(partner.ref), .text(String(partner.company))]]
        }
        return inputs.map { input in answers[identities.firstIndex(of: input.identity) ?? 0] }
    }

    private static func load<Input: Sendable>(
        _ inputs: [Input], _ model: String, _ fields: OdooValue, _ context: [String: OdooValue],
        _ api: any OdooAPI, rows: @Sendable (Input) -> [OdooValue]
    ) async -> [Result<Int, OrderFailure>] {
        var answers = [Result<Int, OrderFailure>?](repeating: nil, count: inputs.count)
        var open = Array(inputs.indices)
        var round = 0
        while !open.isEmpty {
            round += 1
            if round > rounds, open.count > 1 {
                for half in [open[..<(open.count / 2)], open[(open.count / 2)...]] {
                    let found = await load(half.map { inputs[$0] }, model, fields, context, api, rows: rows)
                    for (index, answer) in zip(half, found) { answers[index] = answer }
                }
                break
            }
            let failed = await loadOnce(open, model, fields, context, api, &answers) { rows(inputs[$0]) }
            // Nobody could be blamed: the call as a whole did not work.
            if let failed {
                if !failed.isOfDestination, open.count > 1 {
                    round = rounds
                    continue
                }
                for index in open { answers[index] = .failure(.call(failed)) }
            }
            open = open.filter { answers[$0] == nil }
        }
        return answers.map { $0 ?? .failure(.call(unloaded(model))) }
    }

    /// One `load` of the inputs at `open`; gives the failure of the call, if it is nobody's in particular.
    private static func loadOnce(
        _ open: [Int], _ model: String, _ fields: OdooValue, _ context: [String: OdooValue], _ api: any OdooAPI,
        _ answers: inout [Result<Int, OrderFailure>?], rows: (Int) -> [OdooValue]
    ) async -> OdooFailure? {
        let call = OdooCall(
            model, "load", arguments: ["fields": fields, "data": .list(open.flatMap(rows))],
            context: insertOrIgnore(context))
        let answer: OdooValue
        do throws(OdooFailure) {
            answer = try await api.call(call)
        } catch {
            return error
        }
        if let ids = answer["ids"]?.asList?.compactMap(\.asInteger), ids.count == open.count {
            for (index, id) in zip(open, ids) { answers[index] = .success(id) }
            return nil
        }
        let messages = answer["messages"]?.asList ?? []
        guard !messages.isEmpty else { return unloaded(model) }
        var isAnyBlamed = false
        for (record, index) in open.enumerated() {
            guard let failure = OdooFailure.of(messages: messages, record: record, operation: call.operation) else {
                continue
            }
            if failure.isOfDestination { return failure }
            isAnyBlamed = true
            answers[index] = .failure(.call(failure))
        }
        return isAnyBlamed ? nil : unloaded(model)
    }

    private static func unloaded(_ model: String) -> OdooFailure {
        OdooFailure(
            .refused, name: "load.refused", reason: "neither ids nor a blamed row", operation: "\(model)/load")
    }
}

extension OdooOrders {
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
