internal import Foundation

/// A request over plain HTTP, as it is sent, and where to.
struct PlainRequest: Sendable {
    /// A name or a numeric address, without brackets.
    var host: String
    var port: UInt16
    var bytes: [UInt8]

    /// Whose connections count together.
    var authority: String { "\(host):\(port)" }

    /// Fields that say how this client sends and what it can read, whatever the call says.
    private static let own: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade", "te",
    ]

    /// The request of `call`, whose header fields were checked, to `url`.
    init(_ call: HTTPCall, to url: URL) throws(HTTPFault) {
        guard let parts = URLComponents(url: url, resolvingAgainstBaseURL: true), let host = url.host, !host.isEmpty,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let named = parts.percentEncodedHost,
            let port = UInt16(exactly: parts.port ?? 80), port > 0, parts.user == nil
        else { throw .invalid("the address names no host and port that can be reached over http") }
        guard ReplyHead.isToken(call.method.utf8) else { throw .invalid("the method is no word of HTTP") }
        self.host = host
        self.port = port
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        let query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
        var head = "\(call.method) \(path)\(query) HTTP/1.1\r\nHost: \(named)"
        if let port = parts.port, port != 80 { head += ":\(port)" }
        // One connection a call, as Odoo itself has it; nothing packed, so that the bound on a reply holds.
        head += "\r\nConnection: close\r\nAccept-Encoding: identity\r\n"
        var fields = call.headers.filter { !Self.own.contains($0.name.lowercased()) }
        // What URLSession says by itself: Odoo chooses the language of its messages by the second.
        for usual in [("Accept", "*/*"), ("Accept-Language", "en"), ("User-Agent", "sluice")]
        where !fields.contains(where: { $0.name.lowercased() == usual.0.lowercased() }) {
            fields.append(usual)
        }
        if let body = call.body { fields.append(("Content-Length", String(body.count))) }
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        bytes = Array((head + "\r\n").utf8) + (call.body ?? [])
    }
}
