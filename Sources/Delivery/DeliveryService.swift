internal import Foundation
public import Metrics
internal import Odoo
internal import OrderEvents
internal import Orders
public import Postgres
internal import Store
internal import Synchronization

/// Delivery for the legal entities of one store.
///
/// A thread owns a connection: it takes due orders of the backlog, hands each to a task that visits Odoo, and records
/// what the tasks bring back. Level-triggered: it looks at what is due, nobody has to tell it; `poke` only makes it
/// look sooner.
public final class DeliveryService: Sendable {
    /// How long a taken order is left alone by others; renewed while its visit is under way, so that the orders of a
    /// process that was killed are taken up soon.
    static let leaseMicroseconds: Int64 = 30_000_000
    /// How often leases are renewed.
    static let renewInterval: Duration = .seconds(8)
    /// How long an instance owns a legal entity's deliveries without saying so again: after a crash another one takes
    /// over then.
    static let ownershipMicroseconds: Int64 = 5_000_000
    /// How much earlier than the store says an owner stops making calls.
    static let ownershipMargin: Duration = .milliseconds(500)
    /// How often ownership is claimed and renewed.
    static let claimInterval: Duration = .milliseconds(1500)
    /// How often an idle destination is looked at.
    static let lookInterval: Duration = .milliseconds(500)
    /// Looks are at common times, so that many destinations are asked for at once instead of one after the other.
    static let tick: Duration = .milliseconds(50)
    /// How often a destination is looked at that may not be visited.
    static let closedInterval: Duration = .milliseconds(100)
    /// How often the backlog is measured for the metrics, where that does not take long.
    static let measureInterval: Duration = .seconds(2)

    struct Visit: Sendable {
        var destination: Int
        var taken: BacklogOrder
        var lease: DeliveryLease
        var result: DeliveryResult
    }

    struct State: Sendable {
        var finished: [Visit] = []
        var poked = false
        var isStopping = false
        var hasStopped = false
    }

    let store: String
    let connection: ConnectionSettings
    let destinations: [Destination]
    /// Places in `destinations` by legal entity.
    let places: [String: Int]
    /// For validation's look-ups, by place; the visits have their own.
    private let lookups = Mutex<[Int: OdooOrders]>([:])
    let metrics: DeliveryMetrics
    let log: Log
    let policy: RetryPolicy
    let state: Gate<State>
    /// Whether the meter goes on; behind a lock of its own, so that it is not woken by visits.
    let metering = Gate(true)
    /// The backlogs as they were last measured.
    let depths = Mutex<[String: BacklogMeter.Depth]>([:])
    /// This instance among those that share the store.
    let owner: String

    /// Delivery of the destinations whose legal entities live in the store called `store`.
    public init(
        store: String, connection: ConnectionSettings, destinations: [DestinationSettings], metrics: DeliveryMetrics,
        log: Log, policy: RetryPolicy = RetryPolicy(), servers: OdooServers = OdooServers()
    ) {
        let exchange = HTTPExchange(connections: 64)
        self.store = store
        self.connection = connection
        self.destinations = destinations.map {
            Destination($0, servers: servers, exchange: exchange, metrics: metrics)
        }
        self.places = Dictionary(
            destinations.enumerated().map { ($1.legalEntity, $0) }, uniquingKeysWith: { first, _ in first })
        self.metrics = metrics
        self.log = log
        self.policy = policy
        self.state = Gate(State())
        self.owner = OwnedDestinations.owner(
            "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier):\(UUID())",
            serving: destinations.map(\.legalEntity))
    }

    /// What looks codes up at the destination at `place`, made when it is first needed.
    func lookup(_ place: Int) -> OdooOrders {
        lookups.withLock { lookups in
            if let known = lookups[place] { return known }
            let made = destinations[place].makeOrders(owned: false)
            lookups[place] = made
            return made
        }
    }

    /// Starts the threads: one that delivers, one that measures.
    public func start() {
        guard !destinations.isEmpty else {
            state.change { $0.hasStopped = true }
            return
        }
        Thread.detachNewThread { [self] in
            Thread.current.name = "delivery-\(store)"
            var desk = DeliveryDesk(service: self)
            desk.run()
            state.change { $0.hasStopped = true }
        }
        Thread.detachNewThread { [self] in
            Thread.current.name = "delivery-\(store)-meter"
            BacklogMeter(service: self).run()
        }
    }

    /// Something new is in the backlog: look now.
    public func poke() { state.change { $0.poked = true } }

    /// Takes no more orders, waits until the visits under way are recorded, at most `bound`.
    ///
    /// What is not recorded by then stays under its lease, and is looked at before it is done again.
    public func stop(within bound: Duration) {
        metering.change { $0 = false }
        state.change { $0.isStopping = true }
        _ = state.wait(within: bound) { $0.hasStopped }
    }
}
