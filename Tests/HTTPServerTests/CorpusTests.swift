import Foundation
import Glibc
import Testing

@testable import HTTPServer

/// Requests that others collected: gunicorn's cases and the naughty strings.
enum HTTPCorpus {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var bytes: [UInt8]
        /// What those who collected it expect.
        var isValid: Bool

        var testDescription: String { name }
    }

    private static let corpora = ProcessInfo.processInfo.environment["SLUICE_CORPORA"]

    /// The folder of gunicorn's cases: below SLUICE_CORPORA, or where scripts/setup.sh unpacks them.
    private static let folder: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let places = [corpora.map { $0 + "/gunicorn" }, root + "/.build/corpora/gunicorn"].compactMap { $0 }
        return places.first { FileManager.default.fileExists(atPath: $0) }
    }()

    /// The requests, as the files write them: line ends of the file do not count, escapes stand for bytes.
    static let gunicorn: [Case] = {
        guard let folder, let files = FileManager.default.enumerator(atPath: folder) else { return [] }
        let paths = files.compactMap { $0 as? String }.filter { $0.hasSuffix(".http") }.sorted()
        return paths.compactMap { path in
            guard let data = FileManager.default.contents(atPath: folder + "/" + path) else { return nil }
            let parts = path.split(separator: "/").suffix(2)
            return Case(
                name: parts.joined(separator: "/"), bytes: unescape(Array(data)), isValid: parts.first == "valid")
        }
    }()

    private static func unescape(_ file: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = file.filter { $0 != UInt8(ascii: "\n") }[...]
        let escapes: [(String, UInt8)] = [("\\r", 13), ("\\n", 10), ("\\0", 0), ("\\t", 9)]
        while let first = rest.first {
            if let escape = escapes.first(where: { rest.starts(with: $0.0.utf8) }) {
                bytes.append(escape.1)
                rest = rest.dropFirst(2)
            } else if rest.starts(with: "\\x".utf8), rest.count >= 4,
                let value = UInt8(String(decoding: rest.dropFirst(2).prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(first)
                rest.removeFirst()
            }
        }
        return bytes
    }

    static let naughty: [String] = {
        guard let corpora, let data = FileManager.default.contents(atPath: corpora + "/naughty-strings.json"),
            let strings = try? JSONSerialization.jsonObject(with: data) as? [String]
        else { return [] }
        return strings
    }()
}

/// A conversation over a pair of sockets whose pieces arrive one by one, exactly as they were sent.
private func converse(_ pieces: [ArraySlice<UInt8>]) throws -> [UInt8] {
    var pair: (Int32, Int32) = (-1, -1)
    let made = unsafe withUnsafeMutableBytes(of: &pair) { bytes in
        unsafe socketpair(
            AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    try #require(made == 0)
    let client = pair.1
    defer { close(client) }
    for piece in pieces where !piece.isEmpty {
        let bytes = Array(piece)
        try #require(unsafe send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }
    shutdown(client, Int32(SHUT_WR))
    var answers = 0
    _ = Conversation(Socket(descriptor: pair.0), limits: HTTPLimits(), wake: -1).run { request in
        answers += 1
        return .reply(.text(200, request.path))
    }
    try #require(answers <= 1)
    var reply: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = unsafe recv(client, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return reply }
        reply += chunk[..<count]
    }
}

/// The status of the one reply; nil: the connection was closed without one.
private func status(_ reply: [UInt8], _ what: String) throws -> Int? {
    if reply.isEmpty { return nil }
    let text = String(decoding: reply, as: UTF8.self)
    #expect(text.components(separatedBy: "\r\nConnection: close\r\n").count == 2, "\(what): \(text)")
    let status: Int = try #require(Int(text.dropFirst(9).prefix(3)), "\(what)")
    return status
}

/// Public collections of requests: each gets one answer or a close, wherever it is split.
@Suite struct CorpusTests {
    /// Valid for others, refused here: what this server does not take.
    private static let strictness: [Int] = [400, 405, 413, 414, 417, 431, 501, 505]

    /// Refused by gunicorn and taken here, each with the reason why nothing is lost by it.
    private static let taken: [String: String] = [:]

    @Test(
        .enabled(
            if: !HTTPCorpus.gunicorn.isEmpty, "gunicorn's cases are not there: scripts/setup.sh test fetches them"),
        arguments: HTTPCorpus.gunicorn)
    func aCaseOfGunicornHasOneAnswerWhereverItIsSplit(_ one: HTTPCorpus.Case) throws {
        let whole = try status(converse([one.bytes[...]]), one.name)
        if !one.isValid, Self.taken[one.name] == nil {
            #expect(whole != 200, "\(one.name) is taken")
        } else if let whole {
            #expect(whole == 200 || Self.strictness.contains(whole), "\(one.name): \(whole)")
        }
        // Every byte of the usual ones; long ones are long for one value's sake.
        let step = one.bytes.count <= 1_000 ? 1 : 61
        for place in stride(from: 1, to: one.bytes.count, by: step) {
            let split = try status(converse([one.bytes[..<place], one.bytes[place...]]), "\(one.name) at \(place)")
            #expect(split == whole, "\(one.name) split at \(place)")
        }
        // And at every byte at once, whatever the length.
        var parser = RequestParser(limits: HTTPLimits())
        var dripped = RequestParser.Progress.needsMore
        for place in one.bytes.indices {
            dripped = parser.receive(one.bytes[place...place])
            guard case .needsMore = dripped else { break }
        }
        switch dripped {
        case .needsMore: #expect(whole == nil, "\(one.name) byte by byte")
        case .request: #expect(whole == 200, "\(one.name) byte by byte")
        case .refusal(let refusal): #expect(whole == refusal.status, "\(one.name) byte by byte")
        }
    }

    /// As a part of the path, a query's value, a header's value, escaped and as they are.
    @Test(.enabled(if: !HTTPCorpus.naughty.isEmpty, "SLUICE_CORPORA is not set, or has no naughty strings"))
    func naughtyStringsAreAnsweredOnce() throws {
        for string in HTTPCorpus.naughty {
            let escaped = string.utf8.map { byte in
                let digits = String(byte, radix: 16)
                return "%" + (digits.count == 1 ? "0" : "") + digits
            }.joined()
            for target in ["/v1/orders/A/" + escaped, "/x?q=" + escaped, "/v1/orders/A/" + string, "/x?q=" + string] {
                let reply = try converse([Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)[...]])
                let status = try status(reply, string)
                #expect(status == nil || [200, 400, 414].contains(status ?? 0), "\(string): \(status ?? 0)")
            }
            let header = Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(string)\r\n\r\n".utf8)
            let status = try status(converse([header[...]]), string)
            #expect(status == nil || [200, 400, 431].contains(status ?? 0), "\(string): \(status ?? 0)")
        }
    }

    /// Requests of the smuggler's kind: no reader behind a proxy could take two requests for one, or one for two.
    @Test func ambiguousLengthsAreRefused() throws {
        let names = [
            "Transfer-Encoding", "transfer-encoding", "Transfer-Encoding ", " Transfer-Encoding", "Transfer_Encoding",
            "Transfer-Encoding\u{0B}", "X\r\nTransfer-Encoding", "\nTransfer-Encoding", "Transfer-\u{00E9}ncoding",
        ]
        let values = [
            "chunked", "Chunked", "xchunked", "chunked, identity", "identity", "\tchunked", "chunked\u{0B}",
            "\"chunked\"",
            "chunk", "chunked;x", "\r\n chunked", "",
        ]
        var asked = 0
        for name in names {
            for value in values {
                for length in ["", "Content-Length: 6\r\n", "Content-Length: 6\r\nContent-Length: 5\r\n"] {
                    let text =
                        "POST /a HTTP/1.1\r\nHost: a\r\n\(length)\(name): \(value)\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\n"
                        + "Host: a\r\n\r\n"
                    let reply = try converse([Array(text.utf8)[...]])
                    let status = try status(reply, text)
                    asked += 1
                    // Only a header of another name leaves a length that two readers agree on.
                    if name == "Transfer_Encoding", !length.contains("5") {
                        #expect([200, 400].contains(status ?? 0), "\(text)")
                    } else {
                        #expect([400, 501].contains(status ?? 0), "\(text): \(status ?? 0)")
                    }
                    #expect(!String(decoding: reply, as: UTF8.self).hasSuffix("/b"))
                }
            }
        }
        #expect(asked == names.count * values.count * 3)
    }
}
