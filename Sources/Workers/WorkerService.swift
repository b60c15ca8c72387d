internal import Glibc
public import Metrics
public import OrderEvents
import Partitioner
public import Postgres
internal import Synchronization

/// The workers of one store: threads that take batches from its lanes and apply them.
public final class WorkerService: Sendable {
    /// Sizes of a store's workers.
    public struct Sizes: Sendable {
        /// Threads, each with one connection.
        public var workers: Int
        /// Memory for the states of orders written lately, in bytes.
        public var orderMemoryBytes: Int
        /// How many keys taken lately are remembered; 8 bytes each.
        public var keyMemoryCount: Int

        /// Sizes; see the properties.
        public init(workers: Int = 4, orderMemoryBytes: Int = 32 << 20, keyMemoryCount: Int = 1 << 20) {
            self.workers = workers
            self.orderMemoryBytes = orderMemoryBytes
            self.keyMemoryCount = keyMemoryCount
        }
    }

    /// Name of the store.
    public let store: String
    let connection: ConnectionSettings
    let settings: ApplySettings
    let queues: LaneQueues
    let metrics: WorkersMetrics
    let log: Log
    let sourceName: @Sendable (Int32) -> SourceName?
    let completed: @Sendable ([SourcePosition]) -> Void
    let batchSeconds: Histogram
    let batchEvents: Histogram
    private let sizes: Sizes
    private let orders: OrderMemory
    private let keys: KeyMemory
    private let waiting = WaitingCounts()
    private let stopping = Monitor(false)
    /// Threads that have not ended.
    private let running = Monitor(0)
    private let isReached = Atomic<Bool>(false)

    /// Workers of the store called `store`; nothing runs before `start`.
    ///
    /// `sourceName` gives topic and partition of a source partition's index; `completed` is called on a worker's thread
    /// when all these positions have their durable outcomes.
    public init(
        store: String, connection: ConnectionSettings, sizes: Sizes, settings: ApplySettings, queues: LaneQueues,
        metrics: WorkersMetrics, log: Log, sourceName: @escaping @Sendable (Int32) -> SourceName?,
        completed: @escaping @Sendable ([SourcePosition]) -> Void
    ) {
        self.store = store
        self.connection = connection
        self.sizes = sizes
        self.orders = OrderMemory(bytes: sizes.orderMemoryBytes)
        self.keys = KeyMemory(count: sizes.keyMemoryCount)
        self.settings = settings
        self.queues = queues
        self.metrics = metrics
        self.log = log
        self.sourceName = sourceName
        self.completed = completed
        self.batchSeconds = metrics.batchSeconds.with(store)
        self.batchEvents = metrics.batchEvents.with(store)
    }

    /// Starts the threads.
    public func start() {
        let applier = makeApplier()
        let counts = BatchCounts(metrics: metrics, settings: settings)
        let workers = max(1, sizes.workers)
        running.change { $0 += workers + 1 }
        for number in 0..<workers {
            _ = WorkerThread(name: "worker-\(store)-\(number)") { [self] in
                var worker = Worker(service: self, applier: applier, counts: counts)
                worker.run()
                running.change { $0 -= 1 }
            }
        }
        _ = WorkerThread(name: "parked-\(store)") { [self] in
            var sweep = ParkSweep(service: self, applier: applier, counts: counts)
            sweep.run()
            running.change { $0 -= 1 }
        }
    }

    /// An applier that shares the workers' memories.
    func makeApplier() -> BatchApplier {
        BatchApplier(
            settings: settings, orders: orders, keys: keys, waiting: waiting, sourceName: sourceName)
    }

    /// Stops the threads: each ends its transaction, and leaves a batch that a store keeps waiting.
    ///
    /// Blocks until then, at most `bound`: a server that stands still answers nobody, and Kafka still has the batch.
    /// - Returns: whether all have ended.
    @discardableResult
    public func stop(within bound: Duration = .seconds(60)) -> Bool {
        stopping.change { $0 = true }
        queues.close()
        return running.wait(within: bound) { $0 == 0 }
    }

    /// How long a store may end no batch before it counts as not reached, in microseconds.
    private static let longestStandstill: Int64 = 5_000_000

    /// Whether the store answered the last connection that was tried, and ends batches where there are any.
    public var isStoreReached: Bool {
        isReached.load(ordering: .relaxed) && !queues.standsStill(for: Self.longestStandstill)
    }

    /// Wall clock.
    func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    /// Waits; returns false when the service is told to stop meanwhile.
    func pause(_ microseconds: Int64) -> Bool {
        !stopping.wait(within: .microseconds(microseconds)) { $0 }
    }

    func reached() {
        if !isReached.exchange(true, ordering: .relaxed) { log.info("store.connected", [("store", .text(store))]) }
    }

    func unreachable(_ error: PostgresError) {
        isReached.store(false, ordering: .relaxed)
        metrics.retries.with(store, error.sqlState?.errorClass.rawValue ?? "none").add()
        log.warning(
            "store.unreachable",
            [("store", .text(store)), ("reason", .text(error.message)), ("remedy", "waits and tries again")])
    }
}
