// A strict, forward-only reader of one JSON document.
//
// The reader holds a position and what it needs to find duplicate keys; the document is lent to each call and has to be
// the same every time. It allocates nothing for usual documents. RFC 8259 with the rules that `JSONError.Reason` names
// as ours, among them: UTF-8 without a byte order mark, no duplicate key, no NUL, no half surrogate, bounded depth.
//
// Worked example: for `{"a":[1,"x"]}` a caller sees
//   beginDocument, kind -> object, beginObject, nextKey -> a, kind -> array, beginArray, nextElement -> true,
//   number -> 1, nextElement -> true, string -> x, nextElement -> false, nextKey -> nil, endDocument.

/// What kind of value stands at the reader's position.
public enum JSONKind: UInt8, Sendable {
    case string, number, object, array, boolean, null
}

/// A string of the document, without its quotes: a run of bytes that is valid UTF-8 once unescaped.
public struct JSONText: Equatable, Sendable {
    /// Index of the first byte behind the opening quote.
    public var start: Int
    /// Number of bytes between the quotes, escapes as written.
    public var count: Int
    /// Whether there are escapes, so that the bytes are not yet the text.
    public var hasEscapes: Bool
    /// Whether all bytes are ASCII; escapes may still stand for other characters.
    public var isASCII: Bool
}

/// A number of the document, as text: it is never turned into floating point.
public struct JSONNumber: Equatable, Sendable {
    /// Index of its first byte.
    public var start: Int
    /// Number of bytes.
    public var count: Int
    /// Whether it has neither a fraction nor an exponent.
    public var isInteger: Bool
}

/// An object that the reader is in.
///
/// Kept by the caller, one for each open object, innermost last.
public struct JSONObject: Sendable {
    /// Members so far.
    var members = 0
    /// Known names seen, by the bit that the caller gave them.
    var seen: UInt64 = 0
    /// Where this object's other names begin in the reader's list.
    var firstName: Int
}

/// An array that the reader is in.
///
/// Kept by the caller.
public struct JSONArray: Sendable {
    /// Elements so far: within an element, its index is one less.
    public internal(set) var elements = 0
}

/// A forward-only reader of one document; see the head of this file.
///
/// A value type without references to the document: one thread, one document. Every call may throw `JSONError`, after
/// which the reader is of no further use.
public struct JSONReader: Sendable {
    /// Deepest nesting of objects and arrays that is read.
    public static let maximumDepth = 64
    /// Most members that one object may have.
    public static let maximumMembers = 1000

    /// Index of the next byte to read.
    public internal(set) var position = 0
    /// Open objects and arrays.
    var depth = 0
    var names = NameGuard()

    /// A reader at the beginning of a document.
    public init() {}

    /// Refuses a byte order mark.
    ///
    /// To be called first.
    public mutating func beginDocument(_ bytes: Span<UInt8>) throws(JSONError) {
        guard bytes.count >= 2, bytes[0] >= 0xEF else { return }
        let first = bytes[0]
        let second = bytes[1]
        if (first == 0xEF && second == 0xBB) || (first == 0xFE && second == 0xFF) || (first == 0xFF && second == 0xFE) {
            throw JSONError(.byteOrderMark, at: 0)
        }
    }

    /// Refuses anything but white space behind the document's value.
    ///
    /// To be called last.
    public mutating func endDocument(_ bytes: Span<UInt8>) throws(JSONError) {
        skipSpace(bytes)
        guard position == bytes.count else { throw JSONError(.trailingBytes, at: position) }
    }

    /// Skips white space and tells what kind of value follows, without reading it.
    @inline(__always)
    public mutating func kind(_ bytes: Span<UInt8>) throws(JSONError) -> JSONKind {
        switch try peek(bytes) {
        case 0x22: return .string
        case 0x2D, 0x30...0x39: return .number
        case 0x7B: return .object
        case 0x5B: return .array
        case 0x74, 0x66: return .boolean
        case 0x6E: return .null
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    /// Enters the object at the position.
    @inline(__always)
    public mutating func beginObject(_ bytes: Span<UInt8>) throws(JSONError) -> JSONObject {
        try open(0x7B, bytes)
        return JSONObject(firstName: names.count)
    }

    /// The next name of the object, with its value next to read; nil when the object has ended.
    ///
    /// The caller has to hand every name to `know` or to `note`: these find duplicates.
    @inline(__always)
    public mutating func nextKey(_ object: inout JSONObject, _ bytes: Span<UInt8>) throws(JSONError) -> JSONText? {
        var byte = try peek(bytes)
        if byte == 0x7D {
            position &+= 1
            depth &-= 1
            try names.close(object, bytes)
            return nil
        }
        if object.members > 0 {
            guard byte == 0x2C else { throw JSONError(.unexpectedByte, at: position) }
            position &+= 1
            byte = try peek(bytes)
            if byte == 0x7D { throw JSONError(.trailingComma, at: position) }
        }
        guard byte == 0x22 else { throw JSONError(.unexpectedByte, at: position) }
        let key = try scanString(bytes)
        guard try peek(bytes) == 0x3A else { throw JSONError(.unexpectedByte, at: position) }
        position &+= 1
        object.members &+= 1
        if object.members > Self.maximumMembers { throw JSONError(.tooManyMembers, at: key.start) }
        return key
    }

    /// Records that the object's latest name is the known one of `bit` (0...63); refuses it the second time.
    ///
    /// Cheaper than `note`: for callers that look names up in a table anyway.
    @inline(__always)
    public mutating func know(_ bit: UInt8, _ key: JSONText, in object: inout JSONObject) throws(JSONError) {
        let mask: UInt64 = 1 &<< UInt64(bit)
        guard object.seen & mask == 0 else { throw JSONError(.duplicateKey, at: key.start) }
        object.seen |= mask
    }

    /// Records a name that the caller does not know; refuses it the second time.
    public mutating func note(
        _ key: JSONText, in object: JSONObject, _ bytes: Span<UInt8>
    ) throws(JSONError) {
        try names.note(key, in: object, bytes)
    }

    /// Enters the array at the position.
    @inline(__always)
    public mutating func beginArray(_ bytes: Span<UInt8>) throws(JSONError) -> JSONArray {
        try open(0x5B, bytes)
        return JSONArray()
    }

    /// Whether the array has one more element, which is then next to read.
    @inline(__always)
    public mutating func nextElement(_ array: inout JSONArray, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        let byte = try peek(bytes)
        if byte == 0x5D {
            position &+= 1
            depth &-= 1
            return false
        }
        if array.elements > 0 {
            guard byte == 0x2C else { throw JSONError(.unexpectedByte, at: position) }
            position &+= 1
            if try peek(bytes) == 0x5D { throw JSONError(.trailingComma, at: position) }
        }
        array.elements &+= 1
        return true
    }

    /// Reads the string at the position.
    @inline(__always)
    public mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        guard try peek(bytes) == 0x22 else { throw JSONError(.unexpectedByte, at: position) }
        if let text = shortString(bytes) { return text }
        return try scanString(bytes)
    }

    /// Reads the number at the position.
    public mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONNumber {
        _ = try peek(bytes)
        return try scanNumber(bytes)
    }

    /// Reads `true` or `false`.
    public mutating func boolean(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        if try peek(bytes) == 0x74 {
            try scanLiteral("true", bytes)
            return true
        }
        try scanLiteral("false", bytes)
        return false
    }

    /// Reads `null`.
    public mutating func null(_ bytes: Span<UInt8>) throws(JSONError) {
        _ = try peek(bytes)
        try scanLiteral("null", bytes)
    }

    /// Reads over one value of any kind, as strictly as if it were wanted.
    ///
    /// Recursive; `maximumDepth` bounds the stack.
    public mutating func skipValue(_ bytes: Span<UInt8>) throws(JSONError) {
        switch try kind(bytes) {
        case .string: _ = try scanString(bytes)
        case .number: _ = try scanNumber(bytes)
        case .boolean: _ = try boolean(bytes)
        case .null: try null(bytes)
        case .object:
            var object = try beginObject(bytes)
            while let key = try nextKey(&object, bytes) {
                try names.note(key, in: object, bytes)
                try skipValue(bytes)
            }
        case .array:
            var array = try beginArray(bytes)
            while try nextElement(&array, bytes) { try skipValue(bytes) }
        }
    }

    /// Goes back to `start`, where a complete value of the open object or array begins, to read it once more.
    mutating func rewind(to start: Int) { position = start }

    /// Walks over a whole document, to judge it.
    public static func validate(_ bytes: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader()
        try reader.beginDocument(bytes)
        try reader.skipValue(bytes)
        try reader.endDocument(bytes)
    }

    // MARK: structure

    @inline(__always)
    private mutating func open(_ bracket: UInt8, _ bytes: Span<UInt8>) throws(JSONError) {
        guard try peek(bytes) == bracket else { throw JSONError(.unexpectedByte, at: position) }
        guard depth < Self.maximumDepth else { throw JSONError(.tooDeep, at: position) }
        depth &+= 1
        position &+= 1
    }

    /// The next byte that is no white space.
    @inline(__always)
    mutating func peek(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        if position < bytes.count {
            let byte = bytes[position]
            if byte > 0x20 { return byte }
        }
        skipSpace(bytes)
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        return bytes[position]
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position &+= 1
            default: return
            }
        }
    }
}
