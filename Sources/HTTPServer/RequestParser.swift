/// Reads one request from bytes that arrive in pieces of any size.
///
/// Pure: no sockets, no clock. It reads strictly, because whatever two readers could understand differently is how
/// requests are smuggled past a proxy; and it stops at the first request's last byte, because the server answers one
/// request per connection. The result does not depend on where the bytes are split.
struct RequestParser {
    /// What is known after the bytes so far.
    enum Progress {
        /// The request is not complete.
        case needsMore
        /// The request; bytes after it are ignored.
        case request(HTTPRequest)
        /// The request is refused; bytes after it are ignored.
        case refusal(HTTPRefusal)
    }

    private enum Phase {
        case requestLine
        case headers
        case body(missing: Int)
        case over(Progress)
    }

    private let limits: HTTPLimits
    private var phase = Phase.requestLine
    private var line: [UInt8] = []
    private var endsInCarriageReturn = false
    private var headerBytes = 0
    private var head = RequestHead()
    private var body: [UInt8] = []

    init(limits: HTTPLimits) { self.limits = limits }

    /// Whether the headers are complete and the body is awaited.
    var awaitsBody: Bool {
        if case .body = phase { true } else { false }
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    var awaitsContinue: Bool { awaitsBody && head.expectsContinue }

    /// Takes the next bytes.
    ///
    /// After a request or a refusal it says the same again.
    mutating func receive(_ bytes: ArraySlice<UInt8>) -> Progress {
        var rest = bytes
        do throws(HTTPRefusal) {
            while let byte = rest.first {
                switch phase {
                case .requestLine, .headers:
                    rest.removeFirst()
                    try receive(byte)
                case .body(let missing):
                    body += rest.prefix(missing)
                    let left = missing - min(missing, rest.count)
                    phase = left > 0 ? .body(missing: left) : .over(.request(head.request(body: body)))
                    rest = rest.dropFirst(missing)
                case .over(let progress):
                    return progress
                }
            }
        } catch {
            phase = .over(.refusal(error))
        }
        if case .over(let progress) = phase { return progress }
        return .needsMore
    }

    /// Takes a byte of the head.
    ///
    /// Only CR LF ends a line.
    private mutating func receive(_ byte: UInt8) throws(HTTPRefusal) {
        if case .headers = phase {
            headerBytes += 1
            guard headerBytes <= limits.headerBytes else { throw HTTPRefusal(431, "The headers are too long.") }
        }
        if endsInCarriageReturn {
            guard byte == UInt8(ascii: "\n") else { throw HTTPRefusal(400, "A carriage return stands alone.") }
            endsInCarriageReturn = false
            try endLine()
            line.removeAll(keepingCapacity: true)
            return
        }
        switch byte {
        case UInt8(ascii: "\r"):
            endsInCarriageReturn = true
        case UInt8(ascii: "\n"):
            throw HTTPRefusal(400, "A line feed stands alone.")
        case UInt8(ascii: "\t"):
            line.append(byte)
        default:
            guard !HTTPSyntax.isControl(byte) else { throw HTTPRefusal(400, "The head has a control character.") }
            line.append(byte)
        }
        if case .requestLine = phase, line.count > limits.requestLineBytes {
            throw HTTPRefusal(414, "The request line is too long.")
        }
    }

    private mutating func endLine() throws(HTTPRefusal) {
        guard case .headers = phase else {
            try head.readRequestLine(line[...], methods: limits.methods)
            phase = .headers
            return
        }
        guard line.isEmpty else {
            guard head.headers.count < limits.headerFields else {
                throw HTTPRefusal(431, "The request has too many headers.")
            }
            try head.readField(line[...])
            return
        }
        let length = try head.end(limits: limits)
        phase = length > 0 ? .body(missing: length) : .over(.request(head.request(body: [])))
    }
}
