import Foundation
import Synchronization
import Testing

@testable import Odoo

/// Goal: over plain http only what was sent counts, and waiting costs nothing.
@Suite struct PlainCallTests {
    private static let reply = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8)

    private func call(_ url: String, body: [UInt8]? = [1], deadline: Duration = .seconds(60)) -> HTTPCall {
        HTTPCall(method: "POST", url: url, headers: [("X-A", "b")], body: body, deadline: deadline)
    }

    private func fault(_ exchange: HTTPExchange, _ call: HTTPCall) async -> HTTPFault? {
        do throws(HTTPFault) {
            _ = try await exchange.send(call)
            return nil
        } catch {
            return error
        }
    }

    @Test func requestSaysWhatThisClientCanRead() throws {
        var call = call("http://erp.example:8069/a%20b/c?d=e", body: Array("x=1".utf8))
        call.headers = [("Authorization", "bearer K"), ("Accept", "application/json"), ("Connection", "keep-alive")]
        let request = try PlainRequest(call, to: #require(URL(string: call.url)))
        #expect(request.host == "erp.example" && request.port == 8069)
        #expect(
            String(decoding: request.bytes, as: UTF8.self)
                == """
                POST /a%20b/c?d=e HTTP/1.1\r\nHost: erp.example:8069\r\nConnection: close\r\n\
                Accept-Encoding: identity\r\nAuthorization: bearer K\r\nAccept: application/json\r\n\
                Accept-Language: en\r\nUser-Agent: sluice\r\n\
                Content-Length: 3\r\n\r\nx=1
                """)
        let short = try PlainRequest(
            HTTPCall(method: "GET", url: "http://[::1]", deadline: .seconds(1)),
            to: #require(URL(string: "http://[::1]")))
        #expect(short.host == "::1" && short.port == 80)
        #expect(String(decoding: short.bytes, as: UTF8.self).hasPrefix("GET / HTTP/1.1\r\nHost: [::1]\r\n"))
        for bad in ["http://user:secret@h/", "http://h:0/", "http://h:99999/"] {
            #expect(throws: HTTPFault.self) { try PlainRequest(call, to: #require(URL(string: bad))) }
        }
    }

    @Test func headerThatWouldBeAnotherLineIsRefused() async {
        let exchange = HTTPExchange()
        for (name, value) in [
            ("A", "b\r\nC: d"), ("A", "b\n"), ("A: x\r\nB", "c"), ("A B", "c"), ("A", "\u{7F}"), ("", "c"),
        ] {
            var call = call("http://127.0.0.1:1/")
            call.headers = [(name, value)]
            guard case .invalid = await fault(exchange, call) else {
                Issue.record("\(name.debugDescription): \(value.debugDescription) was taken")
                continue
            }
        }
    }

    @Test func nameIsTriedAtEachOfItsAddresses() async throws {
        // Where localhost has two, nobody listens at ::1.
        let server = try RawServer(replying: Self.reply)
        defer { server.stop() }
        let exchange = HTTPExchange()
        for _ in 0..<2 {
            #expect(try await exchange.send(call("http://localhost:\(server.port)/")).body == Array("ok".utf8))
        }
    }

    @Test func hostThatIsNoneWasNotSent() async {
        #expect(await fault(HTTPExchange(), call("http://a..b/")) == .notSent("host not found"))
    }

    /// What a server may say or do after it has the request; none of it tells whether it acted.
    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "\u{1}\u{2}\u{3}", "HTTP/1.1 200 OK\r\n\r\n{",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ]) func answerThatIsNoneIsUnknown(_ said: String) async throws {
        let server = try RawServer { connection in
            guard connection.request() != nil else { return }
            connection.breakWhenClosed()
            _ = connection.send(said)
        }
        defer { server.stop() }
        guard case .unknown = await fault(HTTPExchange(), call(server.url)) else {
            Issue.record("\(said.debugDescription) was taken for an answer, or for none that matters")
            return
        }
    }

    @Test func answerBeforeTheWholeRequestCounts() async throws {
        let server = try RawServer { connection in
            _ = connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            connection.awaitEnd()
        }
        defer { server.stop() }
        let body = [UInt8](repeating: 7, count: 16 << 20)
        #expect(try await HTTPExchange().send(call(server.url, body: body)).status == 413)
    }

    @Test func largeRequestAndReplyArriveWhole() async throws {
        let server = try RawServer { connection in
            guard let (_, body) = connection.request() else { return }
            _ = connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            var rest = body[...]
            while !rest.isEmpty {
                let piece = rest.prefix(100_000)
                rest = rest.dropFirst(100_000)
                _ = connection.send(Array((String(piece.count, radix: 16) + "\r\n").utf8) + piece + Array("\r\n".utf8))
            }
            _ = connection.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let body = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let exchange = HTTPExchange()
        #expect(try await exchange.send(call(server.url, body: body)).body == body)
    }

    @Test func onlySoManyConnectionsAreOpenAtOnce() async throws {
        let open = Mutex((all: 0, now: 0, most: 0))
        let isSecondThere = DispatchSemaphore(value: 0)
        let server = try RawServer { connection in
            guard connection.request() != nil else { return }
            let number = open.withLock {
                $0 = ($0.all + 1, $0.now + 1, max($0.most, $0.now + 1))
                return $0.all
            }
            if number == 1 { isSecondThere.wait() }
            if number == 2 { isSecondThere.signal() }
            open.withLock { $0.now -= 1 }
            _ = connection.send(Self.reply)
        }
        defer { server.stop() }
        let exchange = HTTPExchange(connections: 2)
        let request = call(server.url)
        await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<20 { group.addTask { try? await exchange.send(request).status } }
            for await status in group { #expect(status == 200) }
        }
        #expect(open.withLock { $0.most } == 2)
    }

    /// A call that was given up, in whichever state, leaves its place to others.
    @Test func placesOfCallsThatWereGivenUpAreFree() async throws {
        let (asked, hasAsked) = AsyncStream.makeStream(of: Void.self)
        let holds = Mutex(true)
        let server = try RawServer { connection in
            guard connection.request() != nil else { return }
            if holds.withLock({ $0 }) {
                hasAsked.yield()
                connection.awaitEnd()
            } else {
                _ = connection.send(Self.reply)
            }
        }
        defer { server.stop() }
        let exchange = HTTPExchange(connections: 1)
        let request = call(server.url)
        let held = Task { await fault(exchange, request) }
        var events = asked.makeAsyncIterator()
        _ = await events.next()
        let waiting = Task { await fault(exchange, request) }
        waiting.cancel()
        #expect(await waiting.value == .unknown("cancelled"))
        var short = request
        short.deadline = .milliseconds(50)
        #expect(await fault(exchange, short) == .unknown("deadline passed"))
        holds.withLock { $0 = false }
        let next = Task { try await exchange.send(request).status }
        held.cancel()
        #expect(await held.value == .unknown("cancelled"))
        #expect(try await next.value == 200)
    }

    /// What URLSession does: it asks to be told that it can write until the call ends, thousands of times a second.
    @Test func callThatWaitsForItsAnswerCostsNothing() async throws {
        let (asked, hasAsked) = AsyncStream.makeStream(of: Void.self)
        let released = DispatchSemaphore(value: 0)
        let slow = try RawServer { connection in
            guard connection.request() != nil else { return }
            hasAsked.finish()
            released.wait()
            _ = connection.send(Self.reply)
        }
        defer { slow.stop() }
        let quick = try RawServer(replying: Self.reply)
        defer { quick.stop() }
        let exchange = HTTPExchange()
        let slowCall = call(slow.url)
        let waiting = Task { try await exchange.send(slowCall).status }
        for await _ in asked {}
        // Time goes by, as much as a hundred other calls need.
        for _ in 0..<100 { #expect(try await exchange.send(call(quick.url)).status == 200) }
        released.signal()
        #expect(try await waiting.value == 200)
        // Connected, and an answer in two pieces at most.
        let runs = try #require(exchange.plain).runs.load(ordering: .relaxed)
        #expect((1...(101 * 3)).contains(runs), "\(runs)")
    }
}
