import Foundation
import HTTPServer
import Ingest
import Metrics
import Synchronization
import Workers

/// Whether the process lives, and whether it is of use.
final class Health: Sendable {
    let areStoresPrepared = Atomic(false)
    let isStopping = Atomic(false)
    private let stores: [String]
    private let workers: [WorkerService]
    private let ingest: IngestService

    init(stores: [String], workers: [WorkerService], ingest: IngestService) {
        self.stores = stores
        self.workers = workers
        self.ingest = ingest
    }

    /// What keeps the process from being of use; empty: ready.
    func reasons() -> [(dependency: String, reason: String)] {
        var reasons: [(String, String)] = []
        if isStopping.load(ordering: .relaxed) { reasons.append(("process", "is stopping")) }
        guard areStoresPrepared.load(ordering: .relaxed) else {
            return reasons + [("stores", "not reached, or not migrated yet")]
        }
        for (store, worker) in zip(stores, workers) where !worker.isStoreReached {
            reasons.append(("store \(store)", "not reached"))
        }
        let status = ingest.status
        if !status.isPolling { reasons.append(("kafka", "the poll thread does not run")) }
        if status.areBrokersAway { reasons.append(("kafka", "no broker is reached")) }
        return reasons
    }
}

/// The paths of the HTTP server.
enum Endpoints {
    static func answer(_ request: HTTPRequest, registry: Registry, health: Health) -> HTTPAnswer {
        guard request.method == "GET" else { return .reply(problem(405, "only GET is served here")) }
        switch request.path {
        case "/metrics":
            let page = registry.page(accept: request.header("accept"), legalEntity: request.parameter("legal_entity"))
            guard let page else { return .reply(problem(404, "no such legal entity")) }
            return .reply(.bytes(200, type: page.contentType, page.bytes))
        case "/livez":
            return .reply(.json(200, #"{"status":"ok"}"#))
        case "/readyz":
            let reasons = health.reasons()
            let list = reasons.map { ["dependency": $0.dependency, "reason": $0.reason] }
            let body = JSONText.render(["status": reasons.isEmpty ? "ok" : "not ready", "reasons": list])
            return .reply(.json(reasons.isEmpty ? 200 : 503, body))
        default:
            return .reply(problem(404, "no such path: /metrics, /livez and /readyz are served"))
        }
    }

    /// A problem by RFC 9457.
    static func problem(_ status: Int, _ detail: String) -> HTTPResponse {
        let body = JSONText.render(["type": "about:blank", "status": status, "detail": detail])
        return .bytes(status, type: "application/problem+json", Array(body.utf8))
    }
}

/// JSON for people and programs, keys sorted.
enum JSONText {
    static func render(_ value: Any, pretty: Bool = false) -> String {
        var options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]
        if pretty { options.insert(.prettyPrinted) }
        guard JSONSerialization.isValidJSONObject(value),
            let data = try? JSONSerialization.data(withJSONObject: value, options: options)
        else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}
