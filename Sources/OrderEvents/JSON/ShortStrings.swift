// The usual case, made cheap: names and values of at most sixteen plain bytes, in a document without spaces between its
// parts. Each function answers nil, and leaves the reader where it was, for anything else; the caller then goes the
// general way. Nothing is refused here and nothing is accepted that the general way would refuse.

/// A member's name of at most sixteen bytes without escapes: its bytes as two words, as `WordTable` wants them.
struct ShortName {
    var text: JSONText
    var low: UInt64
    var high: UInt64
}

extension JSONReader {
    /// Reads `,"name":`, or `"name":` for the first member.
    @inline(__always)
    mutating func nextShortName(_ object: inout JSONObject, _ bytes: Span<UInt8>) -> ShortName? {
        var index = position
        // A comma, a quote, two words, and the colon behind the closing quote.
        guard index &+ 20 <= bytes.count, object.members < Self.maximumMembers else { return nil }
        if object.members > 0 {
            guard bytes[index] == 0x2C else { return nil }
            index &+= 1
        }
        guard bytes[index] == 0x22 else { return nil }
        let start = index &+ 1
        var low = bytes.word(at: start)
        var high: UInt64 = 0
        var specials = ByteWord.stringSpecials(low)
        if specials != 0 {
            low &= ByteWord.below(specials)
            index = start &+ ByteWord.lowest(specials)
        } else {
            high = bytes.word(at: start &+ 8)
            specials = ByteWord.stringSpecials(high)
            if specials == 0 { return nil }
            high &= ByteWord.below(specials)
            index = start &+ 8 &+ ByteWord.lowest(specials)
        }
        guard bytes[index] == 0x22, bytes[index &+ 1] == 0x3A else { return nil }
        position = index &+ 2
        object.members &+= 1
        return ShortName(
            text: JSONText(start: start, count: index &- start, hasEscapes: false, isASCII: true), low: low, high: high)
    }

    /// Reads the string whose opening quote is at the position.
    @inline(__always)
    mutating func shortString(_ bytes: Span<UInt8>) -> JSONText? {
        let start = position &+ 1
        guard start &+ 16 <= bytes.count else { return nil }
        var index = start
        var specials = ByteWord.stringSpecials(bytes.word(at: index))
        if specials == 0 {
            index &+= 8
            specials = ByteWord.stringSpecials(bytes.word(at: index))
            if specials == 0 { return nil }
        }
        index &+= ByteWord.lowest(specials)
        guard bytes[index] == 0x22 else { return nil }
        position = index &+ 1
        return JSONText(start: start, count: index &- start, hasEscapes: false, isASCII: true)
    }
}
