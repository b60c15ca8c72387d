import Metrics
import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

/// The work of a validation service's thread.
struct ValidationDesk {
    /// How it stands with one legal entity's destination.
    private struct Destination {
        var isAsked = false
        var failures = 0
        var nextLook = ContinuousClock.now
        /// Kinds that were looked up since the store was last pruned.
        var looked: Set<MasterKind> = []
        var nextPrune = ContinuousClock.now + .seconds(60)
    }

    private let service: ValidationService
    private var applier: BatchApplier
    private var counts: BatchCounts
    private var destinations: [Int: Destination]
    private var nextMeasure = ContinuousClock.now

    init(service: ValidationService, applier: BatchApplier) {
        self.service = service
        self.applier = applier
        counts = BatchCounts(metrics: service.metrics, settings: service.settings)
        destinations = Dictionary(uniqueKeysWithValues: service.entities.map { ($0, Destination()) })
    }

    private var isStopping: Bool { service.state.withLock { $0.isStopping } }

    mutating func run() {
        var attempt = 0
        while !isStopping {
            do throws(PostgresError) {
                var connection = try Connection(service.connection)
                attempt = 0
                applier.connectionChanged()
                serve(&connection)
            } catch {
                // The workers say that the store is away.
                attempt += 1
                let wait = Duration.milliseconds(min(2000, 50 << min(attempt, 6)))
                _ = service.state.wait(within: wait) { $0.isStopping }
            }
        }
    }

    /// Works until it is told to stop or the connection is lost.
    private mutating func serve(_ connection: inout Connection) {
        while !isStopping {
            var hasMore = false
            do throws(PostgresError) {
                try finish(&connection)
                hasMore = try look(&connection)
                try prune(&connection)
                try measure(&connection)
            } catch {
                service.log.warning(
                    "validation.store_failed",
                    [("store", .text(service.store)), ("reason", .text(error.message))])
                if error.isConnectionLost { return }
                _ = service.state.wait(within: .milliseconds(500)) { $0.isStopping }
            }
            if hasMore { continue }
            _ = service.state.wait(within: service.pace.look) { !$0.finished.isEmpty || $0.isStopping }
        }
    }

    // MARK: - Looking

    /// Takes due orders of every destination that is not being asked.
    ///
    /// - Returns: whether there may be more that nobody has to be asked for.
    private mutating func look(_ connection: inout Connection) throws(PostgresError) -> Bool {
        let asking = service.entities.filter { entity in
            destinations[entity].map { !$0.isAsked && $0.nextLook <= .now } ?? false
        }
        guard !asking.isEmpty else { return false }
        var hasMore = false
        let due = try ValidationBacklog.due(
            legalEntities: asking.map { service.settings.entities[$0].name }, &connection)
        for entity in asking {
            let rules = service.settings.entities[entity]
            let next = ContinuousClock.now + service.pace.look
            destinations[entity]?.nextLook = next
            guard due.contains(rules.name) else { continue }
            let orders = try ValidationBacklog.take(
                legalEntity: rules.name, limit: ValidationService.bite, lease: ValidationService.lease, &connection)
            let codes = Set(orders.flatMap { $0.order.masterCodes(rules.validation) }).sorted()
            let known = try ReferenceData.find(codes, legalEntity: rules.name, &connection)
            let unknown = codes.filter { known[$0] == nil }
            if unknown.isEmpty {
                try give(orders, known, entity, &connection)
                guard orders.count == ValidationService.bite else { continue }
                destinations[entity]?.nextLook = .now
                hasMore = true
            } else {
                ask(unknown, ValidationService.Asked(entity: entity, orders: orders, known: known, result: .busy))
            }
        }
        return hasMore
    }

    /// Asks the destination; the answer comes to `finish`.
    private mutating func ask(_ codes: [MasterCode], _ asked: ValidationService.Asked) {
        destinations[asked.entity]?.isAsked = true
        let service = service
        let name = service.settings.entities[asked.entity].name
        service.lookup.look(up: codes, legalEntity: name) { result in
            var ended = asked
            ended.result = result
            service.state.change { $0.finished.append(ended) }
        }
    }

    // MARK: - Answers

    /// Takes what the destinations answered.
    private mutating func finish(_ connection: inout Connection) throws(PostgresError) {
        while let asked = service.state.withLock({ $0.finished.first }) {
            let name = service.settings.entities[asked.entity].name
            switch asked.result {
            case .answered(let answers):
                try ReferenceData.write(
                    answers, legalEntity: name, foundFor: service.pace.foundFor, absentFor: service.pace.absentFor,
                    &connection)
                let known = asked.known.merging(answers.mapValues(\.answer)) { _, new in new }
                try give(asked.orders, known, asked.entity, &connection)
                destinations[asked.entity]?.failures = 0
                destinations[asked.entity]?.looked.formUnion(answers.keys.map(\.kind))
                destinations[asked.entity]?.nextLook = .now
            case .busy:
                // A breaker is open, which is for a second at least.
                try leave(asked.orders, for: .seconds(1), asked.entity, &connection)
            case .failed(let reason):
                let failures = (destinations[asked.entity]?.failures ?? 0) + 1
                destinations[asked.entity]?.failures = failures
                let pause = min(service.pace.longestOutage, .seconds(1) * (1 << min(failures - 1, 10)))
                try leave(asked.orders, for: pause, asked.entity, &connection)
                // Once an outage: delivery says the rest.
                if failures == 1 {
                    service.log.warning(
                        "validation.destination_failed",
                        [
                            ("legal_entity", .text(name)), ("reason", .text(reason)),
                            ("remedy", "verdicts wait and are tried again"),
                        ])
                }
            }
            service.state.withLock { _ = $0.finished.removeFirst() }
            destinations[asked.entity]?.isAsked = false
        }
    }

    /// The destination could not be asked: its orders are due again after a while.
    private mutating func leave(
        _ orders: [UncheckedOrder], for pause: Duration, _ entity: Int, _ connection: inout Connection
    ) throws(PostgresError) {
        let next = ContinuousClock.now + pause
        destinations[entity]?.nextLook = next
        let (seconds, attoseconds) = pause.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        try ValidationBacklog.postpone(
            orders.map { ($0.orderRef, microseconds) }, legalEntity: service.settings.entities[entity].name,
            &connection)
    }

    /// Gives the orders their verdicts.
    private mutating func give(
        _ orders: [UncheckedOrder], _ answers: [MasterCode: MasterAnswer], _ entity: Int,
        _ connection: inout Connection
    ) throws(PostgresError) {
        guard !orders.isEmpty else { return }
        let name = service.settings.entities[entity].name
        var given: (batch: AppliedBatch, ends: [CheckEnd])?
        for _ in 0..<2 where given == nil {
            do throws(ApplyError) {
                given = try applier.applyChecks(
                    orders.map(\.orderRef), entity: Int32(entity), answers: answers, now: service.now(), &connection)
            } catch {
                switch error {
                // Written meanwhile by a worker: once more, as they stand now.
                case .conflict: continue
                case .postgres(let error) where error.retryClass == .retry: continue
                case .postgres(let error): throw error
                case .document: return try giveOneByOne(orders, answers, entity, &connection)
                }
            }
        }
        guard let given else {
            // Contended: each by itself, and soon again what is being written just now.
            if orders.count > 1 { return try giveOneByOne(orders, answers, entity, &connection) }
            return try ValidationBacklog.postpone(
                orders.map { ($0.orderRef, Self.contendedPause) }, legalEntity: name, &connection)
        }
        counts.addPlan(given.batch)
        var done: [String] = []
        var failed: [(String, Int64)] = []
        for (order, end) in zip(orders, given.ends) {
            switch end {
            case .done: done.append(order.orderRef)
            case .failed: failed.append((order.orderRef, service.pace.recheck(attempt: order.attempts)))
            case .changed: break
            }
        }
        try ValidationBacklog.done(done, legalEntity: name, &connection)
        try ValidationBacklog.postpone(failed, legalEntity: name, &connection)
    }

    /// Microseconds until an order is tried again that workers were writing.
    private static let contendedPause: Int64 = 200_000

    /// One order is contended, or its document cannot be read: the others get their verdicts.
    private mutating func giveOneByOne(
        _ orders: [UncheckedOrder], _ answers: [MasterCode: MasterAnswer], _ entity: Int,
        _ connection: inout Connection
    ) throws(PostgresError) {
        guard orders.count > 1 else { return }
        for order in orders { try give([order], answers, entity, &connection) }
    }

    // MARK: - Housekeeping

    private mutating func prune(_ connection: inout Connection) throws(PostgresError) {
        for (entity, destination) in destinations where destination.nextPrune <= .now {
            destinations[entity]?.nextPrune = .now + .seconds(60)
            destinations[entity]?.looked = []
            for kind in destination.looked {
                try ReferenceData.prune(kind, legalEntity: service.settings.entities[entity].name, &connection)
            }
        }
    }

    private mutating func measure(_ connection: inout Connection) throws(PostgresError) {
        guard nextMeasure <= .now else { return }
        nextMeasure = .now + .seconds(5)
        let measured = try ValidationBacklog.measure(&connection)
        let byEntity = Dictionary(measured.map { ($0.legalEntity, $0) }) { first, _ in first }
        for entity in service.entities {
            let name = service.settings.entities[entity].name
            let found = byEntity[name]
            service.metrics.validationOrders.with(name).set(Double(found?.orders ?? 0))
            service.metrics.validationOldest.with(name).set(found?.oldestSeconds ?? 0)
        }
    }
}
