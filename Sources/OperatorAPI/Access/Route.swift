internal import HTTPServer

/// What is served, and who may ask for it: the one table of paths.
///
/// A path that is not here does not exist; one that is here and says nothing else needs a token.
enum Route: String, CaseIterable, Sendable {
    case page = "/"
    case metrics = "/metrics"
    case livez = "/livez"
    case readyz = "/readyz"
    case openapi = "/openapi.json"
    case search = "/v1/orders"
    case order = "/v1/orders/{entity}/{ref}"
    case exceptions = "/v1/exceptions"
    case backlog = "/v1/backlog"
    case books = "/v1/books"
    case lanes = "/v1/lanes"
    case entities = "/v1/entities"
    case partitions = "/v1/partitions"
    case audit = "/v1/audit"

    /// Who may ask.
    enum Access: Equatable, Sendable {
        /// Everybody who reaches the address.
        case everybody
        /// Whoever has at least this role, for the legal entities of the caller's scope.
        case caller(Role)
        /// Whoever has at least this role for all legal entities.
        case callerOfAll(Role)
    }

    var access: Access {
        switch self {
        case .metrics, .livez, .readyz: .everybody
        case .page, .openapi, .search, .order, .exceptions, .backlog, .books, .lanes, .entities: .caller(.viewer)
        case .partitions: .callerOfAll(.viewer)
        case .audit: .caller(.admin)
        }
    }

    /// Names of query parameters; any other is refused.
    var parameters: Set<String> {
        switch self {
        case .page, .livez, .readyz, .openapi, .order: []
        // The exposition has parameters of its own and looks at them itself.
        case .metrics: []
        case .search: ["ref"]
        case .exceptions: ["legal_entity", "code", "status", "limit", "after"]
        case .backlog, .lanes, .entities, .books, .audit: ["legal_entity", "limit", "after"]
        case .partitions: ["limit", "after"]
        }
    }

    /// A request's route, with what stands in its path for `{entity}` and `{ref}`.
    struct Match: Equatable, Sendable {
        var route: Route
        var entity = ""
        var ref = ""
    }

    static func match(_ path: String) -> Match? {
        if let route = Route(rawValue: path), route != .order { return Match(route: route) }
        let prefix = Route.search.rawValue + "/"
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        // Bytes, because a character could hold the slash together with what follows it.
        guard let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        let entity = String(rest[..<slash])
        let ref = String(rest[rest.utf8.index(after: slash)...])
        guard isIdentifier(entity), isIdentifier(ref) else { return nil }
        return Match(route: .order, entity: entity, ref: ref)
    }

    /// Whether `text` could be a code or a reference: 1 to 128 bytes of printable ASCII without space.
    ///
    /// References with an issuer have 64 bytes and a slash more.
    static func isIdentifier(_ text: String) -> Bool {
        (1...193).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
