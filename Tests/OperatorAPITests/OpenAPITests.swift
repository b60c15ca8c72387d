import Foundation
import HTTPServer
import TestSupport
import Testing

@testable import OperatorAPI

/// openapi.json says what the server does: paths, parameters, statuses, members.
@Suite struct OpenAPITests {
    @Test func pathsParametersAndAccessAreThoseOfTheTable() throws {
        let document = try OpenAPIDocument()
        #expect(document.paths == Set(Route.allCases.map(\.rawValue)))
        for route in Route.allCases {
            let path = route.rawValue
            #expect(document.methods(of: path) == ["get"])
            #expect(document.parameters(of: path, in: "path") == (route == .order ? ["entity", "ref"] : []))
            // The exposition looks at its parameters itself.
            if route != .metrics { #expect(document.parameters(of: path, in: "query") == route.parameters, "\(path)") }
            #expect(document.needsToken(path) == (route.access != .everybody), "\(path)")
            let access =
                switch route.access {
                case .everybody: "everybody"
                case .caller(let role): role.rawValue
                case .callerOfAll(let role): "\(role.rawValue) of all legal entities"
                }
            #expect(document.access(path) == access)
        }
    }

    /// Requests that lead to every status of every path; each reply is as described, and every member is met.
    @Test func repliesAreAsDescribed() throws {
        let fixture = try APIFixture()
        let away = OperatorAPI(
            Site(
                tokens: nil, stores: [StorePool(name: "eu", settings: try APIFixture.unreachable)],
                storeOfEntity: ["ACME": 0], live: APIFixture.live, orderJSON: { _ in [] }, awaitedJSON: { _ in [] }))
        let document = try OpenAPIDocument()
        let admin = "Bearer token admin *"
        var seen: Set<String> = []
        var met: [String: Set<Int>] = [:]
        func check(_ route: Route, _ reply: HTTPResponse, _ what: String) {
            met[route.rawValue, default: []].insert(reply.status)
            let type = reply.headers.first { $0.0 == "Content-Type" }?.1.prefix { $0 != ";" } ?? ""
            #expect(document.mediaTypes(of: route.rawValue, reply.status).contains(String(type)), "\(what): \(type)")
            // The order's page is the executable's: PipelineTests hold it against the document.
            guard type.hasSuffix("json"), route != .order || reply.status != 200 else { return }
            let faults = document.faults(reply.body, of: route.rawValue, reply.status, type: String(type), seen: &seen)
            #expect(faults.isEmpty, "\(what): \(faults)")
        }
        for (route, path, token) in Self.requests { check(route, fixture.get(path, token: token), path) }
        for route in Route.allCases {
            check(
                route,
                fixture.get("\(Self.path(route))\(Self.path(route).contains("?") ? "&" : "?")no=1", token: admin),
                "no=1")
            var request = HTTPRequest(method: "POST", path: Self.path(route).split(separator: "?").map(String.init)[0])
            request.headers = [("authorization", admin)]
            if case .reply(let reply) = fixture.api.answer(request) { check(route, reply, "POST") }
            var wanted = HTTPRequest(method: "GET", path: Self.path(route).split(separator: "?").map(String.init)[0])
            if route == .search { wanted.query = [(name: "ref", value: "x")] }
            if case .reply(let reply) = away.answer(wanted) { check(route, reply, "away \(route)") }
        }
        for route in Route.allCases {
            var described = document.statuses(of: route.rawValue)
            // The process of the fixture lives and is not ready.
            if route == .livez { described.remove(503) }
            if route == .readyz { described.remove(200) }
            // An unreachable store is named there, and hides nothing; the rest of 503 is a server that is full.
            if route == .entities { described.remove(503) }
            #expect(met[route.rawValue] == described, "\(route.rawValue)")
        }
        let ofOrders = [
            "Order.", "Wait.", "System.", "Line.", "LineSite.", "Hold.", "Amount.", "Shipment.", "Invoice.", "Payment.",
            "TimelineEntry.", "Delivery.", "Awaited", "OrderException.",
        ]
        let unseen = document.members.filter { member in !ofOrders.contains { member.hasPrefix($0) } }.subtracting(seen)
        #expect(unseen.isEmpty, "no reply had \(unseen.sorted())")
    }

    private static func path(_ route: Route) -> String {
        switch route {
        case .order: "/v1/orders/ACME/ACME-ONLY-1"
        case .search: "/v1/orders?ref=ACME-ONLY-1"
        default: route.rawValue
        }
    }

    private static let requests: [(Route, String, String?)] = {
        let admin = "Bearer token admin *"
        let viewer = "Bearer token viewer ACME"
        var all: [(Route, String, String?)] = []
        for route in Route.allCases {
            all.append((route, path(route), admin))
            all.append((route, path(route), nil))
            all.append((route, path(route), viewer))
        }
        for route in [Route.exceptions, .backlog, .books, .lanes, .entities, .audit] {
            all.append((route, "\(route.rawValue)?legal_entity=CHARLIE", admin))
            all.append((route, "\(route.rawValue)?limit=1", admin))
            all.append((route, "\(route.rawValue)?limit=0", admin))
        }
        all.append((.metrics, "/metrics?legal_entity=CHARLIE", nil))
        all.append((.partitions, "/v1/partitions?limit=1001", admin))
        all.append((.partitions, "/v1/partitions?limit=1", admin))
        all.append((.exceptions, "/v1/exceptions?status=resolved", admin))
        all.append((.order, "/v1/orders/ACME/T-1", admin))
        all.append((.order, "/v1/orders/ACME/nothing", admin))
        return all
    }()
}
