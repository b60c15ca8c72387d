/// A request that passed every check of the server.
public struct HTTPRequest: Sendable {
    /// The method in capitals.
    ///
    /// A HEAD request says `GET` here, with `isHead` set: the server leaves the body out.
    public var method: String
    /// Whether the client asked for the reply's head only.
    public var isHead: Bool
    /// The path with percent escapes decoded, from its `/` on, without the query.
    ///
    /// It has no control characters, no `.` or `..` segments, and each slash in it was a slash in the request.
    public var path: String
    /// The path as the client sent it.
    public var rawPath: String
    /// The parameters after `?`, decoded (`+` is a space), in order; one without `=` has an empty value.
    public var query: [(name: String, value: String)]
    /// The header fields in order, names in lower case, values without white space around them.
    public var headers: [(name: String, value: String)]
    /// The body, empty when there is none.
    public var body: [UInt8]

    /// The given request: for tests of handlers.
    public init(
        method: String, isHead: Bool = false, path: String, rawPath: String? = nil,
        query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.isHead = isHead
        self.path = path
        self.rawPath = rawPath ?? path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The first value of a header field, whose name is given in lower case.
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The first value of a query parameter.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// Why a request was refused before any handler saw it.
struct HTTPRefusal: Error, Equatable {
    /// The status of the reply.
    var status: Int
    /// A constant sentence: it never repeats what the client sent.
    var reason: String

    init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }
}
