public import OrderEvents

/// Bounds of the lanes.
public struct LaneBounds: Sendable {
    /// Bytes that may wait or be in flight in all lanes together.
    public var processBytes: Int
    /// Bytes that may wait in one lane, of each priority.
    public var laneBytes: Int
    /// Bytes that may wait for legal entities that may not go on, beyond those of the process.
    public var blockedBytes: Int
    /// Events of one batch at most, while nobody keeps up.
    public var batchEvents: Int
    /// Events of one batch at most, while somebody keeps up, who waits until a batch of the others is done.
    var sharedBatchEvents: Int { max(1, batchEvents / 2) }
    /// Events at which a batch ends that somebody who keeps up shares with those who do not.
    var promptBatchEvents: Int { batchEvents / 4 }
    /// For how long somebody counts who was seen to keep up, in microseconds.
    static let keptUpFor: Int64 = 1_000_000
    /// Bytes of one batch at most.
    public var batchBytes: Int
    /// How long the first event of a batch may wait for company, in microseconds.
    public var linger: Int64
    /// How long no batch may end, while some are in flight, before all lanes count as blocked, in microseconds; nil:
    /// they never do.
    ///
    /// For one of several stores: while it does not answer the others go on.
    public var stallAfter: Int64?

    /// Bounds; see the properties.
    public init(
        processBytes: Int, laneBytes: Int, blockedBytes: Int = 128 << 20, batchEvents: Int = 2000,
        batchBytes: Int = 8 << 20, linger: Int64, stallAfter: Int64? = nil
    ) {
        self.processBytes = processBytes
        self.laneBytes = laneBytes
        self.blockedBytes = blockedBytes
        self.stallAfter = stallAfter
        self.batchEvents = batchEvents
        self.batchBytes = batchBytes
        self.linger = linger
    }
}

/// Events of one or more lanes that go through one transaction.
public struct LaneBatch: Sendable {
    /// Identifies the batch until it is completed.
    public let id: UInt32
    /// The events; those of one order are in their sequence.
    public var items: [Taken]
    /// Their memory.
    public let bytes: Int
}

/// What a worker that asked for a batch has to do.
public enum Offer: Sendable {
    /// Work on it and complete it.
    case batch(LaneBatch)
    /// Ask again at this time (microseconds of the caller's clock), or when something new came.
    case wait(until: Int64?)
}
