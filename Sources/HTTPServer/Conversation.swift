import Glibc

/// One connection: a request, an answer, the end.
struct Conversation: ~Copyable {
    /// How a conversation ended, for the server's counts.
    enum Ending {
        /// The handler's answer went out, whole, or was to say nothing.
        case answered
        /// The request was refused, or came too late.
        case refused
        /// The client left, or was too slow to take the answer.
        case lost
    }

    /// How long a client may take to notice that the server is done, before the connection is closed on it.
    private static let farewell: Duration = .milliseconds(500)
    private static let readBytes = 16 * 1_024

    private let socket: Socket
    private let limits: HTTPLimits
    /// Readable once the server stops: a client that has not finished its request is not waited for.
    private let wake: Int32

    init(_ socket: consuming Socket, limits: HTTPLimits, wake: Int32) {
        self.socket = socket
        self.limits = limits
        self.wake = wake
    }

    /// Reads the request, asks `handler`, sends its answer.
    func run(_ handler: (HTTPRequest) -> HTTPAnswer) -> Ending {
        switch readRequest() {
        case nil:
            return .lost
        case .refusal(let refusal):
            var response = HTTPResponse.problem(refusal.status, refusal.reason)
            if refusal.status == 405 { response.headers.append(("Allow", limits.methods.joined(separator: ", "))) }
            return send(response, withBody: true) ? .refused : .lost
        case .needsMore:
            return send(.problem(408, "The request took too long."), withBody: true) ? .refused : .lost
        case .request(let request):
            switch handler(request) {
            case .reply(let response):
                return send(response, withBody: !request.isHead && response.hasBody) ? .answered : .lost
            case .bytes(let bytes):
                guard socket.write(bytes, until: Deadline(after: limits.writeTime)) else { return .lost }
                sayFarewell()
                return .answered
            case .close:
                socket.endWriting()
                return .answered
            case .reset:
                socket.resetWhenClosed()
                return .answered
            }
        }
    }

    /// The request or its refusal; `needsMore` when time ran out within it; nil when the client left or never spoke.
    private func readRequest() -> RequestParser.Progress? {
        var parser = RequestParser(limits: limits)
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        var deadline = Deadline(after: limits.headerTime)
        var isInBody = false
        var hasSpoken = false
        while true {
            switch socket.await(POLLIN, until: deadline, wake: wake) {
            case .interrupted: return nil
            case .late: return hasSpoken ? .needsMore : nil
            case .ready: break
            }
            guard let count = socket.read(into: &buffer) else { continue }
            guard count > 0 else { return nil }
            hasSpoken = true
            let progress = parser.receive(buffer[..<count])
            guard case .needsMore = progress else { return progress }
            if parser.awaitsBody && !isInBody {
                isInBody = true
                deadline = Deadline(after: limits.bodyTime)
                if parser.awaitsContinue {
                    guard socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), until: deadline) else { return nil }
                }
            }
        }
    }

    private func send(_ response: HTTPResponse, withBody: Bool) -> Bool {
        let deadline = Deadline(after: limits.writeTime)
        let hasBody = withBody && !response.body.isEmpty
        guard socket.write(response.head(), until: deadline, moreFollows: hasBody),
            !hasBody || socket.write(response.body, until: deadline)
        else {
            // Without this the kernel would keep trying to deliver what a stuck client does not take.
            socket.resetWhenClosed()
            return false
        }
        sayFarewell()
        return true
    }

    /// Ends the answer, then reads what the client still sends until it closes.
    ///
    /// Closing with unread bytes sends RST, and a client that is still sending, as a body that was refused or a second
    /// request, might then never see the answer.
    private func sayFarewell() {
        socket.endWriting()
        let deadline = Deadline(after: Self.farewell)
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        while socket.await(POLLIN, until: deadline, wake: wake) == .ready {
            if let count = socket.read(into: &buffer), count == 0 { return }
        }
    }
}
