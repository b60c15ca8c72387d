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

extension OdooBatches {
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
