import Foundation
import Testing

/// A page of the HTTP server, fetched by a client of our own.
struct WebPage {
    var status: Int
    var body: String

    /// GETs `path` from a loopback port, as who has `token`; nil when nobody answers.
    ///
    /// `version`: of HTTP; servers that keep a connection open, or send in chunks, do neither in 1.0.
    static func get(
        _ port: Int, _ path: String, token: String? = nil, accept: String = "*/*", version: String = "1.1"
    ) -> WebPage? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isConnected = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
        }
        let field = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        let request = Array(
            "GET \(path) HTTP/\(version)\r\nHost: 127.0.0.1\r\nAccept: \(accept)\r\n\(field)\r\n".utf8)
        guard isConnected, unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return nil
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&wait, 1, 20_000) > 0 else { return nil }
            let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n"), let status = Int(text.split(separator: " ").dropFirst().first ?? "")
        else { return nil }
        return WebPage(status: status, body: String(text[end.upperBound...]))
    }

    /// The samples of one metric: labels and value.
    func samples(_ metric: String) -> [(labels: [String: String], value: Double)] {
        body.split(separator: "\n").compactMap { whole in
            // An exemplar stands behind the value.
            let line = whole.firstRange(of: " # ").map { whole[..<$0.lowerBound] } ?? whole
            guard line.hasPrefix("\(metric){"), let close = line.lastIndex(of: "}"),
                let value = Double(line[line.index(close, offsetBy: 2)...])
            else { return nil }
            var labels: [String: String] = [:]
            // None of the labels that are asked for here has a comma or a quotation mark in its value.
            for pair in line[line.index(line.startIndex, offsetBy: metric.count + 1)..<close].split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { labels[String(parts[0])] = parts[1].trimmingCharacters(in: ["\""]) }
            }
            return (labels, value)
        }
    }

    /// `dependency` of the reasons of /readyz.
    var dependencies: [String] {
        let reasons = Program.object(body)?["reasons"] as? [[String: String]] ?? []
        return reasons.compactMap { $0["dependency"] }
    }
}
