internal import Foundation
internal import Metrics
internal import Odoo
internal import OrderEvents
internal import Orders
internal import Postgres
internal import Store
internal import Synchronization

/// The thread's work: everything here runs on it.
struct DeliveryDesk {
    private let service: DeliveryService
    /// Made when a destination is first visited: each has some kilobytes of desks and caches, and most may rest.
    private var orders: [OdooOrders?]
    /// Orders whose visits are under way, by destination.
    private var underway: [[String: Errand]]
    private var nextRenewal = ContinuousClock.now + DeliveryService.renewInterval
    private var nextLook: [ContinuousClock.Instant]
    private var nextMeasure = ContinuousClock.now
    private var nextClaim = ContinuousClock.now
    private var owned: OwnedDestinations
    private var throughput: [DrainRate]
    private var looks = 0
    private let began = ContinuousClock.now

    init(service: DeliveryService) {
        self.service = service
        orders = Array(repeating: nil, count: service.destinations.count)
        owned = OwnedDestinations(service.destinations, owner: service.owner)
        underway = Array(repeating: [:], count: orders.count)
        nextLook = Array(repeating: .now, count: orders.count)
        throughput = Array(repeating: DrainRate(), count: orders.count)
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
            let isStopping = service.state.withLock { $0.isStopping }
            do throws(StoreError) {
                if isStopping { try leave(&connection) } else { try claim(&connection) }
                try record(&connection)
                try look(&connection)
                try renew(&connection)
                measure()
            } catch {
                service.log.warning(
                    "delivery.store_failed",
                    [("store", .text(service.store)), ("reason", .text(error.description))])
                if error.underlying?.isConnectionLost ?? false { return }
                _ = service.state.wait(within: .milliseconds(500)) { $0.isStopping != isStopping }
            }
            // Who stops neither claims nor looks, and waits for visits alone.
            let soonest = min(nextMeasure, nextClaim, nextLook.min() ?? .now + DeliveryService.lookInterval)
            let turn = isStopping ? min(nextMeasure, nextRenewal) : soonest
            _ = service.state.wait(within: max(.milliseconds(1), ContinuousClock.now.duration(to: turn))) {
                !$0.finished.isEmpty || $0.poked || $0.isStopping != isStopping
            }
            let poked = service.state.withLock { state in
                defer { state.poked = false }
                return state.poked
            }
            if poked { nextLook = Array(repeating: .now, count: nextLook.count) }
        }
    }

    /// Says that this instance lives, and claims and gives up destinations; see `OwnedDestinations`.
    private mutating func claim(_ connection: inout Connection) throws(StoreError) {
        guard nextClaim <= .now else { return }
        nextClaim = .now + DeliveryService.claimInterval
        let busy = underway.map { !$0.isEmpty }
        for index in try owned.renew(isBusy: { busy[$0] }, &connection) {
            let entity = service.destinations[index].settings.legalEntity
            service.log.info(
                "delivery.owner",
                [("legal_entity", .text(entity)), ("epoch", .integer(Int(owned.leases[index]?.epoch ?? 0)))])
            nextLook[index] = .now
        }
        showOwned()
    }

    /// Gives up destinations as their visits end: this instance is about to.
    private mutating func leave(_ connection: inout Connection) throws(StoreError) {
        let busy = underway.map { !$0.isEmpty }
        try owned.leave(isBusy: { busy[$0] }, &connection)
        showOwned()
    }

    private func showOwned() {
        for (destination, lease) in zip(service.destinations, owned.leases) {
            destination.shown.owned.set(lease == nil ? 0 : 1)
        }
    }

    /// Takes due orders for every destination that has room.
    private mutating func look(_ connection: inout Connection) throws(StoreError) {
        guard !service.state.withLock({ $0.isStopping }) else { return }
        let now = ContinuousClock.now
        let later = tick(until: now + DeliveryService.lookInterval)
        let soon = tick(until: now + DeliveryService.closedInterval)
        let asking = nextLook.indices.filter { nextLook[$0] <= now }
        guard !asking.isEmpty else { return }
        try supersede(asking, &connection)
        let able = able(asking, later: later, soon: soon)
        guard !able.isEmpty else { return }
        let due = try Backlog.due(able.map { wanted($0) }, &connection)
        for index in able { nextLook[index] = later }
        var ready = able.filter { due.contains(service.destinations[$0].settings.legalEntity) }
        // Another one is the first to take each time, as places may not do for all.
        looks &+= 1
        if !ready.isEmpty { ready = Array(ready[(looks % ready.count)...] + ready[..<(looks % ready.count)]) }
        let before = underway.reduce(0) { $0 + $1.count }
        // Committed once for all: what is due at many destinations does not wait for as many writes to the disk.
        let taken = try Backlog.together(ready.count, &connection) {
            (connection: inout Connection) throws(StoreError) -> [Taken] in
            var taken: [Taken] = []
            for index in ready { taken += try take(index, inAll: before + taken.count, &connection) }
            return taken
        }
        count(taken)
        for one in taken where underway[one.index][one.order.orderRef] == nil { visit(one) }
    }

    /// Counts the visits that begin.
    private func count(_ taken: [Taken]) {
        for (index, visits) in Dictionary(grouping: taken, by: \.index) {
            let repeated = visits.count { $0.order.attempts > 1 }
            let entity = service.destinations[index].settings.legalEntity
            service.metrics.visits.with(entity, "first").add(visits.count - repeated)
            service.metrics.visits.with(entity, "repeated").add(repeated)
            service.destinations[index].began(first: visits.count - repeated, repeated: repeated)
        }
    }

    /// An order that was taken for a destination.
    private struct Taken {
        var index: Int
        var lease: DeliveryLease
        var order: BacklogOrder
    }

    /// Those for which orders could be taken: this instance serves them, their Odoo may be called, and there is room.
    ///
    /// Says of the others when they are looked at again. The store is not asked about them: what is due where nothing
    /// can be done about it would cost the others a round each, and thousands behind an Odoo that is away all the time.
    private mutating func able(
        _ asking: [Int], later: ContinuousClock.Instant, soon: ContinuousClock.Instant
    ) -> [Int] {
        var able: [Int] = []
        // Neighbours often have one server, which is asked once for all of them.
        var last: (place: Int, isOpen: Bool)?
        for index in asking {
            let destination = service.destinations[index]
            guard owned.serves(index), destination.lease != nil else {
                nextLook[index] = later
                continue
            }
            var isOpen = last?.isOpen ?? false
            if !(last.map { service.destinations[$0.place].sharesServer(with: destination) } ?? false) {
                isOpen = destination.mayServerBeVisited
                last = (index, isOpen)
            }
            if isOpen, underway[index].count < destination.visitLimit(trying: false) {
                able.append(index)
            } else {
                nextLook[index] = soon
            }
        }
        return able
    }

    /// The last common time of looks that is not after `time`.
    private func tick(until time: ContinuousClock.Instant) -> ContinuousClock.Instant {
        began + DeliveryService.tick * Int(began.duration(to: time) / DeliveryService.tick)
    }

    /// What would be taken for a destination if it were due.
    private func wanted(_ index: Int) -> Backlog.Wanted {
        let destination = service.destinations[index]
        let limit = destination.visitLimit(trying: false)
        return Backlog.Wanted(
            legalEntity: destination.settings.legalEntity, repeated: destination.repeatedLimit != 0,
            urgentOnly: limit > 1 && limit - underway[index].count <= VisitPlaces.urgent)
    }

    /// Takes orders as far as there are places, and as far as the budget for repeated ones goes; `inAll` are in
    /// delivery, or taken, for all destinations together.
    private mutating func take(
        _ index: Int, inAll: Int, _ connection: inout Connection
    ) throws(StoreError) -> [Taken] {
        let destination = service.destinations[index]
        guard let lease = destination.lease else { return [] }
        let limit = destination.visitLimit(trying: true)
        let own = underway[index].count
        let places = VisitPlaces(limit: limit, own: own, taken: inAll, destinations: service.destinations.count)
        guard places.count > 0 else {
            nextLook[index] = .now + DeliveryService.closedInterval
            return []
        }
        func taken(_ which: Backlog.Which, _ limit: Int) throws(StoreError) -> [BacklogOrder] {
            guard limit > 0 else { return [] }
            return try Backlog.take(
                legalEntity: destination.settings.legalEntity, limit: limit,
                lease: DeliveryService.leaseMicroseconds, which: which, urgentOnly: places.urgentOnly, owner: lease,
                &connection)
        }
        var orders: [BacklogOrder] = []
        if let repeated = destination.repeatedLimit {
            // While the destination fails, nothing new may keep what failed before from ever going again.
            orders = try taken(.repeated, min(places.count, repeated))
            orders += try taken(.first, places.count - orders.count)
        } else {
            orders = try taken(.any, places.count)
        }
        if orders.isEmpty { destination.passTry() }
        // There may be more: at once, or as soon as there is room again, which a finished visit makes.
        if limit - own > VisitPlaces.atOnce, !orders.isEmpty { nextLook[index] = .now }
        return orders.map { Taken(index: index, lease: lease, order: $0) }
    }

    /// Ends visits of orders that have become urgent: what they still have to do is not what is true any more, and
    /// what is true must not wait for it.
    private func supersede(_ asking: [Int], _ connection: inout Connection) throws(StoreError) {
        let busy = asking.filter { underway[$0].values.contains { $0.urgency > .critical && !$0.isSuperseded } }
        guard !busy.isEmpty else { return }
        let places = Dictionary(
            busy.map { (service.destinations[$0].settings.legalEntity, $0) }, uniquingKeysWith: { first, _ in first })
        for order in try Backlog.urgentUnderWay(legalEntities: places.keys.sorted(), &connection) {
            guard let errand = places[order.legalEntity].flatMap({ underway[$0][order.orderRef] }),
                errand.urgency > .critical
            else { continue }
            errand.supersede()
        }
    }

    private mutating func visit(_ one: Taken) {
        let (index, lease, taken) = (one.index, one.lease, one.order)
        let errand = Errand(taken.turn.urgency, trace: taken.trace)
        underway[index][taken.orderRef] = errand
        let destination = service.destinations[index]
        destination.shown.inFlight.set(Double(underway[index].count))
        let odoo = orders[index] ?? destination.makeOrders(owned: true)
        orders[index] = odoo
        let service = service
        Task {
            let result = await Errand.$current.withValue(errand) { await destination.visit(taken, via: odoo) }
            service.state.change {
                $0.finished.append(
                    DeliveryService.Visit(destination: index, taken: taken, lease: lease, result: result))
            }
        }
    }

    /// Records the visits that have ended, many in one transaction.
    private mutating func record(_ connection: inout Connection) throws(StoreError) {
        while true {
            let visits = service.state.withLock { Array($0.finished.prefix(Backlog.recordedAtOnce)) }
            guard !visits.isEmpty else { return }
            var changes = CheckResult()
            let recorded = try Backlog.record(visits.map(result), &changes, &connection)
            service.metrics.count(changes)
            service.state.withLock { $0.finished.removeFirst(visits.count) }
            for (visit, recorded) in zip(visits, recorded) { ended(visit, recorded) }
        }
    }

    private func result(_ visit: DeliveryService.Visit) -> VisitResult {
        let settings = service.destinations[visit.destination].settings
        let taken = visit.taken
        let delay = visit.result.delay(
            service.policy, attempt: Int(taken.attempts), random: Double.random(in: 0..<1))
        var record = DeliveryRecord(
            orderRef: taken.orderRef, version: taken.order.version, state: Int16(taken.order.state?.rawValue ?? 0),
            odooID: visit.result.delivered.odooID, document: visit.result.delivered.document,
            isComplete: visit.result.end == .done, retryAfter: delay.map(Self.microseconds) ?? 0)
        record.raised = visit.result.exceptions.map { ($0.code.rawValue, "error", $0.detail) }
        // What the verdict holds open does not end because Odoo has nothing to be told.
        let standing = settings.validates ? taken.order.validation.verdict.codes : []
        record.ending = Self.endingCodes.filter { code in !standing.contains { $0.rawValue == code } }
        record.isRefused = visit.result.end == .refused || visit.result.end == .superseded
        record.revision = taken.order.revision
        return VisitResult(legalEntity: settings.legalEntity, owner: visit.lease, delivery: record)
    }

    /// Takes note of a visit that was recorded.
    private mutating func ended(_ visit: DeliveryService.Visit, _ recorded: Backlog.Recorded) {
        let destination = service.destinations[visit.destination]
        let entity = destination.settings.legalEntity
        if let failure = visit.result.failure, visit.result.end == .stopped {
            let trace = visit.taken.trace.map { [("trace.id", LogValue.text($0.traceID))] } ?? []
            service.log.error(
                "delivery.destination_refuses",
                [("legal_entity", .text(entity)), ("reason", .text(failure.description))] + trace)
        }
        underway[visit.destination][visit.taken.orderRef] = nil
        destination.visited()
        nextLook[visit.destination] = .now
        destination.shown.inFlight.set(Double(underway[visit.destination].count))
        if recorded != .fenced { destination.count(visit.taken, visit.result.delivered) }
        switch recorded {
        case .behind: break
        case .fenced:
            // Another instance has taken over, and looks for itself.
            service.metrics.fenced.with(entity).add()
            service.log.warning("delivery.not_owner", [("legal_entity", .text(entity))])
        case .upToDate:
            let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
            let trace = visit.taken.trace.flatMap { $0.isSampled ? TraceID(high: $0.high, low: $0.low) : nil }
            service.metrics.latency.with(entity, "delivery").observe(
                max(0, Double(now - visit.taken.since) / 1_000_000), trace: trace)
            throughput[visit.destination].delivered()
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
            for ref in refs.keys.sorted() { orders.append((entity, ref)) }
        }
        try Backlog.renew(orders, lease: DeliveryService.leaseMicroseconds, &connection)
    }

    /// Shows what `BacklogMeter` found, and how fast it goes.
    private mutating func measure() {
        guard nextMeasure <= .now else { return }
        nextMeasure = .now + DeliveryService.measureInterval
        let depths = service.depths.withLock { $0 }
        for (index, destination) in service.destinations.enumerated() {
            let found = depths[destination.settings.legalEntity]
            let orders = Double(found?.orders ?? 0)
            destination.shown.spaced.set(Double(self.orders[index]?.spacedRows ?? 0))
            destination.shown.backlogOrders.set(orders)
            destination.shown.backlogOldest.set(found?.oldestSeconds ?? 0)
            let rate = throughput[index].perSecond()
            destination.shown.backlogDrain.set(orders == 0 ? 0 : rate > 0 ? orders / rate : .infinity)
        }
    }
}
