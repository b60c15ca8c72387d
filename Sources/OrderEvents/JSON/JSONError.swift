/// Why a document is not the JSON that Sluice takes, and where.
///
/// Small on purpose: it travels through every function of the reader as a typed error.
public struct JSONError: Error, Equatable, Sendable {
    /// What the reader refuses.
    ///
    /// Everything is RFC 8259 but for the rules that this enum's documentation names as ours.
    public enum Reason: UInt8, CaseIterable, Sendable {
        /// The document ends within a value.
        case unexpectedEnd
        /// A byte that cannot stand there.
        case unexpectedByte
        /// A comma before a closing bracket.
        case trailingComma
        /// Ours: a name that its object has already, compared after unescaping, byte for byte.
        case duplicateKey
        /// Bytes that are not UTF-8: broken or overlong sequences, encoded surrogates, beyond U+10FFFF.
        case invalidUTF8
        /// Ours: U+0000, raw or as an escape, because no text of PostgreSQL can hold it.
        case nul
        /// Ours: half of a UTF-16 pair as an escape, because it has no UTF-8 form.
        case loneSurrogate
        /// A raw control character within a string.
        case controlCharacter
        /// A backslash followed by what is no escape.
        case invalidEscape
        /// A number with a leading zero, without digits, or with a bare point or exponent.
        case invalidNumber
        /// A word that is none of `true`, `false` and `null`.
        case invalidLiteral
        /// Ours: more than `JSONReader.maximumDepth` open brackets.
        case tooDeep
        /// Ours: an object with more than `JSONReader.maximumMembers` members.
        case tooManyMembers
        /// Something behind the document's value.
        case trailingBytes
        /// Ours: a byte order mark; documents are UTF-8 without one.
        case byteOrderMark
    }

    /// What is refused.
    public var reason: Reason
    /// Index of the byte where it was seen.
    public var position: Int

    /// An error for `reason` at byte `position`.
    public init(_ reason: Reason, at position: Int) {
        self.reason = reason
        self.position = position
    }
}

extension JSONError: CustomStringConvertible {
    /// Place and reason, free of the document's content.
    public var description: String { "byte \(position): \(reason.explanation)" }
}

extension JSONError.Reason {
    /// The reason as a sentence for people.
    public var explanation: String {
        switch self {
        case .unexpectedEnd: "the document ends within a value"
        case .unexpectedByte: "unexpected byte"
        case .trailingComma: "comma before a closing bracket"
        case .duplicateKey: "duplicate key in an object"
        case .invalidUTF8: "not UTF-8"
        case .nul: "NUL in a text"
        case .loneSurrogate: "escape of half a surrogate pair"
        case .controlCharacter: "raw control character in a text"
        case .invalidEscape: "unknown escape in a text"
        case .invalidNumber: "not a number by RFC 8259"
        case .invalidLiteral: "neither true, false nor null"
        case .tooDeep: "nested deeper than \(JSONReader.maximumDepth)"
        case .tooManyMembers: "object with more than \(JSONReader.maximumMembers) members"
        case .trailingBytes: "bytes behind the document"
        case .byteOrderMark: "byte order mark; only UTF-8 without one is read"
        }
    }
}
