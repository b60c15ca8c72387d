public import OrderEvents

/// One order's canonical, auditable state: what all its events together say.
///
/// A value: a worker loads it, applies a batch's events to it and writes it back under a version check. Its document in
/// the store is the JSON of `OrderDocument`.
public struct Order: Equatable, Sendable {
    /// How far one channel has told this order's story.
    public struct ChannelProgress: Equatable, Sendable {
        /// The channel.
        public var channel: String
        /// The number that comes next where numbers count by one; else the highest seen plus one.
        ///
        /// 0: none seen.
        public var nextSequence: Int64 = 0
        /// The latest event time this channel told.
        public var lastAt: Timestamp
        /// The channel's last status or milestone word.
        public var lastWord: String = ""
        /// The highest number that was parked behind a gap; 0: none.
        public var highestParked: Int64 = 0
        /// Numbers that were overruled because they did not come in time.
        public var skipped: [NumberRange] = []
        /// When the channel last ended all of its holds.
        public var releasedAt: Timestamp?
    }

    /// Sequence numbers in a row.
    public struct NumberRange: Equatable, Sendable {
        /// The lowest.
        public var first: Int64
        /// The highest.
        public var last: Int64
    }

    /// When what is told about the order as a whole was last told.
    public struct TermsTimes: Equatable, Sendable {
        /// Time of `currency`.
        public var currency = Timestamp(microseconds: 0)
        /// Time of `total`.
        public var total = Timestamp(microseconds: 0)
        /// Time of `customerRef`.
        public var customer = Timestamp(microseconds: 0)
        /// Time of `customerName`.
        public var customerName = Timestamp(microseconds: 0)
    }

    /// A reason why the order may not go on.
    public struct Hold: Equatable, Sendable {
        /// credit, fraud, payment, stock, address, manual, or empty.
        public var reason: String
        /// Who said so.
        public var channel: String
        /// Since when.
        public var since: Timestamp
        /// When it ended; nil while it is open.
        public var endedAt: Timestamp?
        /// When it was last told again while it was open; nil: told once.
        ///
        /// A release that was late ends it only for the time before.
        public var retoldAt: Timestamp?
        /// Only its release is known: it was applied because its time was up, and the hold may still come.
        public var isUnmatched = false
    }

    /// A line as the order's channel tells it.
    public struct Line: Equatable, Sendable {
        /// Line number within the order.
        public var line: String
        /// Article.
        public var sku: String
        /// Ordered.
        public var quantity: ExactDecimal?
        /// Price of one.
        public var unitPrice: ExactDecimal?
        /// The channel's tax code.
        public var tax: String
    }

    /// A quantity of a line within a fact.
    public struct LineAmount: Equatable, Sendable {
        /// Line number, or the article when the fact names no line.
        public var line: String
        /// Article, when told.
        public var sku: String
        /// How much.
        public var quantity: ExactDecimal
        /// Allocation only: on backorder.
        public var backordered: ExactDecimal?
        /// Allocation only: expected when.
        public var expected: String
    }

    /// A shipment or an invoice: a document with an identity and lines.
    public struct Document: Equatable, Sendable {
        /// Identity: `ref`, or the tracking number of a shipment without one.
        public var ref: String
        /// Carrier of a shipment.
        public var carrier: String
        /// Tracking number of a shipment.
        public var tracking: String
        /// By line.
        public var lines: [LineAmount]
        /// When the version told here happened.
        public var at: Timestamp
    }

    /// Money.
    public struct Payment: Equatable, Sendable {
        /// Identity.
        public var ref: String
        /// authorized, captured, refunded or failed.
        public var status: PaymentStatus
        /// In the order's currency.
        public var amount: ExactDecimal?
        /// When the version told here happened.
        public var at: Timestamp
    }

    /// Totals by line at their time.
    public struct Totals: Equatable, Sendable {
        /// By line.
        public var lines: [LineAmount]
        /// Why, for a cancellation.
        public var reason: String
        /// At what time.
        public var at: Timestamp
    }

    /// Another name of the order.
    public struct OtherName: Equatable, Hashable, Sendable {
        /// What is named.
        public var kind: ReferenceKind
        /// Who numbers; empty: the common number space.
        public var issuer: String
        /// The number.
        public var value: String

        /// Another name; see the properties.
        public init(kind: ReferenceKind, issuer: String, value: String) {
            self.kind = kind
            self.issuer = issuer
            self.value = value
        }
    }

    /// Counts the writes of the row: the optimistic lock.
    ///
    /// 0: not in the store yet.
    public var revision: Int64 = 0
    /// Counts the applied events: what delivery compares.
    ///
    /// Stale, parked and rejected events do not count.
    public var version: Int64 = 0
    /// The state on the path, without the hold that may lie over it; nil: not begun.
    public var path: CanonicalState?
    /// When each canonical state was first reached; microseconds, 0 = never.
    ///
    /// Indexed by raw value.
    public var reached: [Int64] = Array(repeating: 0, count: 10)
    /// When each milestone last happened; microseconds, 0 = never.
    ///
    /// Indexed by raw value; empty: none.
    public var milestones: [Int64] = []
    /// What each channel told last.
    public var channels: [ChannelProgress] = []
    /// Holds, open and ended.
    public var holds: [Hold] = []
    /// When goods last left, or an invoice was last written; nil: never.
    ///
    /// What a hold should have stopped.
    public var leftAt: Timestamp?
    /// Lines, as the latest event with lines told them.
    public var lines: [Line] = []
    /// Time of the event that told `lines`.
    public var linesAt = Timestamp(microseconds: 0)
    /// ISO 4217.
    public var currency = ""
    /// Total of the order.
    public var total: ExactDecimal?
    /// When currency, total and customer were last told.
    public var termsAt = TermsTimes()
    /// Stable identity of the customer.
    public var customerRef = ""
    /// Name of the customer.
    public var customerName = ""
    /// Warehouses that took part, in the order in which they were first named.
    public var warehouses: [String] = []
    /// Goods that left.
    public var shipments: [Document] = []
    /// Documents of accounting.
    public var invoices: [Document] = []
    /// Money.
    public var payments: [Payment] = []
    /// Latest allocation.
    public var allocation: Totals?
    /// Latest cancellation.
    public var cancellation: Totals?
    /// Other names.
    public var names: [OtherName] = []
    /// How many of the order's events are parked.
    public var parked: Int32 = 0
    /// Exceptions of the order that are open.
    public var open: [ExceptionCode] = []

    /// An order of which nothing is known.
    public init() {}

    /// Whether a hold is open.
    public var isHeld: Bool { holds.contains { $0.endedAt == nil } }

    /// The canonical state: on_hold while a hold is open before the goods have left, else the state on the path.
    public var state: CanonicalState? {
        guard let path, isHeld else { return path }
        switch path {
        case .received, .validated, .allocated, .partiallyFulfilled: return .onHold
        case .shipped, .invoiced, .closed, .onHold, .cancelled: return path
        }
    }

    /// When the order reached `state`, or nil.
    public func time(of state: CanonicalState) -> Timestamp? {
        let value = reached[Int(state.rawValue)]
        return value == 0 ? nil : Timestamp(microseconds: value)
    }

    /// Bytes of memory the order holds, roughly: for the bound of caches.
    public var cost: Int {
        MemoryLayout<Order>.stride + 112 + milestones.count * 8 + channels.count * 112 + holds.count * 80
            + lines.count * 112 + (shipments.count + invoices.count + payments.count) * 160 + names.count * 48
    }
}
