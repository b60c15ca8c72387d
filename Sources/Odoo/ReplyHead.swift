/// Why a reply cannot be read.
///
/// Without anything of the reply itself.
struct UnreadableReply: Error, Equatable {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

/// The status line and the header fields of one reply, each checked when its line is complete.
struct ReplyHead {
    /// What follows the head.
    enum Body: Equatable {
        case none
        case bytes(Int)
        case chunks
        case untilEnd
    }

    /// 0 before the status line.
    private(set) var status = 0
    private(set) var retryAfter: String?
    private var isOld = false
    private var length: Int?
    private var isChunked = false

    /// Reads `HTTP/1.x SP status [SP reason]`.
    mutating func readStatusLine(_ line: [UInt8]) throws(UnreadableReply) {
        let isNew = line.starts(with: "HTTP/1.1 ".utf8)
        isOld = line.starts(with: "HTTP/1.0 ".utf8)
        guard isNew || isOld, line.count >= 12, line.count == 12 || line[12] == UInt8(ascii: " "),
            let number = Self.number(line[9..<12]), (100...599).contains(number)
        else { throw UnreadableReply("not an HTTP/1.1 reply") }
        status = number
    }

    /// Reads `name: value`.
    mutating func readField(_ line: [UInt8]) throws(UnreadableReply) {
        let (name, value) = try Self.field(line)
        switch name {
        case "content-length":
            // Of two lengths that differ nobody knows which one holds.
            guard let number = Self.number(value), length == nil || length == number else {
                throw UnreadableReply("the length of the reply is not clear")
            }
            length = number
        case "transfer-encoding":
            guard !isChunked, Self.word(value) == "chunked" else {
                throw UnreadableReply("a transfer coding that was not asked for")
            }
            isChunked = true
        case "content-encoding":
            guard Self.word(value) == "identity" else {
                throw UnreadableReply("a content coding that was not asked for")
            }
        case "retry-after":
            retryAfter = retryAfter ?? String(decoding: value, as: UTF8.self)
        default:
            break
        }
    }

    /// Checks the fields against each other and says what follows them.
    func body() throws(UnreadableReply) -> Body {
        guard !isChunked || (length == nil && !isOld) else {
            throw UnreadableReply("the length of the reply is not clear")
        }
        if status == 204 || status == 304 { return .none }
        if isChunked { return .chunks }
        return length.map { .bytes($0) } ?? .untilEnd
    }

    /// Name, in lower case, and value of a field.
    static func field(_ line: [UInt8]) throws(UnreadableReply) -> (name: String, value: ArraySlice<UInt8>) {
        // A line that goes on the one before begins with a blank, which no name does.
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), isToken(line[..<colon]) else {
            throw UnreadableReply("a header cannot be read")
        }
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var value = line[(colon + 1)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return (word(line[..<colon]), value)
    }

    /// Whether `bytes` are a token of RFC 9110, as names of fields are.
    static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self).lowercased()
    }

    /// Digits only, and at most as many as any Int64 has.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 18, bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
