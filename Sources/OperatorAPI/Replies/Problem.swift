internal import Foundation
public import HTTPServer

/// Why a request is not answered with what it asked for, by RFC 9457.
public struct Problem: Error, Sendable {
    /// The status of the reply.
    public var status: Int
    /// A sentence that repeats nothing of the request.
    public var detail: String
    /// Further header fields.
    var headers: [(String, String)] = []
    /// Orders that go by the reference, where there are several.
    var orders: [String]?

    /// A problem; `detail` repeats nothing of the request.
    public init(_ status: Int, _ detail: String, headers: [(String, String)] = []) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    private struct Body: Encodable {
        var type = "about:blank"
        var title: String
        var status: Int
        var detail: String
        var orders: [String]?
    }

    /// The reply.
    public var response: HTTPResponse {
        let body = Body(title: HTTPResponse.phrase(status), status: status, detail: detail, orders: orders)
        return HTTPResponse(
            status: status, headers: [("Content-Type", "application/problem+json")] + headers,
            body: JSON.bytes(body))
    }

    static let noSuchPath = Problem(404, "There is no such path; /openapi.json lists what there is.")
    /// The same for what does not exist and what the caller may not see.
    static let notFound = Problem(404, "There is no such legal entity or order, or the token is not for it.")
    static let needsToken = Problem(
        401, "This needs a bearer token.", headers: [("WWW-Authenticate", "Bearer realm=\"sluice\"")])
    static let wrongToken = Problem(
        401, "The bearer token is not valid.",
        headers: [("WWW-Authenticate", "Bearer realm=\"sluice\", error=\"invalid_token\"")])
    static let needsRole = Problem(
        403, "The token's role does not allow this.",
        headers: [("WWW-Authenticate", "Bearer realm=\"sluice\", error=\"insufficient_scope\"")])
    static let needsAll = Problem(
        403, "This needs a token for all legal entities.",
        headers: [("WWW-Authenticate", "Bearer realm=\"sluice\", error=\"insufficient_scope\"")])
    static let storeAway = Problem(
        503, "A store does not answer; what it holds cannot be read now.", headers: [("Retry-After", "2")])
    static let busy = Problem(
        503, "Too many requests wait for the stores; try again.", headers: [("Retry-After", "1")])
}

/// JSON of replies: keys sorted, so that the same state gives the same bytes.
enum JSON {
    static func bytes(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Replies are made of texts, numbers, flags, lists and objects only: nothing of it can fail.
        guard let data = try? encoder.encode(value) else { return Array("null".utf8) }
        return Array(data)
    }
}
