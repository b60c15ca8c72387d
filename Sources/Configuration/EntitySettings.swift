public import OrderEvents
public import Orders

/// A legal entity: the tenant of lanes, fairness, stores and Odoo.
public struct EntitySettings: Equatable, Sendable {
    /// Which channels may speak for an entity.
    public enum Speakers: Equatable, Sendable {
        /// Every configured channel.
        case any
        /// These, in the order of the file.
        case listed([String])

        /// Whether `channel` may speak.
        public func contains(_ channel: String) -> Bool {
            switch self {
            case .any: true
            case .listed(let names): names.contains(channel)
            }
        }
    }

    /// The code that events carry, unique in the configuration.
    public var name: String
    /// Its share under contention: 1...1000; default 1.
    public var weight: Int
    /// The name of its store.
    public var store: String
    /// Who may speak for it; the events of any other channel are rejected.
    public var channels: Speakers
    /// Its places of fulfilment, by code; may be empty.
    public var warehouses: [WarehouseSettings]
    /// Its Odoo, or nil: its orders are kept and nothing is delivered.
    public var odoo: DestinationSettings?
    /// How long an event waits for what is missing; default 15 minutes.
    public var parkTimeout: Duration
    /// What differs from the canonical lifecycle, in the order of the file.
    public var edges: [EdgeSettings] = []
    /// For each group of facts the channels whose word counts, the first winning a contradiction; a group that is not
    /// listed is open to every channel of the entity.
    public var owners: [FactGroup: [String]] = [:]
    /// Who says that an order is valid, and how.
    public var validation = ValidationSettings()
    /// How long an order may be in a flow.
    public var sla: [Flow: Duration] = [:]
    /// Channels that must be heard, sorted by name.
    public var feeds: [FeedSettings] = []
    /// When its backlog is full, or nil: never.
    public var backlog: BacklogSettings?
}

/// When a backlog is full, and what is done then.
public struct BacklogSettings: Equatable, Sendable {
    /// What is done.
    public enum Answer: String, CaseIterable, Sendable {
        /// It is told, and nothing else.
        case accept
        /// The legal entity's lanes are taken from no more until the backlog has fallen.
        case pause
    }

    /// So many orders make it full: 1...1,000,000,000.
    public var high: Int
    /// What is done; default accept.
    public var onFull: Answer
}

/// A channel that must be heard.
public struct FeedSettings: Equatable, Sendable {
    /// The channel.
    public var channel: String
    /// How long it may be silent.
    public var expectEvery: Duration
}

/// Who says that an order is valid, and what Sluice itself looks at.
public struct ValidationSettings: Equatable, Sendable {
    /// Whose word is the verdict.
    public enum Judge: String, CaseIterable, Sendable {
        /// The owners of the group validation: their word `validated`, or any later state of the path.
        case channel
        /// Sluice looks at the order itself.
        case sluice
    }

    /// What is looked up in the destination.
    public enum Lookup: String, CaseIterable, Sendable {
        case customer
        case products
        case taxes
        case carriers
    }

    /// What holds where the file says nothing.
    public static let defaultJudge = Judge.sluice

    /// Whose word is the verdict.
    public var by = Self.defaultJudge
    /// How far the sum of the lines may differ from the order's total, in its currency; default 0.
    public var priceTolerance = ExactDecimal.zero
    /// The channels' tax codes and the names of Odoo's taxes; nil: codes are not looked at.
    public var taxes: [String: String]?
    /// What is looked up in the destination, sorted; default nothing.
    public var check: [Lookup] = []
}

/// A place of fulfilment under the codes of one legal entity.
public struct WarehouseSettings: Equatable, Sendable {
    /// The canonical code, unique in the entity.
    public var code: String
    /// The warehouse's code in Odoo; the same code when the file names none.
    public var odoo: String
    /// Other codes that channels use for it, sorted; unique in the entity.
    public var aliases: [String]
}

/// One Odoo database and company, and how hard it may be pressed.
public struct DestinationSettings: Equatable, Sendable {
    /// `https://host[:port][/path]` without a trailing slash; `http` to loopback, or where `insecure` is set.
    public var url: String
    /// The database's name.
    public var database: String
    /// The company's name in Odoo.
    public var company: String
    /// The login of the user whose key it is.
    public var login: String
    /// The user's API key.
    public var key: SecretReference
    /// Calls a second, at most; default 10.
    public var requestsPerSecond: Double
    /// Calls at the same time, at most; default 4.
    public var maxConcurrency: Int
    /// The first state in which an order is created in Odoo: received, validated or allocated; default validated.
    public var createAt: CanonicalState
    /// Whether a connection without TLS to a host that is not loopback was asked for.
    public var insecure: Bool
    /// Which external API is spoken.
    public var interface = Interface.auto
    /// What is not kept in Odoo beside sales orders, sorted; default nothing.
    public var without: [Document] = []
    /// Whether Odoo may mail or text customers for what Sluice does; default false.
    public var tellsCustomers = false

    /// What Sluice keeps in Odoo beside a sales order.
    public enum Document: String, CaseIterable, Sendable {
        /// Deliveries, made as goods leave.
        case shipments
        /// Invoices, posted.
        case invoices
        /// The mark of orders on hold.
        case holds
        /// The lock of closed orders.
        case locks
        /// Internal notes.
        case notes
        /// The tag that says what became of an order's money.
        case payments
    }

    /// An external API of Odoo.
    public enum Interface: String, CaseIterable, Sendable {
        /// As the server's version asks for.
        case auto
        /// `/json/2`: Odoo 19 and newer.
        case json2
        /// `/jsonrpc`: up to 18, deprecated after.
        case jsonrpc
    }
}
