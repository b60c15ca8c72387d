internal import Dispatch
internal import Foundation
internal import FoundationNetworking

// How Odoo is reached: https by URLSession, plain http by `PlainClient`. What is guarded against was measured on Linux:
// URLSession's own time-outs are restarted by every byte, redirects carry `Authorization` to other hosts, a header's
// value with a line break is dropped without a word, and a reply's size is unlimited.

/// One HTTP request.
public struct HTTPCall: Sendable {
    /// Method, `GET` or `POST`.
    public var method: String
    /// Absolute address.
    public var url: String
    /// Header fields.
    ///
    /// A name or value with a line break or another control character fails the call.
    public var headers: [(name: String, value: String)]
    /// Body, sent with its `Content-Length`: Odoo's `/json/2` ignores chunked bodies and then answers `true`.
    public var body: [UInt8]?
    /// From the start of the call to the last byte of the reply, whatever the server does in between.
    public var deadline: Duration

    /// A request; see the properties.
    public init(
        method: String, url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        deadline: Duration
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
    }
}

/// One HTTP reply.
public struct HTTPReply: Equatable, Sendable {
    /// Status, also 3xx: redirects are never followed.
    public var status: Int
    /// The `Retry-After` header.
    public var retryAfter: String?
    /// Body, within the limit.
    public var body: [UInt8]
}

/// Why there is no reply.
public enum HTTPFault: Error, Equatable, Sendable {
    /// The request was refused here or could not leave: nothing reached the server.
    case notSent(String)
    /// Bytes may have left: the server may have acted, or may still act.
    case unknown(String)
    /// The request cannot be sent as it is: a bad address or header.
    case invalid(String)
}

/// Sends HTTP requests: over https through one URLSession, over plain http each on a connection of its own.
///
/// No cookies, no cache, no stored credentials, no redirects. Proxies from the environment are not used. Any thread.
public final class HTTPExchange: Sendable {
    /// Largest reply that is kept: 32 MiB.
    ///
    /// A larger one ends the call as `unknown`. Over plain http a compressed one does so too. URLSession hands over
    /// what it has unpacked only after it has done so, hence one over https is bounded by the process's memory alone.
    public static let largestReplyBytes = 32 << 20

    private let session: URLSession
    private let receiver: SessionReceiver
    /// nil: plain http goes through the session as well.
    let plain: PlainClient?

    /// An exchange that keeps at most `connections` connections to one host.
    public convenience init(connections: Int = 16) { self.init(connections: connections, isPlainOwn: true) }

    /// `isPlainOwn`: not through URLSession; only tests say otherwise, which show so what both have in common.
    init(connections: Int = 16, isPlainOwn: Bool) {
        let settings = URLSessionConfiguration.ephemeral
        settings.httpCookieStorage = nil
        settings.httpShouldSetCookies = false
        settings.httpCookieAcceptPolicy = .never
        settings.urlCache = nil
        settings.urlCredentialStorage = nil
        settings.requestCachePolicy = .reloadIgnoringLocalCacheData
        settings.connectionProxyDictionary = [:]
        settings.httpMaximumConnectionsPerHost = max(1, connections)
        receiver = SessionReceiver()
        plain = isPlainOwn ? PlainClient(connections: connections) : nil
        session = URLSession(configuration: settings, delegate: receiver, delegateQueue: nil)
    }

    deinit { session.invalidateAndCancel() }

    /// Sends `call` once and waits for its whole reply.
    ///
    /// Cancelling the task ends the call as `unknown`.
    public func send(_ call: HTTPCall) async throws(HTTPFault) -> HTTPReply {
        let url = try Self.url(call)
        let pending = PendingReply()
        let deadline = DispatchTime.now() + call.deadline.timeInterval
        let underWay: any CallUnderWay
        if let plain, url.scheme?.lowercased() == "http" {
            underWay = PlainCall(try PlainRequest(call, to: url), by: deadline, through: plain, to: pending)
        } else {
            let task = session.dataTask(with: Self.request(call, to: url))
            receiver.expect(task.taskIdentifier, pending)
            underWay = task
        }
        // A timer source and not `asyncAfter`: cancelled, it lets go of the call and its body at once.
        let expiry = DispatchSource.makeTimerSource(queue: .global(qos: .userInitiated))
        expiry.setEventHandler {
            pending.finish(.failure(.unknown("deadline passed")))
            underWay.cancel()
        }
        expiry.schedule(deadline: deadline)
        expiry.resume()
        defer { expiry.cancel() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<HTTPReply, HTTPFault>, Never>) in
                pending.await(continuation)
                underWay.resume()
            }
        } onCancel: {
            pending.finish(.failure(.unknown("cancelled")))
            underWay.cancel()
        }
        return try result.get()
    }

    /// The address of `call`, whose header fields are checked as well.
    private static func url(_ call: HTTPCall) throws(HTTPFault) -> URL {
        guard let url = URL(string: call.url), let scheme = url.scheme?.lowercased(), url.host != nil,
            scheme == "https" || scheme == "http"
        else { throw .invalid("the address is not http or https") }
        for (name, value) in call.headers {
            guard ReplyHead.isToken(name.utf8), value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                throw .invalid("header \(name.filter(\.isLetter)) has a control or non-ASCII character")
            }
        }
        return url
    }

    private static func request(_ call: HTTPCall, to url: URL) -> URLRequest {
        var request = URLRequest(url: url)
        request.httpMethod = call.method
        // URLSession's timer only backs ours up: it is restarted by every byte.
        request.timeoutInterval = call.deadline.timeInterval + 5
        for (name, value) in call.headers { request.setValue(value, forHTTPHeaderField: name) }
        if let body = call.body {
            request.httpBody = Data(body)
            request.setValue(String(body.count), forHTTPHeaderField: "Content-Length")
        }
        return request
    }
}

extension Duration {
    fileprivate var timeInterval: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
