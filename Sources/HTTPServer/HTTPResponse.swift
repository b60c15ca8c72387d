/// What a handler does with a connection.
public enum HTTPAnswer: Sendable {
    /// Sends a reply.
    case reply(HTTPResponse)
    /// Closes without a byte, as a server whose answer was lost.
    case close
    /// Resets the connection (TCP RST), as a server that was killed.
    case reset
    /// Sends these bytes as they are and closes: half a reply, or none of HTTP. For fault injection.
    case bytes([UInt8])
}

/// A reply.
///
/// The server adds `Content-Length`, `Connection: close` and `X-Content-Type-Options: nosniff` to every reply, and
/// `Content-Type: application/octet-stream` and `Cache-Control: no-store` where `headers` does not say otherwise.
public struct HTTPResponse: Sendable {
    /// The status, 200 to 599.
    public var status: Int
    /// Further header fields.
    ///
    /// Fields that the server writes itself are left out, and so are names that are no token; control characters are
    /// dropped from values, so that a value can not begin a line of its own.
    public var headers: [(String, String)]
    /// The body; left out of replies to HEAD and with status 204 and 304.
    public var body: [UInt8]

    /// The given reply.
    public init(status: Int, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A reply of JSON text.
    public static func json(_ status: Int, _ text: String) -> HTTPResponse { json(status, Array(text.utf8)) }

    /// A reply of JSON, as UTF-8.
    public static func json(_ status: Int, _ bytes: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("Content-Type", "application/json")], body: bytes)
    }

    /// A reply of plain text.
    public static func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("Content-Type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }

    /// A problem by RFC 9457; `detail` is a sentence of the program, without quotation marks.
    static func problem(_ status: Int, _ detail: String) -> HTTPResponse {
        let text =
            "{\"detail\":\"\(detail)\",\"status\":\(status),\"title\":\"\(phrase(status))\",\"type\":\"about:blank\"}"
        return HTTPResponse(
            status: status, headers: [("Content-Type", "application/problem+json")], body: Array(text.utf8))
    }

    /// A reply of some media type.
    public static func bytes(_ status: Int, type: String, _ bytes: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("Content-Type", type)], body: bytes)
    }

    /// Whether a reply of this status may have a body.
    var hasBody: Bool { status != 204 && status != 304 }

    /// The status line and header fields, with the empty line that ends them.
    func head() -> [UInt8] {
        var lines = "HTTP/1.1 \(status) \(Self.phrase(status))\r\n"
        var hasType = false
        var hasCaching = false
        for (name, value) in headers where HTTPSyntax.isToken(name.utf8) {
            let lowered = name.lowercased()
            guard !Self.ownFields.contains(lowered) else { continue }
            hasType = hasType || lowered == "content-type"
            hasCaching = hasCaching || lowered == "cache-control"
            let clean = String(String.UnicodeScalarView(value.unicodeScalars.filter { !HTTPSyntax.isControl($0) }))
            lines += "\(name): \(clean)\r\n"
        }
        if hasBody {
            if !hasType { lines += "Content-Type: application/octet-stream\r\n" }
            lines += "Content-Length: \(body.count)\r\n"
        }
        if !hasCaching { lines += "Cache-Control: no-store\r\n" }
        lines += "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        return Array(lines.utf8)
    }

    private static let ownFields: Set<String> = [
        "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer",
        "x-content-type-options",
    ]

    /// What a status is called.
    public static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
