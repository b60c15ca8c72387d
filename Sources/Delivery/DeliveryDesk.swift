internal import Foundation
internal import Metrics
internal import Odoo
internal import OrderEvents
internal import Orders
internal import Postgres
internal import Store

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
                nextLook.min() ?? .now + DeliveryService.lookInterval)
            _ = service.state.wait(within: max(.milliseconds(1), ContinuousClock.now.duration(to: wait))) {
                !$0.finished.isEmpty || $0.poked || $0.isStopping
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
        guard nextClaim <= .now, !service.state.withLock({ $0.isStopping }) else { return }
        nextClaim = .now + DeliveryService.claimInterval
        let busy = underway.map { !$0.isEmpty }
        for index in try owned.renew(isBusy: { busy[$0] }, &connection) {
            let entity = service.destinations[index].settings.legalEntity
            service.log.info(
                "delivery.owner",
                [("legal_entity", .text(entity)), ("epoch", .integer(Int(owned.leases[index]?.epoch ?? 0)))])
            nextLook[index] = .now
        }
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
        let open = mayBeVisited(asking, later: later, soon: soon)
        guard !open.isEmpty else { return }
        let due = try Backlog.due(
            legalEntities: open.map { service.destinations[$0].settings.legalEntity }, &connection)
        for index in open {
            let destination = service.destinations[index]
            guard due.contains(destination.settings.legalEntity), let lease = destination.lease else {
                nextLook[index] = later
                continue
            }
            let limit = destination.visitLimit
            let room = limit - underway[index].count
            guard room > 0 else {
                nextLook[index] = soon
                continue
            }
            let count = try take(
                room: min(room, Destination.takenAtOnce), isNarrow: limit == 1, lease, index, &connection)
            // There may be more: at once, or as soon as there is room again, which a finished visit makes.
            let isFull = room > Destination.takenAtOnce && count > 0
            nextLook[index] = isFull ? now : later
        }
    }

    /// Those that this instance serves and whose Odoo may be called; the store is not asked about the others.
    ///
    /// Else thousands of legal entities behind an Odoo that is away would be asked about all the time, for nothing.
    private mutating func mayBeVisited(
        _ asking: [Int], later: ContinuousClock.Instant, soon: ContinuousClock.Instant
    ) -> [Int] {
        var open: [Int] = []
        // Neighbours often have one server, which is asked once for all of them.
        var last: (place: Int, isOpen: Bool)?
        for index in asking {
            guard owned.serves(index) else {
                nextLook[index] = later
                continue
            }
            let destination = service.destinations[index]
            var isOpen = last?.isOpen ?? false
            if !(last.map { service.destinations[$0.place].sharesServer(with: destination) } ?? false) {
                isOpen = destination.mayBeVisited
                last = (index, isOpen)
            }
            if isOpen { open.append(index) } else { nextLook[index] = soon }
        }
        return open
    }

    /// The last common time of looks that is not after `time`.
    private func tick(until time: ContinuousClock.Instant) -> ContinuousClock.Instant {
        began + DeliveryService.tick * Int(began.duration(to: time) / DeliveryService.tick)
    }

    /// Takes orders as far as there are places, and as far as the budget for repeated ones goes.
    private mutating func take(
        room: Int, isNarrow: Bool, _ lease: DeliveryLease, _ index: Int, _ connection: inout Connection
    ) throws(StoreError) -> Int {
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
        let entity = destination.settings.legalEntity
        service.metrics.visits.with(entity, "first").add(orders.count - repeated)
        service.metrics.visits.with(entity, "repeated").add(repeated)
        destination.began(first: orders.count - repeated, repeated: repeated)
        for order in orders where underway[index][order.orderRef] == nil { visit(order, lease, index) }
        return orders.count
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

    private mutating func visit(_ taken: BacklogOrder, _ lease: DeliveryLease, _ index: Int) {
        let errand = Errand(taken.turn.urgency)
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
            service.log.error(
                "delivery.destination_refuses",
                [("legal_entity", .text(entity)), ("reason", .text(failure.description))])
        }
        underway[visit.destination][visit.taken.orderRef] = nil
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
            service.metrics.latency.with(entity, "delivery").observe(
                max(0, Double(now - visit.taken.since) / 1_000_000))
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

    private mutating func measure(_ connection: inout Connection) throws(StoreError) {
        let start = ContinuousClock.now
        guard nextMeasure <= start else { return }
        nextMeasure = start + DeliveryService.measureInterval
        let measured: [(legalEntity: String, orders: Int64, oldestSeconds: Double)]
        do throws(PostgresError) {
            measured = try Backlog.measure(&connection)
        } catch { throw StoreError("the backlog cannot be measured", underlying: error) }
        let byEntity = Dictionary(measured.map { ($0.legalEntity, $0) }) { first, _ in first }
        for (index, destination) in service.destinations.enumerated() {
            let found = byEntity[destination.settings.legalEntity]
            let orders = Double(found?.orders ?? 0)
            destination.shown.spaced.set(Double(self.orders[index]?.spacedRows ?? 0))
            destination.shown.backlogOrders.set(orders)
            destination.shown.backlogOldest.set(found?.oldestSeconds ?? 0)
            let rate = throughput[index].perSecond()
            destination.shown.backlogDrain.set(orders == 0 ? 0 : rate > 0 ? orders / rate : .infinity)
        }
        let end = ContinuousClock.now
        nextMeasure = max(nextMeasure, end + start.duration(to: end) * DeliveryService.measureShare)
    }
}
