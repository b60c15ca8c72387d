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
    /// How often an idle destination is looked at.
    static let lookInterval: Duration = .milliseconds(500)
    /// How often the backlog is measured for the metrics.
    static let measureInterval: Duration = .seconds(2)

    private struct Visit: Sendable {
        var destination: Int
        var taken: BacklogOrder
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

    /// Delivery of the destinations whose legal entities live in the store called `store`.
    public init(
        store: String, connection: ConnectionSettings, destinations: [DestinationSettings], metrics: DeliveryMetrics,
        log: Log, policy: RetryPolicy = RetryPolicy()
    ) {
        let exchange = HTTPExchange(connections: 64)
        self.store = store
        self.connection = connection
        self.destinations = destinations.map { Destination($0, exchange: exchange, metrics: metrics) }
        self.lookups = self.destinations.map { $0.makeOrders() }
        self.metrics = metrics
        self.log = log
        self.policy = policy
        self.state = Gate(State())
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
        var throughput: [String: DrainRate] = [:]

        init(service: DeliveryService) {
            self.service = service
            orders = service.destinations.map { $0.makeOrders() }
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
                    nextMeasure, nextLook.indices.map { nextLook[$0] }.min() ?? .now + DeliveryService.lookInterval)
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

        /// Takes due orders for every destination that has room.
        private mutating func look(_ connection: inout Connection) throws(StoreError) {
            guard !service.state.withLock({ $0.isStopping }) else { return }
            let asking = nextLook.indices.filter { nextLook[$0] <= .now }
            guard !asking.isEmpty else { return }
            let due = try Backlog.due(
                legalEntities: asking.map { service.destinations[$0].settings.legalEntity }, &connection)
            for index in asking {
                let destination = service.destinations[index]
                let room = destination.visitLimit - underway[index].count
                guard room > 0, due.contains(destination.settings.legalEntity) else {
                    nextLook[index] = .now + (room > 0 ? DeliveryService.lookInterval : .milliseconds(100))
                    continue
                }
                let taken = try Backlog.take(
                    legalEntity: destination.settings.legalEntity, limit: room,
                    lease: DeliveryService.leaseMicroseconds, &connection)
                // A full bite: there may be more as soon as there is room again, which a finished visit makes.
                nextLook[index] = .now + DeliveryService.lookInterval
                for order in taken { visit(order, index) }
            }
        }

        private mutating func visit(_ taken: BacklogOrder, _ index: Int) {
            underway[index].insert(taken.orderRef)
            service.destinations[index].visiting(underway[index].count)
            service.metrics.inFlight.with(service.destinations[index].settings.legalEntity).set(
                Double(underway[index].count))
            let destination = service.destinations[index]
            let odoo = orders[index]
            let service = service
            Task {
                let result = await destination.visit(taken, via: odoo)
                service.state.change { $0.finished.append(Visit(destination: index, taken: taken, result: result)) }
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
                let upToDate = try Backlog.record(record, legalEntity: entity, &connection)
                service.state.withLock { _ = $0.finished.removeFirst() }
                underway[visit.destination].remove(visit.taken.orderRef)
                destination.visiting(underway[visit.destination].count)
                nextLook[visit.destination] = .now
                service.metrics.inFlight.with(entity).set(Double(underway[visit.destination].count))
                if upToDate {
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

/// Deliveries per second over about the last minute.
private struct DrainRate {
    private var counts: [ContinuousClock.Instant] = []
    /// Deliveries that are remembered; a faster destination is measured over a shorter time.
    static let bound = 4096

    mutating func delivered() {
        if counts.count >= Self.bound { counts.removeFirst(Self.bound / 4) }
        counts.append(.now)
    }

    mutating func perSecond() -> Double {
        let now = ContinuousClock.now
        counts.removeAll { $0 < now - .seconds(60) }
        guard let first = counts.first else { return 0 }
        let (seconds, attoseconds) = first.duration(to: now).components
        return Double(counts.count) / max(1, Double(seconds) + Double(attoseconds) * 1e-18)
    }
}

/// A value behind a lock with a condition.
///
/// Safe: the value is only touched while the condition's lock is held.
private final class Gate<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<R>(_ body: (inout Value) -> R) -> R {
        condition.lock()
        defer { condition.unlock() }
        return body(&value)
    }

    func change<R>(_ body: (inout Value) -> R) -> R {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&value)
    }

    func wait(within bound: Duration, until isReady: (inout Value) -> Bool) -> Bool {
        let (seconds, attoseconds) = bound.components
        let end = Date(timeIntervalSinceNow: Double(seconds) + Double(attoseconds) * 1e-18)
        condition.lock()
        defer { condition.unlock() }
        while !isReady(&value) {
            if !condition.wait(until: end) { return isReady(&value) }
        }
        return true
    }
}

extension Destination {
    /// Visits Odoo for one order.
    func visit(_ taken: BacklogOrder, via odoo: OdooOrders) async -> DeliveryResult {
        var delivered = taken.delivered.map { DeliveredState(document: $0) } ?? DeliveredState()
        if delivered.uncertainSince == nil, let began = taken.unrecordedVisit {
            delivered.uncertainSince = Timestamp(microseconds: began)
        }
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        return await delivery.deliver(deliveryOrder(taken), delivered, via: odoo, now: now)
    }

    private func deliveryOrder(_ taken: BacklogOrder) -> DeliveryOrder {
        let order = taken.order
        var reached: [DeliveryOrder.Reached] = []
        for state in CanonicalState.allCases {
            guard let at = order.time(of: state) else { continue }
            let latestHold = order.holds.map(\.since).max()
            reached.append(DeliveryOrder.Reached(state, at: state == .onHold ? latestHold ?? at : at))
        }
        return DeliveryOrder(
            legalEntity: settings.legalEntity, orderRef: taken.orderRef, version: order.version,
            state: order.state ?? .received, reached: reached,
            lines: order.lines.map {
                DeliveryOrder.Line(
                    line: $0.line, sku: $0.sku, quantity: $0.quantity?.description,
                    unitPrice: $0.unitPrice?.description)
            },
            customerRef: order.customerRef, customerName: order.customerName,
            warehouse: order.warehouses.first.flatMap { settings.warehouses[$0.code] },
            holds: order.holds.filter { $0.endedAt == nil }.map(\.reason),
            verdict: settings.validates ? order.validation.verdict : nil)
    }
}
