public import OrderEvents

/// One order's canonical, auditable state: what all its events together say.
///
/// It holds **what was told** (words with their times, marks of holds, facts by identity), each mergeable in any
/// order of arrival, and **what follows** from it (`path`, `reached`, `open`), which `derive` makes anew after every
/// event. A value: a worker loads it, applies a batch's events to it and writes it back under a version check. Its
/// document in the store is the JSON of `OrderDocument`.
public struct Order: Equatable, Sendable {
    /// Counts the writes of the row: the optimistic lock.
    ///
    /// 0: not in the store yet.
    public var revision: Int64 = 0
    /// Counts the applied events: what delivery compares.
    ///
    /// Stale, parked and rejected events do not count.
    public var version: Int64 = 0

    // MARK: - What was told

    /// What each channel told last; other parts name a channel by its index here.
    public var channels: [ChannelProgress] = []
    /// Words of the path and cancellations, one row a channel and word.
    var words: [ToldWord] = []
    /// Beginnings and ends of holds, in the sequence of their times.
    var marks: [HoldMark] = []
    /// When each milestone last happened; microseconds, 0 = never.
    ///
    /// Indexed by raw value.
    public var milestones = SIMD8<Int64>(repeating: 0)
    /// Lines, as the event that counts told them.
    public var lines: [Line] = []
    /// Who told `lines`.
    public var linesBy = Origin.none
    /// ISO 4217.
    public var currency = ""
    /// Total of the order.
    public var total: ExactDecimal?
    /// Stable identity of the customer.
    public var customerRef = ""
    /// Name of the customer.
    public var customerName = ""
    /// Who told currency, total and customer.
    public var termsBy = TermsOrigins()
    /// Warehouses that took part, by when they were first named.
    public var warehouses: [Warehouse] = []
    /// Goods that left, as they were told: without a reference of their own, by tracking number.
    ///
    /// `shipments` has them as they are.
    var toldShipments: [Shipment] = []
    /// Documents of accounting.
    public var invoices: [Invoice] = []
    /// Money.
    public var payments: [Payment] = []
    /// Allocated, by warehouse and line: totals at their time.
    public var allocations: [Allocation] = []
    /// Cancelled, by line: totals at their time.
    public var cancellations: [Cancellation] = []
    /// Other names.
    public var names: [OtherName] = []
    /// What channels told whose word does not count, as long as the owners have not said it.
    public var claims: [Claim] = []
    /// The trace of the newest applied event that named one.
    public var trace: EventTrace?
    /// How many of the order's events are parked.
    public var parked: Int32 = 0

    // MARK: - What follows from it

    /// The state on the path, without the hold that may lie over it; nil: not begun.
    public var path: CanonicalState?
    /// When each canonical state was first reached; microseconds, 0 = never.
    ///
    /// Indexed by raw value.
    public var reached = SIMD16<Int64>(repeating: 0)
    /// Holds, open and ended, in the sequence of their beginnings.
    public var holds: [Hold] = []
    /// Exceptions of the order that are open, in the sequence of their names.
    public var open: [ExceptionCode] = []
    /// What Sluice found about the order by itself.
    public var validation = Validation()

    /// An order of which nothing is known.
    public init() {}

    /// The canonical state: on_hold while a hold is open before the goods have left, else the state on the path.
    public var state: CanonicalState? {
        guard let path, isHeld else { return path }
        switch path {
        case .received, .validated, .allocated, .partiallyFulfilled: return .onHold
        case .shipped, .invoiced, .closed, .onHold, .cancelled: return path
        }
    }

    /// Whether a hold is open.
    public var isHeld: Bool { holds.contains { $0.endedAt == nil } }

    /// When the order reached `state`, or nil.
    public func time(of state: CanonicalState) -> Timestamp? {
        let value = reached[Int(state.rawValue)]
        return value == 0 ? nil : Timestamp(microseconds: value)
    }

    /// When the milestone last happened, or nil.
    public func time(of milestone: Milestone) -> Timestamp? {
        let value = milestones[Int(milestone.rawValue)]
        return value == 0 ? nil : Timestamp(microseconds: value)
    }

    /// Codes of the warehouses that took part, in the sequence in which they were first named.
    public var warehouseCodes: [String] { warehouses.map(\.code) }

    /// Bytes of memory the order holds, roughly: for the bound of caches.
    public var cost: Int {
        let amounts =
            toldShipments.reduce(0) { $0 + $1.lines.count } + invoices.reduce(0) { $0 + $1.lines.count }
            + allocations.count + cancellations.count
        return MemoryLayout<Order>.stride + channels.count * 112 + words.count * 24 + marks.count * 48 + lines.count
            * 112
            + (toldShipments.count + invoices.count + payments.count) * 200 + amounts * 96
            + (names.count + claims.count + warehouses.count) * 48
    }
}
