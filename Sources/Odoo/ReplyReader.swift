/// Reads one reply from bytes that arrive in pieces of any size, on a connection that is used for one call.
///
/// Pure: no sockets, no clock. It reads strictly, because a reply that can be understood in two ways may tell of
/// another order. The result does not depend on where the bytes are split.
struct ReplyReader {
    /// Status lines, header fields and trailers together, those of interim replies included, with their line ends.
    static let largestHeadBytes = 64 << 10
    /// Longest line before a chunk, without its line end.
    static let largestChunkLineBytes = 1 << 10

    /// What is known after the bytes so far.
    enum Progress: Equatable {
        /// The reply is not complete.
        case needsMore
        /// The reply; bytes after it are ignored.
        case reply(HTTPReply)
        /// Why there is none; bytes after it are ignored.
        case refusal(String)
    }

    private enum Phase {
        case statusLine
        case fields
        case bytes(missing: Int)
        case untilEnd
        case chunkSize
        case chunk(missing: Int)
        case chunkEnd
        case trailers
        case over(Progress)
    }

    private let largestBody: Int
    private var phase = Phase.statusLine
    private var line: [UInt8] = []
    private var endsInCarriageReturn = false
    private var headBytes = 0
    private var head = ReplyHead()
    private var body: [UInt8] = []
    private var hasBegun = false

    /// A reader of a reply whose body has at most `largestBody` bytes.
    init(largestBody: Int = HTTPExchange.largestReplyBytes) { self.largestBody = largestBody }

    /// Takes the next bytes.
    ///
    /// After a reply or a refusal it says the same again.
    mutating func receive(_ bytes: ArraySlice<UInt8>) -> Progress {
        var rest = bytes
        hasBegun = hasBegun || !rest.isEmpty
        do throws(UnreadableReply) {
            while let byte = rest.first {
                switch phase {
                case .bytes(let missing):
                    let left = take(&rest, missing)
                    phase = left > 0 ? .bytes(missing: left) : done
                case .chunk(let missing):
                    let left = take(&rest, missing)
                    phase = left > 0 ? .chunk(missing: left) : .chunkEnd
                case .untilEnd:
                    guard body.count + rest.count <= largestBody else { throw Self.tooLarge }
                    _ = take(&rest, rest.count)
                case .over(let progress):
                    return progress
                case .statusLine, .fields, .trailers, .chunkSize, .chunkEnd:
                    rest.removeFirst()
                    try take(byte)
                }
            }
        } catch {
            phase = .over(.refusal(error.reason))
        }
        if case .over(let progress) = phase { return progress }
        return .needsMore
    }

    /// The server sends no more.
    mutating func end() -> Progress {
        switch phase {
        case .over(let progress): return progress
        case .untilEnd: phase = done
        default: phase = .over(.refusal(hasBegun ? "the reply was cut short" : "no answer"))
        }
        return receive([])
    }

    private static let tooLarge = UnreadableReply("reply too large")

    private var done: Phase { .over(.reply(HTTPReply(status: head.status, retryAfter: head.retryAfter, body: body))) }

    /// Moves up to `missing` bytes into the body and returns how many are missing then.
    private mutating func take(_ rest: inout ArraySlice<UInt8>, _ missing: Int) -> Int {
        let count = min(missing, rest.count)
        body.append(contentsOf: rest.prefix(count))
        rest = rest.dropFirst(count)
        return missing - count
    }

    /// Takes a byte of a line, which only CR LF ends.
    private mutating func take(_ byte: UInt8) throws(UnreadableReply) {
        try checkBound()
        if endsInCarriageReturn {
            guard byte == UInt8(ascii: "\n") else { throw UnreadableReply("a carriage return stands alone") }
            endsInCarriageReturn = false
            try endLine()
            line.removeAll(keepingCapacity: true)
        } else if byte == UInt8(ascii: "\r") {
            endsInCarriageReturn = true
        } else if byte == UInt8(ascii: "\t") || (byte >= 0x20 && byte != 0x7F) {
            line.append(byte)
        } else {
            throw UnreadableReply("a control character stands in the head")
        }
    }

    private mutating func checkBound() throws(UnreadableReply) {
        switch phase {
        case .chunkSize, .chunkEnd:
            guard line.count < Self.largestChunkLineBytes else {
                throw UnreadableReply("the line before a chunk is too long")
            }
        default:
            headBytes += 1
            guard headBytes <= Self.largestHeadBytes else { throw UnreadableReply("the headers are too long") }
        }
    }

    private mutating func endLine() throws(UnreadableReply) {
        switch phase {
        case .statusLine:
            try head.readStatusLine(line)
            phase = .fields
        case .fields:
            if line.isEmpty { phase = try endHead() } else { try head.readField(line) }
        case .chunkSize:
            let size = try chunkSize()
            phase = size > 0 ? .chunk(missing: size) : .trailers
        case .chunkEnd:
            guard line.isEmpty else { throw UnreadableReply("a chunk is longer than it says") }
            phase = .chunkSize
        case .trailers:
            if line.isEmpty { phase = done } else { _ = try ReplyHead.field(line) }
        case .bytes, .chunk, .untilEnd, .over:
            break
        }
    }

    private mutating func endHead() throws(UnreadableReply) -> Phase {
        // Interim replies; one that switches protocols was not asked for.
        if head.status < 200 {
            guard head.status != 101 else { throw UnreadableReply("another protocol was not asked for") }
            head = ReplyHead()
            return .statusLine
        }
        switch try head.body() {
        case .none, .bytes(0):
            return done
        case .bytes(let count):
            guard count <= largestBody else { throw Self.tooLarge }
            return .bytes(missing: count)
        case .chunks:
            return .chunkSize
        case .untilEnd:
            return .untilEnd
        }
    }

    /// The hexadecimal number before extensions, if any, which begin with a semicolon.
    private func chunkSize() throws(UnreadableReply) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        guard !digits.isEmpty else { throw UnreadableReply("the size of a chunk cannot be read") }
        var size = 0
        for digit in digits {
            guard let value = Self.hexadecimal(digit) else {
                throw UnreadableReply("the size of a chunk cannot be read")
            }
            size = size * 16 + value
            guard body.count + size <= largestBody else { throw Self.tooLarge }
        }
        return size
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
