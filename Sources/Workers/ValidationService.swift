import Metrics
import OrderEvents
import Orders
import Partitioner
internal import Postgres
public import Store

/// Looks at the destinations for the verdicts of one store's orders.
///
/// One thread owns a connection: it takes orders that wait for a look, asks the destination for what the store does not
/// remember, in batches, and gives the verdicts. Level-triggered; a destination that is away delays the verdicts of its
/// own orders, and nothing else. An order that failed is looked at again, after ever longer pauses.
public final class ValidationService: Sendable {
    /// How often what is due is looked at, how long what was looked up counts, and so on.
    public struct Pace: Sendable {
        /// How often the store is asked what is due.
        public var look = Duration.milliseconds(200)
        /// How long what a destination has counts, in microseconds: 6 hours.
        public var foundFor: Int64 = 6 * 3_600_000_000
        /// How long what a destination lacks counts, in microseconds: somebody is about to add it.
        public var absentFor: Int64 = 30_000_000
        /// The first pause before an order that failed is looked at again, in microseconds; doubled each time.
        public var firstRecheck: Int64 = 30_000_000
        /// The longest such pause, in microseconds: 15 minutes.
        public var longestRecheck: Int64 = 900_000_000
        /// The longest pause after a destination failed; the first is a second.
        public var longestOutage = Duration.seconds(60)

        /// The usual pace.
        public init() {}

        /// How long an order that failed is left alone.
        func recheck(attempt: Int32) -> Int64 {
            let doublings = min(max(attempt, 1) - 1, 20)
            let (pause, overflow) = firstRecheck.multipliedReportingOverflow(by: 1 << Int64(doublings))
            return overflow ? longestRecheck : min(pause, longestRecheck)
        }
    }

    /// Orders that are taken at once for one legal entity.
    static let bite = 100
    /// How long a taken order is left alone by other instances, in microseconds.
    ///
    /// Where a destination takes longer to answer, another instance may ask the same: no harm is done.
    static let lease: Int64 = 30_000_000

    struct Asked: Sendable {
        var entity: Int
        var orders: [UncheckedOrder]
        /// What the store remembered.
        var known: [MasterCode: MasterAnswer]
        var result: MasterLookupResult
    }

    struct State: Sendable {
        var finished: [Asked] = []
        var isStopping = false
        var hasStopped = false
    }

    let store: String
    let connection: ConnectionSettings
    let settings: ApplySettings
    /// Indexes of the legal entities whose orders are looked at here.
    let entities: [Int]
    let lookup: any MasterLookup
    let metrics: WorkersMetrics
    let log: Log
    let pace: Pace
    let now: @Sendable () -> Timestamp
    let state = Monitor(State())
    private let applier: BatchApplier

    /// Validation in the store of `workers`, whose orders they remember.
    ///
    /// `legalEntities` are those of the store; only those that Sluice validates against their destination count.
    /// `lookup` asks their destinations.
    public init(
        workers: WorkerService, legalEntities: [String], lookup: any MasterLookup, pace: Pace = Pace()
    ) {
        store = workers.store
        connection = workers.connection
        settings = workers.settings
        entities = workers.settings.entities.indices.filter { index in
            let entity = workers.settings.entities[index]
            return legalEntities.contains(entity.name) && entity.validation.by == .sluice
                && !entity.validation.check.isEmpty
        }
        self.lookup = lookup
        metrics = workers.metrics
        log = workers.log
        self.pace = pace
        now = { workers.now() }
        applier = workers.makeApplier()
    }

    /// Starts the thread; there is none where no legal entity needs it.
    public func start() {
        guard !entities.isEmpty else {
            state.change { $0.hasStopped = true }
            return
        }
        _ = WorkerThread(name: "validation-\(store)") { [self] in
            var desk = ValidationDesk(service: self, applier: applier)
            desk.run()
            state.change { $0.hasStopped = true }
        }
    }

    /// Looks at nothing more; waits for the thread, at most `bound`.
    ///
    /// What is being asked is left: its orders are taken again when their leases end.
    public func stop(within bound: Duration) {
        state.change { $0.isStopping = true }
        _ = state.wait(within: bound) { $0.hasStopped }
    }
}
