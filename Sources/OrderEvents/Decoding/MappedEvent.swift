// An event in a channel's own JSON. Its rules, where the mapping leaves room:
// - `null`, an absent member, and an empty text are the same: absent. Channels differ in how they say nothing.
// - Identifiers, articles and words may be JSON integers, which count as their digits.
// - Of a field that several elements or members could give there is only one: pointers name single places.
// - Constants and defaults come last, and are canonical: no look-up table is asked.

/// What is known of a mapped event beside the event itself.
struct MappedDraft {
    var hasOccurredAt = false
    var orderRef = Slice.none
    var orderKind: ReferenceKind?
    var orderIssuer = Slice.none
    var orderValue = Slice.none
    var source = Slice.none
    /// A status word that means nothing, and where it stands.
    var unknownWord: (word: Slice, pointer: UInt16)?
    var dataStatus: StatusWord?
    var dataMilestone: Milestone?
    var hasSpecVersion = false
    var cancellationReason = Slice.none
    var cancellationLines: [LineQuantity] = []
    var holdReason = Slice.none
    // What the element that is being read has so far.
    var line = OrderLine()
    var fact = FactLineDraft()
    var shipment = Facts.Shipment()
    var invoice = Facts.Invoice()
    var payment = PaymentDraft()
    var hasNameKind = false
    var hasShipment: Bool { !shipment.ref.isEmpty || !shipment.tracking.isEmpty }
    /// Constants that the event has already, so that a table's word is not written once a line.
    var placed: [(constant: UInt16, slice: Slice)] = []

    /// A line of a fact, as far as it is known.
    struct FactLineDraft {
        var line = Slice.none
        var sku = Slice.none
        var quantity: ExactDecimal?
        var backordered: ExactDecimal?
        var expected = Slice.none
    }

    struct PaymentDraft {
        var ref = Slice.none
        var status: PaymentStatus?
        var amount: ExactDecimal?
    }
}

extension DecodePass {
    /// Reads a whole document of a mapped channel.
    mutating func mappedEvent(
        _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        do throws(JSONError) { try reader.beginDocument(bytes) } catch { throw DecodeFailure(error) }
        guard try kind(bytes) == .object else { throw DecodeFailure(.wrongType, "must be an object") }
        var draft = MappedDraft()
        for kind in plan.names { facts.references.append(Reference(kind: kind, issuer: .none, value: .none)) }
        try walk(MappingPlan.root, &draft, plan, bytes, format)
        do throws(JSONError) { try reader.endDocument(bytes) } catch { throw DecodeFailure(error) }
        if plan.isCloudEvent { try cloudEventAttributes(plan, &draft, bytes, format) }
        applyFallbacks(MappingPlan.root, &draft, plan)
        try finishFacts(&draft, plan, bytes)
        try route(format, orderRef: draft.orderRef, bytes)
        if event.eventID.isEmpty { throw .missing(plan.required.eventID) }
        if event.legalEntity.isEmpty { throw .missing(plan.required.legalEntity) }
        if !draft.hasOccurredAt { throw .missing(plan.required.occurredAt) }
        if event.status == nil, event.milestone == nil, event.refusal == nil { throw .missing(plan.required.status) }
        try nameOrder(draft, plan, bytes, format)
    }

    private mutating func nameOrder(
        _ draft: MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        var reference: Reference?
        if !draft.orderValue.isEmpty {
            guard let kind = draft.orderKind else { throw .missing("/reference/kind") }
            reference = Reference(kind: kind, issuer: draft.orderIssuer, value: draft.orderValue)
        }
        do throws(DecodeFailure) {
            if !draft.orderRef.isEmpty {
                try nameOrder(by: draft.orderRef, format.naming, bytes)
                if let reference { facts.references.append(reference) }
            } else if let reference {
                try nameOrder(by: reference, bytes)
            } else {
                throw .missing()
            }
        } catch { throw error.under(plan.required.orderRef) }
    }

    // MARK: the walk

    /// Reads the value that the node `index` stands for.
    ///
    /// Recursive as deep as the mapping's pointers.
    mutating func walk(
        _ index: Int, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let node = plan.nodes[index]
        if node.readings > 0 {
            try readAll(node, &draft, plan, bytes, format)
            if !node.hasMembers { return }
        }
        switch try kind(bytes) {
        case .object where node.hasMembers:
            var object = try beginObject(bytes)
            while let child = try nextMember(&object, of: index, in: plan, bytes) {
                let next = plan.nodes[child]
                if next.readings == 1, !next.hasMembers {
                    try readOne(plan.readings[Int(next.firstReading)], &draft, plan, bytes, format)
                } else {
                    try walk(child, &draft, plan, bytes, format)
                }
            }
        case .array where node.elements > 0:
            var array = try beginArray(bytes)
            while try nextElement(&array, bytes) {
                if let child = plan.child(of: node, element: array.elements - 1), try kind(bytes) != .null {
                    try walk(child, &draft, plan, bytes, format)
                } else {
                    try skip(bytes)
                }
            }
        case .object, .array, .string, .number, .boolean, .null: try skip(bytes)
        }
    }

    /// Reads one value for all that want it; where something below is wanted too, it is next to read again.
    private mutating func readAll(
        _ node: MappingPlan.Node, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let start = reader.position
        for index in Int(node.firstReading)..<Int(node.firstReading) + Int(node.readings) {
            reader.rewind(to: start)
            try readOne(plan.readings[index], &draft, plan, bytes, format)
        }
        if node.hasMembers { reader.rewind(to: start) }
    }

    @inline(__always)
    private mutating func readOne(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        do throws(DecodeFailure) {
            try read(reading, &draft, plan, bytes, format)
        } catch { throw error.under(plan.pointer(reading)) }
    }

    /// The node of the object's next member that is wanted and not null; nil at the object's end.
    ///
    /// Reads over all other members, and finds duplicates among all.
    private mutating func nextMember(
        _ object: inout JSONObject, of node: Int, in plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Int? {
        let scope = UInt16(truncatingIfNeeded: node)
        do throws(JSONError) {
            while true {
                let key: JSONText
                let value: UInt16?
                if let name = reader.nextShortName(&object, bytes) {
                    key = name.text
                    value = plan.members.value(low: name.low, high: name.high, count: key.count, scope: scope)
                } else {
                    guard let name = try reader.nextKey(&object, bytes) else { return nil }
                    key = name
                    value =
                        key.hasEscapes
                        ? Self.escapedValue(key, in: plan.members, scope: scope, bytes)
                        : plan.members.value(of: bytes, key.start, key.count, scope: scope)
                }
                guard let value else {
                    try reader.note(key, in: object, bytes)
                    try reader.skipValue(bytes)
                    continue
                }
                let ordinal = plan.nodes[Int(value)].ordinal
                if ordinal < 64 {
                    try reader.know(ordinal, key, in: &object)
                } else {
                    try reader.note(key, in: object, bytes)
                }
                guard try reader.peek(bytes) == 0x6E else { return Int(value) }
                try reader.null(bytes)
            }
        } catch { throw DecodeFailure(error) }
    }

    // MARK: fields

    private mutating func read(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        switch reading.target {
        case .eventID: event.eventID = try identifier(reading, &draft, plan, bytes)
        case .orderRef: draft.orderRef = try identifier(reading, &draft, plan, bytes)
        case .legalEntity: event.legalEntity = try identifier(reading, &draft, plan, bytes)
        case .warehouse: event.warehouse = try identifier(reading, &draft, plan, bytes)
        case .status: try mappedStatus(reading, &draft, plan, bytes, format)
        case .milestone: try mappedMilestone(reading, plan, bytes, format)
        case .occurredAt:
            event.occurredAt = try time(reading.format, bytes)
            draft.hasOccurredAt = true
        case .sequence: event.sequence = try integer(bytes)
        case .currency: event.currency = try currency(reading, &draft, plan, bytes)
        case .total: event.total = try decimal(reading.format, bytes)
        case .customerRef: event.customerRef = try text(reading, &draft, plan, bytes)
        case .customerName: event.customerName = try text(reading, &draft, plan, bytes)
        case .customerGroup: event.customerGroup = try identifier(reading, &draft, plan, bytes)
        case .line: draft.line.line = try identifier(reading, &draft, plan, bytes)
        case .sku: draft.line.sku = try text(reading, &draft, plan, bytes)
        case .quantity: draft.line.quantity = try decimal(reading.format, bytes)
        case .unitPrice: draft.line.unitPrice = try decimal(reading.format, bytes)
        case .tax: draft.line.tax = try text(reading, &draft, plan, bytes)
        case .specVersion, .source, .traceparent, .dataStatus, .dataMilestone, .binaryData:
            try cloudEventField(reading.target, &draft, plan, bytes)
        case .orderKind, .orderIssuer, .orderValue, .nameKind, .nameIssuer, .nameValue:
            try nameField(reading, &draft, plan, bytes)
        case .factLine, .factSku, .factQuantity, .factBackordered, .factExpected, .shipmentRef, .shipmentCarrier,
            .shipmentTracking, .invoiceRef, .paymentRef, .paymentStatus, .paymentAmount, .cancellationReason,
            .holdReason:
            try factField(reading, &draft, plan, bytes)
        case .names, .lines, .allocation, .shipments, .shipmentLines, .invoices, .invoiceLines, .payments,
            .cancellationLines:
            try elements(reading, &draft, plan, bytes, format)
        case .probe:
            if let routes = format.routes { try probeValue(Int(reading.index), routes, bytes) } else { try skip(bytes) }
        }
    }

    private mutating func mappedStatus(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let word = try mappedText(bytes)
        if word.isEmpty { return }
        if !plan.hasOwnWords, plan.isCloudEvent {
            takeCanonicalWord(word, bytes)
        } else if !plan.hasOwnWords {
            if let value = value(of: word, in: CanonicalWords.statuses, bytes) {
                event.status = CanonicalWords.status(value)
            } else if let value = value(of: word, in: CanonicalWords.milestones, bytes) {
                event.milestone = Milestone(rawValue: value)
            }
        } else {
            if let value = value(of: word, in: plan.statuses, bytes) { event.status = CanonicalWords.status(value) }
            if let value = value(of: word, in: plan.milestones, bytes) { event.milestone = Milestone(rawValue: value) }
        }
        guard event.status == nil, event.milestone == nil else { return }
        if plan.isCloudEvent {
            draft.unknownWord = (word, reading.pointer)
        } else {
            refuse(word, plan.pointer(reading), Self.unknownWordRemedy, bytes, format)
        }
    }

    static let unknownWordRemedy = "has no meaning; add it to the channel's statuses or milestones"

    private mutating func mappedMilestone(
        _ reading: MappingPlan.Reading, _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let word = try mappedText(bytes)
        if word.isEmpty { return }
        if let value = value(of: word, in: plan.hasOwnWords ? plan.milestones : CanonicalWords.milestones, bytes) {
            event.milestone = Milestone(rawValue: value)
        } else {
            refuse(word, plan.pointer(reading), "has no meaning; add it to the channel's milestones", bytes, format)
        }
    }
}
