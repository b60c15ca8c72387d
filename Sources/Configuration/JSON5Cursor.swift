/// Where a reader is in a file's text, and JSON5's smallest pieces: space, comments, words, texts and numbers.
struct JSON5Cursor {
    /// Text that cannot be read, and where.
    struct Fault: Error {
        var at: SourceLocation
        var reason: String
    }

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var line = 1
    private var lineStart = 0

    /// - Throws: At the first byte that is not UTF-8.
    init(_ bytes: [UInt8]) throws(SyntaxProblem) {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(bytes.count)
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar):
                scalars.append(scalar)
                continue
            case .emptyInput:
                self.scalars = scalars
            case .error:
                self.scalars = scalars
                while index < scalars.count { takeOne() }
                throw SyntaxProblem(at: location, path: "", reason: "is not UTF-8 here")
            }
            return
        }
    }

    /// The next character, or nil at the end.
    var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }
    var location: SourceLocation { SourceLocation(line: line, column: index - lineStart + 1) }

    /// Goes on by one character that is no line break.
    mutating func advance() { index += 1 }

    private func peek(_ ahead: Int) -> Unicode.Scalar? {
        index + ahead < scalars.count ? scalars[index + ahead] : nil
    }

    private func fault(_ reason: String, _ at: SourceLocation? = nil) -> Fault {
        Fault(at: at ?? location, reason: reason)
    }

    /// Goes on by one character, or by one line break: LF, CR or both.
    ///
    /// U+2028 and U+2029 are space: editors do not count them as lines.
    private mutating func takeOne() {
        let scalar = scalars[index]
        index += 1
        if scalar == "\r" || scalar == "\n" {
            if scalar == "\r", peek == "\n" { index += 1 }
            line += 1
            lineStart = index
        }
    }

    // MARK: space and comments

    /// Goes on to the next character that counts.
    mutating func skipSpaceAndComments() throws(Fault) {
        while let next = peek {
            if Self.isSpace(next) {
                takeOne()
            } else if next == "/" {
                try comment()
            } else {
                return
            }
        }
    }

    private mutating func comment() throws(Fault) {
        let begin = location
        switch peek(1) {
        case "/":
            while let next = peek, next != "\n", next != "\r" { index += 1 }
        case "*":
            index += 2
            while let next = peek {
                if next == "*", peek(1) == "/" {
                    index += 2
                    return
                }
                takeOne()
            }
            throw fault("the comment that begins on line \(begin.line) is not closed; is the file half-written?")
        default:
            throw fault("a comment begins with // or /*")
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "\n", "\r", "\u{B}", "\u{C}", "\u{A0}", "\u{FEFF}", "\u{2028}", "\u{2029}": true
        default: scalar.value > 0x7F && scalar.properties.generalCategory == .spaceSeparator
        }
    }

    // MARK: words

    /// Whether an unquoted key may begin so.
    static func beginsIdentifier(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "_", "$": return true
        default: break
        }
        guard scalar.value > 0x7F else { return false }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .letterNumber:
            return true
        default: return false
        }
    }

    private static func continuesIdentifier(_ scalar: Unicode.Scalar) -> Bool {
        if beginsIdentifier(scalar) { return true }
        switch scalar {
        case "0"..."9", "\u{200C}", "\u{200D}": return true
        default: break
        }
        guard scalar.value > 0x7F else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }

    /// An unquoted key or a word such as `true`.
    mutating func identifier() throws(Fault) -> String {
        var word = String.UnicodeScalarView()
        while let next = peek {
            let at = location
            var scalar = next
            if next == "\\" {
                index += 1
                guard peek == "u" else { throw fault("an escape in a key is written \\uXXXX", at) }
                index += 1
                scalar = try unicodeEscape(at)
            }
            let fits = word.isEmpty ? Self.beginsIdentifier(scalar) : Self.continuesIdentifier(scalar)
            guard fits else {
                if next == "\\" { throw fault("this escape needs a quoted key", at) }
                break
            }
            if next != "\\" { index += 1 }
            word.append(scalar)
        }
        return String(word)
    }

    // MARK: texts

    /// A text in single or double quotes; the cursor is on the first one.
    mutating func text() throws(Fault) -> String {
        let begin = location
        let quote = peek
        index += 1
        var text = String.UnicodeScalarView()
        while let next = peek {
            switch next {
            case quote:
                index += 1
                return String(text)
            case "\\":
                if let scalar = try escape() { text.append(scalar) }
            case "\n", "\r":
                throw fault("a text ends before its line does; the closing quote is missing", begin)
            case "\0":
                throw fault("a text must not contain a NUL character")
            default:
                text.append(next)
                index += 1
            }
        }
        throw fault("the text that begins on line \(begin.line) is not closed; is the file half-written?", begin)
    }

    /// One escape, the cursor on its backslash; nil for a line continuation.
    private mutating func escape() throws(Fault) -> Unicode.Scalar? {
        let at = location
        index += 1
        guard let next = peek else { throw fault("the file ends within an escape; is it half-written?", at) }
        if next == "\n" || next == "\r" || next == "\u{2028}" || next == "\u{2029}" {
            takeOne()
            return nil
        }
        index += 1
        switch next {
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{B}"
        case "0"..."9":
            throw fault("an escape must not begin with a digit, and a text must not contain a NUL character", at)
        case "x":
            let code = try hexadecimal(digits: 2, at)
            guard code != 0, let scalar = Unicode.Scalar(code) else {
                throw fault("a text must not contain a NUL character", at)
            }
            return scalar
        case "u": return try unicodeEscape(at)
        default: return next
        }
    }

    /// What follows `\u`, with a second escape where the first is half of a pair.
    private mutating func unicodeEscape(_ at: SourceLocation) throws(Fault) -> Unicode.Scalar {
        var code = try hexadecimal(digits: 4, at)
        if (0xD800...0xDBFF).contains(code), peek == "\\", peek(1) == "u" {
            index += 2
            let low = try hexadecimal(digits: 4, at)
            guard (0xDC00...0xDFFF).contains(low) else { throw fault("half of a surrogate pair is missing", at) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard code != 0 else { throw fault("a text must not contain a NUL character", at) }
        guard let scalar = Unicode.Scalar(code) else { throw fault("half of a surrogate pair is missing", at) }
        return scalar
    }

    private mutating func hexadecimal(digits: Int, _ at: SourceLocation) throws(Fault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard let next = peek, let digit = Self.hexadecimalDigit(next) else {
                throw fault("an escape needs \(digits) hexadecimal digits", at)
            }
            code = code << 4 | digit
            index += 1
        }
        return code
    }

    private static func hexadecimalDigit(_ scalar: Unicode.Scalar) -> UInt32? {
        switch scalar {
        case "0"..."9": scalar.value - 0x30
        case "a"..."f": scalar.value - 0x61 + 10
        case "A"..."F": scalar.value - 0x41 + 10
        default: nil
        }
    }

    // MARK: numbers

    /// A number; the cursor is on its sign, dot or first digit.
    mutating func number() throws(Fault) -> ConfigNumber {
        let begin = location
        var characters: [Unicode.Scalar] = []
        // A number goes on as long as anything does that could belong to it, so that `1.2.3` is one mistake.
        while let next = peek, Self.continuesIdentifier(next) || "+-.".unicodeScalars.contains(next) {
            characters.append(next)
            index += 1
        }
        // What was written is not repeated: it could be a secret.
        guard let number = JSON5Number.parse(characters) else {
            throw fault("is not a number; a text needs quotes", begin)
        }
        return number
    }
}
