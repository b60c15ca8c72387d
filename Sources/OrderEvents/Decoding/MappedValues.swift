// Values of mapped fields: texts and their look-up tables, decimals and times as channels write them.

extension DecodePass {
    /// Reads a text, or the digits of an integer that is not negative.
    @inline(__always)
    mutating func mappedText(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
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

    /// Reads an identifier, translated; an empty text is absent.
    @inline(__always)
    mutating func identifier(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Slice {
        var text = try mappedText(bytes)
        if reading.table >= 0 { text = translated(text, reading.table, &draft, plan, bytes) }
        return text.isEmpty ? .none : try checkedIdentifier(text, bytes)
    }

    /// Reads free text, translated.
    @inline(__always)
    mutating func text(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Slice {
        var text = try mappedText(bytes)
        if reading.table >= 0 { text = translated(text, reading.table, &draft, plan, bytes) }
        return try checkedText(text)
    }

    /// Reads an ISO 4217 code, translated; an empty text is absent.
    mutating func currency(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Slice {
        guard reading.table >= 0 else { return try currency(bytes) }
        let text = translated(try mappedText(bytes), reading.table, &draft, plan, bytes)
        return text.isEmpty ? .none : try checkedCurrency(text, bytes)
    }

    /// What the text stands for in a look-up table; the text itself where no row has it.
    private mutating func translated(
        _ text: Slice, _ index: Int16, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) -> Slice {
        if text.isEmpty { return text }
        let table = plan.tables[Int(index)]
        let start = Int(text.start)
        let count = Int(text.count)
        let found =
            start >= payloadCount
            ? table.meaning(of: tail.span, start - payloadCount, count) : table.meaning(of: bytes, start, count)
        guard let found else {
            let isDrift =
                start >= payloadCount
                ? table.isDrift(tail.span, start - payloadCount, count) : table.isDrift(bytes, start, count)
            if isDrift { event.unmappedTable = index }
            return text
        }
        let constant = plan.constants[Int(found.meaning.constant)]
        guard found.meaning.keepsRest else { return placed(found.meaning.constant, &draft, plan) }
        let rest = Slice(
            start: text.start &+ UInt32(truncatingIfNeeded: found.matched),
            count: text.count &- UInt32(truncatingIfNeeded: found.matched))
        if constant.isEmpty { return rest }
        let first = appended(constant)
        for offset in 0..<Int(rest.count) { tail.append(byte(rest, offset, bytes)) }
        return Slice(start: first.start, count: first.count &+ rest.count)
    }

    /// The slice of a constant, which is written once an event.
    mutating func placed(_ constant: UInt16, _ draft: inout MappedDraft, _ plan: MappingPlan) -> Slice {
        for entry in draft.placed where entry.constant == constant { return entry.slice }
        let slice = appended(plan.constants[Int(constant)])
        if draft.placed.count < Self.maximumPlaced { draft.placed.append((constant, slice)) }
        return slice
    }

    /// Constants of one event that are looked for before they are written again.
    private static let maximumPlaced = 16

    // MARK: numbers and times

    /// Reads a decimal: text, or an integer; with `.number` any JSON number, exactly as it is written.
    @inline(__always)
    mutating func decimal(_ format: FieldFormat?, _ bytes: Span<UInt8>) throws(DecodeFailure) -> ExactDecimal {
        guard format == .number, try kind(bytes) == .number else { return try decimal(bytes) }
        let number = try number(bytes)
        guard let result = ExactDecimal(ascii: bytes.extracting(number.start..<number.start &+ number.count)) else {
            throw DecodeFailure(
                .invalidValue,
                "must be digits with an optional minus and point and no exponent, at most 18 significant digits and "
                    + "9 places")
        }
        return result
    }

    /// Reads a point in time.
    @inline(__always)
    mutating func time(_ format: FieldFormat?, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Timestamp {
        switch format {
        case .epochSeconds: try epoch(1_000_000, bytes)
        case .epochMilliseconds: try epoch(1_000, bytes)
        case nil, .rfc3339, .date, .number: try timestamp(bytes)
        }
    }

    private mutating func epoch(_ unit: Int64, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Timestamp {
        let result: Timestamp?
        switch try kind(bytes) {
        case .number:
            let number = try number(bytes)
            result = Timestamp(epoch: bytes.extracting(number.start..<number.start &+ number.count), unit: unit)
        case .string:
            let text = try string(bytes)
            result =
                text.hasEscapes
                ? nil : Timestamp(epoch: bytes.extracting(text.start..<text.start &+ text.count), unit: unit)
        default:
            throw DecodeFailure(.wrongType, "must be a number or its digits")
        }
        guard let result else {
            let name = unit == 1_000 ? "milliseconds" : "seconds"
            throw DecodeFailure(
                .invalidValue, "must be \(name) since 1970 in digits, without an exponent, from 1970 to 9999")
        }
        return result
    }

    /// Reads the date on which something is expected.
    mutating func expectedDate(_ format: FieldFormat?, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        switch format {
        case nil, .date, .number: return try date(bytes)
        case .rfc3339, .epochSeconds, .epochMilliseconds:
            return appended(Array(try time(format, bytes).rfc3339.utf8.prefix(10)))
        }
    }
}
