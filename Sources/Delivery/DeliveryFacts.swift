public import OrderEvents

extension DeliveryOrder {
    /// What happened to an order beside its states: every fact is told, however late its turn comes.
    public struct Facts: Equatable, Sendable {
        /// Goods that left, in the sequence of their times.
        public var shipments: [Shipment] = []
        /// Identities of accounting's documents, in the sequence of their times.
        public var invoices: [String] = []
        /// Money, in the sequence of its times.
        public var payments: [Payment] = []
        /// When it was last delivered, or could not be; nil: not told.
        public var delivered: Timestamp?
        /// See `delivered`.
        public var deliveryFailed: Timestamp?
        /// When a warehouse last told what it has for the order; nil: never.
        public var allocated: Timestamp?
        /// What else the order is called; for people.
        public var origin = ""

        /// No facts.
        public init() {}
    }

    /// Goods that left.
    public struct Shipment: Equatable, Sendable {
        /// Identity.
        public var ref: String
        /// Carrier; empty: nobody said.
        public var carrier: String
        /// Tracking number; empty: none yet.
        public var tracking: String
        /// What left, by article; empty: nobody said.
        public var amounts: [Amount]

        /// A shipment; see the properties.
        public init(ref: String, carrier: String = "", tracking: String = "", amounts: [Amount] = []) {
            self.ref = ref
            self.carrier = carrier
            self.tracking = tracking
            self.amounts = amounts
        }
    }

    /// How much of an article.
    public struct Amount: Equatable, Sendable {
        /// Article.
        public var sku: String
        /// In millionths.
        public var quantity: Int

        /// An amount; see the properties.
        public init(sku: String, quantity: Int) {
            self.sku = sku
            self.quantity = quantity
        }
    }

    /// Money.
    public struct Payment: Equatable, Sendable {
        /// Identity.
        public var ref: String
        /// authorized, captured, refunded or failed.
        public var status: String
        /// Decimal text in the order's currency; nil: nobody said.
        public var amount: String?
        /// When its status came to be.
        public var at: Timestamp

        /// A payment; see the properties.
        public init(ref: String, status: String, amount: String?, at: Timestamp) {
            self.ref = ref
            self.status = status
            self.amount = amount
            self.at = at
        }
    }
}

/// Which of Odoo's documents an entity wants to be kept.
///
/// The sales order itself is always.
public struct OdooDocuments: OptionSet, Hashable, Sendable {
    /// One bit a kind.
    public let rawValue: UInt8

    /// These kinds.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Deliveries are made as goods leave.
    public static let shipments = OdooDocuments(rawValue: 1)
    /// What accounting invoiced is invoiced and posted.
    public static let invoices = OdooDocuments(rawValue: 2)
    /// Orders on hold have a tag, and nothing reserved.
    public static let holds = OdooDocuments(rawValue: 4)
    /// Closed orders are locked.
    public static let locks = OdooDocuments(rawValue: 8)
    /// Internal notes tell what happened.
    public static let notes = OdooDocuments(rawValue: 16)
    /// Orders have a tag that says what became of their money.
    public static let payments = OdooDocuments(rawValue: 32)
    /// All of them.
    public static let all: OdooDocuments = [.shipments, .invoices, .holds, .locks, .notes, .payments]
}
