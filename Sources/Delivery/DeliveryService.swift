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
/// One thread owns a connection: it takes due orders of the backlog, hands each to a task that visits Odoo, and records
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
    /// How often the backlog is measured for the metrics.
    static let measureInterval: Duration = .seconds(2)

    private struct Visit: Sendable {
        var destination: Int
        var taken: BacklogOrder
        var lease: DeliveryLease
        var result: DeliveryResult
    }

    private struct State: Sendable {
        var finished: [Visit] = []
        var poked = false
        var isStopping = false
        var hasStopped = false
    }

    private let store: String
    private let connection: ConnectionSettings
    let destinations: [Destination]
    /// For validation's look-ups; the visits have their own.
    let lookups: [OdooOrders]
    private let metrics: DeliveryMetrics
    private let log: Log
    private let policy: RetryPolicy
    private let state: Gate<State>
    /// This instance among those that share the store.
    private let owner: String

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
        self.lookups = self.destinations.map { $0.makeOrders(owned: false) }
        self.metrics = metrics
        self.log = log
        self.policy = policy
        self.state = Gate(State())
        self.owner = "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier):\(UUID())"
    }

    /// Starts the thread.
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
    }

    /// Something new is in the backlog: look now.
    public func poke() { state.change { $0.poked = true } }

    /// Takes no more orders, waits until the visits under way are recorded, at most `bound`.
    ///
    /// What is not recorded by then stays under its lease, and is looked at before it is done again.
    public func stop(within bound: Duration) {
        state.change { $0.isStopping = true }
        _ = state.wait(within: bound) { $0.hasStopped }
    }

    /// The thread's work: everything here runs on it.
    private struct DeliveryDesk {
        let service: DeliveryService
        var orders: [OdooOrders]
        /// Orders whose visits are under way, by destination.
        var underway: [Set<String>]
        var nextRenewal = ContinuousClock.now + DeliveryService.renewInterval
        var nextLook: [ContinuousClock.Instant]
        var nextMeasure = ContinuousClock.now
        var nextClaim = ContinuousClock.now
        /// What this instance owns, by destination.
        var leases: [DeliveryLease?]
        var throughput: [String: DrainRate] = [:]

        init(service: DeliveryService) {
            self.service = service
            orders = service.destinations.map { $0.makeOrders(owned: true) }
            leases = Array(repeating: nil, count: orders.count)
            underway = Array(repeating: [], count: orders.count)
            nextLook = Array(repeating: .now, count: orders.count)
        }

        mutating func run() {
            var attempt = 0
            while !isDone {
                do throws(PostgresError) {
                    var connection = try Connection(service.connection)
                    attempt = 0
                    serve(&connection)
                    if isDone { try? Ownership.release(owner: service.owner, &connection) }
                } catch {
                    attempt += 1
                    service.log.warning(
                        "delivery.store_unreachable",
                        [("store", .text(service.store)), ("reason", .text(error.message))])
                    let wait = Duration.milliseconds(min(2000, 50 << min(attempt, 6)))
                    _ = service.state.wait(within: wait) { $0.isStopping }
                    if service.state.withLock({ $0.isStopping }) { return }
                }
            }
        }

        private var isDone: Bool { service.state.withLock { $0.isStopping } && underway.allSatisfy(\.isEmpty) }

        /// Works until it is done or the connection is lost.
        private mutating func serve(_ connection: inout Connection) {
            while !isDone {
                do throws(StoreError) {
                    try claim(&connection)
                    try record(&connection)
                    try look(&connection)
                    try renew(&connection)
                    try measure(&connection)
                } catch {
                    service.log.warning(
                        "delivery.store_failed",
                        [("store", .text(service.store)), ("reason", .text(error.description))])
                    if error.underlying?.isConnectionLost ?? false { return }
                    _ = service.state.wait(within: .milliseconds(500)) { $0.isStopping }
                }
                let wait = min(
                    nextMeasure, nextClaim,
                    nextLook.indices.map { nextLook[$0] }.min() ?? .now + DeliveryService.lookInterval)
                _ = service.state.wait(within: max(.milliseconds(1), ContinuousClock.now.duration(to: wait))) {
                    !$0.finished.isEmpty || $0.poked || $0.isStopping
                }
                let poked = service.state.withLock { state in
                    defer { state.poked = false }
                    return state.poked
                }
                if poked { for index in nextLook.indices { nextLook[index] = .now } }
            }
        }

        /// Claims the destinations that nobody has, and says of those that this instance has that it lives.
        private mutating func claim(_ connection: inout Connection) throws(StoreError) {
            guard nextClaim <= .now, !service.state.withLock({ $0.isStopping }) else { return }
            nextClaim = .now + DeliveryService.claimInterval
            // The lease begins in the store after this moment, so it ends there later than it does here.
            let margin = DeliveryService.ownershipMargin.components.attoseconds / 1_000_000_000
            let until = Destination.nanoseconds() + DeliveryService.ownershipMicroseconds * 1000 - margin
            let isNew = try Ownership.heartbeat(
                owner: service.owner, lease: DeliveryService.ownershipMicroseconds, &connection)
            let wanted = service.destinations.indices.filter { isNew || leases[$0] == nil }
            let found = try Ownership.claim(
                wanted.map { service.destinations[$0].settings.legalEntity }, owner: service.owner, &connection)
            let byEntity = Dictionary(found.map { ($0.legalEntity, $0) }) { first, _ in first }
            let known = Set(leases.compactMap { $0 })
            try Ownership.inherit(
                found.filter { !known.contains($0) }.map(\.legalEntity), &connection)
            for index in wanted {
                let entity = service.destinations[index].settings.legalEntity
                let lease = byEntity[entity]
                if let lease, leases[index] != lease {
                    service.log.info(
                        "delivery.owner", [("legal_entity", .text(entity)), ("epoch", .integer(Int(lease.epoch)))])
                    nextLook[index] = .now
                }
                leases[index] = lease
                service.metrics.owned.with(entity).set(lease == nil ? 0 : 1)
            }
            for (index, destination) in service.destinations.enumerated() {
                destination.owns(leases[index], until: until)
            }
        }

        /// Takes due orders for every destination that has room.
        private mutating func look(_ connection: inout Connection) throws(StoreError) {
            guard !service.state.withLock({ $0.isStopping }) else { return }
            let asking = nextLook.indices.filter { nextLook[$0] <= .now }
            guard !asking.isEmpty else { return }
            let due = try Backlog.due(
                legalEntities: asking.map { service.destinations[$0].settings.legalEntity }, &connection)
            for index in asking {
                let destination = service.destinations[index]
                guard due.contains(destination.settings.legalEntity), let lease = destination.lease else {
                    nextLook[index] = .now + DeliveryService.lookInterval
                    continue
                }
                let limit = destination.visitLimit
                let room = limit - underway[index].count
                guard room > 0 else {
                    nextLook[index] = .now + .milliseconds(100)
                    continue
                }
                try take(room: room, isNarrow: limit == 1, lease, index, &connection)
                // A full bite: there may be more as soon as there is room again, which a finished visit makes.
                nextLook[index] = .now + DeliveryService.lookInterval
            }
        }

        /// Takes orders as far as there are places, and as far as the budget for repeated ones goes.
        private mutating func take(
            room: Int, isNarrow: Bool, _ lease: DeliveryLease, _ index: Int, _ connection: inout Connection
        ) throws(StoreError) {
            let destination = service.destinations[index]
            let kept = isNarrow ? 0 : Destination.urgentVisits
            func taken(_ which: Backlog.Which, _ limit: Int, urgentOnly: Bool) throws(StoreError) -> [BacklogOrder] {
                guard limit > 0 else { return [] }
                return try Backlog.take(
                    legalEntity: destination.settings.legalEntity, limit: limit,
                    lease: DeliveryService.leaseMicroseconds, which: which, urgentOnly: urgentOnly, owner: lease,
                    &connection)
            }
            var orders: [BacklogOrder] = []
            if room <= kept {
                orders = try taken(.any, room, urgentOnly: true)
            } else if let repeated = destination.repeatedLimit {
                // While the destination fails, nothing new may keep what failed before from ever going again.
                orders = try taken(.repeated, min(room - kept, repeated), urgentOnly: false)
                orders += try taken(.first, room - kept - orders.count, urgentOnly: false)
            } else {
                orders = try taken(.any, room - kept, urgentOnly: false)
            }
            let repeated = orders.count { $0.attempts > 1 }
            destination.began(first: orders.count - repeated, repeated: repeated)
            for order in orders where !underway[index].contains(order.orderRef) { visit(order, lease, index) }
        }

        private mutating func visit(_ taken: BacklogOrder, _ lease: DeliveryLease, _ index: Int) {
            underway[index].insert(taken.orderRef)
            service.metrics.inFlight.with(service.destinations[index].settings.legalEntity).set(
                Double(underway[index].count))
            let destination = service.destinations[index]
            let odoo = orders[index]
            let service = service
            Task {
                let result = await destination.visit(taken, via: odoo)
                service.state.change {
                    $0.finished.append(Visit(destination: index, taken: taken, lease: lease, result: result))
                }
            }
        }

        /// Records the visits that have ended.
        private mutating func record(_ connection: inout Connection) throws(StoreError) {
            while let visit = service.state.withLock({ $0.finished.first }) {
                let destination = service.destinations[visit.destination]
                let entity = destination.settings.legalEntity
                let isComplete = visit.result.end == .done
                let random = Double.random(in: 0..<1)
                let delay = visit.result.delay(service.policy, attempt: Int(visit.taken.attempts), random: random)
                var record = DeliveryRecord(
                    orderRef: visit.taken.orderRef, version: visit.taken.order.version,
                    state: Int16(visit.taken.order.state?.rawValue ?? 0), odooID: visit.result.delivered.odooID,
                    document: visit.result.delivered.document, isComplete: isComplete,
                    retryAfter: delay.map(Self.microseconds) ?? 0)
                record.raised = visit.result.exceptions.map { ($0.code.rawValue, "error", $0.detail) }
                if let failure = visit.result.failure, visit.result.end == .stopped {
                    service.log.error(
                        "delivery.destination_refuses",
                        [("legal_entity", .text(entity)), ("reason", .text(failure.description))])
                }
                // What the verdict holds open does not end because Odoo has nothing to be told.
                let standing = destination.settings.validates ? visit.taken.order.validation.verdict.codes : []
                record.ending = Self.endingCodes.filter { code in !standing.contains { $0.rawValue == code } }
                record.isRefused = visit.result.end == .refused
                record.revision = visit.taken.order.revision
                let recorded = try Backlog.record(record, legalEntity: entity, owner: visit.lease, &connection)
                service.state.withLock { _ = $0.finished.removeFirst() }
                underway[visit.destination].remove(visit.taken.orderRef)
                nextLook[visit.destination] = .now
                service.metrics.inFlight.with(entity).set(Double(underway[visit.destination].count))
                if recorded == .fenced {
                    // Another instance has taken over, and looks for itself.
                    service.metrics.fenced.with(entity).add()
                    service.log.warning("delivery.not_owner", [("legal_entity", .text(entity))])
                } else if recorded == .upToDate {
                    let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
                    service.metrics.latency.with(entity, "delivery").observe(
                        max(0, Double(now - visit.taken.since) / 1_000_000))
                    throughput[entity, default: DrainRate()].delivered()
                }
            }
        }

        /// Exceptions that end when Odoo has what is true.
        static let endingCodes = [
            ExceptionCode.odooRejected, .odooMissingReference, .unknownProduct, .unknownCustomer, .invalidOrder,
            .stateMismatch,
        ].map(\.rawValue)

        private static func microseconds(_ duration: Duration) -> Int64 {
            let (seconds, attoseconds) = duration.components
            return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        }

        /// Renews the leases of the visits under way.
        private mutating func renew(_ connection: inout Connection) throws(StoreError) {
            guard nextRenewal <= .now else { return }
            nextRenewal = .now + DeliveryService.renewInterval
            var orders: [(legalEntity: String, orderRef: String)] = []
            for (index, refs) in underway.enumerated() {
                let entity = service.destinations[index].settings.legalEntity
                for ref in refs.sorted() { orders.append((entity, ref)) }
            }
            try Backlog.renew(orders, lease: DeliveryService.leaseMicroseconds, &connection)
        }

        private mutating func measure(_ connection: inout Connection) throws(StoreError) {
            guard nextMeasure <= .now else { return }
            nextMeasure = .now + DeliveryService.measureInterval
            let measured: [(legalEntity: String, orders: Int64, oldestSeconds: Double)]
            do throws(PostgresError) {
                measured = try Backlog.measure(&connection)
            } catch { throw StoreError("the backlog cannot be measured", underlying: error) }
            for destination in service.destinations {
                let entity = destination.settings.legalEntity
                let found = measured.first { $0.legalEntity == entity }
                let orders = Double(found?.orders ?? 0)
                service.metrics.backlogOrders.with(entity).set(orders)
                service.metrics.backlogOldest.with(entity).set(found?.oldestSeconds ?? 0)
                let rate = throughput[entity, default: DrainRate()].perSecond()
                service.metrics.backlogDrain.with(entity).set(orders == 0 ? 0 : rate > 0 ? orders / rate : .infinity)
            }
        }
    }
}
