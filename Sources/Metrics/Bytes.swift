/// Writing numbers and text as bytes.
enum Bytes {
    /// Appends the decimal digits of `number`.
    static func append(_ number: Int, to bytes: inout [UInt8]) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = number.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// The longest beginning of `text` that has at most `maximum` bytes and cuts no scalar in two.
    static func prefix(of text: String, maximum: Int) -> Substring {
        guard text.utf8.count > maximum else { return text[...] }
        var end = text.utf8.index(text.startIndex, offsetBy: maximum)
        while end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return text[..<end]
    }
}
