// One decoded order event.
//
// The event owns one byte array: the record's value as it was polled, followed by the few strings that had JSON
// escapes, unescaped. Every text in the event is a `Slice` of that array, so decoding a usual event costs one
// allocation for its bytes and one for its lines, and nothing is copied into `String` on the data path.

/// A run of bytes in an event's `bytes`.
///
/// UTF-8, free of NUL.
public struct Slice: Equatable, Hashable, Sendable {
    /// Index of the first byte.
    public var start: UInt32
    /// Number of bytes; 0 for an absent text.
    public var count: UInt32

    /// A run that starts at `start` and has `count` bytes.
    @inlinable public init(start: UInt32, count: UInt32) {
        self.start = start
        self.count = count
    }

    /// The absent text.
    public static let none = Slice(start: 0, count: 0)
    /// Whether there is no text.
    @inlinable public var isEmpty: Bool { count == 0 }
}

/// Where and when a record was read.
public struct SourcePosition: Equatable, Hashable, Sendable {
    /// Index of the (topic, partition) in the process's table of source partitions.
    public var partition: Int32
    /// The assignment of that partition under which the record was polled; stale work is told by it.
    public var epoch: UInt32
    /// Kafka offset.
    public var offset: Int64
    /// The record's timestamp, or nil when the broker gave none.
    public var loggedAt: Timestamp?
    /// When the poll returned the record (wall clock).
    public var polledAt: Timestamp

    /// A position; see the properties.
    public init(partition: Int32, epoch: UInt32, offset: Int64, loggedAt: Timestamp?, polledAt: Timestamp) {
        self.partition = partition
        self.epoch = epoch
        self.offset = offset
        self.loggedAt = loggedAt
        self.polledAt = polledAt
    }
}

/// A name that a system gives an order.
public struct Reference: Equatable, Hashable, Sendable {
    /// What is named.
    public var kind: ReferenceKind
    /// Who numbers; empty: the legal entity's common number space.
    public var issuer: Slice
    /// The number.
    public var value: Slice

    /// A reference; see the properties.
    public init(kind: ReferenceKind, issuer: Slice, value: Slice) {
        self.kind = kind
        self.issuer = issuer
        self.value = value
    }
}

/// A line of the order as one event tells it.
public struct OrderLine: Equatable, Sendable {
    /// Line number in the order; empty when the channel has none: then the position among the lines, from 1.
    public var line: Slice = .none
    /// Article.
    public var sku: Slice = .none
    /// Ordered quantity.
    public var quantity: ExactDecimal?
    /// Price of one, in the order's currency.
    public var unitPrice: ExactDecimal?
    /// The channel's tax code.
    public var tax: Slice = .none

    /// A line without content.
    public init() {}
}

/// A quantity of one line within a shipment, an allocation, an invoice or a cancellation.
public struct LineQuantity: Equatable, Sendable {
    /// Line number.
    public var line: Slice
    /// Article, when the fact names it instead of, or beside, the line.
    public var sku: Slice
    /// How much.
    public var quantity: ExactDecimal
    /// Allocation only: how much is on backorder.
    public var backordered: ExactDecimal?
    /// Allocation only: when the backordered part is expected, as the event wrote it (a date).
    public var expected: Slice

    /// A quantity of a line; see the properties.
    public init(
        line: Slice, sku: Slice = .none, quantity: ExactDecimal, backordered: ExactDecimal? = nil,
        expected: Slice = .none
    ) {
        self.line = line
        self.sku = sku
        self.quantity = quantity
        self.backordered = backordered
        self.expected = expected
    }
}

/// What an event tells besides its word.
///
/// Held behind a reference, because most events tell none of it.
public final class Facts: Sendable {
    /// Goods that left.
    ///
    /// `ref` or, without it, `tracking` is its identity.
    public struct Shipment: Equatable, Sendable {
        /// Identity given by its sender; empty: the tracking number identifies it.
        public var ref: Slice = .none
        /// Carrier.
        public var carrier: Slice = .none
        /// Tracking number.
        public var tracking: Slice = .none
        /// What left, by line.
        public var lines: [LineQuantity] = []
        /// A shipment without content.
        public init() {}
    }

    /// A document of accounting.
    ///
    /// `ref` is its identity.
    public struct Invoice: Equatable, Sendable {
        /// Identity.
        public var ref: Slice = .none
        /// What was invoiced, by line.
        public var lines: [LineQuantity] = []
        /// An invoice without content.
        public init() {}
    }

    /// Money.
    ///
    /// `ref` is its identity.
    public struct Payment: Equatable, Sendable {
        /// Identity.
        public var ref: Slice
        /// How far it went.
        public var status: PaymentStatus
        /// Amount in the order's currency.
        public var amount: ExactDecimal?
        /// A payment; see the properties.
        public init(ref: Slice, status: PaymentStatus, amount: ExactDecimal?) {
            self.ref = ref
            self.status = status
            self.amount = amount
        }
    }

    /// A reason why the order may not go on.
    public struct Hold: Equatable, Sendable {
        /// credit, fraud, payment, stock, address or manual; empty: the channel gave none.
        public var reason: Slice
        /// A hold for `reason`.
        public init(reason: Slice) { self.reason = reason }
    }

    /// Goods that will not be delivered.
    public struct Cancellation: Equatable, Sendable {
        /// Totals by line at the event's time; empty: all that is left.
        public var lines: [LineQuantity]
        /// Why, in the channel's words.
        public var reason: Slice
        /// A cancellation; see the properties.
        public init(lines: [LineQuantity], reason: Slice) {
            self.lines = lines
            self.reason = reason
        }
    }

    /// Other names of the order.
    public let references: [Reference]
    /// Totals by line at the event's time.
    public let allocation: [LineQuantity]
    /// Goods that left.
    public let shipment: Shipment?
    /// Document of accounting.
    public let invoice: Invoice?
    /// Money.
    public let payment: Payment?
    /// Reason of `on_hold`, or which hold a `release` ends.
    public let hold: Hold?
    /// Goods that will not be delivered.
    public let cancellation: Cancellation?

    /// What one event tells; see the properties.
    public init(
        references: [Reference] = [], allocation: [LineQuantity] = [], shipment: Shipment? = nil,
        invoice: Invoice? = nil, payment: Payment? = nil, hold: Hold? = nil, cancellation: Cancellation? = nil
    ) {
        self.references = references
        self.allocation = allocation
        self.shipment = shipment
        self.invoice = invoice
        self.payment = payment
        self.hold = hold
        self.cancellation = cancellation
    }

    /// Bytes of memory that the facts hold, for budgets.
    public var cost: Int {
        let quantities =
            allocation.count + (shipment?.lines.count ?? 0) + (invoice?.lines.count ?? 0)
            + (cancellation?.lines.count ?? 0)
        return 256 + references.count * MemoryLayout<Reference>.stride
            + quantities * MemoryLayout<LineQuantity>.stride
    }
}

/// A readable event that is refused: it ends as `rejected` and claims no key.
public struct Refusal: Equatable, Sendable {
    /// The business exception that it raises.
    public var code: ExceptionCode
    /// What is wrong and where to mend it.
    ///
    /// Names of configuration and the channel's own status word may appear; customers' data never.
    public var detail: String

    /// A refusal for `code`.
    public init(code: ExceptionCode, detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// The decoded, normalised event: identity, order, canonical status or milestone, time, sequence, facts.
public struct OrderEvent: Sendable {
    /// Where the record was read.
    public var source: SourcePosition
    /// The record's value (`payloadCount` bytes) followed by unescaped strings.
    public var bytes: [UInt8]
    /// How many of `bytes` are the record's value as polled.
    public var payloadCount: Int
    /// Stable 64-bit hash of the record's value: tells a reused key from a duplicate.
    ///
    /// Not cryptographic.
    public var contentHash: UInt64
    /// Index of the channel in the running configuration.
    public var channel: Int32
    /// The channel's identity of the event; with entity and channel the idempotency key.
    ///
    /// 1-128 bytes of printable ASCII.
    public var eventID: Slice = .none
    /// The legal entity's name as the event gives it.
    public var legalEntity: Slice = .none
    /// The warehouse's code as the event gives it; empty: none.
    public var warehouse: Slice = .none
    /// The canonical order reference, already `ISSUER/VALUE` for a channel with an issuer; empty when the event names
    /// its order by `reference` only.
    public var orderRef: Slice = .none
    /// The name by which an event without `orderRef` finds its order.
    public var reference: Reference?
    /// Canonical status, or nil for a pure milestone.
    public var status: StatusWord?
    /// Milestone, or nil.
    public var milestone: Milestone?
    /// When it happened, by the channel's clock.
    public var occurredAt: Timestamp
    /// The channel's number of this event within its order, or nil.
    public var sequence: Int64?
    /// ISO 4217 code of all amounts.
    public var currency: Slice = .none
    /// Total of the order.
    public var total: ExactDecimal?
    /// The customer's stable identity at the channel or in Odoo.
    ///
    /// Personal data: never logged.
    public var customerRef: Slice = .none
    /// The customer's name.
    ///
    /// Personal data: never logged.
    public var customerName: Slice = .none
    /// Lines of the order, when the event carries them.
    public var lines: [OrderLine] = []
    /// What else the event tells.
    public var facts: Facts?
    /// Why a readable event is refused.
    public var refusal: Refusal?
    /// Index of the legal entity in the running configuration; set by routing, -1 before.
    public var entity: Int32 = -1
    /// Index of the lane (legal entity, warehouse); set by routing, -1 before.
    public var lane: Int32 = -1
    /// Stable hash of the order key; set by routing.
    ///
    /// Equal orders have equal hashes; the reverse is only likely.
    public var orderHash: UInt64 = 0

    /// An event that has its bytes and its place, and no field yet.
    public init(source: SourcePosition, bytes: [UInt8], payloadCount: Int, contentHash: UInt64, channel: Int32) {
        self.source = source
        self.bytes = bytes
        self.payloadCount = payloadCount
        self.contentHash = contentHash
        self.channel = channel
        self.occurredAt = Timestamp(microseconds: 0)
    }

    /// The text of a slice as a `String`: allocates; not for the data path.
    public func text(_ slice: Slice) -> String {
        let start = Int(slice.start)
        let end = start + Int(slice.count)
        guard end <= bytes.count else { return "" }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// Whether two slices, of this event and another, hold the same bytes.
    public func sameBytes(_ slice: Slice, _ other: OrderEvent, _ otherSlice: Slice) -> Bool {
        guard slice.count == otherSlice.count else { return false }
        let a = Int(slice.start)
        let b = Int(otherSlice.start)
        for index in 0..<Int(slice.count) where bytes[a + index] != other.bytes[b + index] { return false }
        return true
    }

    /// Bytes of memory that the event holds, for budgets.
    public var cost: Int {
        bytes.count + MemoryLayout<OrderEvent>.stride + lines.count * MemoryLayout<OrderLine>.stride
            + (facts?.cost ?? 0)
    }
}
