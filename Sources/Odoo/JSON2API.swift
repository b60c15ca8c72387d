/// Odoo 19 and newer: `POST /json/2/<model>/<method>` with a bearer key.
///
/// Holds no state but its connections; any number of calls at once.
public struct JSON2API: OdooAPI {
    /// Longest legitimate call: Odoo ends one after 120 s by itself, and giving up earlier does not free the server.
    public static let defaultDeadline: Duration = .seconds(150)

    private let base: String
    private let headers: [(name: String, value: String)]
    private let deadline: Duration
    private let exchange: HTTPExchange
    private let span: @Sendable () -> UInt64

    /// One database of one server.
    ///
    /// - Parameters:
    ///   - url: `https://host`, or `http://host` where the configuration says so; a trailing `/` is dropped.
    ///   - database: name of the database.
    ///   - key: API key of the integration user. Never printed.
    ///   - deadline: for each call, absolute.
    ///   - exchange: shared between destinations of one process.
    ///   - span: a random number for each call that belongs to a trace; see `Errand`.
    public init(
        url: String, database: String, key: String, deadline: Duration = JSON2API.defaultDeadline,
        exchange: HTTPExchange, span: @escaping @Sendable () -> UInt64 = Errand.randomSpan
    ) {
        self.base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.headers = [
            ("Content-Type", "application/json"), ("Accept", "application/json"), ("Authorization", "bearer \(key)"),
            ("X-Odoo-Database", database), ("User-Agent", "sluice"),
        ]
        self.deadline = deadline
        self.exchange = exchange
        self.span = span
    }

    /// Makes one call; see `OdooAPI`.
    public func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        var members = call.arguments
        try call.check()
        if let ids = call.ids { members["ids"] = .list(ids.map(OdooValue.integer)) }
        if !call.context.isEmpty { members["context"] = .object(call.context) }
        guard let body = OdooValue.object(members).json else {
            throw OdooFailure(
                .clientFault, name: "sluice.Unsendable", reason: "the call cannot be written as JSON",
                operation: call.operation)
        }
        let reply = try await exchange.send(
            HTTPCall(
                method: "POST", url: "\(base)/json/2/\(call.operation)", headers: headers + Errand.headers(span: span),
                body: body, deadline: deadline),
            operation: call.operation)
        return try Self.value(reply, call.operation)
    }

    /// The server's version, from `/web/version`.
    ///
    /// The key is not sent.
    public func version() async throws(OdooFailure) -> String {
        let operation = "web/version"
        let reply = try await exchange.send(
            HTTPCall(
                method: "GET", url: "\(base)/web/version", headers: [("Accept", "application/json")],
                deadline: deadline),
            operation: operation)
        guard let version = try Self.value(reply, operation)["version"]?.asText else {
            throw OdooFailure(
                .configuration, name: "http.\(reply.status)", reason: "not an Odoo server of 19 or newer",
                operation: operation)
        }
        return version
    }

    static func value(_ reply: HTTPReply, _ operation: String) throws(OdooFailure) -> OdooValue {
        guard (200..<300).contains(reply.status) else {
            throw .of(status: reply.status, body: reply.body, retryAfter: reply.retryAfter, operation: operation)
        }
        guard let value = OdooValue.parse(reply.body) else {
            // The work was done, but what came of it is not readable: only looking tells.
            throw OdooFailure(
                .unknown, name: "http.\(reply.status)", reason: "the answer is not JSON", operation: operation)
        }
        return value
    }
}
