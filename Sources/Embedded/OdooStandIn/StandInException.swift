/// An exception of Odoo's, as its answers carry it: status and body as recorded.
struct StandInException: Error, Equatable, Sendable {
    var status: Int
    var name: String
    var message: String
    /// werkzeug's exceptions list their status among the arguments.
    var argumentsCarryStatus = false
    /// A reply that is no JSON: HTML of the framework, instead of an exception.
    var html: String?

    var body: String {
        var arguments: [StandInValue] = [.text(message)]
        if argumentsCarryStatus { arguments.append(.integer(status)) }
        return StandInValue.object([
            "name": .text(name), "message": .text(message), "arguments": .list(arguments), "context": .object([:]),
            "debug": .text("Traceback (most recent call last):\n  stand-in\n\(name): \(message)\n"),
        ]).json
    }

    static func user(_ message: String) -> Self {
        Self(status: 422, name: "odoo.exceptions.UserError", message: message)
    }
    static func access(_ message: String) -> Self {
        Self(status: 403, name: "odoo.exceptions.AccessError", message: message)
    }
    static func missing(_ model: String, _ id: Int) -> Self {
        Self(
            status: 404, name: "odoo.exceptions.MissingError",
            message: "Record does not exist or has been deleted.\n(Record: \(model)(\(id),), User: 5)")
    }
    static func value(_ message: String) -> Self {
        Self(status: 500, name: "builtins.ValueError", message: message)
    }
    static func arguments(_ message: String) -> Self {
        Self(
            status: 422, name: "werkzeug.exceptions.UnprocessableEntity", message: message, argumentsCarryStatus: true)
    }
    static func notFound(_ message: String) -> Self {
        Self(status: 404, name: "werkzeug.exceptions.NotFound", message: message, argumentsCarryStatus: true)
    }
    static func unauthorized(_ message: String) -> Self {
        Self(status: 401, name: "werkzeug.exceptions.Unauthorized", message: message, argumentsCarryStatus: true)
    }
    static func badRequest(_ message: String) -> Self {
        Self(status: 400, name: "werkzeug.exceptions.BadRequest", message: message, argumentsCarryStatus: true)
    }
    static let unknownDatabase = Self(
        status: 404, name: "", message: "",
        html: "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected.</p>\n")
    static let mediaType = Self(
        status: 415, name: "", message: "",
        html: "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n")

    /// Record rules: a record of a company that the call does not see.
    static let hidden = Self.access(
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\n"
            + "Sorry, Integration API (id=5) doesn't have 'read' access to:\n- Sales Order (sale.order)\n")
    static let unauthorizedCompanies = Self.access("Access to unauthorized or invalid companies.")
}
