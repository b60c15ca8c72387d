/// A request's target in origin form, `/path?query`, decoded once and refused where two readers could differ.
struct RequestTarget {
    var path: String
    var rawPath: String
    var query: [(name: String, value: String)]

    /// Reads a target.
    ///
    /// Refused: absolute, authority and asterisk form; bytes outside RFC 3986; broken percent escapes; escapes that
    /// hide a slash or a control character; text that is not UTF-8; `.` and `..` segments, escaped or not.
    init(_ bytes: ArraySlice<UInt8>) throws(HTTPRefusal) {
        guard bytes.first == UInt8(ascii: "/") else {
            throw HTTPRefusal(400, "The request target must begin with a slash.")
        }
        let end = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let rawPath = bytes[..<end]
        for segment in rawPath.split(separator: UInt8(ascii: "/")) {
            let decoded = try Self.decode(segment, allowing: HTTPSyntax.isPathByte, plusIsSpace: false)
            guard decoded != ".", decoded != ".." else {
                throw HTTPRefusal(400, "The path must not have segments of dots.")
            }
            guard !decoded.utf8.contains(UInt8(ascii: "/")) else {
                throw HTTPRefusal(400, "A slash in a path segment can not be escaped.")
            }
        }
        path = try Self.decode(rawPath, allowing: HTTPSyntax.isPathByte, plusIsSpace: false)
        self.rawPath = String(decoding: rawPath, as: UTF8.self)
        query = end < bytes.endIndex ? try Self.query(bytes[(end + 1)...]) : []
    }

    private static func query(_ bytes: ArraySlice<UInt8>) throws(HTTPRefusal) -> [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let middle = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let name = try decode(pair[..<middle], allowing: HTTPSyntax.isQueryByte, plusIsSpace: true)
            let value = try decode(
                middle < pair.endIndex ? pair[(middle + 1)...] : [], allowing: HTTPSyntax.isQueryByte,
                plusIsSpace: true)
            query.append((name: name, value: value))
        }
        return query
    }

    private static func decode(
        _ bytes: ArraySlice<UInt8>, allowing isAllowed: (UInt8) -> Bool, plusIsSpace: Bool
    ) throws(HTTPRefusal) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%") {
                guard bytes.endIndex - index > 2, let high = HTTPSyntax.hexValue(bytes[index + 1]),
                    let low = HTTPSyntax.hexValue(bytes[index + 2])
                else { throw HTTPRefusal(400, "The request target has a broken percent escape.") }
                let value = high << 4 | low
                guard !HTTPSyntax.isControl(value) else {
                    throw HTTPRefusal(400, "The request target hides a control character.")
                }
                decoded.append(value)
                index += 3
                continue
            }
            guard isAllowed(byte) else {
                throw HTTPRefusal(400, "The request target has a character that must be escaped.")
            }
            decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            index += 1
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw HTTPRefusal(400, "The request target is not UTF-8.")
        }
        return text
    }
}
