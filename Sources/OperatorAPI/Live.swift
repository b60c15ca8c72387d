public import HTTPServer

/// What this process knows of itself without asking a store; each is called on a thread of the server's and does not
/// block.
public struct Live: Sendable {
    /// A lane.
    public struct Lane: Sendable, Encodable {
        /// The legal entity.
        public var legalEntity: String
        /// The warehouse; `_`: events without one.
        public var warehouse: String
        /// Events that wait.
        public var events: Int
        /// Their memory.
        public var bytes: Int
        /// How long the oldest has waited, in seconds.
        public var oldestSeconds: Double

        /// A lane; see the properties.
        public init(legalEntity: String, warehouse: String, events: Int, bytes: Int, oldestSeconds: Double) {
            self.legalEntity = legalEntity
            self.warehouse = warehouse
            self.events = events
            self.bytes = bytes
            self.oldestSeconds = oldestSeconds
        }
    }

    /// A legal entity.
    public struct Entity: Sendable {
        /// Its code.
        public var legalEntity: String
        /// Records of it that had their outcome since this process began.
        public var events: Int
        /// Its destination as this instance sees it; nil: it has none.
        public var destination: Destination?

        /// A legal entity; see the properties.
        public init(legalEntity: String, events: Int, destination: Destination?) {
            self.legalEntity = legalEntity
            self.events = events
            self.destination = destination
        }
    }

    /// A destination.
    public struct Destination: Sendable, Encodable {
        /// closed, open or half_open.
        public var breaker: String
        /// Calls that it is thought to bear at once.
        public var limit: Int
        /// Calls under way; above `limit` while that falls, until enough have ended.
        public var inFlight: Int
        /// Whether this instance delivers to it.
        public var isOwner: Bool

        /// A destination; see the properties.
        public init(breaker: String, limit: Int, inFlight: Int, isOwner: Bool) {
            self.breaker = breaker
            self.limit = limit
            self.inFlight = inFlight
            self.isOwner = isOwner
        }
    }

    /// A partition that is read, or was.
    public struct Partition: Sendable, Encodable {
        /// The topic.
        public var topic: String
        /// The partition within it.
        public var partition: Int
        /// ok, warn, stall, stop, paused or revoked.
        public var status: String
        /// Offsets behind the log.
        public var lagRecords: Double
        /// Age of the oldest record that was not committed.
        public var lagSeconds: Double

        /// A partition; see the properties.
        public init(topic: String, partition: Int, status: String, lagRecords: Double, lagSeconds: Double) {
            self.topic = topic
            self.partition = partition
            self.status = status
            self.lagRecords = lagRecords
            self.lagSeconds = lagSeconds
        }
    }

    /// Why the process, or what it needs, is of no use.
    public struct Reason: Sendable, Encodable {
        /// What is missing.
        public var dependency: String
        /// In words.
        public var reason: String

        /// A reason; see the properties.
        public init(dependency: String, reason: String) {
            self.dependency = dependency
            self.reason = reason
        }
    }

    /// All lanes.
    public var lanes: @Sendable () -> [Lane]
    /// All legal entities.
    public var entities: @Sendable () -> [Entity]
    /// All partitions.
    public var partitions: @Sendable () -> [Partition]
    /// What keeps the process itself from working; empty: it lives.
    public var faults: @Sendable () -> [Reason]
    /// What keeps it from being of use; empty: it is ready.
    public var reasons: @Sendable () -> [Reason]
    /// `/metrics`.
    public var metrics: @Sendable (HTTPRequest) -> HTTPResponse

    /// See the properties.
    public init(
        lanes: @escaping @Sendable () -> [Lane], entities: @escaping @Sendable () -> [Entity],
        partitions: @escaping @Sendable () -> [Partition], faults: @escaping @Sendable () -> [Reason],
        reasons: @escaping @Sendable () -> [Reason], metrics: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) {
        self.lanes = lanes
        self.entities = entities
        self.partitions = partitions
        self.faults = faults
        self.reasons = reasons
        self.metrics = metrics
    }
}
