public import OrderEvents
public import Orders

/// What delivery needs to know of an order: its canonical truth at one version.
public struct DeliveryOrder: Equatable, Sendable {
    /// One line of the order.
    public struct Line: Equatable, Sendable {
        /// Line number as the events gave it.
        public var line: String
        /// Article.
        public var sku: String
        /// Ordered quantity as decimal text; nil: no event told it.
        public var quantity: String?
        /// Price of one as decimal text; nil: no event told it.
        public var unitPrice: String?
        /// Name of its tax in Odoo; nil: Odoo's own rules decide.
        public var tax: String?

        /// A line; see the properties.
        public init(line: String, sku: String, quantity: String?, unitPrice: String?, tax: String? = nil) {
            self.line = line
            self.sku = sku
            self.quantity = quantity
            self.unitPrice = unitPrice
            self.tax = tax
        }
    }

    /// A state that the order reached.
    public struct Reached: Equatable, Sendable {
        /// The state.
        public var state: CanonicalState
        /// When, by the event that told it.
        public var at: Timestamp

        /// A reached state; see the properties.
        public init(_ state: CanonicalState, at: Timestamp) {
            self.state = state
            self.at = at
        }
    }

    /// Legal entity.
    public var legalEntity: String
    /// Canonical reference.
    public var orderRef: String
    /// Canonical version: grows with every change of the order.
    public var version: Int64
    /// Canonical state; `onHold` while a hold is open, whatever lies under it.
    public var state: CanonicalState
    /// All states that the order reached, in any sequence, each at most once: the path's with their first time, on_hold
    /// with that of the latest hold.
    public var reached: [Reached]
    /// Lines, in the order's sequence.
    public var lines: [Line]
    /// The customer's stable identity; empty: none.
    ///
    /// Personal data.
    public var customerRef: String
    /// The customer's name; empty: none.
    ///
    /// Personal data.
    public var customerName: String
    /// Code of the warehouse in Odoo; nil: the company's default.
    public var warehouse: String?
    /// Reasons of the open holds, as the events gave them.
    public var holds: [String]
    /// What happened to it beside its states.
    public var facts = Facts()
    /// Sluice's own verdict on the order; nil: a channel's word is the verdict.
    public var verdict: ValidationVerdict?

    /// An order; see the properties.
    public init(
        legalEntity: String, orderRef: String, version: Int64, state: CanonicalState, reached: [Reached],
        lines: [Line], customerRef: String, customerName: String, warehouse: String?, holds: [String] = [],
        verdict: ValidationVerdict? = nil
    ) {
        self.legalEntity = legalEntity
        self.orderRef = orderRef
        self.version = version
        self.state = state
        self.reached = reached
        self.lines = lines
        self.customerRef = customerRef
        self.customerName = customerName
        self.warehouse = warehouse
        self.holds = holds
        self.verdict = verdict
    }

    /// How far along the path the order is, whatever hold lies over it: the latest state of the path that it reached.
    var pathState: CanonicalState {
        let states = reached.map(\.state) + [state]
        return states.filter { $0.rawValue <= CanonicalState.closed.rawValue }
            .max { $0.rawValue < $1.rawValue } ?? .received
    }

    func reachedAt(_ state: CanonicalState) -> Timestamp? { reached.first { $0.state == state }?.at }
}

/// What Odoo is known to have of an order.
///
/// Kept by the store between visits.
public struct DeliveredState: Equatable, Sendable {
    /// Database id of the sales order; nil: not created, as far as is known.
    public var odooID: Int64?
    /// The canonical version that Odoo was brought up to; 0: none.
    public var version: Int64
    /// The order was confirmed.
    public var confirmed: Bool
    /// The order was cancelled.
    public var cancelled: Bool
    /// The order has the mark of a hold.
    public var held = false
    /// The order was locked.
    public var locked = false
    /// What was told: words of notes (`DeliveryPlan.Word` raw values; `on_hold` and `release` alternate), and facts by
    /// the keys of `DeliveryPlan`.
    public var told: Set<String>
    /// Since when it is not known whether something happened in Odoo: a call had no answer, or the process ended before
    /// it could record what a visit did.
    ///
    /// The next visit looks before it does what is not repeatable. Nil: nothing is open. A store that marks the
    /// beginning of a visit durably sets it to that time for a visit without an end.
    public var uncertainSince: Timestamp?

    /// What Odoo is known to have; see the properties.
    ///
    /// Without arguments: nothing.
    public init(
        odooID: Int64? = nil, version: Int64 = 0, confirmed: Bool = false, cancelled: Bool = false,
        told: Set<String> = [], uncertainSince: Timestamp? = nil
    ) {
        self.odooID = odooID
        self.version = version
        self.confirmed = confirmed
        self.cancelled = cancelled
        self.told = told
        self.uncertainSince = uncertainSince
    }
}

/// From which canonical state on an order is created in Odoo: the entity's `create_at`.
///
/// Where the verdict is Sluice's own, validated is an order that passed, and no other is created from `validated` on.
public enum CreateAt: String, CaseIterable, Sendable {
    case received, validated, allocated

    var state: CanonicalState {
        switch self {
        case .received: .received
        case .validated: .validated
        case .allocated: .allocated
        }
    }

    /// Whether an order of which Odoo has nothing may be created there.
    func admits(_ order: DeliveryOrder) -> Bool {
        guard order.pathState.rawValue >= state.rawValue || (self == .validated && order.verdict == .passed) else {
            return false
        }
        return self == .received || order.verdict == nil || order.verdict == .passed
    }
}
