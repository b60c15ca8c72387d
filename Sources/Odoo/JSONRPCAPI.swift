internal import Synchronization

/// Odoo up to 18 (and, deprecated, 19): `POST /jsonrpc` with the user's number and key in the body.
///
/// Any number of calls at once. The user's number is asked for once: checking a key costs such a server up to 0.6 s.
public final class JSONRPCAPI: OdooAPI {
    private let url: String
    private let database: String
    private let login: String
    private let key: String
    private let deadline: Duration
    private let exchange: HTTPExchange
    private let span: @Sendable () -> UInt64
    private let user = Mutex<Int?>(nil)

    /// One database of one server, as the user `login`.
    ///
    /// - Parameters:
    ///   - url: as of `JSON2API`.
    ///   - database: name of the database.
    ///   - login: of the integration user.
    ///   - key: its API key (or password). Never printed.
    ///   - deadline: for each call, absolute.
    ///   - exchange: shared between destinations of one process.
    ///   - span: as of `JSON2API`.
    public init(
        url: String, database: String, login: String, key: String, deadline: Duration = JSON2API.defaultDeadline,
        exchange: HTTPExchange, span: @escaping @Sendable () -> UInt64 = Errand.randomSpan
    ) {
        self.url = (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/jsonrpc"
        self.database = database
        self.login = login
        self.key = key
        self.deadline = deadline
        self.exchange = exchange
        self.span = span
    }

    /// Makes one call; see `OdooAPI`.
    ///
    /// The first one logs in before: two requests.
    public func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        try call.check()
        let user = try await userID()
        var named = call.arguments
        if !call.context.isEmpty { named["context"] = .object(call.context) }
        var inSequence: [OdooValue] = call.ids.map { [.list($0.map(OdooValue.integer))] } ?? []
        // `create` and `write` look at their first argument by its place.
        for name in Self.byPlace[call.method] ?? [] {
            guard let value = named.removeValue(forKey: name) else { break }
            inSequence.append(value)
        }
        do throws(OdooFailure) {
            return try await execute(
                service: "object", method: "execute_kw",
                [
                    .text(database), .integer(user), .text(key), .text(call.model), .text(call.method),
                    .list(inSequence), .object(named),
                ], operation: call.operation)
        } catch {
            // The login may have got another number, or none.
            if error.kind == .credentials { self.user.withLock { $0 = nil } }
            throw error
        }
    }

    /// The server's version, from the service `common`.
    ///
    /// The key is not sent.
    public func version() async throws(OdooFailure) -> String {
        let answer = try await execute(service: "common", method: "version", [], operation: "common/version")
        guard let version = answer["server_version"]?.asText else {
            throw OdooFailure(
                .configuration, name: "http.200", reason: "not an Odoo server", operation: "common/version")
        }
        return version
    }

    private static let byPlace = ["create": ["vals_list"], "write": ["vals"], "load": ["fields", "data"]]

    private func userID() async throws(OdooFailure) -> Int {
        if let known = user.withLock({ $0 }) { return known }
        let answer = try await execute(
            service: "common", method: "authenticate", [.text(database), .text(login), .text(key), [:]],
            operation: "common/authenticate")
        // A wrong login or key is no error here: the answer is `false`.
        guard let id = answer.asInteger else {
            throw OdooFailure(
                .credentials, name: "odoo.exceptions.AccessDenied",
                reason: "the login is unknown, or the key is wrong, revoked or expired",
                operation: "common/authenticate")
        }
        user.withLock { $0 = id }
        return id
    }

    private func execute(
        service: String, method: String, _ arguments: [OdooValue], operation: String
    ) async throws(OdooFailure) -> OdooValue {
        let envelope: OdooValue = [
            "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": ["service": .text(service), "method": .text(method), "args": .list(arguments)],
        ]
        guard let body = envelope.json else {
            throw OdooFailure(
                .clientFault, name: "sluice.Unsendable", reason: "the call cannot be written as JSON",
                operation: operation)
        }
        let reply = try await exchange.send(
            HTTPCall(
                method: "POST", url: url,
                headers: [
                    ("Content-Type", "application/json"), ("Accept", "application/json"), ("User-Agent", "sluice"),
                ] + Errand.headers(span: span), body: body, deadline: deadline), operation: operation)
        let answer = try JSON2API.value(reply, operation)
        if let error = answer["error"] { throw .of(rpcError: error, operation: operation) }
        guard answer["jsonrpc"] != nil else {
            throw OdooFailure(.configuration, name: "http.200", reason: "not an Odoo server", operation: operation)
        }
        // A method that returns nothing has no result at all.
        return answer["result"] ?? .null
    }
}
