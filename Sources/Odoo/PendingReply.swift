internal import Foundation
internal import Synchronization

/// A call that can be begun once and ended at any time.
protocol CallUnderWay: Sendable {
    func resume()
    func cancel()
}

/// The state of one call between the connection, the deadline and the waiting task.
///
/// Whoever ends it first wins.
final class PendingReply: Sendable {
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
