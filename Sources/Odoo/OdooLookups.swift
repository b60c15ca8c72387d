// Reading what orders refer to, for many orders in one call.

/// Codes of one model to look up.
struct CodeLookup: Sendable {
    var model: String
    var field: String
    var codes: [String]
    /// Beside the codes; equal for all of a lane.
    var domain: [OdooValue] = []
    /// nil: rows of any company count.
    var company: Int?
    var context: [String: OdooValue]
}

/// Tags of orders.
struct TagsSought: Sendable {
    var names: [String]
    var context: [String: OdooValue]
}

/// An order that may be there.
struct OrderSought: Sendable {
    /// Its external identity.
    var identity: String
    var context: [String: OdooValue]
}

extension OdooBatches {
    /// The ids of orders by their external identities, nil where one is not there; changes nothing.
    static func find(_ inputs: [OrderSought], _ api: any OdooAPI) async -> [Result<Int?, OrderFailure>] {
        var answers = [Result<Int?, OrderFailure>?](repeating: nil, count: inputs.count)
        var open = Array(inputs.indices)
        while !open.isEmpty {
            do throws(OdooFailure) {
                let found = try await findOnce(open.map { inputs[$0] }, api)
                for (index, one) in zip(open, found) { answers[index] = one.map { .success($0) } }
            } catch {
                for index in open { answers[index] = .failure(.call(error)) }
            }
            open = open.filter { answers[$0] == nil }
        }
        return answers.map { $0 ?? .success(nil) }
    }

    /// One look: what it found, what it says is missing, and nil for those of which a look with a missing one says
    /// nothing.
    private static func findOnce(_ sought: [OrderSought], _ api: any OdooAPI) async throws(OdooFailure) -> [Int??] {
        let call = OdooCall(
            "sale.order", "load",
            arguments: ["fields": ["id"], "data": .list(sought.map { [.text($0.identity)] })],
            context: insertOrIgnore(sought[0].context))
        let answer = try await api.call(call)
        if let ids = answer["ids"]?.asList?.compactMap(\.asInteger), ids.count == sought.count {
            return ids.map { .some($0) }
        }
        // For an order that is not there `load` tries to create one out of nothing and misses required fields.
        let messages = answer["messages"]?.asList ?? []
        let missing = Set(messages.filter { $0["field"]?.asText != nil }.compactMap { $0["record"]?.asInteger })
        guard !missing.isDisjoint(with: sought.indices) else {
            throw OdooFailure.of(messages: messages, record: 0, operation: call.operation)
                ?? OdooFailure(
                    .unknown, name: "load.unreadable", reason: "neither ids nor messages", operation: call.operation)
        }
        return sought.indices.map { missing.contains($0) ? .some(nil) : nil }
    }

    /// Whether Odoo is set up so that it mails nobody when goods of this company leave.
    static func isSilent(_ company: Acted, _ api: any OdooAPI) async -> Result<Bool, OrderFailure> {
        do throws(OdooFailure) {
            let rows = try await api.call(
                OdooCall(
                    "res.company", "search_read",
                    arguments: [
                        "domain": [["id", "=", .integer(company.id)]], "fields": ["stock_move_email_validation"],
                        "limit": 1,
                    ], context: company.context))
            return .success(rows.asList?.first?["stock_move_email_validation"]?.asBool != true)
        } catch {
            // A client fault: an Odoo that has no such setting.
            return error.kind == .clientFault ? .success(true) : .failure(.call(error))
        }
    }

    /// Ids by code of each input: the company's own, or the shared ones where it has none.
    static func lookUp(
        _ inputs: [CodeLookup], _ api: any OdooAPI
    ) async -> [Result<[String: [Int]], OrderFailure>] {
        var found: [String: [Int]] = [:]
        let wanted = Set(inputs.flatMap(\.codes)).sorted()
        for start in stride(from: 0, to: wanted.count, by: OdooOrders.mastersAsked) {
            let codes = Array(wanted[start..<min(start + OdooOrders.mastersAsked, wanted.count)])
            do throws(OdooFailure) {
                try await search(inputs[0], codes, api, &found)
            } catch {
                return inputs.map { _ in .failure(.call(error)) }
            }
        }
        return inputs.map { input in
            .success(Dictionary(uniqueKeysWithValues: Set(input.codes).map { ($0, found[$0] ?? []) }))
        }
    }

    /// The ids of tags; those that Odoo lacks are made.
    static func tags(_ inputs: [TagsSought], _ api: any OdooAPI) async -> [Result<[Int], OrderFailure>] {
        let context = inputs[0].context
        let names = Set(inputs.flatMap(\.names)).sorted()
        do throws(OdooFailure) {
            var found: [String: [Int]] = [:]
            let sought = CodeLookup(model: "crm.tag", field: "name", codes: names, context: context)
            try await search(sought, names, api, &found)
            let lacking = names.filter { found[$0]?.isEmpty ?? true }
            if !lacking.isEmpty {
                let made = try await api.call(
                    OdooCall(
                        "crm.tag", "create",
                        arguments: ["vals_list": .list(lacking.map { ["name": .text($0)] })], context: context))
                let ids = made.asList?.compactMap(\.asInteger) ?? made.asInteger.map { [$0] } ?? []
                guard ids.count == lacking.count else {
                    throw OdooFailure(
                        .unknown, name: "sluice.NoTag", reason: "no tag was made", operation: "crm.tag/create")
                }
                for (name, id) in zip(lacking, ids) { found[name] = [id] }
            }
            return inputs.map { input in .success(input.names.compactMap { found[$0]?.first }) }
        } catch {
            return inputs.map { _ in .failure(.call(error)) }
        }
    }

    private static func search(
        _ lookup: CodeLookup, _ codes: [String], _ api: any OdooAPI, _ found: inout [String: [Int]]
    ) async throws(OdooFailure) {
        let limit = 2 * codes.count + 20
        let named: OdooValue = [.text(lookup.field), "in", .list(codes.map(OdooValue.text))]
        let fields: OdooValue = lookup.company == nil ? [.text(lookup.field)] : [.text(lookup.field), "company_id"]
        let answer = try await api.call(
            OdooCall(
                lookup.model, "search_read",
                arguments: [
                    "domain": .list(lookup.domain + [named]), "fields": fields, "limit": .integer(limit), "order": "id",
                ], context: lookup.context))
        let rows = answer.asList ?? []
        if rows.count == limit, codes.count > 1 {
            // Some code has so many records that others may have been cut off.
            let middle = codes.count / 2
            try await search(lookup, Array(codes[..<middle]), api, &found)
            try await search(lookup, Array(codes[middle...]), api, &found)
            return
        }
        let byCode = Dictionary(grouping: rows) { $0[lookup.field]?.asText ?? "" }
        for code in codes {
            let rows = byCode[code] ?? []
            found[code] = lookup.company.map { OdooOrders.own(rows, $0) } ?? rows.compactMap { $0["id"]?.asInteger }
        }
    }
}
