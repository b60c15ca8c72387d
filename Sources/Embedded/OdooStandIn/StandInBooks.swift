/// Something that happened in the stand-in's database: the unit of its journal.
enum StandInFact: Codable, Equatable, Sendable {
    case order(StandInOrder)
    case partner(StandInPartner)
    case state(order: Int, String, at: String)
    case locked(order: Int, Bool, at: String)
    case reference(order: Int, String, at: String)
    case tags(order: Int, [Int], at: String)
    case message(StandInMessage)
    case externalID(String, model: String, record: Int, noUpdate: Bool)
    /// The facts of one transaction.
    indirect case all([StandInFact])
}

/// A sales order.
struct StandInOrder: Codable, Equatable, Sendable {
    struct Line: Codable, Equatable, Sendable {
        var id: Int
        var externalID: String?
        var product: Int
        var quantity: String
        var price: String
    }

    var id: Int
    var clientOrderRef: String
    var company: Int
    var warehouse: Int
    var partner: Int
    var state = "draft"
    var locked = false
    var lines: [Line]
    var tags: [Int] = []
    var writeDate: String

    var total: Double {
        lines.reduce(0) { $0 + (Double($1.quantity) ?? 0) * (Double($1.price) ?? 0) }
    }
}

/// A customer.
struct StandInPartner: Codable, Equatable, Sendable {
    var id: Int
    var name: String
    var ref: String
    var company: Int?
}

/// A message in an order's chatter.
struct StandInMessage: Codable, Equatable, Sendable {
    var id: Int
    var model: String
    var record: Int
    var body: String
    var type: String
    var subtype: String
    var date: String
}

/// A warehouse, a product, a tax or a carrier; never changed by calls.
struct StandInMaster: Sendable {
    var id: Int
    var code: String
    var name: String
    var company: Int?
    /// Percentage of a tax.
    var amount = 0.0
}

/// The stand-in's database in memory.
///
/// Pure: changed by facts only, so that replaying the journal gives the same books.
struct StandInBooks: Sendable {
    let companies: [String]
    let warehouses: [StandInMaster]
    let products: [StandInMaster]
    let taxes: [StandInMaster]
    let carriers: [StandInMaster]
    /// Codes that searches do not find although they are there, by model.
    var hidden: [String: Set<String>] = [:]
    private(set) var partners: [Int: StandInPartner] = [:]
    private(set) var orders: [Int: StandInOrder] = [:]
    private(set) var messages: [Int: [StandInMessage]] = [:]
    private(set) var externalIDs: [String: (model: String, record: Int, noUpdate: Bool)] = [:]
    private(set) var lastID = 0

    init(_ settings: OdooStandInSettings) throws(OdooStandInError) {
        companies = settings.companies
        let names = settings.companies
        func company(_ name: String?) throws(OdooStandInError) -> Int? {
            guard let name else { return nil }
            guard let index = names.firstIndex(of: name) else {
                throw OdooStandInError("the company \(name) is not among the companies")
            }
            return index + 1
        }
        var warehouses: [StandInMaster] = []
        for (index, one) in settings.warehouses.enumerated() {
            warehouses.append(
                StandInMaster(id: index + 1, code: one.code, name: one.name, company: try company(one.company)))
        }
        var products: [StandInMaster] = []
        for (index, one) in settings.products.enumerated() {
            products.append(
                StandInMaster(id: index + 1, code: one.code, name: one.name, company: try company(one.company)))
        }
        self.warehouses = warehouses
        self.products = products
        var taxes: [StandInMaster] = []
        for (index, one) in settings.taxes.enumerated() {
            taxes.append(
                StandInMaster(
                    id: index + 1, code: one.name, name: one.name, company: try company(one.company),
                    amount: one.amount))
        }
        self.taxes = taxes
        var carriers: [StandInMaster] = []
        for (index, one) in settings.carriers.enumerated() {
            carriers.append(
                StandInMaster(id: index + 1, code: one.name, name: one.name, company: try company(one.company)))
        }
        self.carriers = carriers
        for (index, one) in settings.partners.enumerated() {
            partners[index + 1] = StandInPartner(
                id: index + 1, name: one.name, ref: one.code, company: try company(one.company))
        }
        lastID = 1000 + settings.partners.count
    }

    /// Numbers for new records, as a sequence gives them: never used twice, gaps where a transaction failed.
    mutating func newID() -> Int {
        lastID += 1
        return lastID
    }

    mutating func apply(_ fact: StandInFact) {
        switch fact {
        case .order(let order):
            orders[order.id] = order
            lastID = max(lastID, order.id, order.lines.map(\.id).max() ?? 0)
        case .partner(let partner):
            partners[partner.id] = partner
            lastID = max(lastID, partner.id)
        case .state(let id, let state, let at): change(id, at) { $0.state = state }
        case .locked(let id, let locked, let at): change(id, at) { $0.locked = locked }
        case .reference(let id, let ref, let at): change(id, at) { $0.clientOrderRef = ref }
        case .tags(let id, let tags, let at): change(id, at) { $0.tags = tags }
        case .message(let message):
            messages[message.record, default: []].append(message)
            lastID = max(lastID, message.id)
        case .externalID(let name, let model, let record, let noUpdate):
            externalIDs[name] = (model, record, noUpdate)
        case .all(let facts): for fact in facts { apply(fact) }
        }
    }

    private mutating func change(_ id: Int, _ at: String, _ body: (inout StandInOrder) -> Void) {
        guard var order = orders[id] else { return }
        body(&order)
        order.writeDate = at
        orders[id] = order
    }

    /// `[id, name]`, as Odoo gives a many-to-one.
    func companyPair(_ id: Int?) -> StandInValue {
        guard let id, companies.indices.contains(id - 1) else { return .bool(false) }
        return .list([.integer(id), .text(companies[id - 1])])
    }

    func warehouse(_ id: Int) -> StandInMaster? { warehouses.first { $0.id == id } }

    func product(_ id: Int) -> StandInMaster? {
        products.indices.contains(id - 1) ? products[id - 1] : nil
    }
}
