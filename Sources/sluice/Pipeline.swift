import Configuration
import Delivery
import Foundation
import Ingest
import Metrics
import OrderEvents
import Partitioner
import Postgres
import Store
import Synchronization
import Workers

// The whole of Sluice put together. A stranger starts here: the parts are made in the sequence in which an event meets
// them, started from the back to the front, and stopped from the front to the back.

/// The running pipeline.
final class Pipeline: Sendable {
    let wiring: Wiring
    let registry: Registry
    private let log: Log
    private let sources = SourcePartitions()
    private let ledger = SharedLedger()
    /// What the secrets of the configuration were when this was made.
    let secrets: [String]
    let queues: [LaneQueues]
    let workersMetrics: WorkersMetrics
    let deliveries: [DeliveryService]
    private let workers: [WorkerService]
    private let validations: [ValidationService]
    private let deadLetters: [DeadLetterLoop]
    private let care: [StoreCare]
    private let checks: [CheckLoop]
    private let backlogLimits: [BacklogLimits]
    let ingest: IngestService
    private let router: RecordRouter
    let health: Health

    init(_ configuration: Configuration, log: Log) throws(CommandFailure) {
        let wiring = try Wiring(configuration)
        let registry = Registry(entities: wiring.shownEntities, series: configuration.http.series)
        self.wiring = wiring
        secrets = try configuration.resolvedSecrets()
        self.registry = registry
        self.log = log
        log.show(in: registry)
        registry.info("sluice_build_info", help: "The running program.", [("version", Version.text)])

        // Lanes of each store.
        let budgets = configuration.budgets
        let waiting = max(budgets.process / 2, budgets.process - IngestSettings.fetchedAheadBytes)
        let bounds = LaneBounds(
            processBytes: waiting / max(1, configuration.stores.count), laneBytes: budgets.lane,
            blockedBytes: budgets.blocked / max(1, configuration.stores.count),
            linger: configuration.linger.wholeMicroseconds,
            stallAfter: configuration.stores.count > 1 ? LaneQueues.stallAfter : nil)
        queues = configuration.stores.map { _ in
            LaneQueues(lanes: wiring.laneMap.lanes, bounds: bounds, priorities: wiring.priorities)
        }

        // Workers.
        let sources = sources
        let ledger = ledger
        let instance = configuration.kafka.instanceID ?? "\(ProcessInfo.processInfo.hostName):\(getpid())"
        let metrics = MetricsCatalog(registry, group: configuration.kafka.group)
        workersMetrics = metrics.workers
        let apply = configuration.stores.map { wiring.applySettings(ofStore: $0.name) }
        // Legal entities share an Odoo's limits, whichever stores they are in.
        let servers = OdooServers()
        var workers: [WorkerService] = []
        var deliveries: [DeliveryService] = []
        var validations: [ValidationService] = []
        var deadLetters: [DeadLetterLoop] = []
        var care: [StoreCare] = []
        var checks: [CheckLoop] = []
        var backlogLimits: [BacklogLimits] = []
        for (index, store) in configuration.stores.enumerated() {
            workers.append(
                WorkerService(
                    store: store.name, connection: wiring.connections[index],
                    sizes: WorkerService.Sizes(workers: store.workers), settings: apply[index], queues: queues[index],
                    metrics: metrics.workers, log: log,
                    sourceName: { partition in
                        sources[partition].map { SourceName(topic: $0.topic, partition: $0.partition) }
                    },
                    completed: { ledger.completed($0) }))
            deliveries.append(
                DeliveryService(
                    store: store.name, connection: wiring.connections[index],
                    destinations: try wiring.destinations(ofStore: store.name), metrics: metrics.delivery, log: log,
                    servers: servers))
            validations.append(
                ValidationService(
                    workers: workers[index],
                    legalEntities: configuration.entities.filter { $0.store == store.name }.map(\.name),
                    lookup: deliveries[index]))
            deadLetters.append(
                DeadLetterLoop(
                    store: store.name, connection: wiring.connections[index], brokers: configuration.kafka.brokers,
                    topic: configuration.kafka.deadLetterTopic, options: try wiring.options(for: .producer), log: log))
            care.append(
                StoreCare(
                    store: store.name, connection: wiring.connections[index], retention: wiring.retention(),
                    metrics: metrics.store, instance: instance, log: log))
            checks.append(
                CheckLoop(
                    store: store.name, connection: wiring.connections[index],
                    promises: wiring.promises(ofStore: store.name), feeds: apply[index].feeds, metrics: metrics.store,
                    log: log))
            backlogLimits.append(
                BacklogLimits(
                    store: store.name, connection: wiring.connections[index],
                    limits: wiring.backlogLimits(ofStore: store.name), queues: queues[index], registry: registry,
                    log: log))
        }
        self.workers = workers
        self.deliveries = deliveries
        self.validations = validations
        self.deadLetters = deadLetters
        self.care = care
        self.checks = checks
        self.backlogLimits = backlogLimits

        // Ingest.
        let router = RecordRouter(wiring, drift: DriftMetrics(registry, log: log))
        self.router = router
        let entities = wiring.laneMap.entities.map { (name: $0.name, store: $0.store) }
        ingest = IngestService(
            settings: try wiring.ingestSettings(), decoder: router,
            sink: LaneRouter(queues: queues, lanes: wiring.laneMap.lanes), ledger: ledger, sources: sources,
            store: StoreLedger(
                settings: wiring.connections, sources: sources, entities: entities, instance: instance),
            metrics: metrics.ingest, log: log)

        // What is shown.
        LaneGauges(registry, lanes: wiring.laneMap.lanes, stores: configuration.stores.map(\.name))
            .refreshAtScrape(of: registry, queues)
        health = Health(stores: configuration.stores.map(\.name), workers: workers, ingest: ingest)
    }

    /// Starts everything.
    ///
    /// Waits for the stores, because nothing can be kept without them; returns false when `isStopping` says so
    /// meanwhile. `waiting` is told each time what is waited for.
    func start(
        isStopping: @Sendable () -> Bool, waiting: (String) -> Void
    ) throws(CommandFailure) -> Bool {
        for (index, store) in wiring.configuration.stores.enumerated() {
            guard try prepare(store, wiring.connections[index], isStopping, waiting) else { return false }
            health.prepared(store.name)
        }
        for worker in workers { worker.start() }
        for delivery in deliveries { delivery.start() }
        for validation in validations { validation.start() }
        for loop in deadLetters { loop.start() }
        for care in care { care.start() }
        for loop in checks { loop.start() }
        for limits in backlogLimits { limits.start() }
        do throws(IngestError) {
            try ingest.start()
        } catch {
            throw CommandFailure(code: .configuration, message: error.description)
        }
        log.info(
            "pipeline.started",
            [
                ("legal_entities", .integer(wiring.configuration.entities.count)),
                ("channels", .integer(wiring.configuration.channels.count)),
                ("lanes", .integer(wiring.laneMap.lanes.count)),
            ])
        return true
    }

    /// Migrates or verifies a store; waits while it is away.
    private func prepare(
        _ store: StoreSettings, _ settings: ConnectionSettings, _ isStopping: @Sendable () -> Bool,
        _ waiting: (String) -> Void
    ) throws(CommandFailure) -> Bool {
        while !isStopping() {
            do throws(StoreError) {
                try bringUp(store, settings)
                return true
            } catch {
                guard let cause = error.underlying, cause.retryClass == .retry || cause.retryClass == .reconnectAndRetry
                else {
                    throw CommandFailure(code: .configuration, message: "store \(store.name): \(error.description)")
                }
                log.warning(
                    "store.unreachable",
                    [
                        ("store", .text(store.name)), ("reason", .text(error.description)),
                        ("remedy", "waits and tries again"),
                    ])
                waiting("store \(store.name)")
                Thread.sleep(forTimeInterval: 0.5)
            }
        }
        return false
    }

    /// Migrates or verifies every store at once; one that is away is a failure, and nothing is waited for.
    func prepareStores() throws(CommandFailure) {
        for (store, settings) in zip(wiring.configuration.stores, wiring.connections) {
            do throws(StoreError) {
                try bringUp(store, settings)
            } catch {
                throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.description)")
            }
        }
    }

    private func bringUp(_ store: StoreSettings, _ settings: ConnectionSettings) throws(StoreError) {
        var connection: Connection
        do throws(PostgresError) {
            connection = try Connection(settings)
        } catch { throw StoreError("no connection", underlying: error) }
        guard store.migrate else { return try Migrations.verify(&connection) }
        for name in try Migrations.apply(to: &connection) {
            log.info("store.migrated", [("store", .text(store.name)), ("migration", .text(name))])
        }
    }

    /// Stops from the front to the back.
    ///
    /// A store that stands still is waited for no longer than is left of the time-out.
    ///
    /// Returns whether everything polled was done.
    func stop() -> Bool {
        log.info("pipeline.stopping")
        health.isStopping.store(true, ordering: .relaxed)
        let timeout = wiring.configuration.shutdownTimeout
        let end = ContinuousClock.now + timeout
        let isDrained = ingest.stop()
        // Together they take no longer than is left; each gets a moment.
        func bound(_ share: Double) -> Duration {
            max(timeout * 0.02, min(timeout * share, ContinuousClock.now.duration(to: end)))
        }
        for worker in workers where !worker.stop(within: bound(0.1)) {
            log.warning("store.left_behind", [("store", .text(worker.store))])
        }
        for validation in validations { validation.stop(within: bound(0.05)) }
        for delivery in deliveries { delivery.stop(within: bound(0.2)) }
        for loop in deadLetters { loop.stop(within: bound(0.1)) }
        for care in care { care.stop(within: bound(0.1)) }
        for loop in checks { loop.stop(within: bound(0.1)) }
        for limits in backlogLimits { limits.stop(within: bound(0.1)) }
        return isDrained
    }

    /// Records polled since the start.
    var recordsPolled: Int { router.polled.load(ordering: .relaxed) }

    /// Whether nothing polled is open any more.
    var isIdle: Bool { ledger.openRecords == 0 && queues.allSatisfy { $0.isEmpty } }
}
