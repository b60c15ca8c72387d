import Foundation
import HTTPServer
import Synchronization
import Testing

@testable import Odoo

/// How a request goes out.
enum Way: CaseIterable, Sendable {
    /// Plain http, as Sluice speaks it.
    case own
    /// URLSession, as https goes.
    case session

    func exchange(connections: Int = 16) -> HTTPExchange {
        HTTPExchange(connections: connections, isPlainOwn: self == .own)
    }
}

/// Goal: the same comes of a call whichever way it goes.
///
/// What URLSession does by itself and must not: follow redirects, wait for ever, keep cookies, drop bad headers.
@Suite struct HTTPExchangeTests {
    private func api(
        _ way: Way, _ port: Int, key: String = "SECRET", deadline: Duration = .seconds(120)
    ) -> JSON2API {
        JSON2API(
            url: "http://127.0.0.1:\(port)", database: "db", key: key, deadline: deadline, exchange: way.exchange())
    }

    private func failure(_ api: JSON2API) async -> OdooFailure? {
        do throws(OdooFailure) {
            _ = try await api.call(OdooCall("res.company", "search_read"))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: Way.allCases) func redirectIsNotFollowedAndTheKeyStaysHere(_ way: Way) async throws {
        let strangers = Mutex(0)
        let stranger = try HTTPServer(host: "127.0.0.1", port: 0) { _ in
            strangers.withLock { $0 += 1 }
            return .reply(.json(200, "[]"))
        }
        stranger.start()
        defer { stranger.stop() }
        for status in [301, 302, 303, 307, 308] {
            let port = stranger.port
            let server = try HTTPServer(host: "127.0.0.1", port: 0) { _ in
                .reply(HTTPResponse(status: status, headers: [("Location", "http://127.0.0.1:\(port)/json/2/a/b")]))
            }
            server.start()
            #expect(await failure(api(way, server.port))?.kind == .configuration, "\(status)")
            server.stop()
        }
        #expect(strangers.withLock { $0 } == 0)
    }

    @Test(arguments: Way.allCases) func refusedConnectionWasNotSent(_ way: Way) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _ in .close }
        let port = server.port
        server.start()
        server.stop()
        #expect(await failure(api(way, port))?.kind == .reconnect)
    }

    @Test(arguments: Way.allCases) func connectionThatEndsWithoutAnAnswerIsUnknown(_ way: Way) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _ in .close }
        server.start()
        defer { server.stop() }
        #expect(await failure(api(way, server.port))?.kind == .unknown)
    }

    @Test(arguments: Way.allCases) func serverThatDripsIsCutByTheDeadline(_ way: Way) async throws {
        let drip = try Drip()
        defer { drip.stop() }
        let failure = await failure(api(way, drip.port, deadline: .milliseconds(300)))
        #expect(failure?.kind == .unknown && failure?.reason == "deadline passed")
        #expect(drip.waitUntilClientLeft(), "the connection was not closed")
    }

    @Test(arguments: Way.allCases) func keyWithALineBreakIsRefusedLoudly(_ way: Way) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _ in .reply(.json(200, "[]")) }
        server.start()
        defer { server.stop() }
        let failure = await failure(api(way, server.port, key: "SECRET\r\nX-Evil: 1"))
        #expect(failure?.kind == .configuration)
        #expect(failure?.description.contains("SECRET") == false)
        #expect(server.counts.accepted == 0)
    }

    @Test(arguments: Way.allCases) func bodyHasItsLengthAndNoCookieComesBack(_ way: Way) async throws {
        let seen = Mutex<[HTTPRequest]>([])
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { request in
            seen.withLock { $0.append(request) }
            return .reply(
                HTTPResponse(
                    status: 200,
                    headers: [("Set-Cookie", "session_id=1; Path=/"), ("Content-Type", "application/json")],
                    body: Array("[1]".utf8)))
        }
        server.start()
        defer { server.stop() }
        let api = api(way, server.port)
        for _ in 0..<2 { #expect(try await api.call(OdooCall("sale.order", "read", ids: [1])) == [1]) }
        let requests = seen.withLock { $0 }
        #expect(requests.count == 2)
        for request in requests {
            #expect(request.header("content-length") == String(request.body.count))
            #expect(request.header("transfer-encoding") == nil && request.header("cookie") == nil)
            #expect(request.header("authorization") == "bearer SECRET" && request.header("x-odoo-database") == "db")
            #expect(request.path == "/json/2/sale.order/read")
            #expect(String(decoding: request.body, as: UTF8.self) == "{\"ids\":[1]}")
        }
    }

    @Test(arguments: Way.allCases) func replyBeyondTheBoundIsUnknown(_ way: Way) async throws {
        let body = [UInt8](repeating: 0x20, count: HTTPExchange.largestReplyBytes + 1)
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { _ in .reply(.json(200, body)) }
        server.start()
        defer { server.stop() }
        let failure = await failure(api(way, server.port))
        #expect(failure?.kind == .unknown && failure?.reason == "reply too large")
    }

    @Test(arguments: Way.allCases) func cancelledCallIsUnknown(_ way: Way) async throws {
        let drip = try Drip()
        defer { drip.stop() }
        let api = api(way, drip.port)
        let task = Task { await failure(api) }
        // Asynchronously: a blocked thread of the pool might be the one that the call needs.
        await drip.whenAsked()
        task.cancel()
        #expect(await task.value?.kind == .unknown)
    }

    @Test(arguments: Way.allCases) func emptyListOfRecordsIsNeverSent(_ way: Way) async throws {
        let api = api(way, 1)
        do throws(OdooFailure) {
            _ = try await api.call(OdooCall("sale.order", "action_confirm", ids: []))
            Issue.record("sent")
        } catch {
            #expect(error.kind == .clientFault)
        }
    }
}

/// A server that answers one byte at a time and never comes to an end.
final class Drip: Sendable {
    let server: RawServer
    private let asked: AsyncStream<Void>
    private let left: DispatchSemaphore

    init() throws {
        let (stream, hasAsked) = AsyncStream.makeStream(of: Void.self)
        asked = stream
        let left = DispatchSemaphore(value: 0)
        self.left = left
        server = try RawServer { connection in
            _ = connection.request()
            hasAsked.finish()
            _ = connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            let never = DispatchSemaphore(value: 0)
            while connection.send(" ") {
                // The pace of the drip, not a wait for anything.
                _ = never.wait(timeout: .now() + .milliseconds(20))
            }
            left.signal()
        }
    }

    var port: Int { server.port }
    func whenAsked() async { for await _ in asked {} }
    func waitUntilClientLeft() -> Bool { left.wait(timeout: .now() + 120) == .success }
    func stop() { server.stop() }
}
