/// What is decoded of an event, while it is being read; `OrderEvent` says what each field is.
@usableFromInline struct EventFields: Sendable {
    @usableFromInline var source: SourcePosition
    @usableFromInline var bytes: [UInt8]
    @usableFromInline var payloadCount: Int
    @usableFromInline var contentHash: UInt64
    @usableFromInline var channel: Int32
    @usableFromInline var eventID: Slice = .none
    @usableFromInline var legalEntity: Slice = .none
    @usableFromInline var warehouse: Slice = .none
    @usableFromInline var orderRef: Slice = .none
    @usableFromInline var reference: Reference?
    @usableFromInline var status: StatusWord?
    @usableFromInline var milestone: Milestone?
    @usableFromInline var occurredAt: Timestamp
    @usableFromInline var sequence: Int64?
    @usableFromInline var currency: Slice = .none
    @usableFromInline var total: ExactDecimal?
    @usableFromInline var customerRef: Slice = .none
    @usableFromInline var customerName: Slice = .none
    @usableFromInline var lines: [OrderLine] = []
    @usableFromInline var facts: Facts?
    @usableFromInline var refusal: Refusal?
    @usableFromInline var customerGroup: Slice = .none
    @usableFromInline var rule: Int16 = -1
    var unmappedTable: Int16 = -1

    init(source: SourcePosition, bytes: [UInt8], payloadCount: Int, contentHash: UInt64, channel: Int32) {
        self.source = source
        self.bytes = bytes
        self.payloadCount = payloadCount
        self.contentHash = contentHash
        self.channel = channel
        self.occurredAt = Timestamp(microseconds: 0)
    }

    /// Bytes of memory that an event with these fields holds.
    var cost: Int {
        bytes.count + DecodedFields.ownBytes + lines.count * MemoryLayout<OrderLine>.stride + (facts?.cost ?? 0)
            + (source.kept == nil ? 0 : KeptTrace.bytes)
    }
}

/// The fields of an event that has been decoded, shared by all who hold it.
@usableFromInline final class DecodedFields: Sendable {
    /// What the object itself takes: its head, the fields, the cost, and the event's handle in a queue.
    static let ownBytes = 16 + MemoryLayout<EventFields>.stride + 8 + MemoryLayout<OrderEvent>.stride

    // First, because the lanes ask for it and for the place, and both are in one line of the cache so.
    let cost: Int
    @usableFromInline let fields: EventFields

    init(_ fields: consuming EventFields) {
        cost = fields.cost
        self.fields = fields
    }
}
