public import Metrics
import Partitioner
public import Postgres
internal import Store

/// Watches the backlogs of one store's legal entities that have a limit, and pauses the lanes of those that say so.
///
/// One thread owns a connection and counts every two seconds, or more seldom where counting takes long. So a backlog
/// may grow beyond its limit by what is applied in that time, and by what is in flight. Each instance counts for itself
/// and comes to the same result. While the store is away nothing changes.
public final class BacklogLimits: Sendable {
    /// The limit of one legal entity.
    public struct Limit: Sendable {
        /// Its index in the lane map.
        public var entity: Int32
        /// Its name.
        public var legalEntity: String
        /// So many orders make its backlog full.
        public var high: Int
        /// Whether its lanes are taken from no more then.
        public var pauses: Bool

        /// A limit; see the properties.
        public init(entity: Int32, legalEntity: String, high: Int, pauses: Bool) {
            self.entity = entity
            self.legalEntity = legalEntity
            self.high = high
            self.pauses = pauses
        }
    }

    private struct Life: Sendable {
        var isStopping = false
        var hasEnded = false
    }

    /// The thread waits so many times longer than it counted.
    static let idleFactor = 20

    private let store: String
    private let connection: ConnectionSettings
    private let limits: [Limit]
    private let queues: LaneQueues
    private let interval: Duration
    private let log: Log
    private let full: GaugeFamily
    private let life = Monitor(Life())

    /// Watches nothing before `start`.
    public init(
        store: String, connection: ConnectionSettings, limits: [Limit], queues: LaneQueues,
        interval: Duration = .seconds(2), registry: Registry, log: Log
    ) {
        self.store = store
        self.connection = connection
        self.limits = limits
        self.queues = queues
        self.interval = interval
        self.log = log
        let high: GaugeFamily
        (full, high) = Self.families(in: registry)
        for limit in limits {
            full.with(limit.legalEntity).set(0)
            high.with(limit.legalEntity).set(Double(limit.high))
        }
    }

    /// The metrics: whether a backlog is full, and its limit.
    public static func families(in registry: Registry) -> (full: GaugeFamily, limit: GaugeFamily) {
        (
            registry.gauge(
                "sluice_backlog_full",
                help: "Whether the backlog has reached its limit and not fallen to four fifths of it since.",
                labels: ["legal_entity"]),
            registry.gauge(
                "sluice_backlog_limit_orders", help: "Orders at which the backlog is full.", labels: ["legal_entity"])
        )
    }

    /// Starts the thread; there is none where nothing has a limit.
    public func start() {
        guard !limits.isEmpty else { return life.change { $0.hasEnded = true } }
        _ = WorkerThread(name: "backlog-\(store)") { [self] in
            var gates = limits.map { BacklogGate(high: $0.high) }
            while !life.withLock({ $0.isStopping }) {
                do throws(PostgresError) {
                    var session = try Connection(connection)
                    try watch(&gates, &session)
                } catch {
                    log.warning("backlog.unmeasured", [("store", .text(store)), ("reason", .text(error.message))])
                    _ = pause(.seconds(2))
                }
            }
            life.change { $0.hasEnded = true }
        }
    }

    /// Counts no more; waits for the thread, at most `bound`.
    public func stop(within bound: Duration) {
        life.change { $0.isStopping = true }
        _ = life.wait(within: bound) { $0.hasEnded }
    }

    private func pause(_ duration: Duration) -> Bool { !life.wait(within: duration) { $0.isStopping } }

    private func watch(_ gates: inout [BacklogGate], _ session: inout Connection) throws(PostgresError) {
        let asked = limits.map { (name: $0.legalEntity, bound: Int64($0.high)) }
        var rest = Duration.zero
        repeat {
            let start = ContinuousClock.now
            let depths = try BacklogDepth.read(asked, &session)
            for (place, depth) in depths.enumerated() where gates[place].observe(Int(depth)) {
                answer(limits[place], isFull: gates[place].isFull)
            }
            rest = max(interval, start.duration(to: .now) * Self.idleFactor)
        } while pause(rest)
    }

    private func answer(_ limit: Limit, isFull: Bool) {
        full.with(limit.legalEntity).set(isFull ? 1 : 0)
        if limit.pauses { queues.setPaused(limit.entity, isFull) }
        let fields: [(String, LogValue)] = [
            ("legal_entity", .text(limit.legalEntity)), ("limit", .integer(limit.high)),
            ("on_full", .text(limit.pauses ? "pause" : "accept")),
        ]
        if isFull {
            log.warning(
                "backlog.full",
                fields + [("remedy", "look at the destination; lanes that are paused go on by themselves")])
        } else {
            log.info("backlog.relieved", fields)
        }
    }
}
