import OrderEvents

/// Walks a document member by member.
struct DocumentReader {
    let bytes: [UInt8]
    private var reader = JSONReader()
    /// Where a word stands that this version does not know and must not guess.
    var unknownWord: String?

    init(bytes: [UInt8]) { self.bytes = bytes }

    // `let bytes = bytes`: a span of the property itself would lend the whole of `self` while its reader changes.

    mutating func end() throws(JSONError) {
        let bytes = bytes
        try reader.endDocument(bytes.span)
    }

    mutating func skip() throws(JSONError) {
        let bytes = bytes
        try reader.skipValue(bytes.span)
    }

    mutating func object(_ body: (inout DocumentReader, String) throws(JSONError) -> Void) throws(JSONError) {
        let bytes = bytes
        var object = try reader.beginObject(bytes.span)
        while let key = try reader.nextKey(&object, bytes.span) {
            try body(&self, String(decoding: bytes[key.start..<key.start + key.count], as: UTF8.self))
        }
    }

    mutating func array<Element>(
        _ body: (inout DocumentReader) throws(JSONError) -> Element
    ) throws(JSONError) -> [Element] {
        let bytes = bytes
        var array = try reader.beginArray(bytes.span)
        var elements: [Element] = []
        while try reader.nextElement(&array, bytes.span) { elements.append(try body(&self)) }
        return elements
    }

    mutating func text() throws(JSONError) -> String {
        let bytes = bytes
        let text = try reader.string(bytes.span)
        guard text.hasEscapes else {
            return String(decoding: bytes[text.start..<text.start + text.count], as: UTF8.self)
        }
        var unescaped: [UInt8] = []
        text.append(to: &unescaped, from: bytes.span)
        return String(decoding: unescaped, as: UTF8.self)
    }

    mutating func integer() throws(JSONError) -> Int64 {
        let bytes = bytes
        let number = try reader.number(bytes.span)
        var value: Int64 = 0
        let isNegative = bytes[number.start] == 0x2D
        // Built downwards: only so the lowest number has room.
        for byte in bytes[(number.start + (isNegative ? 1 : 0))..<number.start + number.count] {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            guard !overflowed, byte >= 0x30, byte <= 0x39 else { throw JSONError(.invalidNumber, at: number.start) }
            let (sum, sumOverflowed) = product.subtractingReportingOverflow(Int64(byte - 0x30))
            guard !sumOverflowed else { throw JSONError(.invalidNumber, at: number.start) }
            value = sum
        }
        guard isNegative || value != Int64.min else { throw JSONError(.invalidNumber, at: number.start) }
        return isNegative ? value : -value
    }

    mutating func decimal() throws(JSONError) -> ExactDecimal {
        let bytes = bytes
        let text = try reader.string(bytes.span)
        guard
            let value = ExactDecimal(ascii: bytes.span.extracting(text.start..<text.start + text.count))
        else { throw JSONError(.invalidNumber, at: text.start) }
        return value
    }

    mutating func time() throws(JSONError) -> Timestamp { Timestamp(microseconds: try integer()) }

    /// Whole numbers in an array, `least` to `most` of them.
    mutating func numbers(_ least: Int, _ most: Int) throws(JSONError) -> [Int64] {
        let numbers = try array { (r) throws(JSONError) in try r.integer() }
        guard (least...most).contains(numbers.count) else {
            unknownWord = "row of numbers"
            return Array(repeating: 0, count: least)
        }
        return numbers
    }
}
