import Dispatch
import Foundation
import Synchronization
import Testing

@testable import HTTPServer

private let get = "GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n"

private func ok(_ request: HTTPRequest) -> HTTPAnswer { .reply(.text(200, "ok")) }

/// A started server on a port of its own.
private func serve(
    host: String = "127.0.0.1", _ limits: HTTPLimits = HTTPLimits(),
    _ handler: @escaping HTTPServer.Handler = { ok($0) }
) throws -> HTTPServer {
    let server = try HTTPServer(host: host, port: 0, limits: limits, handler: handler)
    server.start()
    return server
}

/// Sends one request and reads the answer.
private func exchange(_ server: HTTPServer, _ text: String, ipv6: Bool = false) -> (text: String, end: TestClient.End) {
    let client = TestClient(port: server.port, ipv6: ipv6)
    client.send(text)
    return client.readAll()
}

private func replies(in text: String) -> Int {
    text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).count - 1
}

private let hasIPv6: Bool = {
    guard let server = try? HTTPServer(host: "::1", port: 0, handler: { ok($0) }) else { return false }
    server.stop()
    return true
}()

/// The server over real sockets: what clients see, and that none of them can hold it up.
@Suite(.timeLimit(.minutes(10))) struct HTTPServerTests {
    @Test func replyHasTheFixedHeaders() throws {
        let server = try serve()
        let (text, end) = exchange(server, get)
        #expect(end == .closed)
        #expect(
            text == """
                HTTP/1.1 200 OK\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Length: 2\r
                Cache-Control: no-store\r
                X-Content-Type-Options: nosniff\r
                Connection: close\r
                \r
                ok
                """)
        #expect(server.stop())
        #expect(server.counts == HTTPServer.Counts(accepted: 1, answered: 1, refused: 0, lost: 0))
    }

    @Test func headIsAnsweredAsGetWithoutBody() throws {
        let server = try serve { request in .reply(.text(200, request.method + (request.isHead ? " head" : ""))) }
        let (text, end) = exchange(server, get.replacing("GET", with: "HEAD"))
        #expect(end == .closed)
        #expect(text.contains("Content-Length: 8\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
        server.stop()
    }

    @Test(arguments: [false, true]) func preferredThreadsGoFirstWhereTheSystemAllowsIt(isPreferred: Bool) throws {
        let which = __priority_which_t(PRIO_PROCESS.rawValue)
        let server = try HTTPServer(host: "127.0.0.1", port: 0, isPreferred: isPreferred) { _ in
            .reply(.text(200, "nice \(getpriority(which, 0))"))
        }
        server.start()
        var limit = rlimit()
        #expect(unsafe getrlimit(__rlimit_resource_t(__RLIMIT_NICE.rawValue), &limit) == 0)
        let capabilities =
            try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
            .first { $0.hasPrefix("CapEff:") }?.split(separator: "\t").last ?? "0"
        let mayRaise = limit.rlim_cur >= 25 || (UInt64(capabilities, radix: 16) ?? 0) & 1 << 23 != 0
        let nice = isPreferred && mayRaise ? -5 : getpriority(which, 0)
        #expect(exchange(server, get).text.hasSuffix("\r\n\r\nnice \(nice)"))
        server.stop()
    }

    @Test func bodyReachesTheHandler() throws {
        var limits = HTTPLimits()
        limits.bodyBytes = 16 << 20
        let server = try serve(limits) { request in .reply(.bytes(200, type: "a/b", request.body)) }
        let body = String(repeating: "0123456789abcdef", count: 1 << 16)
        let (text, end) = exchange(
            server, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        #expect(end == .closed)
        #expect(text.hasSuffix("\r\n\r\n" + body))
        server.stop()
    }

    @Test func handlerCanNotInjectHeaders() throws {
        let server = try serve { _ in
            .reply(
                HTTPResponse(
                    status: 302,
                    headers: [
                        ("Location", "/x\r\nSet-Cookie: a=b"), ("Bad\r\nName", "c"), ("Content-Length", "99"),
                        ("Transfer-Encoding", "chunked"), ("Cache-Control", "max-age=1"),
                    ]))
        }
        let (text, _) = exchange(server, get)
        #expect(
            text == """
                HTTP/1.1 302 Found\r
                Location: /xSet-Cookie: a=b\r
                Cache-Control: max-age=1\r
                Content-Type: application/octet-stream\r
                Content-Length: 0\r
                X-Content-Type-Options: nosniff\r
                Connection: close\r
                \r

                """)
        server.stop()
    }

    @Test func twoPipelinedRequestsGetOneReply() throws {
        let handled = Atomic<Int>(0)
        let server = try serve { request in
            handled.wrappingAdd(1, ordering: .relaxed)
            return ok(request)
        }
        let post = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
        for pair in [get + get, post + get, get + post, post + post] {
            let (text, end) = exchange(server, pair)
            #expect(replies(in: text) == 1 && end == .closed, "\(text)")
        }
        #expect(handled.load(ordering: .relaxed) == 4)
        server.stop()
    }

    @Test func refusalReachesAClientThatIsStillSending() throws {
        let server = try serve()
        let client = TestClient(port: server.port)
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        client.send([UInt8](repeating: 65, count: 1 << 20))
        let (text, _) = client.readAll()
        #expect(text.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
        #expect(replies(in: text) == 1)
        let (denied, _) = exchange(server, "PUT /a HTTP/1.1\r\n")
        #expect(denied.hasPrefix("HTTP/1.1 405 ") && denied.contains("\r\nAllow: GET, HEAD, POST\r\n"))
        server.stop()
        #expect(server.counts.refused == 2)
    }

    @Test func refusalRepeatsNothingOfTheRequest() throws {
        let server = try serve()
        for request in [
            "GET /%00canary HTTP/1.1\r\n", "CANARY / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: canary/\r\n\r\n",
        ] {
            let (text, _) = exchange(server, request)
            #expect(!text.lowercased().contains("canary") && text.hasPrefix("HTTP/1.1 "))
            #expect(!text.lowercased().contains("server:"))
        }
        server.stop()
    }

    @Test func clientIsToldToContinue() throws {
        let server = try serve { request in .reply(.bytes(200, type: "a/b", request.body)) }
        let client = TestClient(port: server.port)
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.isReadable(within: 20_000))
        client.send("ab")
        let (text, _) = client.readAll()
        #expect(text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
        #expect(text.hasSuffix("\r\n\r\nab"))
        server.stop()
    }

    @Test func handlerCanDropResetOrSayAnything() throws {
        let server = try serve { request in
            switch request.path {
            case "/close": .close
            case "/reset": .reset
            default: .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".utf8))
            }
        }
        func answer(_ path: String) -> (text: String, end: TestClient.End) {
            exchange(server, "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        #expect(answer("/close") == ("", .closed))
        #expect(answer("/reset") == ("", .reset))
        #expect(answer("/half") == ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .closed))
        server.stop()
    }

    @Test(.enabled(if: hasIPv6, "this machine has no IPv6 loopback")) func ipv6IsServed() throws {
        let server = try serve(host: "::1")
        let (text, _) = exchange(server, get, ipv6: true)
        #expect(text.hasSuffix("ok"))
        server.stop()
    }

    @Test func takenAddressIsNamedWithItsRemedy() throws {
        let server = try serve()
        let error = #expect(throws: HTTPServerError.self) {
            _ = try HTTPServer(host: "127.0.0.1", port: server.port, handler: { ok($0) })
        }
        #expect(error?.code == .addressInUse)
        #expect(error?.description.contains("127.0.0.1:\(server.port)") == true)
        #expect(error?.description.contains("configure another port") == true)
        server.stop()
        // Free again at once, although the first server had connections.
        let next = try HTTPServer(host: "127.0.0.1", port: server.port, handler: { ok($0) })
        next.stop()
    }

    @Test func wrongAddressesAreErrors() {
        func code(_ host: String, _ port: Int) -> HTTPServerError.Code? {
            do throws(HTTPServerError) {
                _ = try HTTPServer(host: host, port: port, handler: { ok($0) })
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("127.0.0.1", 65_536) == .addressNotUnderstood)
        #expect(code("127.0.0.1", -1) == .addressNotUnderstood)
        #expect(code("", 0) == .addressNotUnderstood)
        #expect(code("not a host", 0) == .addressNotUnderstood)
        #expect(code("192.0.2.1", 0) == .addressNotHere)
    }
}

/// Slow, silent and many clients.
@Suite(.timeLimit(.minutes(10))) struct SlowClientTests {
    /// Goal: a client that sends a byte now and then is cut by the deadline of the whole head, not of one byte.
    @Test func drippingClientIsCut() throws {
        var limits = HTTPLimits()
        limits.headerTime = .milliseconds(150)
        let server = try serve(limits)
        let client = TestClient(port: server.port)
        client.send("GET / HTTP/1.1\r\nX: ")
        var bytes = 0
        while bytes < 10_000, !client.isReadable(within: 5) {
            client.send("a")
            bytes += 1
        }
        #expect(bytes < 10_000)
        #expect(client.readAll().text.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
        server.stop()
        #expect(server.counts.refused == 1)
    }

    @Test func drippingBodyIsCut() throws {
        var limits = HTTPLimits()
        limits.bodyTime = .milliseconds(150)
        let server = try serve(limits)
        let client = TestClient(port: server.port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        var bytes = 0
        while bytes < 50_000, !client.isReadable(within: 5) {
            client.send("a")
            bytes += 1
        }
        #expect(bytes < 50_000)
        #expect(client.readAll().text.hasPrefix("HTTP/1.1 408 "))
        server.stop()
    }

    @Test func silentClientIsDroppedWithoutAWord() throws {
        var limits = HTTPLimits()
        limits.headerTime = .milliseconds(20)
        let server = try serve(limits)
        let client = TestClient(port: server.port)
        let (text, end) = client.readAll()
        #expect(text.isEmpty && end == .closed)
        server.stop()
        #expect(server.counts.lost == 1)
    }

    @Test func clientThatDoesNotReadIsDropped() throws {
        var limits = HTTPLimits()
        limits.writeTime = .milliseconds(100)
        let entered = DispatchSemaphore(value: 0)
        let server = try serve(limits) { _ in
            entered.signal()
            return .reply(.bytes(200, type: "a/b", [UInt8](repeating: 0, count: 16 << 20)))
        }
        let client = TestClient(port: server.port)
        client.send(get)
        entered.wait()
        #expect(server.stop())
        #expect(server.counts.lost == 1)
        #expect(client.readAll().end == .reset)
    }

    /// Goal: connections and threads stay within their bound, and every client is served in the end.
    @Test func twoHundredConnectionsAtOnceAreServedWithinTheBound() throws {
        var limits = HTTPLimits()
        limits.connections = 8
        let inside = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let server = try serve(limits) { request in
            most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
            sched_yield()
            inside.wrappingSubtract(1, ordering: .relaxed)
            return ok(request)
        }
        let clients = (0..<200).map { _ in TestClient(port: server.port) }
        for client in clients { client.send(get) }
        // A client that is done closes: the server waits a moment for that before it takes the next.
        let good = clients.count { client in
            defer { client.hangUp() }
            return client.readAll().text.hasSuffix("\r\n\r\nok")
        }
        #expect(good == 200)
        #expect((1...8).contains(most.load(ordering: .relaxed)))
        #expect(server.stop())
        #expect(server.counts == HTTPServer.Counts(accepted: 200, answered: 200, refused: 0, lost: 0))
    }

    @Test func stopCutsAClientThatHasNotFinished() throws {
        let server = try serve()
        let client = TestClient(port: server.port)
        client.send("GET / HTTP/1.1\r\nHost")
        // Answered only after the first was accepted: connections are accepted in turn.
        #expect(exchange(server, get).text.hasSuffix("ok"))
        #expect(server.stop())
        #expect(client.readAll().text.isEmpty)
        #expect(server.counts.lost == 1)
    }

    @Test func stopWaitsForAHandlerAndGivesUpInTime() throws {
        var limits = HTTPLimits()
        limits.stopTime = .milliseconds(50)
        let entered = DispatchSemaphore(value: 0)
        let mayLeave = DispatchSemaphore(value: 0)
        let server = try serve(limits) { request in
            entered.signal()
            mayLeave.wait()
            return ok(request)
        }
        let client = TestClient(port: server.port)
        client.send(get)
        entered.wait()
        #expect(!server.stop())
        mayLeave.signal()
        #expect(client.readAll().text.hasSuffix("ok"))
        #expect(server.stop())
        #expect(server.counts.answered == 1)
    }

    @Test func serverThatNeverStartedStops() throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: { ok($0) })
        #expect(server.stop())
        server.start()
        #expect(server.counts.accepted == 0)
    }
}
