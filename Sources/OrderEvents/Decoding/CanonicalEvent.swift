// The canonical event, one JSON object a record. Its rules, where the format leaves room:
// - `null` is the same as an absent member; members without a meaning here are ignored.
// - Identifiers (event, order, entity, warehouse, line, references) are text, never numbers, and never empty.
// - With both `order_ref` and `reference`, the first names the order and the second is one more of its references.

extension DecodePass {
    /// Members of the event that are needed at its end.
    private struct Required {
        var hasEventID = false
        var hasOccurredAt = false
        var orderRef = Slice.none
        var reference: Reference?
    }

    /// Reads a whole canonical event.
    mutating func canonicalEvent(_ bytes: Span<UInt8>, _ format: CompiledFormat) throws(DecodeFailure) {
        do throws(JSONError) { try reader.beginDocument(bytes) } catch { throw DecodeFailure(error) }
        var required = Required()
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                try member(name, &required, bytes, format)
            } catch { throw error.under("/" + name.word) }
        }
        do throws(JSONError) { try reader.endDocument(bytes) } catch { throw DecodeFailure(error) }
        try route(format, orderRef: required.orderRef, bytes)
        if !required.hasEventID { throw .missing("/event_id") }
        if event.legalEntity.isEmpty { throw .missing("/legal_entity") }
        if !required.hasOccurredAt { throw .missing("/occurred_at") }
        if event.status == nil, event.milestone == nil, event.refusal == nil { throw .missing("/status") }
        do throws(DecodeFailure) {
            try nameOrder(required.orderRef, required.reference, bytes, format)
        } catch { throw error.pointer.isEmpty ? error.under("/order_ref") : error }
    }

    private mutating func nameOrder(
        _ orderRef: Slice, _ reference: Reference?, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        if !orderRef.isEmpty {
            try nameOrder(by: orderRef, format.naming, bytes)
            if let reference { facts.references.append(reference) }
        } else if let reference {
            do throws(DecodeFailure) { try nameOrder(by: reference, bytes) } catch { throw error.under("/reference") }
        } else {
            throw .missing("/order_ref")
        }
    }

    /// Reads one member of the event.
    @inline(__always)
    private mutating func member(
        _ name: CanonicalName, _ required: inout Required, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        switch name {
        case .version: try version(bytes)
        case .eventID:
            event.eventID = try identifier(bytes)
            required.hasEventID = true
        case .legalEntity: event.legalEntity = try identifier(bytes)
        case .warehouse: event.warehouse = try identifier(bytes)
        case .orderRef: required.orderRef = try identifier(bytes)
        case .reference: required.reference = try reference(bytes)
        case .status: try status(bytes, format)
        case .milestone: try milestone(bytes, format)
        case .occurredAt:
            event.occurredAt = try timestamp(bytes)
            required.hasOccurredAt = true
        case .sequence: event.sequence = try integer(bytes)
        case .currency: event.currency = try currency(bytes)
        case .total: event.total = try decimal(bytes)
        case .customer: try customer(bytes)
        case .lines: try orderLines(bytes)
        default: try fact(name, bytes)
        }
    }

    private mutating func version(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        guard try kind(bytes) == .number else { throw DecodeFailure(.wrongType, "must be the integer 1") }
        let number = try number(bytes)
        guard number.isInteger else { throw DecodeFailure(.wrongType, "must be the integer 1") }
        guard number.count == 1, bytes[number.start] == 0x31 else {
            throw DecodeFailure(.unsupportedVersion, "only version 1 is read")
        }
    }

    private mutating func status(_ bytes: Span<UInt8>, _ format: CompiledFormat) throws(DecodeFailure) {
        let word = slice(try string(bytes), bytes)
        if let value = value(of: word, in: CanonicalWords.statuses, bytes) {
            event.status = CanonicalWords.status(value)
        } else {
            refuse(word, "/status", "is no canonical status; write one, or map the channel's words", bytes, format)
        }
    }

    private mutating func milestone(_ bytes: Span<UInt8>, _ format: CompiledFormat) throws(DecodeFailure) {
        let word = slice(try string(bytes), bytes)
        if let value = value(of: word, in: CanonicalWords.milestones, bytes) {
            event.milestone = Milestone(rawValue: value)
        } else {
            refuse(word, "/milestone", "is no milestone; write one, or map the channel's words", bytes, format)
        }
    }

    private mutating func customer(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .ref: event.customerRef = try freeText(bytes)
                case .name: event.customerName = try freeText(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
    }

    private mutating func orderLines(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var array = try beginArray(bytes)
        while try nextElement(&array, bytes) {
            do throws(DecodeFailure) {
                if array.elements > Self.maximumLines { throw Self.tooMany(Self.maximumLines) }
                if event.lines.isEmpty { event.lines.reserveCapacity(4) }
                event.lines.append(try orderLine(bytes))
            } catch { throw error.under("/\(array.elements - 1)") }
        }
    }

    static func tooMany(_ limit: Int) -> DecodeFailure {
        DecodeFailure(.invalidValue, "more than \(limit) elements")
    }

    @inline(__always)
    private mutating func orderLine(_ bytes: Span<UInt8>) throws(DecodeFailure) -> OrderLine {
        var line = OrderLine()
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .line: line.line = try identifier(bytes)
                case .sku: line.sku = try freeText(bytes)
                case .quantity: line.quantity = try decimal(bytes)
                case .unitPrice: line.unitPrice = try decimal(bytes)
                case .tax: line.tax = try freeText(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        return line
    }

    // MARK: structure

    @inline(__always)
    mutating func beginObject(_ bytes: Span<UInt8>) throws(DecodeFailure) -> JSONObject {
        do throws(JSONError) {
            if try reader.kind(bytes) == .object { return try reader.beginObject(bytes) }
        } catch { throw DecodeFailure(error) }
        throw DecodeFailure(.wrongType, "must be an object")
    }

    @inline(__always)
    mutating func beginArray(_ bytes: Span<UInt8>) throws(DecodeFailure) -> JSONArray {
        do throws(JSONError) {
            if try reader.kind(bytes) == .array { return try reader.beginArray(bytes) }
        } catch { throw DecodeFailure(error) }
        throw DecodeFailure(.wrongType, "must be an array")
    }

    @inline(__always)
    mutating func nextElement(_ array: inout JSONArray, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Bool {
        do throws(JSONError) { return try reader.nextElement(&array, bytes) } catch { throw DecodeFailure(error) }
    }

    /// The next member of the object whose name belongs to the format and whose value is not null; nil at its end.
    @inline(__always)
    mutating func nextName(_ object: inout JSONObject, _ bytes: Span<UInt8>) throws(DecodeFailure) -> CanonicalName? {
        guard let value = try nextKnown(&object, in: names, bytes) else { return nil }
        return CanonicalName(rawValue: value)
    }

    /// The value in `table` of the object's next member that is in the table and not null; nil at the object's end.
    ///
    /// Reads over all other members, and finds duplicates among all.
    mutating func nextKnown(
        _ object: inout JSONObject, in table: borrowing WordTable, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> UInt8? {
        do throws(JSONError) {
            while true {
                let key: JSONText
                let value: UInt16?
                if let name = reader.nextShortName(&object, bytes) {
                    key = name.text
                    value = table.value(low: name.low, high: name.high, count: key.count)
                } else {
                    guard let name = try reader.nextKey(&object, bytes) else { return nil }
                    key = name
                    value =
                        key.hasEscapes
                        ? Self.escapedValue(key, in: table, bytes) : table.value(of: bytes, key.start, key.count)
                }
                guard let value = value.map({ UInt8(truncatingIfNeeded: $0) }) else {
                    try reader.note(key, in: object, bytes)
                    try reader.skipValue(bytes)
                    continue
                }
                try reader.know(value, key, in: &object)
                guard try reader.peek(bytes) == 0x6E else { return value }
                try reader.null(bytes)
            }
        } catch { throw DecodeFailure(error) }
    }

    /// Looks a name with escapes up.
    static func escapedValue(
        _ key: JSONText, in table: borrowing WordTable, scope: UInt16 = 0, _ bytes: Span<UInt8>
    ) -> UInt16? {
        var plain: [UInt8] = []
        key.append(to: &plain, from: bytes)
        return table.value(of: plain.span, 0, plain.count, scope: scope)
    }

    /// Marks the event as refused, because the channel's word means nothing to the configuration.
    mutating func refuse(
        _ word: Slice, _ pointer: String, _ remedy: String, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) {
        guard event.refusal == nil else { return }
        event.refusal = Refusal(
            code: .unknownStatus,
            detail: "channel \(format.channel): \(pointer): \(told(of: word, bytes)) \(remedy)")
    }

    /// What a refusal tells of a word that nobody knows: the word itself where it looks like one of a vocabulary, else
    /// its length.
    ///
    /// A field that is mapped wrongly may hold a customer's name, address, mail, telephone or account: those have
    /// spaces, signs, letters beyond ASCII or many digits.
    private func told(of word: Slice, _ bytes: Span<UInt8>) -> String {
        let count = Int(word.count)
        let hidden = "its word (\(count) bytes, not shown)"
        guard (1...Self.maximumShownWordBytes).contains(count) else { return hidden }
        var text: [UInt8] = []
        var digits = 0
        for index in 0..<count {
            let next = byte(word, index, bytes)
            switch next {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "-"):
                break
            default: return hidden
            }
            text.append(next)
        }
        return digits > Self.maximumShownDigits ? hidden : "'\(String(decoding: text, as: UTF8.self))'"
    }
}
