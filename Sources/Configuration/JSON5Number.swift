/// The grammar of a JSON5 number.
enum JSON5Number {
    /// The longest number that is looked at, in characters.
    private static let maximumLength = 64

    /// The number that all of `characters` are, or nil.
    static func parse(_ characters: [Unicode.Scalar]) -> ConfigNumber? {
        guard characters.count <= maximumLength else { return nil }
        var rest = characters[...]
        var isNegative = false
        if let sign = rest.first, sign == "-" || sign == "+" {
            isNegative = sign == "-"
            rest = rest.dropFirst()
        }
        let word = rest.reduce(into: "") { $0.unicodeScalars.append($1) }
        if word == "Infinity" { return ConfigNumber(integer: nil, value: isNegative ? -.infinity : .infinity) }
        if word == "NaN" { return ConfigNumber(integer: nil, value: .nan) }
        if word.hasPrefix("0x") || word.hasPrefix("0X") {
            return hexadecimal(word.dropFirst(2), isNegative: isNegative)
        }
        return decimal(rest, word: word, isNegative: isNegative)
    }

    private static func hexadecimal(_ digits: Substring, isNegative: Bool) -> ConfigNumber? {
        guard digits.first?.isHexDigit == true, let magnitude = UInt64(digits, radix: 16) else { return nil }
        let integer = isNegative ? Int64(exactly: -Double(magnitude)) : Int64(exactly: magnitude)
        let value = Double(magnitude)
        return ConfigNumber(integer: integer, value: isNegative ? -value : value)
    }

    private static func decimal(_ rest: ArraySlice<Unicode.Scalar>, word: String, isNegative: Bool) -> ConfigNumber? {
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }
        let whole = rest.prefix(while: isDigit)
        var tail = rest.dropFirst(whole.count)
        var fraction: ArraySlice<Unicode.Scalar> = []
        let hasPoint = tail.first == "."
        if hasPoint {
            tail = tail.dropFirst()
            fraction = tail.prefix(while: isDigit)
            tail = tail.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        guard whole.count <= 1 || whole.first != "0" else { return nil }
        var exponent = ""
        if let mark = tail.first, mark == "e" || mark == "E" {
            tail = tail.dropFirst()
            exponent = "e"
            if let sign = tail.first, sign == "-" || sign == "+" {
                exponent.unicodeScalars.append(sign)
                tail = tail.dropFirst()
            }
            let digits = tail.prefix(while: isDigit)
            guard !digits.isEmpty else { return nil }
            exponent.unicodeScalars.append(contentsOf: digits)
            tail = tail.dropFirst(digits.count)
        }
        guard tail.isEmpty else { return nil }
        let sign = isNegative ? "-" : ""
        if !hasPoint, exponent.isEmpty, let integer = Int64(sign + word) {
            return ConfigNumber(integer: integer, value: Double(integer))
        }
        var plain = sign
        plain.unicodeScalars.append(contentsOf: whole.isEmpty ? ["0"] : whole)
        plain += "."
        plain.unicodeScalars.append(contentsOf: fraction.isEmpty ? ["0"] : fraction)
        guard let value = Double(plain + exponent) else { return nil }
        return ConfigNumber(integer: nil, value: value)
    }
}
