public import OrderEvents

// What the stages know of each other. Ingest pushes polled records through `LaneSink`; Workers report completed
// positions to the offset ledger; neither imports the other.

/// Where Ingest puts decoded records.
///
/// Implemented by the lane queues that the workers take from.
public protocol LaneSink: Sendable {
    /// Takes the records of one poll burst, in poll order.
    ///
    /// Called on the poll thread. Never blocks and never refuses: bounds are kept by not polling, which `pressure` asks
    /// for.
    func offer(_ burst: [Taken])

    /// What must not be polled now; everything else may be. Cheap: called once a poll burst.
    func pressure() -> Pressure

    /// Source partitions (indexes) were given back: what waits of them for whoever may not go on need not be kept,
    /// because their next owner polls it again.
    func forget(_ partitions: Set<Int32>)

    /// What of source partitions (indexes) waiting would not make less: a legal entity is paused, or a store does not
    /// answer.
    ///
    /// Goes through all that waits for them.
    func heldUp(of partitions: Set<Int32>) -> HeldUp

    /// Waits until `pressure()` is another than `pressure`, at most `bound`.
    func waitForChange(of pressure: Pressure, within bound: Duration)
}

extension LaneSink {
    /// Keeps everything: it has no effect any more, and goes its way.
    public func forget(_ partitions: Set<Int32>) {}

    /// Everything goes on.
    public func heldUp(of partitions: Set<Int32>) -> HeldUp { HeldUp() }
}

/// Events that wait for whoever may not go on.
public struct HeldUp: Equatable, Sendable {
    /// In lanes, of the partitions that were asked for.
    public var waiting = 0
    /// In batches, of whatever partition, with a store that does not answer.
    public var inFlight = 0

    /// Nothing does.
    public init() {}
}

/// What the lanes ask of the poll thread.
///
/// Hysteresis is the sink's affair.
public struct Pressure: Equatable, Sendable {
    /// Nothing more may be polled: the budget of the process, or of a store's share of it, is full.
    public var everything: Bool
    /// Source partitions (indexes) that feed a full lane.
    public var partitions: Set<Int32>

    /// What must not be polled; see the properties.
    public init(everything: Bool = false, partitions: Set<Int32> = []) {
        self.everything = everything
        self.partitions = partitions
    }

    /// Everything may be polled.
    public static let none = Pressure()
}
