import Foundation
import HTTPServer
import TestSupport
import Testing

@testable import OperatorAPI

/// Every subject, path and object, against matrix.tsv: nobody gets a byte of what is not his.
@Suite struct AccessMatrixTests {
    private static let subjects: [(name: String, field: String?)] = [
        ("nobody", nil), ("scraper", "Basic c2NyYXBlcg=="), ("wrong", "Bearer token viewer BRAVO"),
        ("revoked", "Bearer token revoked"), ("viewer-acme", "Bearer token viewer ACME"),
        ("operator-acme", "Bearer token operator ACME"), ("admin-acme", "Bearer token admin ACME"),
        ("viewer-all", "Bearer token viewer *"), ("operator-all", "Bearer token operator *"),
        ("admin-all", "Bearer token admin *"),
    ]

    private static let objects = ["own", "other", "none_such", "other_encoded", "other_twisted", "unnamed"]

    /// The spellings that stand for an object in a path.
    private static func spellings(_ object: String) -> [String] {
        switch object {
        case "own": ["ACME"]
        case "other": ["BRAVO"]
        case "none_such": ["CHARLIE"]
        case "other_encoded": ["%42RAVO", "BR%41VO"]
        case "other_twisted": ["bravo", "BRAVO.", "BRAVO%20", "/BRAVO", "BRAVO%C3%A9", "ACME%0ABRAVO", "*", "/"]
        default: [""]
        }
    }

    /// The paths that ask `route` for an object.
    private static func paths(_ route: Route, _ object: String) -> [String] {
        spellings(object).map { entity in
            switch route {
            case .order:
                object == "unnamed"
                    ? "/v1/orders//" : "/v1/orders/\(entity)/\(object == "own" ? "ACME" : "BRAVO")-ONLY-1"
            case .search:
                object == "unnamed"
                    ? "/v1/orders" : "/v1/orders?ref=\(object == "own" ? "ACME-ONLY-1" : "BRAVO-ONLY-1")"
            case .exceptions, .backlog, .books, .lanes, .entities, .audit:
                object == "unnamed" ? route.rawValue : "\(route.rawValue)?legal_entity=\(entity)"
            case .page, .metrics, .livez, .readyz, .openapi, .partitions: route.rawValue
            }
        }
    }

    private struct Cell: Hashable {
        var subject: String
        var route: String
        var object: String
    }

    private static func expected() throws -> [Cell: Int] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("matrix.tsv")
        var cells: [Cell: Int] = [:]
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: "\t").map(String.init)
            cells[Cell(subject: words[0], route: words[1], object: words[2])] = Int(words[3])
        }
        return cells
    }

    @Test func everyCellIsAsTheTableSays() throws {
        let fixture = try APIFixture()
        let expected = try Self.expected()
        let document = try OpenAPIDocument()
        var asked = 0
        for subject in Self.subjects {
            for route in Route.allCases {
                for object in Self.objects {
                    let cell = Cell(subject: subject.name, route: route.rawValue, object: object)
                    let status = try #require(expected[cell], "matrix.tsv lacks \(cell)")
                    for path in Self.paths(route, object) {
                        let before = try fixture.number("SELECT count(*) FROM audit")
                        let reply = fixture.get(path, token: subject.field)
                        asked += 1
                        #expect(reply.status == status, "\(subject.name) \(path)")
                        #expect(
                            document.statuses(of: route.rawValue).contains(reply.status), "\(path): \(reply.status)")
                        let added = try fixture.number("SELECT count(*) FROM audit") - before
                        #expect(added == (route == .order && status == 200 ? 1 : 0), "\(subject.name) \(path)")
                        if !subject.name.hasSuffix("-all") {
                            // A request may hold the mark; no reply repeats it.
                            let text = String(decoding: reply.body, as: UTF8.self)
                            #expect(
                                !text.contains(APIFixture.mark) && !text.contains("BRAVO"), "\(subject.name) \(path)")
                        }
                    }
                }
            }
        }
        #expect(expected.count == Self.subjects.count * Route.allCases.count * Self.objects.count)
        #expect(asked > expected.count)
    }

    /// Whose it is, and whether it is there, look the same to who may not see it.
    @Test func otherAndNoneSuchAreOne() throws {
        let fixture = try APIFixture()
        let token = "Bearer token admin ACME"
        for route in [Route.order, .exceptions, .backlog, .books, .lanes, .entities, .audit] {
            let replies = ["other", "none_such", "other_encoded"].flatMap { Self.paths(route, $0) }
                .map { fixture.get($0, token: token) }
            #expect(Set(replies.map(\.status)) == [404])
            #expect(Set(replies.map { String(decoding: $0.body, as: UTF8.self) }).count == 1, "\(route)")
        }
    }

    @Test func loopbackWithoutTokensSeesAll() throws {
        let fixture = try APIFixture(hasTokens: false)
        for route in Route.allCases where route != .search {
            for path in Self.paths(route, "other") {
                #expect([200, 503].contains(fixture.get(path).status), "\(path)")
            }
        }
        let actor = try fixture.number(
            "SELECT count(*) FROM audit WHERE actor = 'loopback' AND subject = 'BRAVO-ONLY-1'")
        #expect(actor == 1)
    }

    @Test func whatIsRefusedIsToldWithNameAndPathOnly() throws {
        let fixture = try APIFixture()
        let told = Mutexed<[String]>([])
        let api = OperatorAPI(
            try APIFixture.site(fixture.url, tokens: fixture.tokens),
            refused: { caller, path in
                told.change { $0.append("\(caller) \(path)") }
            })
        func ask(_ path: String, _ field: String?) {
            var request = HTTPRequest(method: "GET", path: path)
            if let field { request.headers = [("authorization", field)] }
            _ = api.answer(request)
        }
        ask("/v1/orders/BRAVO/secret", nil)
        ask("/v1/lanes", "Bearer hunter2")
        ask("/v1/audit", "Bearer token viewer *")
        ask("/v1/partitions", "Bearer token admin ACME")
        #expect(
            told.value == [
                "none /v1/orders/{entity}/{ref}", "none /v1/lanes", "viewer-all /v1/audit", "admin-acme /v1/partitions",
            ])
    }
}

// Safe: the value is touched while the lock is held only.
/// A value behind a lock.
final class Mutexed<Value: Sendable>: @unchecked Sendable {
    private var stored: Value
    private let lock = NSLock()
    init(_ value: Value) { stored = value }
    var value: Value { lock.withLock { stored } }
    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
}
