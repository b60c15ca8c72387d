import Testing

@testable import HTTPServer

/// What the parser made of some bytes, comparable.
private enum Reading: Equatable, CustomStringConvertible {
    case needsMore
    case request(String)
    case refusal(Int)

    init(_ progress: RequestParser.Progress) {
        switch progress {
        case .needsMore: self = .needsMore
        case .request(let request): self = .request(Self.text(of: request))
        case .refusal(let refusal): self = .refusal(refusal.status)
        }
    }

    private static func text(of request: HTTPRequest) -> String {
        let pairs = (request.query + request.headers).map { $0.name + "=" + $0.value }.joined(separator: "|")
        let body = String(decoding: request.body, as: UTF8.self)
        let kind = request.method + (request.isHead ? " head " : " ")
        return [kind, request.path, request.rawPath, "\(request.query.count)", pairs, body].joined(separator: "|")
    }

    var description: String {
        switch self {
        case .needsMore: "needs more"
        case .request(let text): text
        case .refusal(let status): "refused with \(status)"
        }
    }
}

private func read(_ bytes: [UInt8], limits: HTTPLimits = HTTPLimits()) -> RequestParser.Progress {
    var parser = RequestParser(limits: limits)
    return parser.receive(bytes[...])
}

private func read(_ text: String, limits: HTTPLimits = HTTPLimits()) -> RequestParser.Progress {
    read(Array(text.utf8), limits: limits)
}

/// The text with `\n` as CR LF.
private func lines(_ text: String) -> String { text.replacing("\n", with: "\r\n") }

/// A request that is wrong in one way, and the status that says so.
struct BadRequest: CustomTestStringConvertible, Sendable {
    var name: String
    var bytes: [UInt8]
    var status: Int

    var testDescription: String { name }

    init(_ name: String, _ status: Int, _ text: String) {
        self.name = name
        self.status = status
        bytes = Array(text.utf8)
    }

    init(_ name: String, _ status: Int, bytes: [UInt8]) {
        self.name = name
        self.status = status
        self.bytes = bytes
    }

    /// A request for `target`.
    static func target(_ name: String, _ target: String, _ status: Int = 400) -> BadRequest {
        BadRequest(name, status, "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    /// A request with a further header line, its line end included.
    static func header(_ name: String, _ line: String, _ status: Int = 400) -> BadRequest {
        BadRequest(name, status, "POST /a HTTP/1.1\r\nHost: a\r\n\(line)\r\n")
    }
}

private let badRequests: [BadRequest] =
    badLines + badTargets + badHeaders

private let badLines = [
    BadRequest("bare LF after the request line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    BadRequest("bare LF after a header", 400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    BadRequest("bare CR in the request line", 400, "GET /\rHTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("bare CR in a header", 400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    BadRequest("two CRs", 400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    BadRequest("empty line first", 400, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("HTTP/0.9", 400, "GET /\r\n"),
    BadRequest("HTTP/0.9 by number", 505, "GET / HTTP/0.9\r\n"),
    BadRequest("HTTP/2", 505, "GET / HTTP/2.0\r\n"),
    BadRequest("HTTP/1.2", 505, "GET / HTTP/1.2\r\n"),
    BadRequest("preface of HTTP/2", 501, "PRI * HTTP/2.0\r\n".replacing("2.0", with: "1.1")),
    BadRequest("version without dot", 400, "GET / HTTP/11\r\n"),
    BadRequest("version with more", 400, "GET / HTTP/1.1x\r\n"),
    BadRequest("version in lower case", 400, "GET / http/1.1\r\n"),
    BadRequest("two spaces", 400, "GET  / HTTP/1.1\r\n"),
    BadRequest("space first", 400, " GET / HTTP/1.1\r\n"),
    BadRequest("space last", 400, "GET / HTTP/1.1 \r\n"),
    BadRequest("tab for a space", 400, "GET\t/ HTTP/1.1\r\n"),
    BadRequest("four words", 400, "GET / a HTTP/1.1\r\n"),
    BadRequest("method no token", 400, "G(T / HTTP/1.1\r\n"),
    BadRequest("unknown method", 501, "BREW / HTTP/1.1\r\n"),
    BadRequest("method in lower case", 501, "get / HTTP/1.1\r\n"),
    BadRequest("method not allowed", 405, "DELETE / HTTP/1.1\r\n"),
    BadRequest("TRACE", 405, "TRACE / HTTP/1.1\r\n"),
    BadRequest("CONNECT", 405, "CONNECT a:80 HTTP/1.1\r\n"),
    BadRequest("NUL in the request line", 400, "GET /\0 HTTP/1.1\r\n"),
    BadRequest("TLS hello", 400, bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),
    BadRequest("request line too long", 414, "GET /" + String(repeating: "a", count: 8_192) + " HTTP/1.1\r\n"),
    BadRequest(
        "headers too long", 431,
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 16_384) + "\r\n\r\n"),
    BadRequest(
        "too many headers", 431,
        "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: a\r\n", count: 64) + "\r\n"),
]

private let badTargets: [BadRequest] = [
    .target("absolute form", "http://a/metrics"),
    .target("absolute form of another host", "http://evil/metrics"),
    .target("asterisk form", "*"),
    .target("authority form", "a:80"),
    .target("no slash", "metrics"),
    .target("escaped NUL", "/a%00b"),
    .target("escaped line end", "/a%0d%0ab"),
    .target("escaped DEL", "/a%7f"),
    .target("escaped slash", "/a%2fb"),
    .target("escaped slash in capitals", "/a%2Fb"),
    .target("percent alone", "/a%"),
    .target("percent with one digit", "/a%4"),
    .target("percent with no digits", "/a%zz"),
    .target("percent with a sign", "/a%+1"),
    .target("invalid UTF-8", "/a%ff"),
    .target("overlong UTF-8", "/a%c0%af"),
    .target("surrogate as UTF-8", "/a%ed%a0%80"),
    .target("dot segment", "/a/./b"),
    .target("two dots", "/a/../b"),
    .target("escaped dots", "/a/%2e%2E/b"),
    .target("fragment", "/a#b"),
    .target("backslash", "/a\\b"),
    .target("quote", "/a\"b"),
    .target("raw UTF-8", "/\u{e9}"),
    .target("NUL in the query", "/a?b=%00"),
    .target("broken escape in the query", "/a?b=%"),
    .target("invalid UTF-8 in the query", "/a?b=%ff"),
    .target("raw angle bracket in the query", "/a?b=<c>"),
]

private let badHeaders: [BadRequest] = [
    BadRequest("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    BadRequest("no Host in 1.0", 400, "GET / HTTP/1.0\r\n\r\n"),
    BadRequest("empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    BadRequest("Host with a user", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    BadRequest("Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BadRequest("Host with two names", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    BadRequest("Host with a bad port", 400, "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n"),
    BadRequest("Host with an open bracket", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    .header("second Host", "Host: a\r\n"),
    .header("second Host in other letters", "hOST: b\r\n"),
    .header("fold by space", "X: a\r\n b\r\n"),
    .header("fold by tab", "X: a\r\n\tb\r\n"),
    .header("space before the colon", "X : a\r\n"),
    .header("tab before the colon", "X\t: a\r\n"),
    .header("empty name", ": a\r\n"),
    .header("name no token", "X(: a\r\n"),
    .header("name with a high byte", "\u{e9}: a\r\n"),
    .header("no colon", "X\r\n"),
    .header("NUL in a value", "X: a\0b\r\n"),
    .header("escape in a value", "X: a\u{1b}[2J\r\n"),
    .header("DEL in a value", "X: a\u{7f}\r\n"),
    BadRequest(
        "invalid UTF-8 in a value", 400, bytes: Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0xff, 13, 10]),
    .header("chunked", "Transfer-Encoding: chunked\r\n", 501),
    .header("unknown transfer coding", "Transfer-Encoding: xchunked\r\n", 501),
    .header("identity", "Transfer-Encoding: identity\r\n", 501),
    .header("empty transfer coding", "Transfer-Encoding:\r\n", 501),
    .header("coding and length", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
    .header("coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    .header("length twice", "Content-Length: 3\r\nContent-Length: 3\r\n"),
    .header("length as a list", "Content-Length: 3, 3\r\n"),
    .header("length with a sign", "Content-Length: +3\r\n"),
    .header("negative length", "Content-Length: -1\r\n"),
    .header("length in hexadecimal", "Content-Length: 0x3\r\n"),
    .header("length with a space", "Content-Length: 1 2\r\n"),
    .header("empty length", "Content-Length:\r\n"),
    .header("length in other digits", "Content-Length: \u{0663}\r\n"),
    .header("overlong length", "Content-Length: 00000000000000000003\r\n"),
    .header("length beyond Int64", "Content-Length: 99999999999999999999\r\n"),
    .header("body too long", "Content-Length: 65537\r\n", 413),
    .header("unknown expectation", "Expect: wonders\r\n", 417),
    .header("authorization twice", "Authorization: a\r\nAuthorization: b\r\n"),
]

private let goodRequests = [
    lines("GET / HTTP/1.1\nHost: a\n\n"),
    lines("GET /metrics?legal_entity=ACME%2DDE&name[]=a+b&x HTTP/1.1\nHost: 127.0.0.1:9464\nAccept: */*\n\n"),
    lines("HEAD /v1/orders/ACME-DE/%C3%A9/302-88//x HTTP/1.1\nHost: [::1]:80\nX-Empty:\nX-Tab:\ta\tb \n\n"),
    lines("POST /jsonrpc HTTP/1.0\nHost: a.example\nContent-Length: 005\n\n") + "he\r\no",
    lines("POST /a HTTP/1.1\nHost: a\nContent-Length: 0\nExpect: 100-continue\n\n"),
]

/// What of a request is read, refused, and that neither depends on how the network cuts it.
@Suite struct RequestParserTests {
    @Test(arguments: badRequests) func badRequestIsRefused(_ bad: BadRequest) {
        guard case .refusal(let refusal) = read(bad.bytes) else {
            Issue.record("not refused: \(Reading(read(bad.bytes)))")
            return
        }
        #expect(refusal.status == bad.status, "\(refusal.reason)")
        #expect(!refusal.reason.isEmpty)
    }

    @Test func refusalDoesNotDependOnSplits() {
        for bad in badRequests where bad.bytes.count < 1_000 { expectSameReading(bad.bytes) }
    }

    @Test func requestDoesNotDependOnSplits() {
        for good in goodRequests {
            let bytes = Array(good.utf8)
            guard case .request = read(bytes) else {
                Issue.record("refused: \(Reading(read(bytes))) for \(good)")
                continue
            }
            expectSameReading(bytes)
        }
    }

    @Test func everyPrefixOfARequestNeedsMore() {
        for good in goodRequests {
            let bytes = Array(good.utf8)
            for count in 0..<bytes.count {
                #expect(Reading(read(Array(bytes[..<count]))) == .needsMore, "\(count) bytes of \(good)")
            }
        }
    }

    @Test func partsOfARequestAreRead() throws {
        guard case .request(let request) = read(goodRequests[2]) else {
            Issue.record("refused")
            return
        }
        #expect(request.method == "GET" && request.isHead)
        #expect(request.path == "/v1/orders/ACME-DE/\u{e9}/302-88//x")
        #expect(request.rawPath == "/v1/orders/ACME-DE/%C3%A9/302-88//x")
        #expect(request.header("host") == "[::1]:80")
        #expect(request.header("x-empty") == "")
        #expect(request.header("x-tab") == "a\tb")
        guard case .request(let query) = read(goodRequests[1]) else {
            Issue.record("refused")
            return
        }
        #expect(query.query.map(\.name) == ["legal_entity", "name[]", "x"])
        #expect(query.query.map(\.value) == ["ACME-DE", "a b", ""])
        #expect(query.parameter("legal_entity") == "ACME-DE")
        guard case .request(let post) = read(goodRequests[3]) else {
            Issue.record("refused")
            return
        }
        #expect(post.body == Array("he\r\no".utf8))
    }

    @Test func bytesAfterARequestAreIgnored() {
        let one = lines("GET /one HTTP/1.1\nHost: a\n\n")
        let two = lines("GET /two HTTP/1.1\nHost: a\n\n")
        #expect(Reading(read(one + two)) == Reading(read(one)))
        let post = lines("POST /one HTTP/1.1\nHost: a\nContent-Length: 2\n\n") + "ab"
        #expect(Reading(read(post + two)) == Reading(read(post)))
        expectSameReading(Array((post + two).utf8))
    }

    @Test func eachLimitHoldsToTheByte() {
        var limits = HTTPLimits()
        limits.requestLineBytes = "GET /abc HTTP/1.1".utf8.count
        limits.headerFields = 2
        limits.bodyBytes = 3
        limits.headerBytes = lines("Host: a\nX: b\nContent-Length: 3\n\n").utf8.count
        let rest = lines("\nHost: a\nContent-Length: 3\n\n") + "abc"
        #expect(Reading(read("GET /abcd HTTP/1.1" + rest, limits: limits)) == .refusal(414))
        guard case .request = read("GET /abc HTTP/1.1" + rest, limits: limits) else {
            Issue.record("refused at the limit")
            return
        }
        let third = lines("\nHost: a\nX: b\nContent-Length: 3\n\n")
        #expect(Reading(read("GET /abc HTTP/1.1" + third, limits: limits)) == .refusal(431))
        limits.headerFields = 3
        #expect(Reading(read("GET /abc HTTP/1.1" + third, limits: limits)) == .needsMore)
        limits.headerBytes -= 1
        #expect(Reading(read("GET /abc HTTP/1.1" + third, limits: limits)) == .refusal(431))
        let long = lines("\nHost: a\nContent-Length: 4\n\n")
        #expect(Reading(read("GET /abc HTTP/1.1" + long, limits: limits)) == .refusal(413))
    }

    @Test func onlyAllowedHostsAreServed() {
        var limits = HTTPLimits()
        limits.allowedHosts = ["localhost", "127.0.0.1", "::1"]
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1:1", "[::1]:9464"] {
            guard case .request = read("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", limits: limits) else {
                Issue.record("refused \(host)")
                continue
            }
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.2", "[::2]"] {
            #expect(Reading(read("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", limits: limits)) == .refusal(421))
        }
    }

    /// Goal: no bytes trap the parser or make it depend on splits.
    ///
    /// Method: seeded mutations of every example above.
    @Test func mutatedRequestsAreReadTheSameWay() {
        let seed = UInt64.random(in: 0 ... .max)
        print("RequestParserTests seed \(seed)")
        var random = SplitMix(state: seed)
        let examples = goodRequests.map { Array($0.utf8) } + badRequests.map(\.bytes).filter { $0.count < 1_000 }
        for _ in 0..<10_000 {
            var bytes = examples[Int(random.next() % UInt64(examples.count))]
            for _ in 0...random.next() % 4 where !bytes.isEmpty {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(Array("\r\n\t :%/?\0".utf8)[Int(random.next() % 9)], at: place)
                }
            }
            let whole = Reading(read(bytes))
            #expect(byteByByte(bytes) == whole, "seed \(seed): \(bytes)")
        }
    }

    private func byteByByte(_ bytes: [UInt8]) -> Reading {
        var parser = RequestParser(limits: HTTPLimits())
        var reading = Reading.needsMore
        for index in bytes.indices { reading = Reading(parser.receive(bytes[index...index])) }
        return reading
    }

    /// Feeds `bytes` whole, in two pieces cut at every place, and byte by byte.
    private func expectSameReading(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
        let whole = Reading(read(bytes))
        for cut in bytes.indices {
            var parser = RequestParser(limits: HTTPLimits())
            _ = parser.receive(bytes[..<cut])
            #expect(Reading(parser.receive(bytes[cut...])) == whole, "cut at \(cut)", sourceLocation: location)
        }
        #expect(byteByByte(bytes) == whole, sourceLocation: location)
    }
}

/// A small generator of known sequences.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
