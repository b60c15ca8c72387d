/// Something that happened in the stand-in's database: the unit of its journal.
enum StandInFact: Codable, Equatable, Sendable {
    case order(StandInOrder)
    case partner(StandInPartner)
    case state(order: Int, String, at: String)
    case locked(order: Int, Bool, at: String)
    case reference(order: Int, String, at: String)
    case tags(order: Int, [Int], at: String)
    case message(StandInMessage)
    case picking(StandInPicking)
    case move(StandInMove)
    case invoice(StandInInvoice)
    case tag(Int, String)
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
        var taxes: [Int]?
    }

    var id: Int
    var clientOrderRef: String
    var origin: String?
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
    /// How much of a product each warehouse has; nil: as much as anybody wants.
    var stock: Double?
}

/// The stand-in's database in memory.
///
/// Pure: changed by facts only, so that replaying the journal gives the same books.
struct StandInBooks: Sendable {
    let companies: [String]
    /// Whether customers get a mail when goods leave.
    let mailsOnShipping: Bool
    let warehouses: [StandInMaster]
    let products: [StandInMaster]
    let taxes: [StandInMaster]
    let carriers: [StandInMaster]
    /// Codes that searches do not find although they are there, by model.
    var hidden: [String: Set<String>] = [:]
    private(set) var partners: [Int: StandInPartner] = [:]
    private(set) var orders: [Int: StandInOrder] = [:]
    private(set) var messages: [Int: [StandInMessage]] = [:]
    private(set) var pickings: [Int: StandInPicking] = [:]
    private(set) var moves: [Int: StandInMove] = [:]
    private(set) var invoices: [Int: StandInInvoice] = [:]
    private(set) var tags: [Int: String] = [:]
    private var pickingsOfOrder: [Int: [Int]] = [:]
    private var movesOfPicking: [Int: Set<Int>] = [:]
    private var invoicesOfOrder: [Int: [Int]] = [:]
    /// Invoicing wizards: whether orders of one customer become one invoice.
    var wizards: [Int: Bool] = [:]
    private(set) var externalIDs: [String: (model: String, record: Int, noUpdate: Bool)] = [:]
    private(set) var lastID = 0

    init(_ settings: OdooStandInSettings) throws(OdooStandInError) {
        companies = settings.companies
        mailsOnShipping = settings.mailsOnShipping
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
                StandInMaster(
                    id: index + 1, code: one.code, name: one.name, company: try company(one.company),
                    stock: one.stock))
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
        case .picking(let picking):
            if pickings.updateValue(picking, forKey: picking.id) == nil {
                pickingsOfOrder[picking.order, default: []].insert(picking.id, at: 0)
            }
            lastID = max(lastID, picking.id)
        case .move(let move):
            if let old = moves.updateValue(move, forKey: move.id), old.picking != move.picking {
                movesOfPicking[old.picking]?.remove(move.id)
            }
            movesOfPicking[move.picking, default: []].insert(move.id)
            lastID = max(lastID, move.id)
        case .invoice(let invoice):
            if invoices.updateValue(invoice, forKey: invoice.id) == nil {
                for order in invoice.orders { invoicesOfOrder[order, default: []].append(invoice.id) }
            }
            lastID = max(lastID, invoice.id)
        case .tag(let id, let name):
            tags[id] = name
            lastID = max(lastID, id)
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

    /// The order's deliveries, newest first, as Odoo gives them.
    func pickings(of order: Int) -> [StandInPicking] { (pickingsOfOrder[order] ?? []).compactMap { pickings[$0] } }

    func moves(of picking: Int) -> [StandInMove] {
        (movesOfPicking[picking] ?? []).sorted().compactMap { moves[$0] }
    }

    func invoices(of order: Int) -> [StandInInvoice] { (invoicesOfOrder[order] ?? []).compactMap { invoices[$0] } }

    /// What left, by order line.
    func delivered(_ order: StandInOrder) -> [Int: Double] {
        var sums: [Int: Double] = [:]
        for picking in pickings(of: order.id) {
            for move in moves(of: picking.id) where move.end == "done" { sums[move.line, default: 0] += move.quantity }
        }
        return sums
    }

    /// What is invoiced, drafts included, by order line.
    func invoiced(_ order: StandInOrder) -> [Int: Double] {
        var sums: [Int: Double] = [:]
        for line in invoices(of: order.id).flatMap(\.lines) { sums[line.line, default: 0] += line.quantity }
        return sums
    }

    func deliveryStatus(_ order: StandInOrder) -> StandInValue {
        let ends = pickings(of: order.id).map(\.end).filter { $0 != "cancel" }
        if ends.isEmpty { return .bool(false) }
        let done = ends.count { $0 == "done" }
        return done == 0 ? "pending" : done == ends.count ? "full" : "partial"
    }

    func invoiceStatus(_ order: StandInOrder) -> String {
        guard order.state == "sale" else { return "no" }
        let delivered = delivered(order)
        let invoiced = invoiced(order)
        let isOpen = order.lines.contains { (delivered[$0.id] ?? 0) > (invoiced[$0.id] ?? 0) }
        if isOpen { return "to invoice" }
        let isWhole = order.lines.allSatisfy { (invoiced[$0.id] ?? 0) >= (Double($0.quantity) ?? 0) }
        let isSome = !invoiced.isEmpty
        return isSome && isWhole ? "invoiced" : "no"
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
