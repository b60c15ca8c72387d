import Odoo
import Testing

/// Goal: each row of the recorded error table leads to the action that the table asks for.
@Suite struct FailureTableTests {
    struct Row: Sendable {
        var status: Int
        var name: String?
        var kind: OdooFailure.Kind

        init(_ status: Int, _ name: String?, _ kind: OdooFailure.Kind) {
            self.status = status
            self.name = name
            self.kind = kind
        }
    }

    static let rows: [Row] = [
        Row(401, "werkzeug.exceptions.Unauthorized", .credentials),
        Row(401, nil, .credentials),
        Row(403, "odoo.exceptions.AccessDenied", .credentials),
        Row(404, nil, .configuration),
        Row(403, "odoo.exceptions.AccessError", .refused),
        Row(404, "odoo.exceptions.MissingError", .missing),
        Row(422, "odoo.exceptions.UserError", .refused),
        Row(422, "odoo.exceptions.ValidationError", .refused),
        Row(422, "werkzeug.exceptions.UnprocessableEntity", .clientFault),
        Row(422, "builtins.TypeError", .clientFault),
        Row(404, "werkzeug.exceptions.NotFound", .clientFault),
        Row(500, "builtins.AttributeError", .clientFault),
        Row(500, "builtins.ValueError", .clientFault),
        Row(500, "psycopg2.errors.InvalidTextRepresentation", .clientFault),
        Row(500, "psycopg2.errors.SerializationFailure", .retry),
        Row(500, "psycopg2.errors.LockNotAvailable", .retry),
        Row(500, "psycopg2.errors.DeadlockDetected", .retry),
        Row(409, "odoo.exceptions.LockError", .retry),
        Row(500, "psycopg2.OperationalError", .retry),
        Row(500, "psycopg2.pool.PoolError", .retry),
        Row(400, "werkzeug.exceptions.BadRequest", .clientFault),
        Row(400, nil, .configuration),
        Row(415, nil, .configuration),
        Row(303, nil, .configuration),
        Row(413, nil, .clientFault),
        Row(429, nil, .retryAfter(seconds: 7)),
        Row(503, nil, .retryAfter(seconds: 7)),
        Row(502, nil, .unknown),
        Row(504, nil, .unknown),
        Row(500, nil, .unknown),
        Row(500, "builtins.KeyError", .refused),
    ]

    @Test(arguments: rows) func eachRowHasItsKind(row: Row) {
        let body = row.name.map { "{\"name\":\"\($0)\",\"message\":\"Erika Mustermann\",\"debug\":\"x\"}" } ?? "<html>"
        let failure = OdooFailure.of(
            status: row.status, body: Array(body.utf8), retryAfter: "7", operation: "sale.order/load")
        #expect(failure.kind == row.kind, "\(row.status) \(row.name ?? "without a body")")
    }

    @Test func textsOfOdooNeverReachTheFailure() {
        let body = "{\"name\":\"odoo.exceptions.UserError\",\"message\":\"Erika\",\"arguments\":[\"Erika\"]}"
        let failure = OdooFailure.of(status: 422, body: Array(body.utf8), retryAfter: nil, operation: "sale.order/load")
        #expect(!failure.description.contains("Erika") && !String(reflecting: failure).contains("Erika"))
    }

    @Test func exceptionNamesKeepNothingButANamesCharacters() {
        let body = "{\"name\":\"x\\n{\\\"a\\\": <b>é\"}"
        let failure = OdooFailure.of(status: 422, body: Array(body.utf8), retryAfter: nil, operation: "sale.order/load")
        #expect(failure.name == "xab")
    }

    @Test(arguments: [("30", 30), ("0", 0), ("99999", 900), ("-5", 0), ("soon", 0), ("", 0)])
    func retryAfterIsCutAndNeverNegative(header: String, seconds: Int) {
        let failure = OdooFailure.of(status: 429, body: [], retryAfter: header, operation: "sale.order/load")
        #expect(failure.kind == .retryAfter(seconds: seconds))
    }
}
