/// What libpq's connection URL or string says of the way to the server.
///
/// Read by hand, because the configuration is checked where libpq is not asked; of what it cannot read it says that the
/// way is not protected.
struct StoreTransport: Equatable {
    /// Hosts, addresses and folders of sockets; none: the usual socket.
    var hosts: [String] = []
    /// As given; nil: libpq's default, which does not protect.
    var sslMode: String?

    /// Whether what travels stays on this machine, or goes to a server whose name and certificate are verified.
    var isProtected: Bool {
        sslMode == "verify-full" || hosts.allSatisfy { $0.isEmpty || "/@".contains($0.prefix(1)) || isLoopback($0) }
    }

    private func isLoopback(_ host: String) -> Bool { NetworkAddress.isLoopback(host) }

    init(_ text: String) {
        let scheme = ["postgresql://", "postgres://"].first { text.hasPrefix($0) }
        if let scheme { readURL(text.dropFirst(scheme.count)) } else { readWords(text) }
    }

    private mutating func readURL(_ text: Substring) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = parts[0].prefix { $0 != "/" }
        let hostList = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        for part in hostList.split(separator: ",", omittingEmptySubsequences: false) {
            var host = part
            if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
                host = host[host.index(after: host.startIndex)..<end]
            } else if let colon = host.lastIndex(of: ":") {
                host = host[..<colon]
            }
            hosts.append(StoreAddress.percentDecoded(String(host)))
        }
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1).map { StoreAddress.percentDecoded(String($0)) }
            if sides.count == 2 { take(sides[0], sides[1]) }
        }
    }

    /// `keyword = 'value'`, with `\` before what a value quotes.
    private mutating func readWords(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        func skipBlanks(_ rest: inout ArraySlice<Unicode.Scalar>) { rest = rest.drop { $0 == " " || $0 == "\t" } }
        while true {
            skipBlanks(&rest)
            guard !rest.isEmpty else { return }
            var name = String.UnicodeScalarView()
            while let one = rest.first, one != "=", one != " ", one != "\t" {
                name.append(one)
                rest.removeFirst()
            }
            skipBlanks(&rest)
            guard rest.first == "=" else { return hosts.append("?") }
            rest.removeFirst()
            skipBlanks(&rest)
            let isQuoted = rest.first == "'"
            if isQuoted { rest.removeFirst() }
            var value = String.UnicodeScalarView()
            while let one = rest.first {
                if isQuoted ? one == "'" : one == " " || one == "\t" { break }
                rest.removeFirst()
                if one == "\\", !rest.isEmpty { value.append(rest.removeFirst()) } else { value.append(one) }
            }
            if isQuoted, !rest.isEmpty { rest.removeFirst() }
            take(String(name), String(value))
        }
    }

    private mutating func take(_ name: String, _ value: String) {
        switch name {
        case "host", "hostaddr":
            hosts += value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        case "sslmode": sslMode = value
        default: break
        }
    }
}

extension StoreSettings {
    /// Why `url`, as it was resolved, may not be used; nil: it may.
    ///
    /// What stands in a file is checked with the file; this is for what is kept elsewhere. Repeats nothing of it.
    public func refusal(of url: String) -> String? {
        if insecure || StoreTransport(url).isProtected { return nil }
        return Self.unprotected
    }

    static let unprotected =
        "the server is not on this machine: say sslmode=verify-full in the URL, or insecure: true beside it"
}
