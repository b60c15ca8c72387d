import Testing

@testable import Configuration

/// Every feature of JSON5, every refusal with its place.
@Suite struct JSON5ReaderTests {
    private func read(_ text: String) throws -> ConfigNode {
        var reader = try JSON5Reader(Array(text.utf8))
        return try reader.read()
    }

    /// `line:column: path: reason`, or nothing.
    private func problem(_ bytes: [UInt8]) -> String? {
        do throws(SyntaxProblem) {
            var reader = try JSON5Reader(bytes)
            _ = try reader.read()
            guard let duplicate = reader.duplicates.first else { return nil }
            return "\(duplicate.at.line):\(duplicate.at.column): \(duplicate.path): \(duplicate.reason)"
        } catch {
            return "\(error.at.line):\(error.at.column): \(error.path): \(error.reason)"
        }
    }

    @Test func everythingThatTheFormatAllowsIsRead() throws {
        let text = """
            // comment
            { /* another
               one */ unquoted: 'single "quotes"', "double": "it's", $a_1: .5, \\u0061b: 5., größe: +1,
              'tr\\
            ue': true, no: false, nil: null, list: [1, -2, 0x1F, 1e3, -Infinity, ], empty: {}, none: [],
              escapes: '\\b\\f\\n\\r\\t\\v\\'\\"\\\\\\/\\x41\\u00e4\\ud83d\\ude00\\q',
            }
            """
        let root = try read(text)
        #expect(
            root.members.map(\.key) == [
                "unquoted", "double", "$a_1", "ab", "größe", "true", "no", "nil", "list", "empty", "none", "escapes",
            ])
        #expect(root["unquoted"]?.text == "single \"quotes\"")
        #expect(root["double"]?.text == "it's")
        #expect(root["$a_1"]?.number == ConfigNumber(integer: nil, value: 0.5))
        #expect(root["ab"]?.number == ConfigNumber(integer: nil, value: 5))
        #expect(root["größe"]?.integer == 1)
        #expect(root["true"]?.flag == true)
        #expect(root["no"]?.flag == false)
        #expect(root["nil"]?.value == .null)
        #expect(
            root["list"]?.elements.map(\.number) == [
                ConfigNumber(integer: 1, value: 1), ConfigNumber(integer: -2, value: -2),
                ConfigNumber(integer: 31, value: 31), ConfigNumber(integer: nil, value: 1000),
                ConfigNumber(integer: nil, value: -.infinity),
            ])
        #expect(root["empty"]?.value == .object([]))
        #expect(root["none"]?.value == .list([]))
        #expect(root["escapes"]?.text == "\u{8}\u{C}\n\r\t\u{B}'\"\\/A\u{e4}\u{1F600}q")
    }

    @Test func everySpaceAndLineBreakIsSkipped() throws {
        let root = try read("\u{FEFF}\t\u{B}\u{C}\u{A0}\u{2003}{\u{2028}a\r:\r\n1\n}\u{2029}//end")
        #expect(root["a"]?.integer == 1)
    }

    @Test(arguments: [
        ("0", 0), ("-0", 0), ("9223372036854775807", Int64.max), ("-9223372036854775808", .min), ("0xff", 255),
        ("-0x10", -16), ("+7", 7),
    ]) func integersAreExact(_ text: String, _ value: Int64) throws {
        #expect(try read(text).integer == value)
    }

    @Test(arguments: ["1.0", "1e2", "9223372036854775808", ".5", "NaN", "Infinity", "-NaN", "0xFFFFFFFFFFFFFFFF"])
    func whatIsNoSmallIntegerIsNoInteger(_ text: String) throws {
        let node = try read(text)
        #expect(node.number != nil && node.integer == nil)
    }

    @Test(arguments: [
        "01", "1.2.3", "0x", "0x-1", "-0x+1", "1e", "1e+", ".", "+", "--1", "1_000", "0xG", "1a", "+.e1", "0x1.8",
        "1234567890123456789012345678901234567890123456789012345678901234567890",
    ]) func whatLooksLikeANumberIsRefusedWhole(_ text: String) {
        #expect(problem(Array("[\(text)]".utf8)) == "1:2: [0]: is not a number; a text needs quotes")
    }

    @Test func positionsCountCharactersWhateverTheLineBreaks() throws {
        for lineBreak in ["\n", "\r\n", "\r"] {
            let root = try read("{\(lineBreak)\t\ta: 'ü', 'b':\(lineBreak)\t [\(lineBreak)\(lineBreak)1] }")
            let a = try #require(root.member("a"))
            let b = try #require(root.member("b"))
            #expect(root.at == SourceLocation(line: 1, column: 1))
            #expect(a.keyAt == SourceLocation(line: 2, column: 3))
            #expect(a.value.at == SourceLocation(line: 2, column: 6))
            #expect(b.keyAt == SourceLocation(line: 2, column: 11))
            #expect(b.value.at == SourceLocation(line: 3, column: 3))
            #expect(b.value.elements.first?.at == SourceLocation(line: 5, column: 1))
        }
    }

    @Test(arguments: [
        ("", "1:1: : the file is empty"),
        (" // only a comment", "1:19: : the file is empty"),
        ("{} {}", "1:4: : something follows the end of the value"),
        ("{", "1:2: : the file ends before the \"{\" of line 1 is closed; is it half-written?"),
        ("{\n a: [\n1,", "3:3: a[0]: the file ends before the \"[\" of line 2 is closed; is it half-written?"),
        ("{ a", "1:4: a: the file ends before the \"{\" of line 1 is closed; is it half-written?"),
        ("{ a:", "1:5: a: the file ends where a value is expected; is it half-written?"),
        ("{ a: 1", "1:7: a: the file ends before the \"{\" of line 1 is closed; is it half-written?"),
        ("{ a: 'x", "1:6: a: the text that begins on line 1 is not closed; is the file half-written?"),
        ("{ a: 'x\\", "1:8: a: the file ends within an escape; is it half-written?"),
        ("{ a: 1, /* x", "1:13: : the comment that begins on line 1 is not closed; is the file half-written?"),
        ("{ a: 'x\n' }", "1:6: a: a text ends before its line does; the closing quote is missing"),
        ("{ a: 1 b: 2 }", "1:8: a: a comma or \"}\" is expected here, found \"b\""),
        ("{ a 1 }", "1:5: a: a colon is expected after the key"),
        ("{ a: , }", "1:6: a: a value is expected here, found \",\""),
        ("{ , }", "1:3: : a key is expected here, found \",\""),
        ("[1,,2]", "1:4: [1]: a value is expected here, found \",\""),
        ("{ 1a: 1 }", "1:3: : a key is expected here, found \"1\""),
        ("{ a: yes }", "1:6: a: a text needs quotes"),
        ("{ a: / }", "1:6: a: a comment begins with // or /*"),
        ("{ a: '\\1' }", "1:7: a: an escape must not begin with a digit, and a text must not contain a NUL character"),
        ("{ a: '\\0' }", "1:7: a: an escape must not begin with a digit, and a text must not contain a NUL character"),
        ("{ a: '\\u0000' }", "1:7: a: a text must not contain a NUL character"),
        ("{ a: '\\x00' }", "1:7: a: a text must not contain a NUL character"),
        ("{ a: '\0' }", "1:7: a: a text must not contain a NUL character"),
        ("{ a: '\\ud800' }", "1:7: a: half of a surrogate pair is missing"),
        ("{ a: '\\ud800\\u0041' }", "1:7: a: half of a surrogate pair is missing"),
        ("{ a: '\\udc00' }", "1:7: a: half of a surrogate pair is missing"),
        ("{ a: '\\u00g0' }", "1:7: a: an escape needs 4 hexadecimal digits"),
        ("{ a: '\\x4' }", "1:7: a: an escape needs 2 hexadecimal digits"),
        ("{ a\\x: 1 }", "1:4: : an escape in a key is written \\uXXXX"),
        ("{ a\\u002d: 1 }", "1:4: : this escape needs a quoted key"),
        ("{ a: 1,\n  b: { c: 1, 'c': 2 } }", "2:14: b.c: is given twice; the first is on line 2"),
        ("{ a: { b: [0, { c: ? }] } }", "1:20: a.b[1].c: a value is expected here, found \"?\""),
    ]) func mistakesAreToldWithTheirPlace(_ text: String, _ expected: String) {
        #expect(problem(Array(text.utf8)) == expected)
    }

    @Test func nestingHasABound() {
        let depth = JSON5Reader.maximumDepth
        let nested = { (count: Int) in
            Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8)
        }
        #expect(problem(nested(depth)) == nil)
        #expect(problem(nested(depth + 1))?.hasSuffix("is nested more than 32 deep") == true)
        #expect(problem(nested(100_000))?.hasPrefix("1:33: ") == true)
    }

    @Test(
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]])
    func whatIsNotUTF8IsRefusedAtItsByte(_ bytes: [UInt8]) {
        #expect(problem(Array("{\r\n\tü: '".utf8) + bytes) == "2:6: : is not UTF-8 here")
    }

    @Test func everyPrefixOfAFileIsRefused() throws {
        let whole = Array(ConfigurationFixture.mapped.utf8)
        for count in 0..<whole.count {
            #expect(problem(Array(whole[..<count])) != nil, "\(count) bytes")
        }
        #expect(problem(whole) == nil)
    }
}
