/// What the stand-in's database holds before the first call, and how it behaves.
public struct OdooStandInSettings: Sendable {
    /// A warehouse of a company.
    public struct Warehouse: Sendable {
        /// Code, unique in its company.
        public var code: String
        /// Name.
        public var name: String
        /// Name of its company.
        public var company: String

        /// A warehouse; see the properties.
        public init(code: String, name: String, company: String) {
            self.code = code
            self.name = name
            self.company = company
        }
    }

    /// A product, a customer or a carrier.
    public struct Master: Sendable {
        /// `default_code` of a product, `ref` of a customer; a carrier has none.
        public var code: String
        /// Name.
        public var name: String
        /// Name of the company that it belongs to; nil: all.
        public var company: String?
        /// How much of a product each warehouse has; nil: as much as anybody wants.
        public var stock: Double?

        /// A product, a customer or a carrier; see the properties.
        public init(code: String, name: String, company: String? = nil, stock: Double? = nil) {
            self.code = code
            self.name = name
            self.company = company
            self.stock = stock
        }
    }

    /// A sales tax of a company.
    public struct Tax: Sendable {
        /// Name.
        public var name: String
        /// Percentage.
        public var amount: Double
        /// Name of its company.
        public var company: String

        /// A tax; see the properties.
        public init(name: String, amount: Double, company: String) {
            self.name = name
            self.amount = amount
            self.company = company
        }
    }

    /// An integration user.
    public struct User: Sendable {
        /// API key.
        public var key: String
        /// Names of the companies that the user may see; empty: all.
        public var companies: [String]
        /// Login, for `/jsonrpc`; nil: any.
        public var login: String?

        /// A user; see the properties.
        public init(key: String, companies: [String] = [], login: String? = nil) {
            self.key = key
            self.companies = companies
            self.login = login
        }
    }

    /// Release that it is like: 19, or 18, which has no `/json/2` and asks before it cancels a confirmed order.
    public var release = 19
    /// Whether its companies mail customers when goods leave.
    public var mailsOnShipping = false
    /// Port of 127.0.0.1; 0: any free one.
    public var port: Int
    /// Name of the database.
    public var database: String
    /// Folder of the journal; made when it is not there.
    ///
    /// Two stand-ins never share one.
    public var folder: String
    /// Names of the companies; ids are 1, 2, ...
    ///
    /// in this sequence.
    public var companies: [String]
    /// Warehouses.
    public var warehouses: [Warehouse]
    /// Products.
    public var products: [Master]
    /// Customers.
    public var partners: [Master]
    /// Sales taxes.
    public var taxes: [Tax]
    /// Carriers; only their names count.
    public var carriers: [Master]
    /// Integration users.
    public var users: [User]
    /// How many calls are worked on at once, as with real Odoo's workers; the rest waits.
    public var workers: Int
    /// How long calls take.
    public var latency: StandInLatency
    /// Seed of everything random.
    public var seed: UInt64
    /// Whether what it answered survives a crash of the machine, at the cost of a write to the disk for each call; its
    /// own end and that of its process it survives anyway.
    public var isDurable = true

    /// A database without masters; see the properties.
    public init(
        port: Int = 0, database: String = "standin", folder: String, companies: [String], warehouses: [Warehouse] = [],
        products: [Master] = [], partners: [Master] = [], taxes: [Tax] = [], carriers: [Master] = [], users: [User],
        workers: Int = 2,
        latency: StandInLatency = .none, seed: UInt64 = 1
    ) {
        self.port = port
        self.database = database
        self.folder = folder
        self.companies = companies
        self.warehouses = warehouses
        self.products = products
        self.partners = partners
        self.taxes = taxes
        self.carriers = carriers
        self.users = users
        self.workers = workers
        self.latency = latency
        self.seed = seed
    }
}

/// How long the stand-in's calls take.
///
/// The worker is held meanwhile.
public enum StandInLatency: Equatable, Sendable {
    /// No longer than the work itself.
    case none
    /// The same for every call.
    case fixed(milliseconds: Double)
    /// What was measured of Odoo 19 with one client, divided by a number.
    case recorded(dividedBy: Double)

    /// Milliseconds for a call of `model/method` that acts on `records` records.
    func milliseconds(_ operation: String, records: Int) -> Double {
        switch self {
        case .none: 0
        case .fixed(let milliseconds): milliseconds
        case .recorded(let divisor):
            Self.recorded(operation, Double(max(records, 1))) / max(divisor, 0.001)
        }
    }

    /// Fitted to the medians of one client: a first record and what each further one adds.
    ///
    /// Orders had three lines.
    private static func recorded(_ operation: String, _ records: Double) -> Double {
        switch operation {
        case "sale.order/load": 78 + 16 * records
        case "sale.order/lookup": 12 + 3.2 * records
        case "res.partner/load": 30 + 8 * records
        case "sale.order/action_confirm": 57 + 90 * records
        case "sale.order/action_cancel": 20 + 10 * records
        case "sale.order/message_post": 22
        case "sale.order/write", "sale.order/action_lock", "sale.order/action_unlock": 12 + 0.2 * records
        case "stock.picking/button_validate": 70 + 22 * records
        case "stock.picking/action_assign", "stock.picking/do_unreserve", "stock.picking/action_cancel":
            20 + 12 * records
        case "stock.picking/write": 12 + 1.5 * records
        case "sale.advance.payment.inv/create_invoices": 170 + 49 * records
        case "account.move/action_post": 100 + 58 * records
        case "stock.move/search_read": 14 + 0.5 * records
        case "sale.order/read", "sale.order/search_read": 14 + 0.3 * records
        default: 15
        }
    }
}
