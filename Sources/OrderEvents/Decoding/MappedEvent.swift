// An event in a channel's own JSON. Its rules, where the mapping leaves room:
// - `null`, an absent member, and an empty text are the same: absent. Channels differ in how they say nothing.
// - Identifiers, articles and words may be JSON integers, which count as their digits.
// - Of a field that several elements or members could give there is only one: pointers name single places.

extension DecodePass {
    /// Reads a whole document of a mapped channel.
    mutating func mappedEvent(
        _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        do throws(JSONError) { try reader.beginDocument(bytes) } catch { throw DecodeFailure(error) }
        guard try kind(bytes) == .object else { throw DecodeFailure(.wrongType, "must be an object") }
        var found = MappedFields()
        try documentNode(FieldPlan.root, plan, &found, bytes, format)
        do throws(JSONError) { try reader.endDocument(bytes) } catch { throw DecodeFailure(error) }
        if let legalEntity = plan.legalEntity { event.legalEntity = constant(legalEntity) }
        if let warehouse = plan.warehouse { event.warehouse = constant(warehouse) }
        if event.eventID.isEmpty { throw .missing(plan.document.pointer(.eventID)) }
        if event.legalEntity.isEmpty { throw .missing(plan.document.pointer(.legalEntity)) }
        if !found.hasOccurredAt { throw .missing(plan.document.pointer(.occurredAt)) }
        if event.status == nil, event.milestone == nil, event.refusal == nil {
            throw .missing(plan.document.pointer(.status))
        }
        if found.orderRef.isEmpty { throw .missing(plan.document.pointer(.orderRef)) }
        do throws(DecodeFailure) {
            try nameOrder(by: found.orderRef, format.naming, bytes)
        } catch { throw error.under(plan.document.pointer(.orderRef)) }
    }

    /// What is known of a mapped event beside its fields.
    struct MappedFields {
        var hasOccurredAt = false
        var orderRef = Slice.none
    }

    /// Reads the value that `index` of the document's plan stands for.
    ///
    /// Recursive as deep as the mapping's pointers.
    private mutating func documentNode(
        _ index: Int, _ plan: MappingPlan, _ found: inout MappedFields, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let kind = try kind(bytes)
        // Only an element can be null: of members, null is absent.
        if kind == .null { return try skip(bytes) }
        if let field = plan.document.nodes[index].fields.first {
            let start = reader.position
            do throws(DecodeFailure) {
                try documentField(field, plan, &found, bytes, format)
                try repeatForOthers(plan.document.nodes[index].fields, after: field, from: start) {
                    (pass: inout DecodePass, other) throws(DecodeFailure) in
                    try pass.documentField(other, plan, &found, bytes, format)
                }
            } catch { throw error.under(plan.document.pointer(field)) }
        } else if kind == .object {
            var object = try beginObject(bytes)
            while let child = try nextChild(&object, of: index, in: plan.document, bytes) {
                try documentNode(child, plan, &found, bytes, format)
            }
        } else if kind == .array, !plan.document.nodes[index].elements.isEmpty {
            var array = try beginArray(bytes)
            while try nextElement(&array, bytes) {
                if let child = plan.document.child(of: index, element: array.elements - 1) {
                    try documentNode(child, plan, &found, bytes, format)
                } else {
                    try skip(bytes)
                }
            }
        } else {
            try skip(bytes)
        }
    }

    /// Reads one value again for the other fields that have the same pointer.
    private mutating func repeatForOthers(
        _ fields: FieldSet, after first: MappedField, from start: Int,
        _ read: (inout DecodePass, MappedField) throws(DecodeFailure) -> Void
    ) throws(DecodeFailure) {
        guard fields.count > 1 else { return }
        for field in MappedField.allCases where field != first && fields.contains(field) {
            reader.rewind(to: start)
            try read(&self, field)
        }
    }

    private mutating func documentField(
        _ field: MappedField, _ plan: MappingPlan, _ found: inout MappedFields, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        switch field {
        case .eventID: event.eventID = try mappedIdentifier(bytes)
        case .orderRef: found.orderRef = try mappedIdentifier(bytes)
        case .legalEntity: event.legalEntity = try mappedIdentifier(bytes)
        case .warehouse: event.warehouse = try mappedIdentifier(bytes)
        case .status: try mappedStatus(plan, bytes, format)
        case .occurredAt:
            event.occurredAt = try timestamp(bytes)
            found.hasOccurredAt = true
        case .sequence: event.sequence = try integer(bytes)
        case .currency: event.currency = try currency(bytes)
        case .total: event.total = try decimal(bytes)
        case .customerRef: event.customerRef = try checkedText(try mappedText(bytes))
        case .customerName: event.customerName = try freeText(bytes)
        case .lines: try mappedLines(plan, bytes)
        case .line, .sku, .quantity, .unitPrice, .tax: try skip(bytes)
        }
    }

    private mutating func mappedLines(_ plan: MappingPlan, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        var array = try beginArray(bytes)
        while try nextElement(&array, bytes) {
            do throws(DecodeFailure) {
                if array.elements > Self.maximumLines { throw Self.tooMany(Self.maximumLines) }
                guard try kind(bytes) == .object else { throw DecodeFailure(.wrongType, "must be an object") }
                if event.lines.isEmpty { event.lines.reserveCapacity(4) }
                var line = OrderLine()
                try lineNode(FieldPlan.root, plan.line, &line, bytes)
                event.lines.append(line)
            } catch { throw error.under("/\(array.elements - 1)") }
        }
    }

    private mutating func lineNode(
        _ index: Int, _ plan: FieldPlan, _ line: inout OrderLine, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        let kind = try kind(bytes)
        if kind == .null { return try skip(bytes) }
        if let field = plan.nodes[index].fields.first {
            let start = reader.position
            do throws(DecodeFailure) {
                try lineField(field, &line, bytes)
                try repeatForOthers(plan.nodes[index].fields, after: field, from: start) {
                    (pass: inout DecodePass, other) throws(DecodeFailure) in
                    try pass.lineField(other, &line, bytes)
                }
            } catch { throw error.under(plan.pointer(field)) }
        } else if kind == .object {
            var object = try beginObject(bytes)
            while let child = try nextChild(&object, of: index, in: plan, bytes) {
                try lineNode(child, plan, &line, bytes)
            }
        } else if kind == .array, !plan.nodes[index].elements.isEmpty {
            var array = try beginArray(bytes)
            while try nextElement(&array, bytes) {
                if let child = plan.child(of: index, element: array.elements - 1) {
                    try lineNode(child, plan, &line, bytes)
                } else {
                    try skip(bytes)
                }
            }
        } else {
            try skip(bytes)
        }
    }

    private mutating func lineField(
        _ field: MappedField, _ line: inout OrderLine, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        switch field {
        case .line: line.line = try mappedIdentifier(bytes)
        case .sku: line.sku = try checkedText(try mappedText(bytes))
        case .quantity: line.quantity = try decimal(bytes)
        case .unitPrice: line.unitPrice = try decimal(bytes)
        case .tax: line.tax = try checkedText(try mappedText(bytes))
        default: try skip(bytes)
        }
    }

    // MARK: values

    private mutating func mappedStatus(
        _ plan: MappingPlan, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let word = try mappedText(bytes)
        if word.isEmpty { return }
        if let value = value(of: word, in: plan.statuses, bytes) { event.status = CanonicalWords.status(value) }
        if let value = value(of: word, in: plan.milestones, bytes) { event.milestone = Milestone(rawValue: value) }
        if event.status == nil, event.milestone == nil {
            let pointer = plan.document.pointer(.status)
            refuse(word, pointer, "has no meaning; add it to the channel's statuses or milestones", bytes, format)
        }
    }

    /// Reads a text, or the digits of an integer that is not negative.
    @inline(__always)
    private mutating func mappedText(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        switch try kind(bytes) {
        case .string: return slice(try string(bytes), bytes)
        case .number:
            let number = try number(bytes)
            guard number.isInteger, bytes[number.start] != 0x2D else { break }
            return Slice(
                start: UInt32(truncatingIfNeeded: number.start), count: UInt32(truncatingIfNeeded: number.count))
        default: break
        }
        throw DecodeFailure(.wrongType, "must be a text or a whole number")
    }

    /// Reads an identifier; an empty text is absent.
    @inline(__always)
    private mutating func mappedIdentifier(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        let text = try mappedText(bytes)
        return text.isEmpty ? .none : try checkedIdentifier(text, bytes)
    }

    private mutating func constant(_ text: [UInt8]) -> Slice {
        let start = payloadCount + tail.count
        tail += text
        return Slice(start: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: text.count))
    }

    /// The node for the next wanted member of the object; nil at its end.
    private mutating func nextChild(
        _ object: inout JSONObject, of node: Int, in plan: FieldPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Int? {
        guard let value = try nextKnown(&object, in: plan.nodes[node].members, bytes) else { return nil }
        return plan.nodes[node].children[Int(value)]
    }
}
