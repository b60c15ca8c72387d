/// The request line and header fields of one request, each checked when its line is complete.
struct RequestHead {
    /// Methods of RFC 9110 and 5789: known, whether or not a server takes them.
    private static let knownMethods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ]
    /// Fields of which a second one would let two readers pick different ones.
    private static let singleFields: Set<String> = [
        "host", "content-length", "transfer-encoding", "content-type", "authorization", "expect", "origin",
    ]
    /// Enough for any length that an Int64 can count.
    private static let maximumLengthDigits = 18

    private(set) var headers: [(name: String, value: String)] = []
    private(set) var expectsContinue = false
    private var method = ""
    private var target: RequestTarget?

    /// Reads `METHOD SP target SP HTTP/1.x`.
    mutating func readRequestLine(_ line: ArraySlice<UInt8>, methods: [String]) throws(HTTPRefusal) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw HTTPRefusal(400, "The request line must be a method, a target and a version.")
        }
        guard HTTPSyntax.isToken(parts[0]) else { throw HTTPRefusal(400, "The method is no token.") }
        try checkVersion(parts[2])
        method = String(decoding: parts[0], as: UTF8.self)
        guard Self.knownMethods.contains(method) else { throw HTTPRefusal(501, "The method is not known.") }
        guard methods.contains(method) else { throw HTTPRefusal(405, "The method is not allowed.") }
        target = try RequestTarget(parts[1])
    }

    private func checkVersion(_ version: ArraySlice<UInt8>) throws(HTTPRefusal) {
        let name = Array("HTTP/".utf8)
        guard version.count == name.count + 3, version.starts(with: name),
            HTTPSyntax.isDigit(version[version.startIndex + name.count]),
            version[version.startIndex + name.count + 1] == UInt8(ascii: "."),
            HTTPSyntax.isDigit(version[version.startIndex + name.count + 2])
        else { throw HTTPRefusal(400, "The request line has no valid version.") }
        let number = version.suffix(3)
        guard number.elementsEqual("1.1".utf8) || number.elementsEqual("1.0".utf8) else {
            throw HTTPRefusal(505, "Only HTTP/1.1 and HTTP/1.0 are spoken.")
        }
    }

    /// Reads `name: value`.
    mutating func readField(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) {
        guard line.first != UInt8(ascii: " "), line.first != UInt8(ascii: "\t") else {
            throw HTTPRefusal(400, "A header is folded over lines.")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw HTTPRefusal(400, "A header has no colon.")
        }
        guard HTTPSyntax.isToken(line[..<colon]) else { throw HTTPRefusal(400, "A header's name is no token.") }
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var value = line[(colon + 1)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw HTTPRefusal(400, "A header's value is not UTF-8.")
        }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        if Self.singleFields.contains(name), headers.contains(where: { $0.name == name }) {
            throw HTTPRefusal(400, "A header that may come once came twice.")
        }
        headers.append((name: name, value: text))
    }

    /// Checks the fields against each other and returns the length of the body that follows.
    mutating func end(limits: HTTPLimits) throws(HTTPRefusal) -> Int {
        try checkHost(allowed: limits.allowedHosts)
        guard value(of: "transfer-encoding") == nil else {
            throw value(of: "content-length") == nil
                ? HTTPRefusal(501, "Transfer codings are not taken: send a Content-Length.")
                : HTTPRefusal(400, "The request has both a length and a transfer coding.")
        }
        if let expectation = value(of: "expect") {
            guard expectation.lowercased() == "100-continue" else {
                throw HTTPRefusal(417, "The expectation can not be met.")
            }
            expectsContinue = true
        }
        guard let text = value(of: "content-length") else { return 0 }
        guard !text.isEmpty, text.utf8.count <= Self.maximumLengthDigits, text.utf8.allSatisfy(HTTPSyntax.isDigit),
            let length = Int(text)
        else { throw HTTPRefusal(400, "The length of the body is no number.") }
        guard length <= limits.bodyBytes else { throw HTTPRefusal(413, "The body is too long.") }
        return length
    }

    private func checkHost(allowed: [String]?) throws(HTTPRefusal) {
        guard let host = value(of: "host") else { throw HTTPRefusal(400, "The request names no host.") }
        guard let name = HostName(host)?.name else { throw HTTPRefusal(400, "The request's host is no host name.") }
        if let allowed, !allowed.contains(where: { $0.lowercased() == name }) {
            throw HTTPRefusal(421, "This host name is not served here.")
        }
    }

    private func value(of name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The request, once its body is complete.
    func request(body: [UInt8]) -> HTTPRequest {
        HTTPRequest(
            method: method == "HEAD" ? "GET" : method, isHead: method == "HEAD", path: target?.path ?? "/",
            rawPath: target?.rawPath, query: target?.query ?? [], headers: headers, body: body)
    }
}

/// The value of a Host field: `name`, `name:port`, or an IPv6 address in brackets.
struct HostName {
    /// In lower case, without port; an IPv6 address without its brackets.
    let name: String

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            name = rest[rest.index(after: rest.startIndex)..<end].lowercased()
            rest = rest[rest.index(after: end)...]
            guard !name.isEmpty,
                name.utf8.allSatisfy({
                    HTTPSyntax.hexValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                })
            else { return nil }
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            name = rest[..<end].lowercased()
            rest = rest[end...]
            guard !name.isEmpty,
                name.utf8.allSatisfy({ byte in
                    HTTPSyntax.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                })
            else { return nil }
        }
        guard !rest.isEmpty else { return }
        // What follows is a port: a colon and digits, which RFC 3986 allows to be none.
        guard rest.first == ":", rest.dropFirst().utf8.allSatisfy(HTTPSyntax.isDigit), rest.utf8.count <= 6 else {
            return nil
        }
    }
}
