// One decoded order event.
//
// The event owns one byte array: the record's value as it was polled, followed by the few strings that had JSON
// escapes, unescaped. Every text in the event is a `Slice` of that array, so decoding a usual event costs one
// allocation for its bytes, one for its lines and one for its fields, and nothing is copied into `String` on the data
// path.
//
// What was decoded lies behind one reference and never changes; only where routing put the event lies beside it. So an
// event moves through lanes, batches and plans as 24 bytes and one count, whatever it tells.

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

/// Where and when a record was read, and which trace it belongs to.
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
    /// The trace that the record names; nil: none.
    @inlinable public var trace: TraceContext? {
        get { kept?.context }
        set { kept = newValue.map(KeptTrace.init) }
    }
    /// Behind a reference: every event that waits has this room in it, and most name no trace.
    @usableFromInline var kept: KeptTrace?

    /// A position; see the properties.
    public init(
        partition: Int32, epoch: UInt32, offset: Int64, loggedAt: Timestamp?, polledAt: Timestamp,
        trace: TraceContext? = nil
    ) {
        self.partition = partition
        self.epoch = epoch
        self.offset = offset
        self.loggedAt = loggedAt
        self.polledAt = polledAt
        kept = trace.map(KeptTrace.init)
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
///
/// Cheap to copy. Setting anything but `entity`, `lane` and `orderHash` copies the fields: for what is rare.
public struct OrderEvent: Sendable {
    @usableFromInline private(set) var decoded: DecodedFields
    /// Index of the legal entity in the running configuration; set by routing, -1 before.
    public var entity: Int32 = -1
    /// Index of the lane (legal entity, warehouse); set by routing, -1 before.
    public var lane: Int32 = -1
    /// Stable hash of the order key; set by routing.
    ///
    /// Equal orders have equal hashes; the reverse is only likely.
    public var orderHash: UInt64 = 0

    init(_ fields: consuming EventFields) { decoded = DecodedFields(fields) }

    /// An event that has its bytes and its place, and no field yet.
    public init(source: SourcePosition, bytes: [UInt8], payloadCount: Int, contentHash: UInt64, channel: Int32) {
        self.init(
            EventFields(
                source: source, bytes: bytes, payloadCount: payloadCount, contentHash: contentHash, channel: channel))
    }

    private mutating func change(_ body: (inout EventFields) -> Void) {
        var fields = decoded.fields
        body(&fields)
        decoded = DecodedFields(fields)
    }

    /// Where the record was read.
    public var source: SourcePosition {
        @inlinable get { decoded.fields.source }
        set { change { $0.source = newValue } }
    }
    /// The record's value (`payloadCount` bytes) followed by unescaped strings.
    public var bytes: [UInt8] {
        @inlinable get { decoded.fields.bytes }
        set { change { $0.bytes = newValue } }
    }
    /// How many of `bytes` are the record's value as polled.
    public var payloadCount: Int {
        @inlinable get { decoded.fields.payloadCount }
        set { change { $0.payloadCount = newValue } }
    }
    /// Stable 64-bit hash of the record's value: tells a reused key from a duplicate.
    ///
    /// Not cryptographic.
    public var contentHash: UInt64 {
        @inlinable get { decoded.fields.contentHash }
        set { change { $0.contentHash = newValue } }
    }
    /// Index of the channel in the running configuration.
    public var channel: Int32 {
        @inlinable get { decoded.fields.channel }
        set { change { $0.channel = newValue } }
    }
    /// The channel's identity of the event; with entity and channel the idempotency key.
    ///
    /// 1-128 bytes of printable ASCII.
    public var eventID: Slice {
        @inlinable get { decoded.fields.eventID }
        set { change { $0.eventID = newValue } }
    }
    /// The legal entity's name as the event gives it.
    public var legalEntity: Slice {
        @inlinable get { decoded.fields.legalEntity }
        set { change { $0.legalEntity = newValue } }
    }
    /// The warehouse's code as the event gives it; empty: none.
    public var warehouse: Slice {
        @inlinable get { decoded.fields.warehouse }
        set { change { $0.warehouse = newValue } }
    }
    /// The canonical order reference, already `ISSUER/VALUE` for a channel with an issuer; empty when the event names
    /// its order by `reference` only.
    public var orderRef: Slice {
        @inlinable get { decoded.fields.orderRef }
        set { change { $0.orderRef = newValue } }
    }
    /// The name by which an event without `orderRef` finds its order.
    public var reference: Reference? {
        @inlinable get { decoded.fields.reference }
        set { change { $0.reference = newValue } }
    }
    /// Canonical status, or nil for a pure milestone.
    public var status: StatusWord? {
        @inlinable get { decoded.fields.status }
        set { change { $0.status = newValue } }
    }
    /// Milestone, or nil.
    public var milestone: Milestone? {
        @inlinable get { decoded.fields.milestone }
        set { change { $0.milestone = newValue } }
    }
    /// When it happened, by the channel's clock.
    public var occurredAt: Timestamp {
        @inlinable get { decoded.fields.occurredAt }
        set { change { $0.occurredAt = newValue } }
    }
    /// The channel's number of this event within its order, or nil.
    public var sequence: Int64? {
        @inlinable get { decoded.fields.sequence }
        set { change { $0.sequence = newValue } }
    }
    /// ISO 4217 code of all amounts.
    public var currency: Slice {
        @inlinable get { decoded.fields.currency }
        set { change { $0.currency = newValue } }
    }
    /// Total of the order.
    public var total: ExactDecimal? {
        @inlinable get { decoded.fields.total }
        set { change { $0.total = newValue } }
    }
    /// The customer's stable identity at the channel or in Odoo.
    ///
    /// Personal data: never logged.
    public var customerRef: Slice {
        @inlinable get { decoded.fields.customerRef }
        set { change { $0.customerRef = newValue } }
    }
    /// The customer's name.
    ///
    /// Personal data: never logged.
    public var customerName: Slice {
        @inlinable get { decoded.fields.customerName }
        set { change { $0.customerName = newValue } }
    }
    /// Lines of the order, when the event carries them.
    public var lines: [OrderLine] {
        @inlinable get { decoded.fields.lines }
        set { change { $0.lines = newValue } }
    }
    /// What else the event tells.
    public var facts: Facts? {
        @inlinable get { decoded.fields.facts }
        set { change { $0.facts = newValue } }
    }
    /// Why a readable event is refused.
    public var refusal: Refusal? {
        @inlinable get { decoded.fields.refusal }
        set { change { $0.refusal = newValue } }
    }
    /// The customer's group, which is a tag of the event in the journal.
    public var customerGroup: Slice {
        @inlinable get { decoded.fields.customerGroup }
        set { change { $0.customerGroup = newValue } }
    }
    /// Index of the channel's routing rule that took the event; -1: none did.
    public var rule: Int16 {
        @inlinable get { decoded.fields.rule }
        set { change { $0.rule = newValue } }
    }
    /// The closed look-up table that lacked a word of the event, as an index into the decoder's `tables`; -1: none.
    public var unmappedTable: Int16 { decoded.fields.unmappedTable }

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
    public var cost: Int { decoded.cost }
}
