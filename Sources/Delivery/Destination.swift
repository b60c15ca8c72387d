internal import Metrics
internal import Odoo
internal import OrderEvents
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
    /// API key.
    public var key: String
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

    /// A destination; see the properties.
    public init(
        legalEntity: String, url: String, database: String, company: String, key: String, requestsPerSecond: Double,
        maximumConcurrency: Int, createAt: CreateAt, validates: Bool = false, warehouses: [String: String]
    ) {
        self.legalEntity = legalEntity
        self.url = url
        self.database = database
        self.company = company
        self.key = key
        self.requestsPerSecond = requestsPerSecond
        self.maximumConcurrency = maximumConcurrency
        self.createAt = createAt
        self.validates = validates
        self.warehouses = warehouses
    }
}

/// One destination with its limits: everything that goes to it goes through here.
final class Destination: Sendable {
    private enum Lookup: Equatable, Sendable {
        case none
        /// Found no place: the next one that becomes free is kept for it, until it is given up (monotonic nanoseconds).
        case waiting(until: Int64)
        case underway
    }

    private struct Limits: Sendable {
        var bucket: TokenBucket
        var breaker = Breaker()
        /// Visits under way.
        var visits = 0
        var lookup = Lookup.none
    }

    let settings: DestinationSettings
    let delivery: OrderDelivery
    private let limits: Mutex<Limits>
    private let metrics: DeliveryMetrics
    private let breakerState: StateSet
    private let exchange: HTTPExchange

    init(_ settings: DestinationSettings, exchange: HTTPExchange, metrics: DeliveryMetrics) {
        self.settings = settings
        self.metrics = metrics
        self.exchange = exchange
        delivery = OrderDelivery(createAt: settings.createAt)
        limits = Mutex(Limits(bucket: TokenBucket(ratePerSecond: settings.requestsPerSecond)))
        breakerState = metrics.breaker.with(settings.legalEntity)
        breakerState.set(Breaker.Name.closed.rawValue)
        metrics.concurrency.with(settings.legalEntity).set(Double(settings.maximumConcurrency))
    }

    /// The company's orders behind the limits.
    ///
    /// Keeps a cache of master data: made once.
    func makeOrders() -> OdooOrders {
        let api = JSON2API(
            url: settings.url, database: settings.database, key: settings.key, exchange: exchange)
        let watched = WatchedAPI(
            api, before: { [self] call async throws(OdooFailure) in try await admit(call) },
            after: { [self] ended in record(ended) })
        return OdooOrders(api: watched, company: settings.company)
    }

    /// How many visits may be under way now: one while the breaker tries whether the destination is back, none while
    /// it is open.
    ///
    /// A look-up that is under way, or waits, takes one place.
    var visitLimit: Int {
        limits.withLock { limits in
            let now = Self.nanoseconds()
            let taken =
                switch limits.lookup {
                case .none: 0
                case .waiting(let until): now < until ? 1 : 0
                case .underway: 1
                }
            if limits.breaker.name == .closed { return max(1, settings.maximumConcurrency) - taken }
            return limits.breaker.admits(now: now) ? 1 - taken : 0
        }
    }

    /// Visits under way, as their desk counts them.
    func visiting(_ count: Int) { limits.withLock { $0.visits = count } }

    /// Takes a place for a look-up; when there is none, the next one that becomes free is kept for it.
    ///
    /// False: not now.
    func beginLookup() -> Bool {
        limits.withLock { limits in
            guard limits.lookup != .underway else { return false }
            let now = Self.nanoseconds()
            let isClosed = limits.breaker.name == .closed
            guard isClosed || limits.breaker.admits(now: now) else { return false }
            let places = isClosed ? max(1, settings.maximumConcurrency) : 1
            limits.lookup = limits.visits < places ? .underway : .waiting(until: now + Self.lookupPatience)
            return limits.lookup == .underway
        }
    }

    /// How long a place is kept: whoever looks up asks again well before that.
    private static let lookupPatience: Int64 = 2_000_000_000

    /// Gives the place back.
    func endLookup() { limits.withLock { $0.lookup = .none } }

    private func admit(_ call: OdooCall) async throws(OdooFailure) {
        let now = Self.nanoseconds()
        let admission = limits.withLock { limits -> Breaker.Admission in
            defer { breakerState.set(limits.breaker.name.rawValue) }
            return limits.breaker.admit(now: now)
        }
        if case .wait = admission {
            throw OdooFailure(
                .reconnect, name: "sluice.breaker_open", reason: "the destination fails; nothing is sent for a while",
                operation: call.operation)
        }
        let slot = limits.withLock { $0.bucket.reserve(now: Self.nanoseconds()) }
        let wait = slot - Self.nanoseconds()
        if wait > 0 { try? await Task.sleep(nanoseconds: UInt64(wait)) }
    }

    private func record(_ ended: WatchedAPI.Ended) {
        let result = ended.failure?.kind.name ?? "ok"
        metrics.requests.with(settings.legalEntity, ended.operation, result).add()
        let (seconds, attoseconds) = ended.took.components
        metrics.requestSeconds.with(settings.legalEntity, ended.operation, result).observe(
            Double(seconds) + Double(attoseconds) * 1e-18)
        limits.withLock { limits in
            if let failure = ended.failure, failure.isOfDestination {
                limits.breaker.failed(now: Self.nanoseconds())
            } else {
                limits.breaker.succeeded()
            }
            breakerState.set(limits.breaker.name.rawValue)
        }
    }

    private static let start = ContinuousClock.now

    /// Monotonic nanoseconds.
    static func nanoseconds() -> Int64 {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
