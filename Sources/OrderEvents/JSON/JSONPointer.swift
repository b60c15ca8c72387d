/// Where a field stands in a channel's documents: a JSON Pointer (RFC 6901) of at least one step.
public struct JSONPointer: Equatable, Hashable, Sendable {
    /// Why a text is no pointer that a channel can use.
    public enum Defect: Error, Equatable, Sendable {
        /// The empty pointer, which names the whole document.
        case empty
        /// It does not begin with a slash.
        case noLeadingSlash
        /// A tilde that is neither `~0` nor `~1`.
        case badEscape
        /// More steps than documents are deep.
        case tooDeep

        /// What is wrong and what to write instead.
        public var explanation: String {
            switch self {
            case .empty: "an empty pointer names the whole document; name a member, such as /order/id"
            case .noLeadingSlash: "a JSON pointer begins with a slash, such as /order/id"
            case .badEscape: "a tilde is written ~0 and a slash within a name ~1"
            case .tooDeep: "a pointer has at most \(JSONReader.maximumDepth) steps"
            }
        }
    }

    /// The pointer as it was written.
    public let text: String
    /// Its steps, unescaped: names of members, or indexes of elements.
    public let steps: [String]

    /// Reads a pointer such as `/payload/items/0/sku`.
    public init(_ text: String) throws(Defect) {
        guard let first = text.utf8.first else { throw .empty }
        guard first == 0x2F else { throw .noLeadingSlash }
        var steps: [String] = []
        for part in text.utf8.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) {
            steps.append(try Self.unescaped(part))
        }
        guard steps.count <= JSONReader.maximumDepth else { throw .tooDeep }
        self.text = text
        self.steps = steps
    }

    private static func unescaped(_ part: Substring.UTF8View) throws(Defect) -> String {
        var bytes: [UInt8] = []
        var isEscape = false
        for byte in part {
            if isEscape {
                guard byte == 0x30 || byte == 0x31 else { throw .badEscape }
                bytes.append(byte == 0x30 ? 0x7E : 0x2F)
                isEscape = false
            } else if byte == 0x7E {
                isEscape = true
            } else {
                bytes.append(byte)
            }
        }
        guard !isEscape else { throw .badEscape }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The element that a step names when it meets an array: digits without a leading zero; nil for any other step.
    static func elementIndex(_ step: String) -> Int? {
        let digits = step.utf8
        guard !digits.isEmpty, digits.count <= 9, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard digits.count == 1 || digits.first != 0x30 else { return nil }
        return Int(step)
    }
}
