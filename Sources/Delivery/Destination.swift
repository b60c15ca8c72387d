internal import Metrics
public import Odoo
internal import OrderEvents
public import Orders
internal import Store
internal import Synchronization

/// A legal entity's destination, as configured.
public struct DestinationSettings: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// Base address of Odoo.
    public var url: String
    /// Database.
    public var database: String
    /// Company within it.
    public var company: String
    /// Login of the user whose key it is.
    public var login: String
    /// API key.
    public var key: String
    /// Which external API is spoken.
    public var interface: OdooInterface
    /// Requests per second at most.
    public var requestsPerSecond: Double
    /// Orders in delivery at once at most.
    public var maximumConcurrency: Int
    /// From which state on orders are created.
    public var createAt: CreateAt
    /// Whether Sluice's own verdict is the one that counts.
    public var validates: Bool
    /// Canonical code of a warehouse -> code in Odoo.
    public var warehouses: [String: String]
    /// A channel's tax code -> name of the tax in Odoo.
    public var taxes: [String: String] = [:]
    /// Whether Odoo may mail or text customers for what Sluice does.
    public var tellsCustomers = false
    /// What is kept in Odoo beside sales orders.
    public var documents = OdooDocuments.all
    /// The share of a limit that several entities have in common.
    public var weight = 1
    /// How long its orders may be in a flow, in microseconds.
    public var promised = FlowTimes()

    /// A destination; see the properties.
    public init(
        legalEntity: String, url: String, database: String, company: String, login: String = "", key: String,
        interface: OdooInterface = .auto, requestsPerSecond: Double, maximumConcurrency: Int, createAt: CreateAt,
        validates: Bool = false, warehouses: [String: String]
    ) {
        self.legalEntity = legalEntity
        self.url = url
        self.database = database
        self.company = company
        self.login = login
        self.key = key
        self.interface = interface
        self.requestsPerSecond = requestsPerSecond
        self.maximumConcurrency = maximumConcurrency
        self.createAt = createAt
        self.validates = validates
        self.warehouses = warehouses
    }
}

/// One legal entity's destination: everything that goes to it goes through here, and then through its server's limits.
final class Destination: Sendable {
    /// Orders that may be in delivery at once: enough to fill the batches of all calls that may be under way.
    static func visitsAtOnce(concurrency: Int) -> Int { min(1000, max(200, 50 * concurrency)) }

    private struct Ownership: Sendable {
        var lease: DeliveryLease?
        /// Monotonic nanoseconds.
        var until: Int64 = 0
    }

    private struct Retries: Sendable {
        /// Of visits, while the destination fails.
        var budget = RetryBudget()
        /// Of calls within visits, while it works.
        var calls = RetryBudget(stored: 10)
        var share = FailingShare()
    }

    let settings: DestinationSettings
    let delivery: OrderDelivery
    private let server: OdooServer
    private let member: Int
    private let ownership = Mutex(Ownership())
    private let retries = Mutex(Retries())
    /// Keeps calls away while Odoo takes nothing from this legal entity; others may share the server, which works.
    private let entrance = Mutex(Breaker(threshold: 1))
    let metrics: DeliveryMetrics
    let shown: DestinationMetrics
    private let exchange: HTTPExchange

    init(_ settings: DestinationSettings, servers: OdooServers, exchange: HTTPExchange, metrics: DeliveryMetrics) {
        self.settings = settings
        self.metrics = metrics
        self.exchange = exchange
        delivery = OrderDelivery(createAt: settings.createAt, documents: settings.documents)
        server = servers.server(settings.url)
        member = server.join(
            weight: settings.weight, ratePerSecond: settings.requestsPerSecond, ceiling: settings.maximumConcurrency)
        shown = DestinationMetrics(metrics, settings.legalEntity)
        show()
    }

    /// The company's orders behind the limits.
    ///
    /// Keeps a cache of master data: made once. `owned`: calls are made only while the lease is held.
    func makeOrders(owned: Bool) -> OdooOrders {
        let api = settings.interface.api(
            url: settings.url, database: settings.database, login: settings.login, key: settings.key,
            exchange: exchange)
        let watched = WatchedAPI(
            api, before: { [self] call async throws(OdooFailure) in try await admit(call, owned: owned) },
            after: { [self] ended in record(ended) })
        let repeating = RepeatingAPI(watched) { [self] in mayRepeat() }
        return OdooOrders(
            api: repeating, company: settings.company, tellsCustomers: settings.tellsCustomers,
            looksAtOnce: { [self] in !isFailing })
    }

    // MARK: Visits

    /// How many visits may be under way at most.
    var mostVisits: Int { Self.visitsAtOnce(concurrency: settings.maximumConcurrency) }

    /// How many visits may be under way now: few while the server never answered, one while a breaker tries whether the
    /// destination is back, none while it is open.
    ///
    /// `trying`: those few are the caller's then, of all that share the server; else it is only looked.
    func visitLimit(trying: Bool) -> Int {
        let (admits, isClosed) = entrance.withLock {
            ($0.admits(now: Self.nanoseconds()), $0.name == .closed)
        }
        guard admits else { return 0 }
        let most = isClosed ? mostVisits : 1
        guard !server.works else { return most }
        guard !trying || server.mayTry() else { return 0 }
        return server.breaker.name == .closed ? min(most, VisitPlaces.first) : 1
    }

    /// Whether the server may be called: none of those that share it is visited else; takes nobody's turn to try.
    var mayServerBeVisited: Bool { server.mayBeVisited }

    /// Whether both have one Odoo, and so its limits, in common.
    func sharesServer(with other: Destination) -> Bool { server === other.server }

    /// Whether calls go to it at all.
    var isAnswering: Bool { isAdmitted && server.breaker.admits(now: Self.nanoseconds()) }

    private var isAdmitted: Bool { entrance.withLock { $0.admits(now: Self.nanoseconds()) } }

    /// The breaker that keeps calls away: its own before that of the server.
    private var breaker: Breaker.Name {
        let own = entrance.withLock(\.name)
        return own == .closed ? server.breaker.name : own
    }

    /// Whether so many of its calls fail that nothing is done again within a visit.
    private var isFailing: Bool { retries.withLock { $0.share.isFailing } }

    /// How many orders whose delivery failed before may be taken now; nil: any.
    var repeatedLimit: Int? {
        retries.withLock { $0.share.isFailing ? $0.budget.allows(now: Self.nanoseconds()) : nil }
    }

    /// So many visits begin.
    func began(first: Int, repeated: Int) {
        retries.withLock { retries in
            guard retries.share.isFailing else { return }
            retries.budget.went(first: first, repeated: repeated, now: Self.nanoseconds())
        }
    }

    /// A visit has ended.
    func visited() { server.visited() }

    /// What several calls were made for has failed: because there is no such company, which no single call tells.
    func denied(by failure: OdooFailure?) {
        guard failure?.name == OdooFailure.noCompany else { return }
        let now = Self.nanoseconds()
        entrance.withLock { entrance in
            // The probe that asked for the company has not proved anything, and this is its end.
            if case .wait = entrance.admit(now: now) { return }
            entrance.failed(now: now)
        }
        show()
    }

    /// `visitLimit(trying: true)` was asked in vain: there is nothing to visit.
    func passTry() { server.passTry() }

    /// Whether a call without an answer may be made once more within its visit.
    private func mayRepeat() -> Bool {
        retries.withLock { retries in
            let now = Self.nanoseconds()
            guard !retries.share.isFailing, retries.calls.allows(now: now) > 0 else { return false }
            retries.calls.went(first: 0, repeated: 1, now: now)
            return true
        }
    }

    // MARK: Ownership

    /// How it is doing now.
    var status: DestinationStatus {
        DestinationStatus(
            legalEntity: settings.legalEntity, breaker: breaker.rawValue, limit: server.limit,
            inFlight: server.inFlight, isOwner: lease != nil)
    }

    /// The lease, while it is held.
    var lease: DeliveryLease? {
        let now = Self.nanoseconds()
        return ownership.withLock { now < $0.until ? $0.lease : nil }
    }

    /// The lease is held until a time (monotonic nanoseconds); nil: another instance has it.
    func owns(_ lease: DeliveryLease?, until: Int64) {
        ownership.withLock { $0 = Ownership(lease: lease, until: until) }
    }

    // MARK: Calls

    private func admit(_ call: OdooCall, owned: Bool) async throws(OdooFailure) {
        if owned, lease == nil { throw Self.notOwner(call) }
        guard isAdmitted, await server.enter(member: member, OdooServer.urgency(call.operation, Errand.current)) else {
            show()
            throw Self.breakerOpen(call)
        }
        // A process that was stopped may wake up here, long after others took over.
        if owned, lease == nil {
            server.left(member: member, .notMade)
            throw Self.notOwner(call)
        }
        // What was learned while the call waited for its turn.
        if case .wait = entrance.withLock({ $0.admit(now: Self.nanoseconds()) }) {
            server.left(member: member, .notMade)
            throw Self.breakerOpen(call)
        }
    }

    private static func breakerOpen(_ call: OdooCall) -> OdooFailure {
        OdooFailure(
            .reconnect, name: "sluice.breaker_open", reason: "the destination fails; nothing is sent for a while",
            operation: call.operation)
    }

    private static func notOwner(_ call: OdooCall) -> OdooFailure {
        OdooFailure(
            .reconnect, name: "sluice.not_owner", reason: "another instance delivers for this legal entity now",
            operation: call.operation)
    }

    private func record(_ ended: WatchedAPI.Ended) {
        let result = ended.failure?.kind.name ?? "ok"
        metrics.requests.with(settings.legalEntity, ended.operation, result).add()
        let (seconds, attoseconds) = ended.took.components
        metrics.requestSeconds.with(settings.legalEntity, ended.operation, result).observe(
            Double(seconds) + Double(attoseconds) * 1e-18)
        let isFailed = ended.failure.map { $0.isOfDestination && !$0.isConflict } ?? false
        let now = Self.nanoseconds()
        retries.withLock { retries in
            let wasFailing = retries.share.isFailing
            retries.share.ended(failed: isFailed)
            if !wasFailing, retries.share.isFailing { retries.budget.begin(now: now) }
            retries.calls.went(first: 1, repeated: 0, now: now)
        }
        let outcome = OdooServer.outcome(ended, now: now)
        entrance.withLock { entrance in
            switch outcome {
            // Any user may ask for a company; whether there is one is seen by what comes of it.
            case .answered where ended.operation == "res.company/search_read": entrance.withdrawn(now: now)
            case .answered, .conflict: entrance.succeeded()
            case .denied: entrance.failed(now: now)
            case .failed, .wait, .notMade: entrance.withdrawn(now: now)
            }
        }
        server.left(member: member, outcome)
        show()
    }

    private func show() {
        shown.breaker.set(breaker.rawValue)
        shown.concurrency.set(Double(server.limit))
    }

    private static let start = ContinuousClock.now

    /// Monotonic nanoseconds; they pass while the process is stopped.
    static func nanoseconds() -> Int64 {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
