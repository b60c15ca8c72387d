/// The canonical state of an order.
///
/// Raw values are stored in PostgreSQL: they are never renumbered.
public enum CanonicalState: UInt8, CaseIterable, Sendable {
    case received = 1
    case validated = 2
    case allocated = 3
    case partiallyFulfilled = 4
    case shipped = 5
    case invoiced = 6
    case closed = 7
    case onHold = 8
    case cancelled = 9

    /// The word that events, metrics, SQL views and people use.
    public var name: String {
        switch self {
        case .received: "received"
        case .validated: "validated"
        case .allocated: "allocated"
        case .partiallyFulfilled: "partially_fulfilled"
        case .shipped: "shipped"
        case .invoiced: "invoiced"
        case .closed: "closed"
        case .onHold: "on_hold"
        case .cancelled: "cancelled"
        }
    }

    /// The state that `name` stands for, or nil.
    public init?(name: String) {
        guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}

/// What an event's `status` may say: a canonical state, or that a hold ended.
///
/// Raw values are stored.
public enum StatusWord: Equatable, Hashable, Sendable {
    case state(CanonicalState)
    case release

    /// The word as events write it.
    public var name: String {
        switch self {
        case .state(let state): state.name
        case .release: "release"
        }
    }

    /// The word that `name` stands for, or nil.
    public init?(name: String) {
        if name == "release" {
            self = .release
        } else if let state = CanonicalState(name: name) {
            self = .state(state)
        } else {
            return nil
        }
    }
}

/// Something that happened to an order and is no state.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum Milestone: UInt8, CaseIterable, Sendable {
    case tracking = 1
    case inTransit = 2
    case delivered = 3
    case deliveryFailed = 4
    case allocation = 5
    case payment = 6
    case refund = 7

    /// The word that events, metrics and people use.
    public var name: String {
        switch self {
        case .tracking: "tracking"
        case .inTransit: "in_transit"
        case .delivered: "delivered"
        case .deliveryFailed: "delivery_failed"
        case .allocation: "allocation"
        case .payment: "payment"
        case .refund: "refund"
        }
    }

    /// The milestone that `name` stands for, or nil.
    public init?(name: String) {
        guard let milestone = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = milestone
    }
}

/// What became of one consumed record.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum Outcome: UInt8, CaseIterable, Sendable {
    case applied = 1
    case duplicate = 2
    case stale = 3
    case parked = 4
    case rejected = 5
    case deadLettered = 6

    /// The word that metrics, the books and people use.
    public var name: String {
        switch self {
        case .applied: "applied"
        case .duplicate: "duplicate"
        case .stale: "stale"
        case .parked: "parked"
        case .rejected: "rejected"
        case .deadLettered: "dead_lettered"
        }
    }
}

/// The kind of name that a system gives an order.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum ReferenceKind: UInt8, CaseIterable, Sendable {
    case order = 1
    case purchaseOrder = 2
    case wmsOrder = 3
    case shipment = 4
    case tracking = 5
    case invoice = 6
    case odoo = 7

    /// The word that events and people use.
    public var name: String {
        switch self {
        case .order: "order"
        case .purchaseOrder: "purchase_order"
        case .wmsOrder: "wms_order"
        case .shipment: "shipment"
        case .tracking: "tracking"
        case .invoice: "invoice"
        case .odoo: "odoo"
        }
    }

    /// The kind that `name` stands for, or nil.
    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// How far a payment went.
public enum PaymentStatus: UInt8, CaseIterable, Sendable {
    case authorized = 1
    case captured = 2
    case refunded = 3
    case failed = 4

    /// The word that events and people use.
    public var name: String {
        switch self {
        case .authorized: "authorized"
        case .captured: "captured"
        case .refunded: "refunded"
        case .failed: "failed"
        }
    }
}
