/// The state of decoding one record: the reader, the event as far as it is known, and unescaped text.
///
/// The document is lent to each call, because the event takes its bytes over only at the end. Slices point into the
/// document or, from `payloadCount` on, into `tail`, which is appended to the event's bytes.
struct DecodePass: ~Copyable {
    /// Longest identifier, in bytes.
    static let maximumIdentifierBytes = 128
    /// Longest free text (names, articles, reasons), in bytes of UTF-8.
    static let maximumTextBytes = 512
    /// Most lines of an order, or of one fact, in one event.
    static let maximumLines = 5000
    /// Most references in one event.
    static let maximumReferences = 100
    /// Longest unknown status word that a refusal repeats.
    static let maximumShownWordBytes = 40
    /// Digits that it has at most: more are a number of somebody or something.
    static let maximumShownDigits = 4

    var reader = JSONReader()
    var event: EventFields
    var tail: [UInt8] = []
    var facts = FactsDraft()
    /// What the channel's rules found in headers, topic and record.
    var probes = RouteProbes()
    /// The legal entity that routing gave the event when it was read first; nil: it is being read for the first time.
    var knownEntity: [UInt8]?
    let payloadCount: Int
    /// Held here, because each use of a global asks first whether it exists.
    let names = CanonicalName.table

    init(source: SourcePosition, payloadCount: Int, contentHash: UInt64, channel: Int32) {
        self.payloadCount = payloadCount
        event = EventFields(
            source: source, bytes: [], payloadCount: payloadCount, contentHash: contentHash, channel: channel)
    }

    /// The finished event, which takes `bytes`, the record's value, over.
    consuming func finished(_ bytes: consuming [UInt8]) -> OrderEvent {
        if !tail.isEmpty { bytes.append(contentsOf: tail) }
        event.bytes = bytes
        event.facts = facts.finished()
        return OrderEvent(event)
    }

    // MARK: text

    /// What the value at the position is.
    @inline(__always)
    mutating func kind(_ bytes: Span<UInt8>) throws(DecodeFailure) -> JSONKind {
        do throws(JSONError) { return try reader.kind(bytes) } catch { throw DecodeFailure(error) }
    }

    /// Reads over a value that is not wanted.
    mutating func skip(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        do throws(JSONError) { try reader.skipValue(bytes) } catch { throw DecodeFailure(error) }
    }

    /// Reads a text.
    mutating func string(_ bytes: Span<UInt8>) throws(DecodeFailure) -> JSONText {
        do throws(JSONError) {
            if try reader.peek(bytes) == 0x22 { return try reader.string(bytes) }
            _ = try reader.kind(bytes)
        } catch { throw DecodeFailure(error) }
        throw DecodeFailure(.wrongType, "must be a text")
    }

    /// Where the text is, unescaped.
    @inline(__always)
    mutating func slice(_ text: JSONText, _ bytes: Span<UInt8>) -> Slice {
        if text.hasEscapes { return unescaped(text, bytes) }
        return Slice(
            start: UInt32(truncatingIfNeeded: text.start), count: UInt32(truncatingIfNeeded: text.count))
    }

    private mutating func unescaped(_ text: JSONText, _ bytes: Span<UInt8>) -> Slice {
        let start = tail.count
        text.append(to: &tail, from: bytes)
        return Slice(
            start: UInt32(truncatingIfNeeded: payloadCount + start),
            count: UInt32(truncatingIfNeeded: tail.count - start))
    }

    /// Byte `offset` of a slice of this event.
    func byte(_ slice: Slice, _ offset: Int, _ bytes: Span<UInt8>) -> UInt8 {
        let index = Int(slice.start) + offset
        return index < payloadCount ? bytes[index] : tail[index - payloadCount]
    }

    /// Reads an identifier: 1-128 bytes of printable ASCII without space.
    @inline(__always)
    mutating func identifier(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        try checkedIdentifier(slice(try string(bytes), bytes), bytes)
    }

    @inline(__always)
    func checkedIdentifier(_ slice: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        guard slice.count >= 1, slice.count <= Self.maximumIdentifierBytes, isIdentifier(slice, bytes) else {
            throw Self.badIdentifier()
        }
        return slice
    }

    private static func badIdentifier() -> DecodeFailure {
        DecodeFailure(.invalidValue, "must be 1 to \(maximumIdentifierBytes) bytes of printable ASCII without spaces")
    }

    @inline(__always)
    func isIdentifier(_ slice: Slice, _ bytes: Span<UInt8>) -> Bool {
        let start = Int(slice.start)
        if start >= payloadCount { return Self.isIdentifier(tail.span, start &- payloadCount, Int(slice.count)) }
        return Self.isIdentifier(bytes, start, Int(slice.count))
    }

    @inline(__always)
    private static func isIdentifier(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        var index = start
        let end = start &+ count
        while index < end {
            let length = end &- index
            // Bytes behind the text become a harmless letter.
            let word = bytes.word(at: index, length: length) | (ByteWord.all(0x41) & ~ByteWord.mask(length))
            if ByteWord.identifierOffences(word) != 0 { return false }
            index &+= 8
        }
        return true
    }

    /// Reads free text: up to 512 bytes of UTF-8; an empty one counts as absent.
    @inline(__always)
    mutating func freeText(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        try checkedText(slice(try string(bytes), bytes))
    }

    @inline(__always)
    func checkedText(_ slice: Slice) throws(DecodeFailure) -> Slice {
        if slice.count == 0 { return .none }
        guard slice.count <= Self.maximumTextBytes else {
            throw DecodeFailure(.invalidValue, "must be at most \(Self.maximumTextBytes) bytes long")
        }
        return slice
    }

    /// Looks the text up.
    func value(of slice: Slice, in table: WordTable, _ bytes: Span<UInt8>) -> UInt8? {
        entry(of: slice, in: table, bytes).map { UInt8(truncatingIfNeeded: $0) }
    }

    /// Looks the text up among the words of `scope`.
    func entry(of slice: Slice, in table: WordTable, scope: UInt16 = 0, _ bytes: Span<UInt8>) -> UInt16? {
        let start = Int(slice.start)
        if start >= payloadCount {
            return table.value(of: tail.span, start - payloadCount, Int(slice.count), scope: scope)
        }
        return table.value(of: bytes, start, Int(slice.count), scope: scope)
    }

    // MARK: numbers and times

    /// Reads a decimal: text, or an integer.
    @inline(__always)
    mutating func decimal(_ bytes: Span<UInt8>) throws(DecodeFailure) -> ExactDecimal {
        let result: ExactDecimal?
        switch try kind(bytes) {
        case .string:
            let text = try string(bytes)
            result =
                text.hasEscapes
                ? Self.escapedDecimal(text, bytes)
                : ExactDecimal(ascii: bytes.extracting(text.start..<text.start &+ text.count))
        case .number:
            let number = try number(bytes)
            guard number.isInteger else { throw Self.notExact() }
            result = ExactDecimal(ascii: bytes.extracting(number.start..<number.start &+ number.count))
        default: throw DecodeFailure(.wrongType, "must be a decimal as text or an integer")
        }
        guard let result else { throw Self.badDecimal() }
        return result
    }

    mutating func number(_ bytes: Span<UInt8>) throws(DecodeFailure) -> JSONNumber {
        do throws(JSONError) { return try reader.number(bytes) } catch { throw DecodeFailure(error) }
    }

    private static func notExact() -> DecodeFailure {
        DecodeFailure(
            .wrongType,
            "must be a decimal as text or an integer; write a fraction as text, because a JSON number may be rounded")
    }

    private static func badDecimal() -> DecodeFailure {
        DecodeFailure(
            .invalidValue, "must be digits with an optional minus and point, at most 18 significant digits and 9 places"
        )
    }

    private static func escapedDecimal(_ text: JSONText, _ bytes: Span<UInt8>) -> ExactDecimal? {
        var plain: [UInt8] = []
        text.append(to: &plain, from: bytes)
        return ExactDecimal(ascii: plain.span)
    }

    /// Reads an RFC 3339 date and time.
    mutating func timestamp(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Timestamp {
        let text = try string(bytes)
        var result: Timestamp?
        if text.hasEscapes {
            var plain: [UInt8] = []
            text.append(to: &plain, from: bytes)
            result = Timestamp(rfc3339: plain.span)
        } else {
            result = Timestamp(rfc3339: bytes.extracting(text.start..<text.start &+ text.count))
        }
        guard let result else {
            throw DecodeFailure(
                .invalidValue,
                "must be a date and time by RFC 3339, such as 2026-11-23T12:34:56.789Z, from 1970 to 9999")
        }
        return result
    }

    /// Reads a whole number of 64 bits.
    mutating func integer(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Int64 {
        guard try kind(bytes) == .number else { throw DecodeFailure(.wrongType, "must be an integer") }
        let number = try number(bytes)
        guard number.isInteger else { throw DecodeFailure(.wrongType, "must be an integer") }
        let isNegative = bytes[number.start] == 0x2D
        var result: Int64 = 0
        for index in number.start + (isNegative ? 1 : 0)..<number.start + number.count {
            let (shifted, tooLong) = result.multipliedReportingOverflow(by: 10)
            let digit = Int64(bytes[index] &- 0x30)
            let (sum, tooLarge) = shifted.addingReportingOverflow(isNegative ? -digit : digit)
            guard !tooLong, !tooLarge else { throw DecodeFailure(.invalidValue, "must fit into 64 bits") }
            result = sum
        }
        return result
    }

    /// Reads an ISO 4217 code.
    mutating func currency(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        try checkedCurrency(slice(try string(bytes), bytes), bytes)
    }

    func checkedCurrency(_ result: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        var isCode = result.count == 3
        for offset in 0..<Int(result.count) where isCode {
            isCode = (0x41...0x5A).contains(byte(result, offset, bytes))
        }
        guard isCode else { throw DecodeFailure(.invalidValue, "must be a currency code of three capital letters") }
        return result
    }
}
