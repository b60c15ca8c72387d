// What orders refer to: whether the company has it, before an order is sent that needs it.

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

        /// What beside the code decides which records count.
        var domain: [OdooValue] { self == .tax ? [["type_tax_use", "=", "sale"]] : [] }
    }

    /// Largest number of codes that are asked for in one call.
    public static let mastersAsked = 100

    /// The records that the company may use for each of `codes`: its own, or the shared ones where it has none.
    ///
    /// An empty list: Odoo has none. More than one: it cannot be told which one is meant. One call for
    /// `mastersAsked` codes; more where a code has very many records.
    public func records(of master: Master, codes: [String]) async throws(OrderFailure) -> [String: [Int]] {
        guard !codes.isEmpty else { return [:] }
        return try await look(up: codes, in: master, scope())
    }
}
