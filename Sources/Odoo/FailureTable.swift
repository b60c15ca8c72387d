// Which failure a reply is. By the name of the exception, never by its text, which changes with version and language;
// the one exception is `load`, which reports PostgreSQL's conflicts as text only.

extension OdooFailure {
    /// Longest wait that a `Retry-After` may ask for: a longer one is cut, so that a wrong header cannot stop a
    /// destination for days.
    public static let longestRetryAfterSeconds = 900

    /// Names of what two calls do to each other that want the same rows.
    static let conflicts: Set<String> = [
        "odoo.exceptions.LockError", "odoo.exceptions.ConcurrencyError", "psycopg2.errors.SerializationFailure",
        "psycopg2.errors.LockNotAvailable", "psycopg2.errors.DeadlockDetected", "load.conflict",
    ]

    /// Names of exceptions after which the transaction was rolled back and the same call may succeed later.
    private static let retriable: Set<String> = [
        "odoo.exceptions.LockError", "odoo.exceptions.ConcurrencyError", "builtins.MemoryError",
        "psycopg2.OperationalError", "psycopg2.InterfaceError", "psycopg2.pool.PoolError", "odoo.sql_db.PoolError",
        "psycopg2.errors.SerializationFailure", "psycopg2.errors.LockNotAvailable", "psycopg2.errors.DeadlockDetected",
        "psycopg2.errors.QueryCanceled", "psycopg2.errors.AdminShutdown", "psycopg2.errors.CrashShutdown",
        "psycopg2.errors.CannotConnectNow", "psycopg2.errors.ConnectionFailure", "psycopg2.errors.ConnectionException",
        "psycopg2.errors.ConnectionDoesNotExist", "psycopg2.errors.TooManyConnections", "psycopg2.errors.DiskFull",
        "psycopg2.errors.OutOfMemory", "psycopg2.errors.InFailedSqlTransaction",
        "psycopg2.errors.IdleInTransactionSessionTimeout", "psycopg2.errors.ReadOnlySqlTransaction",
    ]

    /// The failure that a reply other than a success stands for.
    ///
    /// - Parameters:
    ///   - status: HTTP status, not 2xx.
    ///   - body: the reply's body; its `name` decides when it is Odoo's JSON.
    ///   - retryAfter: the `Retry-After` header, in seconds or as an HTTP date; a date counts as none.
    ///   - operation: `model/method`.
    /// - Returns: always a failure; what the table lacks is refused rather than repeated.
    public static func of(status: Int, body: [UInt8], retryAfter: String?, operation: String) -> OdooFailure {
        let reply = OdooValue.parse(body)
        if let name = reply?["name"]?.asText {
            return of(exception: name, status: status, operation: operation)
        }
        let (kind, reason): (Kind, String) =
            switch status {
            case 300..<400: (.configuration, "redirected: not followed; check the address and the version")
            case 401: (.credentials, "not authenticated")
            case 403: (.configuration, "refused before Odoo's own rules")
            case 404: (.configuration, "no such database, or not this API")
            case 413: (.clientFault, "request too large for the server or its proxy")
            case 429, 503: (.retryAfter(seconds: seconds(retryAfter)), "asked to wait")
            case 502, 504: (.unknown, "a proxy gave up waiting for Odoo")
            case 400, 415: (.configuration, "the request is not understood")
            case 500...: (.unknown, "server error without Odoo's error body")
            default: (.clientFault, "unexpected status")
            }
        return OdooFailure(kind, name: "http.\(status)", reason: reason, operation: operation)
    }

    /// The failure that the member `error` of an answer of `/jsonrpc` stands for.
    ///
    /// Its own code and status say nothing: the exception's name in `data` does.
    static func of(rpcError error: OdooValue, operation: String) -> OdooFailure {
        let name = error["data"]?["name"]?.asText ?? "unnamed"
        // The one text that is read here: PostgreSQL's, which tells a wrong name from a database that is away.
        if name == "psycopg2.OperationalError", let text = error["data"]?["message"]?.asText,
            text.contains("database \""), text.contains("does not exist")
        {
            return OdooFailure(.configuration, name: name, reason: "no such database", operation: operation)
        }
        return of(exception: name, status: 200, operation: operation)
    }

    /// The failure that Odoo's exception `name` stands for.
    ///
    /// Odoo has rolled the transaction back.
    static func of(exception name: String, status: Int, operation: String) -> OdooFailure {
        let (kind, reason): (Kind, String) =
            switch name {
            case "werkzeug.exceptions.Unauthorized", "odoo.exceptions.AccessDenied",
                "odoo.http.SessionExpiredException":
                (.credentials, "the key is wrong, revoked or expired")
            case "odoo.exceptions.AccessError": (.refused, "no right, or a record of another company")
            case "odoo.exceptions.MissingError": (.missing, "a record is gone")
            case "odoo.exceptions.UserError": (.refused, "a rule of the business")
            case "odoo.exceptions.ValidationError": (.refused, "a constraint of the record")
            case "odoo.exceptions.RedirectWarning": (.refused, "Odoo asks for its own set-up first")
            case "werkzeug.exceptions.UnprocessableEntity", "builtins.TypeError": (.clientFault, "wrong arguments")
            case "werkzeug.exceptions.NotFound", "builtins.AttributeError": (.clientFault, "no such model or method")
            case "werkzeug.exceptions.BadRequest": (.clientFault, "request not readable")
            case "builtins.ValueError", "psycopg2.errors.InvalidTextRepresentation":
                (.clientFault, "unknown field, or a value of the wrong kind")
            case _ where retriable.contains(name): (.retry, "conflict or database unavailable; rolled back")
            case _ where status == 429 || status == 503: (.retryAfter(seconds: 0), "asked to wait")
            case _ where status == 409: (.retry, "conflict; rolled back")
            default: (.refused, "an exception that is not in the table")
            }
        return OdooFailure(kind, name: name, reason: reason, operation: operation)
    }

    /// The failure that the messages of a `load` without ids stand for.
    ///
    /// `load` answers HTTP 200 for row errors.
    ///
    /// - Parameters:
    ///   - messages: the member `messages` of the answer.
    ///   - record: index of the record that is asked about, among those of the call.
    ///   - operation: `model/load`.
    /// - Returns: nil when `record` is innocent: another one of the call was blamed and nothing was kept.
    static func of(messages: [OdooValue], record: Int, operation: String) -> OdooFailure? {
        let conflicts = ["could not serialize access", "deadlock detected", "could not obtain lock"]
        let texts = messages.compactMap { $0["message"]?.asText }
        if texts.contains(where: { text in conflicts.contains { text.contains($0) } }) {
            return OdooFailure(.retry, name: "load.conflict", reason: "conflict; rolled back", operation: operation)
        }
        var blaming = messages.filter { $0["record"]?.asInteger == record }
        // The batch's error is listed against the first record as well; when the same text follows for another
        // record, the first one is innocent.
        if let first = messages.first, let text = first["message"], first["record"]?.asInteger == record,
            messages.dropFirst().contains(where: { $0["record"]?.asInteger != record && $0["message"] == text })
        {
            blaming.removeAll { $0["message"] == text }
        }
        if blaming.isEmpty && !messages.isEmpty { return nil }
        let field = blaming.compactMap { $0["field"]?.asText }.first
        return OdooFailure(
            .refused, name: "load.refused", reason: "a row was refused", operation: operation, field: field)
    }

    private static func seconds(_ header: String?) -> Int {
        guard let header, let value = Int(header), value >= 0 else { return 0 }
        return min(value, longestRetryAfterSeconds)
    }
}
