public import OrderEvents

/// What traffic to generate.
public struct TrafficSettings: Sendable {
    /// A company of the group.
    public struct LegalEntity: Equatable, Sendable {
        /// Its name in events and configuration.
        public var name: String
        /// Its name in Odoo.
        public var company: String
        /// ISO 4217 code of its prices.
        public var currency: String
        /// Tax code of its lines.
        public var tax: String
        /// Codes of its warehouses; at most five characters, as Odoo has them.
        public var warehouses: [String]
        /// Its share of the orders and its weight in Sluice.
        public var weight: Int

        /// A legal entity; see the properties.
        public init(
            name: String, company: String, currency: String, tax: String, warehouses: [String], weight: Int
        ) {
            self.name = name
            self.company = company
            self.currency = currency
            self.tax = tax
            self.warehouses = warehouses
            self.weight = weight
        }

        /// What its tax is called in Odoo: `19% S` for `DE19`.
        public var taxName: String { "\(tax.filter(\.isNumber))% S" }
    }

    /// How much goes wrong, each as a fraction of the events.
    public struct Shares: Equatable, Sendable {
        /// The same bytes again.
        public var duplicate = 0.03
        /// Events that come long after their time.
        public var late = 0.015
        /// Events that change places with their channel's next one.
        public var reordered = 0.015
        /// Numbers that are missing for a while.
        ///
        /// Only channels that count have them, so what occurs is less.
        public var gap = 0.004
        /// Numbers that never come.
        public var withheld = 0.0015
        /// Words that the order has left behind.
        public var outdated = 0.01
        /// Event ids used again for other content.
        public var reusedKey = 0.002
        /// Statuses that no table knows.
        public var unknownStatus = 0.004
        /// Warehouses that nobody has.
        public var unknownWarehouse = 0.003
        /// Legal entities that nobody configured.
        public var unknownLegalEntity = 0.003
        /// Records that are no events.
        public var garbage = 0.012

        /// The demo's shares.
        public init() {}

        /// Nothing goes wrong.
        public static var none: Shares {
            var shares = Shares()
            shares.duplicate = 0
            shares.late = 0
            shares.reordered = 0
            shares.gap = 0
            shares.withheld = 0
            shares.outdated = 0
            shares.reusedKey = 0
            shares.unknownStatus = 0
            shares.unknownWarehouse = 0
            shares.unknownLegalEntity = 0
            shares.garbage = 0
            return shares
        }
    }

    /// Decides everything that is not set here.
    public var seed: UInt64 = 1
    /// How many orders to begin.
    public var orders = 400
    /// Stop after so many records, even in the middle of orders.
    public var records = Int.max
    /// How many orders are under way at a time; bounds the generator's memory.
    public var openOrders = 64
    /// When the first order is placed.
    ///
    /// The other times follow from it.
    public var startingAt = Timestamp(microseconds: 1_790_000_000_000_000)
    /// Average time between two orders, in milliseconds.
    public var millisecondsBetweenOrders = 500
    /// Longest time between two events of an order, in milliseconds.
    public var millisecondsBetweenEvents = 5000
    /// The companies; at least one, each with at least one warehouse.
    public var legalEntities = Self.demoEntities
    /// How much goes wrong.
    public var shares = Shares()
    /// Of so many orders one is not valid; 0: all are.
    public var invalidEvery = 0

    /// The demo's traffic.
    public init() {}

    /// How long after `startingAt` the last event happens at most, in milliseconds: who wants no event from the future
    /// starts that long ago.
    public var spanMilliseconds: Int { orders * millisecondsBetweenOrders + 40 * millisecondsBetweenEvents }

    /// Four companies with two or three warehouses each.
    public static let demoEntities = [
        LegalEntity(
            name: "ACME-DE", company: "ACME DE GmbH", currency: "EUR", tax: "DE19",
            warehouses: ["BER1", "MUC1", "HAM1"], weight: 4),
        LegalEntity(
            name: "ACME-FR", company: "ACME FR SAS", currency: "EUR", tax: "FR20", warehouses: ["PAR1", "LYO1"],
            weight: 3),
        LegalEntity(
            name: "BRAVO-UK", company: "Bravo UK Ltd", currency: "GBP", tax: "UK20",
            warehouses: ["LHR1", "MAN1", "GLA1"], weight: 2),
        LegalEntity(
            name: "NOVA-NL", company: "Nova NL B.V.", currency: "EUR", tax: "NL21", warehouses: ["AMS1", "RTM1"],
            weight: 1),
    ]
}

/// The channels of the demo.
public enum TrafficChannel: Int, CaseIterable, Sendable {
    /// A marketplace with a format and numbers of its own: mapped JSON, counted from 1.
    case marketplace
    /// The group's own shop.
    case portal
    /// Warehouse management.
    case wms
    /// A carrier.
    case carrier
    /// Accounting.
    case accounting

    /// Its name in configuration, metrics and books.
    public var name: String {
        switch self {
        case .marketplace: "amazon-eu"
        case .portal: "portal"
        case .wms: "wms"
        case .carrier: "dhl"
        case .accounting: "accounting"
        }
    }

    /// Its topic.
    public var topic: String {
        switch self {
        case .marketplace: "marketplace.amazon-eu.orders"
        case .portal: "portal.orders"
        case .wms: "wms.events"
        case .carrier: "carrier.dhl.milestones"
        case .accounting: "accounting.documents"
        }
    }

    /// The namespace of its order numbers; nil where it uses the legal entity's common one.
    public var issuer: String? { self == .marketplace ? "amazon-eu" : nil }
}
