internal import Dispatch
public import HTTPServer
internal import OrderEvents
internal import Store
internal import Synchronization

/// Answers the requests of operators and programs: health, metrics, the read API and the page.
///
/// Called on the server's threads, several at once. Only what asks a store may block, and of these no more than
/// `storeRequests` at once: the rest of the server's threads stay free for health and metrics.
public final class OperatorAPI: Sendable {
    /// Requests that may wait for stores at once.
    public static let storeRequests = 32

    private let site: Mutex<Site>
    private let room = DispatchSemaphore(value: OperatorAPI.storeRequests)
    private let answered: @Sendable (_ path: String, _ status: Int) -> Void
    private let refused: @Sendable (_ caller: String, _ path: String) -> Void

    /// - Parameters:
    ///   - site: what it answers from.
    ///   - answered: told of every answer, with the path as the table of paths has it, or `other`.
    ///   - refused: told who was refused what a token must allow; `none`: nobody with a token.
    public init(
        _ site: Site, answered: @escaping @Sendable (_ path: String, _ status: Int) -> Void = { _, _ in },
        refused: @escaping @Sendable (_ caller: String, _ path: String) -> Void = { _, _ in }
    ) {
        self.site = Mutex(site)
        self.answered = answered
        self.refused = refused
    }

    /// Puts another site in place; requests under way end with the one that they began with.
    public func replace(_ site: Site) { self.site.withLock { $0 = site } }

    /// Exchanges the tokens only.
    public func replace(tokens: Tokens?) { site.withLock { $0.tokens = tokens } }

    /// The answer to a request.
    public func answer(_ request: HTTPRequest) -> HTTPAnswer {
        let match = Route.match(request.path)
        var response: HTTPResponse
        do throws(Problem) {
            let site = site.withLock { $0 }
            guard let match else {
                // What there is and is not is no business of who has no token.
                if let tokens = site.tokens { _ = try caller(of: request, tokens, path: "other") }
                throw Problem.noSuchPath
            }
            response = try reply(to: request, match, site)
        } catch {
            response = error.response
            // Whoever opens the page in a browser can only then say who he is; it holds no data.
            if match?.route == .page, error.status == 401 {
                response = Page.response(status: 401, headers: error.headers)
            }
        }
        answered(match?.route.rawValue ?? "other", response.status)
        return .reply(response)
    }

    private func reply(to request: HTTPRequest, _ match: Route.Match, _ site: Site) throws(Problem) -> HTTPResponse {
        guard request.method == "GET" else { throw Problem(405, "Only GET and HEAD are served.") }
        if match.route == .metrics { return site.live.metrics(request) }
        let caller = try admit(request, match, site)
        try checkParameters(request, match.route)
        let reading = Reading(site: site, caller: caller, request: request)
        switch match.route {
        case .page: return Page.response(status: 200)
        case .openapi: return .json(200, PackageResources.openapi_json)
        case .metrics: return site.live.metrics(request)
        case .livez: return Self.health(site.live.faults())
        case .readyz: return Self.health(site.live.reasons())
        case .lanes: return try reading.lanes()
        case .partitions: return try reading.partitions()
        case .order, .search, .exceptions, .backlog, .books, .entities, .audit:
            guard room.wait(timeout: .now()) == .success else { throw Problem.busy }
            defer { room.signal() }
            return try asking(reading, match)
        }
    }

    private func asking(_ reading: Reading, _ match: Route.Match) throws(Problem) -> HTTPResponse {
        switch match.route {
        case .order: try reading.order(match.entity, match.ref)
        case .search: try reading.search()
        case .exceptions: try reading.exceptions()
        case .backlog: try reading.backlog()
        case .books: try reading.books()
        case .entities: try reading.entities()
        case .audit: try reading.audit()
        case .page, .metrics, .livez, .readyz, .openapi, .lanes, .partitions: throw Problem.noSuchPath
        }
    }

    private static func health(_ reasons: [Live.Reason]) -> HTTPResponse {
        let reply = LiveReply(status: reasons.isEmpty ? "ok" : "not ready", reasons: reasons)
        return .json(reasons.isEmpty ? 200 : 503, JSON.bytes(reply))
    }

    // MARK: Who asks

    private func admit(_ request: HTTPRequest, _ match: Route.Match, _ site: Site) throws(Problem) -> Caller {
        let needed: Role
        var needsAll = false
        switch match.route.access {
        // The paths of everybody answer nothing that depends on who asks.
        case .everybody: return .loopback
        case .caller(let role): needed = role
        case .callerOfAll(let role):
            needed = role
            needsAll = true
        }
        guard let tokens = site.tokens else { return .loopback }
        let caller = try caller(of: request, tokens, path: match.route.rawValue)
        guard caller.role >= needed else {
            refused(caller.name, match.route.rawValue)
            throw Problem.needsRole
        }
        guard !needsAll || caller.scope == .everything else {
            refused(caller.name, match.route.rawValue)
            throw Problem.needsAll
        }
        return caller
    }

    private func caller(of request: HTTPRequest, _ tokens: Tokens, path: String) throws(Problem) -> Caller {
        guard let field = request.header("authorization") else {
            refused("none", path)
            throw Problem.needsToken
        }
        guard let presented = Tokens.presented(field), let caller = tokens.caller(of: presented.utf8) else {
            refused("none", path)
            throw Problem.wrongToken
        }
        return caller
    }

    private func checkParameters(_ request: HTTPRequest, _ route: Route) throws(Problem) {
        var seen: Set<String> = []
        for (name, _) in request.query {
            guard route.parameters.contains(name) else {
                let known = route.parameters.sorted().joined(separator: ", ")
                throw Problem(400, known.isEmpty ? "This path takes no parameters." : "The parameters are: \(known).")
            }
            guard seen.insert(name).inserted else { throw Problem(400, "A parameter is there twice.") }
        }
    }
}
