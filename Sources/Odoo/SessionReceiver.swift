internal import Foundation
internal import FoundationNetworking
internal import Synchronization

extension URLSessionDataTask: CallUnderWay {}

/// Receives what the session reports and hands it to the call that it belongs to.
final class SessionReceiver: NSObject, URLSessionDataDelegate, Sendable {
    private let pending = Mutex<[Int: PendingReply]>([:])

    func expect(_ identifier: Int, _ call: PendingReply) {
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

    private func call(_ task: URLSessionTask) -> PendingReply? {
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
