/// Goods of an order that wait to leave, or have left: a move of one of its deliveries.
struct StockMove: Equatable, Sendable {
    var id: Int
    var picking: Int
    var product: Int
    /// Wanted, in millionths.
    var demand: Int
    /// Reserved, or what left, in millionths.
    var quantity: Int
    var isDone: Bool
    var isCancelled: Bool

    var isOpen: Bool { !isDone && !isCancelled }

    init(id: Int, picking: Int, product: Int, demand: Int, quantity: Int, isDone: Bool, isCancelled: Bool) {
        self.id = id
        self.picking = picking
        self.product = product
        self.demand = demand
        self.quantity = quantity
        self.isDone = isDone
        self.isCancelled = isCancelled
    }

    static let fields: OdooValue = [
        "product_id", "product_uom_qty", "quantity", "state", "picking_id", "origin_returned_move_id",
    ]

    /// Nil: not readable, or goods that came back.
    init?(_ row: OdooValue) {
        guard let id = row["id"]?.asInteger, let picking = row["picking_id"]?.asRecordID,
            let product = row["product_id"]?.asRecordID, row["origin_returned_move_id"]?.asRecordID == nil
        else { return nil }
        self.init(
            id: id, picking: picking, product: product, demand: Self.millionths(row["product_uom_qty"]),
            quantity: Self.millionths(row["quantity"]), isDone: row["state"] == "done",
            isCancelled: row["state"] == "cancel")
    }

    /// Odoo's quantities are binary fractions; whole millionths compare.
    private static func millionths(_ value: OdooValue?) -> Int {
        switch value {
        case .integer(let whole): whole.multipliedReportingOverflow(by: 1_000_000).partialValue
        case .number(let number) where number.magnitude < 1e12: Int((number * 1_000_000).rounded())
        default: 0
        }
    }
}

/// Goods that left, as they are to be told to Odoo.
public struct ShipmentDraft: Equatable, Sendable {
    /// How much of a product.
    public struct Amount: Equatable, Sendable {
        /// `default_code` of the product.
        public var sku: String
        /// In millionths.
        public var quantity: Int

        /// An amount; see the properties.
        public init(sku: String, quantity: Int) {
            self.sku = sku
            self.quantity = quantity
        }
    }

    /// The shipment's identity.
    public var ref: String
    /// Tracking number; empty: none.
    public var tracking: String
    /// What left; empty: nobody said.
    public var amounts: [Amount]

    /// A shipment; see the properties.
    public init(ref: String, tracking: String, amounts: [Amount]) {
        self.ref = ref
        self.tracking = tracking
        self.amounts = amounts
    }
}

/// What becomes of the goods that no shipment names.
public enum ShipmentRest: Equatable, Sendable {
    /// They wait: more is to come.
    case waits
    /// They left too: the order is shipped, and nobody said with what.
    case left
    /// They never will: cancelled.
    case dropped
}

/// The next call on an order's deliveries.
///
/// Level-triggered: what left in Odoo is compared with what left in truth, so that a shipment whose call was lost, or
/// which a person entered, is not shipped again. Pure.
enum ShipmentStep: Equatable, Sendable {
    /// Nothing is to be done.
    case done
    /// These quantities of moves leave with a delivery; nothing: all of it, as it is reserved.
    case ship(picking: Int, quantities: [Int: Int], tracking: String)
    /// These deliveries do not take place.
    case drop(pickings: [Int])

    /// What a shipment still has to do in Odoo, by product.
    struct Open: Equatable, Sendable {
        var amounts: [Int: Int]
        var tracking: String
    }

    /// The step for the first of `shipments` that is not wholly done.
    ///
    /// - Parameters:
    ///   - moves: those of all of the order's deliveries.
    ///   - shipments: what is to be told now, in the sequence of their times.
    ///   - told: what was told before, by product.
    ///   - rest: what becomes of the rest.
    /// - Returns: the step; after it the moves are read again.
    static func next(_ moves: [StockMove], _ shipments: [Open], told: [Int: Int], rest: ShipmentRest) -> ShipmentStep {
        // What left there beyond what was told is one of these: a lost answer, or a person.
        var surplus: [Int: Int] = [:]
        for move in moves where move.isDone { surplus[move.product, default: 0] += move.quantity }
        for (product, amount) in told { surplus[product, default: 0] -= amount }
        let open = moves.filter(\.isOpen).sorted { ($0.picking, $0.id) < ($1.picking, $1.id) }
        for shipment in shipments {
            var wanted = shipment.amounts
            for (product, amount) in wanted {
                let already = min(amount, max(0, surplus[product] ?? 0))
                surplus[product, default: 0] -= already
                wanted[product] = amount - already
            }
            wanted = wanted.filter { $0.value > 0 }
            guard let picking = open.first(where: { wanted[$0.product] != nil })?.picking else { continue }
            return .ship(
                picking: picking, quantities: split(wanted, over: open.filter { $0.picking == picking }, of: open),
                tracking: shipment.tracking)
        }
        guard rest != .waits, let first = open.first else { return .done }
        if rest == .dropped { return .drop(pickings: Set(open.map(\.picking)).sorted()) }
        let moves = open.filter { $0.picking == first.picking }
        return .ship(
            picking: first.picking, quantities: Dictionary(uniqueKeysWithValues: moves.map { ($0.id, $0.demand) }),
            tracking: shipments.last?.tracking ?? "")
    }

    /// `wanted` by move; what is more than all deliveries want goes on the last move of its product.
    private static func split(_ wanted: [Int: Int], over moves: [StockMove], of open: [StockMove]) -> [Int: Int] {
        var left = wanted
        var quantities: [Int: Int] = [:]
        for move in moves {
            let part = min(move.demand, left[move.product] ?? 0)
            quantities[move.id] = part
            left[move.product, default: 0] -= part
        }
        for move in moves.reversed() {
            guard let more = left[move.product], more > 0, quantities[move.id] == move.demand,
                !open.contains(where: { $0.picking != move.picking && $0.product == move.product })
            else { continue }
            quantities[move.id] = move.demand + more
            left[move.product] = 0
        }
        return quantities
    }
}
