// JSON5 (https://spec.json5.org) with the position of every key and value.
//
// Stricter than the format where leniency would hide a mistake: a key that is given twice, a NUL, a lone surrogate, bad
// UTF-8 and deep nesting are refused. A syntax error ends the file, because what follows it is a guess; duplicate keys
// are collected and reading goes on.

/// What is wrong with a file's text.
struct SyntaxProblem: Error, Equatable {
    var at: SourceLocation
    /// The path of the value that was being read; empty for the file as a whole.
    var path: String
    var reason: String
}

/// Reads one file.
///
/// A value: every read begins with a fresh one.
struct JSON5Reader {
    /// Objects and lists within each other; the deepest documented key is at 4.
    static let maximumDepth = 32

    /// Keys that were given twice; the first one counts.
    private(set) var duplicates: [SyntaxProblem] = []
    private(set) var cursor: JSON5Cursor
    private var path = ""
    private var depth = 0

    /// - Throws: At the first byte that is not UTF-8.
    init(_ bytes: [UInt8]) throws(SyntaxProblem) {
        cursor = try JSON5Cursor(bytes)
    }

    /// Reads the whole file as one value.
    mutating func read() throws(SyntaxProblem) -> ConfigNode {
        try skip()
        guard cursor.peek != nil else { throw failure("the file is empty") }
        let node = try value()
        try skip()
        if cursor.peek != nil { throw failure("something follows the end of the value") }
        return node
    }

    // MARK: values

    private mutating func value() throws(SyntaxProblem) -> ConfigNode {
        let at = cursor.location
        guard let next = cursor.peek else { throw endOfFile("a value") }
        switch next {
        case "{": return ConfigNode(at: at, value: try object(opened: at))
        case "[": return ConfigNode(at: at, value: try list(opened: at))
        case "\"", "'":
            return ConfigNode(at: at, value: .text(try text()))
        case "+", "-", ".", "0"..."9":
            return ConfigNode(at: at, value: .number(try number()))
        default:
            break
        }
        guard JSON5Cursor.beginsIdentifier(next) || next == "\\" else {
            throw failure("a value is expected here, found \(quoted(String(next)))")
        }
        let word = try identifier()
        switch word {
        case "true": return ConfigNode(at: at, value: .flag(true))
        case "false": return ConfigNode(at: at, value: .flag(false))
        case "null": return ConfigNode(at: at, value: .null)
        case "Infinity": return ConfigNode(at: at, value: .number(ConfigNumber(integer: nil, value: .infinity)))
        case "NaN": return ConfigNode(at: at, value: .number(ConfigNumber(integer: nil, value: .nan)))
        // The word is not repeated: it could be a secret.
        default: throw failure("a text needs quotes", at)
        }
    }

    private mutating func object(opened: SourceLocation) throws(SyntaxProblem) -> ConfigNode.Value {
        try descend()
        let outer = path
        var members: [ConfigNode.Member] = []
        var lines: [String: Int] = [:]
        cursor.advance()
        while true {
            try skip()
            guard let next = cursor.peek else { throw unclosed("{", opened) }
            if next == "}" { break }
            let keyAt = cursor.location
            let key = try memberKey(next)
            path = JSON5Reader.join(outer, key)
            try skip()
            guard cursor.peek == ":" else {
                throw cursor.peek == nil ? unclosed("{", opened) : failure("a colon is expected after the key")
            }
            cursor.advance()
            try skip()
            let value = try value()
            if let line = lines[key] {
                duplicates.append(
                    SyntaxProblem(at: keyAt, path: path, reason: "is given twice; the first is on line \(line)"))
            } else {
                lines[key] = keyAt.line
                members.append(ConfigNode.Member(key: key, keyAt: keyAt, value: value))
            }
            try separator(closing: "}", opened: opened, open: "{")
            path = outer
        }
        cursor.advance()
        path = outer
        depth -= 1
        return .object(members)
    }

    private mutating func memberKey(_ next: Unicode.Scalar) throws(SyntaxProblem) -> String {
        if next == "\"" || next == "'" { return try text() }
        guard JSON5Cursor.beginsIdentifier(next) || next == "\\" else {
            throw failure("a key is expected here, found \(quoted(String(next)))")
        }
        return try identifier()
    }

    private mutating func list(opened: SourceLocation) throws(SyntaxProblem) -> ConfigNode.Value {
        try descend()
        let outer = path
        var elements: [ConfigNode] = []
        cursor.advance()
        while true {
            try skip()
            guard let next = cursor.peek else { throw unclosed("[", opened) }
            if next == "]" { break }
            path = "\(outer)[\(elements.count)]"
            elements.append(try value())
            try separator(closing: "]", opened: opened, open: "[")
        }
        cursor.advance()
        path = outer
        depth -= 1
        return .list(elements)
    }

    /// Leaves the cursor on the next element, or on the bracket that closes.
    private mutating func separator(
        closing: Unicode.Scalar, opened: SourceLocation, open: Unicode.Scalar
    ) throws(SyntaxProblem) {
        try skip()
        guard let next = cursor.peek else { throw unclosed(open, opened) }
        if next == "," {
            cursor.advance()
        } else if next != closing {
            throw failure("a comma or \"\(closing)\" is expected here, found \(quoted(String(next)))")
        }
    }

    private mutating func descend() throws(SyntaxProblem) {
        depth += 1
        if depth > Self.maximumDepth { throw failure("is nested more than \(Self.maximumDepth) deep") }
    }

    // MARK: words, texts, numbers, space

    private mutating func identifier() throws(SyntaxProblem) -> String {
        do throws(JSON5Cursor.Fault) { return try cursor.identifier() } catch { throw failure(error.reason, error.at) }
    }

    private mutating func text() throws(SyntaxProblem) -> String {
        do throws(JSON5Cursor.Fault) { return try cursor.text() } catch { throw failure(error.reason, error.at) }
    }

    private mutating func number() throws(SyntaxProblem) -> ConfigNumber {
        do throws(JSON5Cursor.Fault) { return try cursor.number() } catch { throw failure(error.reason, error.at) }
    }

    private mutating func skip() throws(SyntaxProblem) {
        do throws(JSON5Cursor.Fault) { try cursor.skipSpaceAndComments() } catch {
            throw failure(error.reason, error.at)
        }
    }

    // MARK: problems

    private func failure(_ reason: String, _ at: SourceLocation? = nil) -> SyntaxProblem {
        SyntaxProblem(at: at ?? cursor.location, path: path, reason: reason)
    }

    private func endOfFile(_ wanted: String) -> SyntaxProblem {
        failure("the file ends where \(wanted) is expected; is it half-written?")
    }

    private func unclosed(_ bracket: Unicode.Scalar, _ opened: SourceLocation) -> SyntaxProblem {
        failure("the file ends before the \"\(bracket)\" of line \(opened.line) is closed; is it half-written?")
    }

    /// The path of `key` within `outer`.
    static func join(_ outer: String, _ key: String) -> String {
        outer.isEmpty ? printable(key) : "\(outer).\(printable(key))"
    }
}
