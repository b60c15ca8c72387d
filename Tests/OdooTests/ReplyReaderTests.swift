import Embedded
import Foundation
import Testing

@testable import Odoo

/// Goal: a reply has one meaning or none, however its bytes arrive.
@Suite struct ReplyReaderTests {
    typealias Progress = ReplyReader.Progress

    /// A stream of a server that then closes, and what it comes to.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: [UInt8]
        var result: Progress
        /// Whether the end of the stream is part of it.
        var needsEnd: Bool
    }

    private static func good(
        _ name: String, _ text: String, _ status: Int, _ body: String, retryAfter: String? = nil, needsEnd: Bool = false
    ) -> Case {
        let reply = HTTPReply(status: status, retryAfter: retryAfter, body: Array(body.utf8))
        return Case(testDescription: name, bytes: Array(text.utf8), result: .reply(reply), needsEnd: needsEnd)
    }

    private static func bad(_ name: String, _ text: String, _ reason: String, needsEnd: Bool = false) -> Case {
        Case(testDescription: name, bytes: Array(text.utf8), result: .refusal(reason), needsEnd: needsEnd)
    }

    private static let largestBody = 40
    private static let unclear = "the length of the reply is not clear"
    private static let ok = "HTTP/1.1 200 OK\r\n"
    private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

    static let good = [
        good("length", ok + "Content-Length: 5\r\n\r\nhello", 200, "hello"),
        good("bytes after it", ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1 500 No\r\n", 200, "hello"),
        good("no body", ok + "content-length: 0\r\n\r\n", 200, ""),
        good("length twice", ok + "Content-Length: 2\r\nContent-Length: 02\r\n\r\nhi", 200, "hi"),
        good("no reason", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
        good("until the end", ok + "\r\nall of it", 200, "all of it", needsEnd: true),
        good("old", "HTTP/1.0 503 Busy\r\nRetry-After: 7 \r\n\r\n", 503, "", retryAfter: "7", needsEnd: true),
        good("redirect", "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n", 302, ""),
        good("204", "HTTP/1.1 204 None\r\n\r\n", 204, ""),
        good("304", "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", 304, ""),
        good(
            "interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok + "\r\nx", 200, "x",
            needsEnd: true),
        good("chunks", chunked + "5\r\nhello\r\n00A;x=\"1\"\r\n, you all!\r\n0\r\n\r\n", 200, "hello, you all!"),
        good("trailers", chunked + "1\r\nx\r\n0\r\nDigest: a\r\n\r\n", 200, "x"),
        good("identity", ok + "Content-Encoding: Identity\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
        good(
            "largest", ok + "\r\n" + String(repeating: "x", count: 40), 200, String(repeating: "x", count: 40),
            needsEnd: true),
    ]

    static let bad = [
        bad("nothing", "", "no answer", needsEnd: true),
        bad("half a head", "HTTP/1.1 200 OK\r\nContent-Le", "the reply was cut short", needsEnd: true),
        bad("half a body", ok + "Content-Length: 5\r\n\r\nhell", "the reply was cut short", needsEnd: true),
        bad("half the chunks", chunked + "5\r\nhello\r\n", "the reply was cut short", needsEnd: true),
        bad("no last line", chunked + "0\r\n", "the reply was cut short", needsEnd: true),
        bad("only interim", "HTTP/1.1 100 Continue\r\n\r\n", "the reply was cut short", needsEnd: true),
        bad("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP/1.1 reply"),
        bad("no version", "HTTP/9 200 OK\r\n", "not an HTTP/1.1 reply"),
        bad("HTTP/2", "HTTP/2.0 200 OK\r\n", "not an HTTP/1.1 reply"),
        bad("status of two digits", "HTTP/1.1 20 OK\r\n", "not an HTTP/1.1 reply"),
        bad("status of four digits", "HTTP/1.1 2000 OK\r\n", "not an HTTP/1.1 reply"),
        bad("status beyond", "HTTP/1.1 600 OK\r\n", "not an HTTP/1.1 reply"),
        bad("empty status line", "\r\n", "not an HTTP/1.1 reply"),
        bad("switched", "HTTP/1.1 101 Switching\r\n\r\n", "another protocol was not asked for"),
        bad("line feed alone", "HTTP/1.1 200 OK\n", "a control character stands in the head"),
        bad("carriage return alone", ok + "A: b\rc\r\n", "a carriage return stands alone"),
        bad("NUL", ok + "A: b\0\r\n", "a control character stands in the head"),
        bad("folded", ok + "A: b\r\n c\r\n", "a header cannot be read"),
        bad("blank before colon", ok + "Content-Length : 5\r\n", "a header cannot be read"),
        bad("no colon", ok + "Content-Length\r\n", "a header cannot be read"),
        bad("no name", ok + ": 5\r\n", "a header cannot be read"),
        bad("two lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n", unclear),
        bad("list of lengths", ok + "Content-Length: 5, 5\r\n", unclear),
        bad("signed length", ok + "Content-Length: +5\r\n", unclear),
        bad("negative length", ok + "Content-Length: -5\r\n", unclear),
        bad("empty length", ok + "Content-Length:\r\n", unclear),
        bad("endless length", ok + "Content-Length: 99999999999999999999\r\n", unclear),
        bad("length and chunks", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", unclear),
        bad("chunks and length", ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", unclear),
        bad("old chunks", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", unclear),
        bad(
            "gzip as well", ok + "Transfer-Encoding: gzip, chunked\r\n", "a transfer coding that was not asked for"),
        bad(
            "chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "a transfer coding that was not asked for"),
        bad("gzip", ok + "Content-Encoding: gzip\r\n", "a content coding that was not asked for"),
        bad("too large", ok + "Content-Length: 41\r\n\r\n", "reply too large"),
        bad("too large until the end", ok + "\r\n" + String(repeating: "x", count: 41), "reply too large"),
        bad(
            "too large in chunks", chunked + "20\r\n" + String(repeating: "x", count: 32) + "\r\n9\r\n",
            "reply too large"),
        bad("endless chunk", chunked + "FFFFFFFFFFFFFFFFFFFFFFFF\r\n", "reply too large"),
        bad("empty size", chunked + "\r\n", "the size of a chunk cannot be read"),
        bad("signed size", chunked + "-1\r\n", "the size of a chunk cannot be read"),
        bad("size with a prefix", chunked + "0x5\r\n", "the size of a chunk cannot be read"),
        bad("size with a blank", chunked + "5 \r\n", "the size of a chunk cannot be read"),
        bad("longer chunk", chunked + "2\r\nhello\r\n", "a chunk is longer than it says"),
        bad("bad trailer", chunked + "0\r\nwhat\r\n", "a header cannot be read"),
        bad(
            "endless extension", chunked + "1;" + String(repeating: "x", count: ReplyReader.largestChunkLineBytes),
            "the line before a chunk is too long"),
        bad(
            "endless header", ok + "A: " + String(repeating: "x", count: ReplyReader.largestHeadBytes),
            "the headers are too long"),
    ]

    private static func read(_ pieces: [ArraySlice<UInt8>], ends: Bool) -> Progress {
        var reader = ReplyReader(largestBody: largestBody)
        var progress = Progress.needsMore
        for piece in pieces { progress = reader.receive(piece) }
        return ends ? reader.end() : progress
    }

    private static func read(_ bytes: [UInt8], cut: Int, ends: Bool) -> Progress {
        read([bytes[..<cut], bytes[cut...]], ends: ends)
    }

    @Test(arguments: good + bad) func meansTheSameHoweverItIsSplit(_ one: Case) {
        #expect(Self.read([one.bytes[...]], ends: true) == one.result)
        // What is whole is known without the end, and what needs it is not known before.
        #expect(Self.read([one.bytes[...]], ends: false) == (one.needsEnd ? .needsMore : one.result))
        // Long lines: where they are cut is all the same.
        let cuts = one.bytes.indices.filter { one.bytes.count < 500 || $0 % 9973 < 3 }
        for cut in cuts { #expect(Self.read(one.bytes, cut: cut, ends: true) == one.result, "cut at \(cut)") }
        #expect(Self.read(one.bytes.indices.map { one.bytes[$0...$0] }, ends: true) == one.result)
    }

    @Test(arguments: good) func noBeginningOfItIsTakenForTheWhole(_ one: Case) {
        guard !one.needsEnd, case .reply(let reply) = one.result else { return }
        let whole = one.bytes.indices.first { Self.read([one.bytes[...$0]], ends: false) == .reply(reply) }
        for end in 0..<(whole ?? 0) {
            #expect(Self.read([one.bytes[..<end]], ends: false) == .needsMore)
            guard case .refusal = Self.read([one.bytes[..<end]], ends: true) else {
                Issue.record("\(one.testDescription): \(end) bytes were enough")
                continue
            }
        }
    }

    @Test func interimRepliesHaveOneBoundTogether() {
        let interim = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
        var reader = ReplyReader()
        for _ in 0..<(ReplyReader.largestHeadBytes / interim.count) {
            #expect(reader.receive(interim[...]) == .needsMore)
        }
        #expect(reader.receive(interim[...]) == .refusal("the headers are too long"))
    }

    /// Mutated replies: a trap would end the process; two ways of splitting may not differ.
    @Test func garbageMeansTheSameHoweverItIsSplit() {
        let seed =
            ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...UInt64.max)
        print("ReplyReaderTests: SLUICE_SEED=\(seed)")
        var random = SeededRandom(seed: seed)
        let corpus = (Self.good + Self.bad).map(\.bytes).filter { $0.count < 500 }
        let pieces = [
            "\r\n", "\r", "\n", ":", ";", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n", "\0", "é",
        ]
        for _ in 0..<5000 {
            guard var bytes = corpus.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 0...9, using: &random)))
                case 2: bytes.insert(contentsOf: Array((pieces.randomElement(using: &random) ?? "").utf8), at: place)
                default: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
                }
            }
            var split: [ArraySlice<UInt8>] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &random)
                split.append(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(Self.read(split, ends: true) == Self.read([bytes[...]], ends: true), "seed \(seed): \(bytes)")
        }
    }
}
