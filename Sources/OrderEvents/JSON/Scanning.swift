// Strings, numbers and literals: where the bytes are.

extension JSONReader {
    /// Reads the string whose opening quote is at the position.
    mutating func scanString(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        let start = position &+ 1
        var index = start
        var hasEscapes = false
        var isASCII = true
        while true {
            if index &+ 8 <= bytes.count {
                let specials = ByteWord.stringSpecials(bytes.word(at: index))
                if specials == 0 {
                    index &+= 8
                    continue
                }
                index &+= ByteWord.lowest(specials)
            } else if index >= bytes.count {
                throw JSONError(.unexpectedEnd, at: bytes.count)
            }
            let byte = bytes[index]
            if byte == 0x22 {
                position = index &+ 1
                return JSONText(start: start, count: index &- start, hasEscapes: hasEscapes, isASCII: isASCII)
            }
            if byte == 0x5C {
                hasEscapes = true
                index = try Self.endOfEscape(bytes, index)
            } else if byte >= 0x80 {
                isASCII = false
                index = try Self.endOfSequence(bytes, index)
            } else if byte < 0x20 {
                throw JSONError(byte == 0 ? .nul : .controlCharacter, at: index)
            } else {
                index &+= 1
            }
        }
    }

    /// Index behind the escape at `index`, which is checked.
    private static func endOfEscape(_ bytes: Span<UInt8>, _ index: Int) throws(JSONError) -> Int {
        guard index + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
        switch bytes[index + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return index + 2
        case 0x75: break
        default: throw JSONError(.invalidEscape, at: index)
        }
        let unit = try codeUnit(bytes, index)
        if unit == 0 { throw JSONError(.nul, at: index) }
        guard unit & 0xF800 == 0xD800 else { return index + 6 }
        guard unit < 0xDC00, index + 7 < bytes.count, bytes[index + 6] == 0x5C, bytes[index + 7] == 0x75 else {
            throw JSONError(.loneSurrogate, at: index)
        }
        guard try codeUnit(bytes, index + 6) & 0xFC00 == 0xDC00 else { throw JSONError(.loneSurrogate, at: index) }
        return index + 12
    }

    /// The UTF-16 code unit of the `\u` escape at `index`.
    private static func codeUnit(_ bytes: Span<UInt8>, _ index: Int) throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for offset in 2..<6 {
            guard index + offset < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
            guard let digit = hexadecimal(bytes[index + offset]) else { throw JSONError(.invalidEscape, at: index) }
            unit = unit << 4 | digit
        }
        return unit
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Index behind the UTF-8 sequence at `index`, which begins with a byte of 0x80 or more (Unicode, table 3-7).
    private static func endOfSequence(_ bytes: Span<UInt8>, _ index: Int) throws(JSONError) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[index] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw JSONError(.invalidUTF8, at: index)
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else {
            throw JSONError(.invalidUTF8, at: index)
        }
        for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 {
            throw JSONError(.invalidUTF8, at: index)
        }
        return index + length
    }

    /// Reads the number whose first byte is at the position.
    mutating func scanNumber(_ bytes: Span<UInt8>) throws(JSONError) -> JSONNumber {
        let start = position
        var index = start
        if bytes[index] == 0x2D { index += 1 }
        let whole = Self.endOfDigits(bytes, index)
        guard whole > index else { throw JSONError(.invalidNumber, at: start) }
        if whole - index > 1, bytes[index] == 0x30 { throw JSONError(.invalidNumber, at: start) }
        index = whole
        var isInteger = true
        if index < bytes.count, bytes[index] == 0x2E {
            isInteger = false
            let end = Self.endOfDigits(bytes, index + 1)
            guard end > index + 1 else { throw JSONError(.invalidNumber, at: start) }
            index = end
        }
        if index < bytes.count, bytes[index] | 0x20 == 0x65 {
            isInteger = false
            index += 1
            if index < bytes.count, bytes[index] == 0x2B || bytes[index] == 0x2D { index += 1 }
            let end = Self.endOfDigits(bytes, index)
            guard end > index else { throw JSONError(.invalidNumber, at: start) }
            index = end
        }
        position = index
        return JSONNumber(start: start, count: index - start, isInteger: isInteger)
    }

    private static func endOfDigits(_ bytes: Span<UInt8>, _ index: Int) -> Int {
        var index = index
        while index < bytes.count, bytes[index] &- 0x30 < 10 { index += 1 }
        return index
    }

    /// Reads `word`, whose first byte is to be at the position.
    mutating func scanLiteral(_ word: StaticString, _ bytes: Span<UInt8>) throws(JSONError) {
        let start = position
        let length = word.utf8CodeUnitCount
        for offset in 0..<length {
            guard start + offset < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
            // Safe: the offset is below the number of code units.
            guard unsafe bytes[start + offset] == word.utf8Start[offset] else {
                throw JSONError(.invalidLiteral, at: start)
            }
        }
        position = start + length
    }
}

extension JSONText {
    /// Appends the text, unescaped, as UTF-8.
    ///
    /// `bytes` is the document that the text was read from.
    ///
    /// The reader has checked the escapes; the function only translates.
    public func append(to target: inout [UInt8], from bytes: Span<UInt8>) {
        var index = start
        let end = start + count
        while index < end {
            let byte = bytes[index]
            guard byte == 0x5C, index + 1 < end else {
                target.append(byte)
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case 0x62: target.append(0x08)
            case 0x66: target.append(0x0C)
            case 0x6E: target.append(0x0A)
            case 0x72: target.append(0x0D)
            case 0x74: target.append(0x09)
            case 0x75:
                var scalar = Self.codeUnit(bytes, index + 2, end)
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + Self.codeUnit(bytes, index + 8, end) & 0x3FF
                    index += 6
                }
                Self.append(scalar: scalar, to: &target)
                index += 4
            case let other: target.append(other)
            }
            index += 2
        }
    }

    private static func codeUnit(_ bytes: Span<UInt8>, _ index: Int, _ end: Int) -> UInt32 {
        var unit: UInt32 = 0
        for place in index..<max(index, min(index + 4, end)) {
            let byte = bytes[place]
            unit = unit << 4 | UInt32(byte <= 0x39 ? byte & 0x0F : (byte & 0x0F) + 9)
        }
        return unit
    }

    private static func append(scalar: UInt32, to target: inout [UInt8]) {
        func low(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift & 0x3F) }
        switch scalar {
        case 0..<0x80: target.append(UInt8(truncatingIfNeeded: scalar))
        case 0x80..<0x800:
            target.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
            target.append(low(0))
        case 0x800..<0x10000:
            target.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
            target.append(low(6))
            target.append(low(0))
        default:
            target.append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18 & 0x07))
            target.append(low(12))
            target.append(low(6))
            target.append(low(0))
        }
    }
}
