// What orders refer to, read in batches: whether the company has it, once, before an order is sent that needs it.

extension OdooOrders {
    /// What a company keeps and orders refer to.
    public enum Master: String, CaseIterable, Sendable {
        /// Partners, by `ref`.
        case customer
        /// Articles, by `default_code`.
        case product
        /// Sales taxes, by name.
        case tax
        /// Carriers, by name.
        case carrier

        var model: String {
            switch self {
            case .customer: "res.partner"
            case .product: "product.product"
            case .tax: "account.tax"
            case .carrier: "delivery.carrier"
            }
        }

        /// The field that orders name it by.
        var field: String {
            switch self {
            case .customer: "ref"
            case .product: "default_code"
            case .tax, .carrier: "name"
            }
        }
    }

    /// Largest number of codes that are asked for in one call.
    public static let mastersAsked = 100

    /// The records that the company may use for each of `codes`: its own, or the shared ones where it has none.
    ///
    /// An empty list: Odoo has none. More than one: it cannot be told which one is meant. One call for
    /// `mastersAsked` codes; more where a code has very many records.
    public func records(of master: Master, codes: [String]) async throws(OrderFailure) -> [String: [Int]] {
        guard !codes.isEmpty else { return [:] }
        guard codes.count <= Self.mastersAsked else {
            var found = try await records(of: master, codes: Array(codes.prefix(Self.mastersAsked)))
            let rest = try await records(of: master, codes: Array(codes.dropFirst(Self.mastersAsked)))
            found.merge(rest) { first, _ in first }
            return found
        }
        let scope = try await scope()
        let limit = 2 * codes.count + 20
        let rows = try await search(
            master.model, Self.domain(master, codes), [.text(master.field), "company_id"], limit: limit, scope.context)
        if rows.count == limit, codes.count > 1 {
            // Some code has so many records that others may have been cut off.
            let middle = codes.count / 2
            var found = try await records(of: master, codes: Array(codes[..<middle]))
            let rest = try await records(of: master, codes: Array(codes[middle...]))
            found.merge(rest) { first, _ in first }
            return found
        }
        let byCode = Dictionary(grouping: rows) { $0[master.field]?.asText ?? "" }
        var found: [String: [Int]] = [:]
        for code in codes { found[code] = Self.own(byCode[code] ?? [], scope.company) }
        return found
    }

    private static func domain(_ master: Master, _ codes: [String]) -> OdooValue {
        let named: OdooValue = [.text(master.field), "in", .list(codes.map(OdooValue.text))]
        return master == .tax ? [["type_tax_use", "=", "sale"], named] : [named]
    }
}
