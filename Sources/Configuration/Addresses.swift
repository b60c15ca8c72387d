/// A host and a port.
struct NetworkAddress: Equatable {
    /// Without brackets.
    var host: String
    var port: Int

    /// Reads `host:port`, `[IPv6]:port`; nil when it is neither.
    init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = text[text.utf8.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), port <= 65535, let host = Self.host(text[..<colon])
        else { return nil }
        self.host = host
        self.port = port
    }

    /// The host that `text` names, without brackets; nil when it names none.
    static func host(_ text: Substring) -> String? {
        var host = text
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            let isIPv6 = host.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
                    || byte == 0x3A || byte == 0x2E
            }
            return isIPv6 && host.utf8.contains(0x3A) ? String(host) : nil
        }
        let isName = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x2D || byte == 0x2E || byte == 0x5F
        }
        return isName && !host.isEmpty && host.utf8.count <= 253 ? String(host) : nil
    }

    /// Whether `host` can only be this machine.
    static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { UInt8($0) != nil && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    static func listenFault(_ text: String) -> String? {
        NetworkAddress(text) == nil ? "must be address:port, such as \"127.0.0.1:9464\"" : nil
    }
}

/// The address of an Odoo.
struct WebAddress: Equatable {
    var isEncrypted: Bool
    var host: String
    /// The whole address without a trailing slash.
    var text: String

    /// Reads the address, or says what is wrong with it, without repeating it: it could carry a password.
    static func read(_ text: String) -> (address: WebAddress?, fault: String?) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.utf8.contains(UInt8(ascii: "\\")) else {
            return (nil, "must be a URL in ASCII without space")
        }
        let isEncrypted = text.lowercased().hasPrefix("https://")
        guard isEncrypted || text.lowercased().hasPrefix("http://") else {
            return (nil, "must begin with https:// (or, to loopback, http://)")
        }
        let rest = text.dropFirst(isEncrypted ? 8 : 7)
        if rest.contains("?") || rest.contains("#") { return (nil, "must have neither a query nor a fragment") }
        let authority = rest.prefix { $0 != "/" }
        if rest.contains("@") {
            return (nil, "must not carry user:password@; say odoo.credentials, with the key by reference")
        }
        let host: String?
        if let address = NetworkAddress(String(authority)), address.port > 0 {
            host = address.host
        } else {
            host =
                authority.utf8.contains(UInt8(ascii: ":")) && !authority.hasSuffix("]")
                ? nil : NetworkAddress.host(authority)
        }
        guard let host else { return (nil, "must name a host, such as https://erp.example.com") }
        var whole = text
        while whole.hasSuffix("/") { whole.removeLast() }
        return (WebAddress(isEncrypted: isEncrypted, host: host, text: whole), nil)
    }

    static func fault(in text: String) -> String? { read(text).fault }
}

/// A connection URL or string of libpq that stands in a file, which it may only without a password.
enum StoreAddress {
    private static let secretAdvice =
        "carries a password; give the whole URL as { env: \"NAME\" } or { file: \"/path\" }"

    static func fault(in text: String) -> String? {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            return "must not contain control characters"
        }
        let decoded = percentDecoded(text).lowercased()
        if mentionsPassword(decoded) { return secretAdvice }
        for scheme in ["postgresql://", "postgres://"] where text.hasPrefix(scheme) {
            // Up to the last "@" rather than the first "/": a password with a stray "/" is still a password.
            let beforeQuery = text.dropFirst(scheme.count).prefix { $0 != "?" }
            guard let at = beforeQuery.lastIndex(of: "@") else { return nil }
            return beforeQuery[..<at].contains(":") ? secretAdvice : nil
        }
        if text.contains("://") { return "must begin with postgresql://" }
        return text.contains("=") ? nil : "must be a URL (postgresql://host/database) or a connection string of libpq"
    }

    /// Whether a parameter whose name ends in `password` is given, in a query or in a connection string.
    private static func mentionsPassword(_ text: String) -> Bool {
        var rest = text[...]
        while let found = rest.firstRange(of: "password") {
            rest = rest[found.upperBound...]
            if rest.drop(while: { $0 == " " || $0 == "\t" }).first == "=" { return true }
        }
        return false
    }

    static func percentDecoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
                let code = UInt8(String(decoding: source[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                index += 3
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
