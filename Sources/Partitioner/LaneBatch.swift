public import OrderEvents

/// Bounds of the lanes.
public struct LaneBounds: Sendable {
    /// Bytes that may wait or be in flight in all lanes together.
    public var processBytes: Int
    /// Bytes that may wait in one lane.
    public var laneBytes: Int
    /// Events of one batch at most.
    public var batchEvents: Int
    /// Bytes of one batch at most.
    public var batchBytes: Int
    /// How long the first event of a batch may wait for company, in microseconds.
    public var linger: Int64

    /// Bounds; see the properties.
    public init(processBytes: Int, laneBytes: Int, batchEvents: Int = 2000, batchBytes: Int = 8 << 20, linger: Int64) {
        self.processBytes = processBytes
        self.laneBytes = laneBytes
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
