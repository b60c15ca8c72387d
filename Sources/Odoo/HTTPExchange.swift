internal import Dispatch
internal import Foundation
internal import FoundationNetworking
internal import Synchronization

// The one place that touches URLSession. What it guards against was measured on Linux: URLSession's own time-outs are
// restarted by every byte, redirects carry `Authorization` to other hosts, a header value with a line break is dropped
// without a word, and a reply's size is unlimited.

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
public struct HTTPReply: Sendable {
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

/// Sends HTTP requests through one URLSession.
///
/// Ephemeral: no cookies, no cache, no stored credentials. Proxies from the environment are not used. Any thread.
public final class HTTPExchange: Sendable {
    /// Largest reply that is kept: 32 MiB.
    ///
    /// A larger one ends the call as `unknown`. URLSession hands over what it has unpacked only after it has done so,
    /// hence a compressed reply is bounded by the process's memory limit alone.
    public static let largestReplyBytes = 32 << 20

    private let session: URLSession
    private let receiver: Receiver

    /// An exchange that keeps at most `connections` connections to one host.
    public init(connections: Int = 16) {
        let settings = URLSessionConfiguration.ephemeral
        settings.httpCookieStorage = nil
        settings.httpShouldSetCookies = false
        settings.httpCookieAcceptPolicy = .never
        settings.urlCache = nil
        settings.urlCredentialStorage = nil
        settings.requestCachePolicy = .reloadIgnoringLocalCacheData
        settings.connectionProxyDictionary = [:]
        settings.httpMaximumConnectionsPerHost = max(1, connections)
        receiver = Receiver()
        session = URLSession(configuration: settings, delegate: receiver, delegateQueue: nil)
    }

    deinit { session.invalidateAndCancel() }

    /// Sends `call` once and waits for its whole reply.
    ///
    /// Cancelling the task ends the call as `unknown`.
    public func send(_ call: HTTPCall) async throws(HTTPFault) -> HTTPReply {
        let request = try Self.request(call)
        let task = session.dataTask(with: request)
        let pending = Pending()
        receiver.expect(task.taskIdentifier, pending)
        // A timer source and not `asyncAfter`: cancelled, it lets go of the task and its body at once.
        let expiry = DispatchSource.makeTimerSource(queue: .global(qos: .userInitiated))
        expiry.setEventHandler {
            pending.finish(.failure(.unknown("deadline passed")))
            task.cancel()
        }
        expiry.schedule(deadline: .now() + call.deadline.timeInterval)
        expiry.resume()
        defer { expiry.cancel() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<HTTPReply, HTTPFault>, Never>) in
                pending.await(continuation)
                task.resume()
            }
        } onCancel: {
            pending.finish(.failure(.unknown("cancelled")))
            task.cancel()
        }
        return try result.get()
    }

    private static func request(_ call: HTTPCall) throws(HTTPFault) -> URLRequest {
        guard let url = URL(string: call.url), let scheme = url.scheme?.lowercased(), url.host != nil,
            scheme == "https" || scheme == "http"
        else { throw .invalid("the address is not http or https") }
        var request = URLRequest(url: url)
        request.httpMethod = call.method
        // URLSession's timer only backs ours up: it is restarted by every byte.
        request.timeoutInterval = call.deadline.timeInterval + 5
        for (name, value) in call.headers {
            guard !name.isEmpty, (name + value).unicodeScalars.allSatisfy({ (0x20...0x7E).contains($0.value) }) else {
                throw .invalid("header \(name.filter(\.isLetter)) has a control or non-ASCII character")
            }
            request.setValue(value, forHTTPHeaderField: name)
        }
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

/// The state of one call between the session's queue, the deadline and the waiting task.
///
/// Whoever ends it first wins.
private final class Pending: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<HTTPReply, HTTPFault>, Never>?
        var result: Result<HTTPReply, HTTPFault>?
        var status = 0
        var retryAfter: String?
        var body: [UInt8] = []
    }

    private let state = Mutex(State())

    func await(_ continuation: CheckedContinuation<Result<HTTPReply, HTTPFault>, Never>) {
        let early: Result<HTTPReply, HTTPFault>? = state.withLock { state in
            if state.result == nil { state.continuation = continuation }
            return state.result
        }
        if let early { continuation.resume(returning: early) }
    }

    func finish(_ result: Result<HTTPReply, HTTPFault>) {
        let waiting: CheckedContinuation<Result<HTTPReply, HTTPFault>, Never>? = state.withLock { state in
            guard state.result == nil else { return nil }
            state.result = result
            state.body = []
            defer { state.continuation = nil }
            return state.continuation
        }
        waiting?.resume(returning: result)
    }

    func began(status: Int, retryAfter: String?) {
        state.withLock {
            $0.status = status
            $0.retryAfter = retryAfter
        }
    }

    /// Keeps `data`; false when the reply is too large.
    func received(_ data: Data) -> Bool {
        state.withLock { state in
            guard state.result == nil, state.body.count + data.count <= HTTPExchange.largestReplyBytes else {
                return false
            }
            state.body.append(contentsOf: data)
            return true
        }
    }

    func completed() {
        let reply = state.withLock { state -> HTTPReply? in
            guard state.status > 0 else { return nil }
            return HTTPReply(status: state.status, retryAfter: state.retryAfter, body: state.body)
        }
        finish(reply.map { .success($0) } ?? .failure(.unknown("no answer")))
    }
}

/// Receives what the session reports and hands it to the call that it belongs to.
private final class Receiver: NSObject, URLSessionDataDelegate, Sendable {
    private let pending = Mutex<[Int: Pending]>([:])

    func expect(_ identifier: Int, _ call: Pending) {
        pending.withLock { $0[identifier] = call }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
        // The reply itself becomes the result: a redirect would carry the key to wherever it points.
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse, let call = call(dataTask) {
            call.began(status: response.statusCode, retryAfter: response.value(forHTTPHeaderField: "Retry-After"))
        }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard let call = call(dataTask), !call.received(data) else { return }
        call.finish(.failure(.unknown("reply too large")))
        dataTask.cancel()
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let call = pending.withLock { $0.removeValue(forKey: task.taskIdentifier) }
        guard let error else {
            if let response = task.response as? HTTPURLResponse {
                call?.began(
                    status: response.statusCode, retryAfter: response.value(forHTTPHeaderField: "Retry-After"))
            }
            call?.completed()
            return
        }
        call?.finish(.failure(Self.fault(error)))
    }

    private func call(_ task: URLSessionTask) -> Pending? {
        pending.withLock { $0[task.taskIdentifier] }
    }

    /// Only what cannot have reached the server is `notSent`; everything else may have happened.
    private static func fault(_ error: any Error) -> HTTPFault {
        switch (error as? URLError)?.code {
        case .cannotConnectToHost: .notSent("connection refused")
        case .cannotFindHost, .dnsLookupFailed: .notSent("host not found")
        case .notConnectedToInternet: .notSent("no network")
        case .secureConnectionFailed, .serverCertificateHasBadDate, .serverCertificateUntrusted,
            .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
            .notSent("TLS not established")
        case .timedOut: .unknown("timed out")
        case .networkConnectionLost: .unknown("connection lost")
        case .cancelled: .unknown("cancelled")
        default: .unknown("connection failed")
        }
    }
}
