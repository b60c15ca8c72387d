import OrderEvents
import Testing

/// Goal: exactly RFC 8259 with our rules, each refusal for its reason and at its byte.
@Suite struct JSONReaderTests {
    static func judge(_ bytes: [UInt8]) -> JSONError? {
        do throws(JSONError) {
            try JSONReader.validate(bytes.span)
            return nil
        } catch { return error }
    }

    static func judge(_ text: String) -> JSONError? { judge(Array(text.utf8)) }

    @Test(arguments: [
        "{}", "[]", " [ ] ", "0", "-0", "1.5e+10", "\"\"", "true", "null", "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}",
        "\"\u{7F}\u{80}\u{10FFFF}\"", "\"\\uD83D\\uDE00\\u00e9\\n\\/\"", "[1,2,3]\r\n\t ",
        "123456789012345678901234567890",
        "\"12345678\"", "\"1234567\"", "\"123456789\"", "{\"é\":1,\"e\u{301}\":2}",
    ])
    func documentsAreAccepted(_ text: String) {
        #expect(Self.judge(text) == nil)
    }

    @Test(
        arguments: [
            ("", .unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("{", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
            ("\"a", .unexpectedEnd, 2), ("tru", .unexpectedEnd, 3), ("trux", .invalidLiteral, 0),
            ("nul!", .invalidLiteral, 0),
            ("[1,]", .trailingComma, 3), ("{\"a\":1,}", .trailingComma, 7), ("[,1]", .unexpectedByte, 1),
            ("[1 2]", .unexpectedByte, 3), ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1),
            ("{\"a\":1 \"b\":2}", .unexpectedByte, 7), ("[1}", .unexpectedByte, 2), ("1 2", .trailingBytes, 2),
            ("{}x", .trailingBytes, 2), ("01", .invalidNumber, 0), ("-", .invalidNumber, 0),
            ("[1.]", .invalidNumber, 1),
            ("1e", .invalidNumber, 0), ("+1", .unexpectedByte, 0), ("'a'", .unexpectedByte, 0),
            ("\"\\x\"", .invalidEscape, 1),
            ("\"\\u12G4\"", .invalidEscape, 1), ("\"\\u12", .unexpectedEnd, 5), ("\"\\", .unexpectedEnd, 2),
            ("\"\\uD800\"", .loneSurrogate, 1), ("\"\\uDC00\"", .loneSurrogate, 1),
            ("\"\\uD800\\u0041\"", .loneSurrogate, 1),
            ("\"\\uD800\\n\"", .loneSurrogate, 1), ("\"a\\u0000\"", .nul, 2), ("\"a\u{0}\"", .nul, 2),
            ("\"a\nb\"", .controlCharacter, 2), ("\"aaaaaaaaaaaa\tb\"", .controlCharacter, 13),
            ("\u{FEFF}{}", .byteOrderMark, 0),
            ("{\"a\":1,\"a\":2}", .duplicateKey, 8), ("{\"a\":1,\"\\u0061\":2}", .duplicateKey, 8),
            ("{\"\\u0061\":1,\"b\":{\"a\":0},\"a\":2}", .duplicateKey, 25), ("{\"\":1,\"\":2}", .duplicateKey, 7),
            ("{\"long name of a member\":1,\"long name of a member\":1}", .duplicateKey, 28),
        ] as [(String, JSONError.Reason, Int)])
    func documentsAreRefusedForTheirReason(_ text: String, _ reason: JSONError.Reason, _ position: Int) {
        #expect(Self.judge(text) == JSONError(reason, at: position))
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x28, 0xA1],
            [0xF0, 0x9F, 0x98], [0xC3, 0xC3],
        ] as [[UInt8]])
    func brokenUTF8IsRefused(_ sequence: [UInt8]) {
        for before in 0..<10 {
            let padding = Array(repeating: UInt8(0x61), count: before)
            let found = Self.judge([0x22] + padding + sequence + [0x22] + Array("         ".utf8))
            #expect(found == JSONError(.invalidUTF8, at: before + 1))
        }
    }

    /// Every scalar that UTF-8 has, raw, comes through; every surrogate does not.
    @Test func allOfUnicodeIsAccepted() {
        for value in UInt32(1)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            guard value >= 0x20, value != 0x22, value != 0x5C, value < 0x3000 || value % 257 == 0 || value > 0x10FF00
            else {
                continue
            }
            let bytes = [0x22] + Array(String(Character(scalar)).utf8) + [0x22]
            if Self.judge(bytes) != nil { Issue.record("U+\(String(value, radix: 16))") }
        }
    }

    @Test func sixtyFourLevelsAreReadAndSixtyFiveRefused() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = open == "[" ? "" : "1"
            let text = { (depth: Int) in
                String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
            }
            #expect(Self.judge(text(64)) == nil)
            #expect(Self.judge(text(65)) == JSONError(.tooDeep, at: open.utf8.count * 64))
            #expect(Self.judge(text(100_000))?.reason == .tooDeep)
        }
        // Depth is of open brackets: many objects beside each other are not deep.
        #expect(Self.judge("[" + Array(repeating: "{}", count: 200).joined(separator: ",") + "]") == nil)
    }

    private static func object(_ names: [String]) -> String {
        "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
    }

    @Test(arguments: [2, 15, 16, 17, 18, 40, 1000])
    func duplicatesAreFoundInObjectsOfAnySize(_ count: Int) {
        let names = (0..<count).map { "name\($0)" }
        #expect(Self.judge(Self.object(names)) == nil)
        for place in Set([0, count / 3, count - 2]) {
            var doubled = names
            doubled[count - 1] = doubled[place]
            #expect(Self.judge(Self.object(doubled))?.reason == .duplicateKey)
            doubled[count - 1] = "\\u006eame\(place)"
            #expect(Self.judge(Self.object(doubled))?.reason == .duplicateKey)
        }
    }

    @Test func aThousandMembersAreReadAndOneMoreRefused() {
        #expect(Self.judge(Self.object((0..<1000).map { "n\($0)" })) == nil)
        #expect(Self.judge(Self.object((0..<1001).map { "n\($0)" }))?.reason == .tooManyMembers)
    }

    @Test(arguments: [
        ("plain", "plain"), ("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\u{8}\u{C}\n\r\t"), ("\\u0041\\u00e9\\u20AC", "Aé€"),
        ("\\ud83d\\uDE00!", "😀!"), ("\\uFFFF\\uD7FF\\uE000", "\u{FFFF}\u{D7FF}\u{E000}"), ("é\\u00e9é", "ééé"),
        ("\\uD800\\uDC00\\uDBFF\\uDFFF", "\u{10000}\u{10FFFF}"), ("", ""),
    ])
    func textsAreUnescaped(_ written: String, _ expected: String) throws {
        let bytes = Array("\"\(written)\"".utf8)
        var reader = JSONReader()
        let text = try reader.string(bytes.span)
        try reader.endDocument(bytes.span)
        var plain: [UInt8] = []
        text.append(to: &plain, from: bytes.span)
        #expect(plain == Array(expected.utf8))
        #expect(text.hasEscapes == written.contains("\\"))
    }

    /// The walk of the example at the head of the reader.
    @Test func documentsAreReadPieceByPiece() throws {
        let bytes = Array(#"{"a":[1,"x"], "b":null, "c":true}"#.utf8)
        let span = bytes.span
        var reader = JSONReader()
        try reader.beginDocument(span)
        var object = try reader.beginObject(span)
        let key = try #require(try reader.nextKey(&object, span))
        #expect(key.start == 2 && key.count == 1)
        try reader.note(key, in: object, span)
        var array = try reader.beginArray(span)
        #expect(try reader.nextElement(&array, span))
        let number = try reader.number(span)
        #expect(number.start == 6 && number.count == 1 && number.isInteger)
        #expect(try reader.nextElement(&array, span))
        #expect(try reader.string(span).start == 9)
        #expect(try !reader.nextElement(&array, span))
        #expect(try reader.nextKey(&object, span) != nil)
        try reader.null(span)
        #expect(try reader.nextKey(&object, span) != nil)
        #expect(try reader.boolean(span))
        #expect(try reader.nextKey(&object, span) == nil)
        try reader.endDocument(span)
    }
}
