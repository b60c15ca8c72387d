import OrderEvents
import Testing

/// Goal: what cannot be read is a dead letter with the right reason and place, and never shows what it read.
@Suite struct DeadLetterTests {
    @Test func recordsWithoutAValueAreDeadLetters() throws {
        let key: [UInt8] = [1, 2]
        guard case .deadLetter(let tombstone) = Fixture.canonical.decode(value: nil, key: key, source: Fixture.source)
        else {
            Issue.record("a tombstone is no event")
            return
        }
        #expect(tombstone.reason == .tombstone && tombstone.payload == nil && tombstone.payloadCount == 0)
        #expect(tombstone.key == key && tombstone.source == Fixture.source && tombstone.channel == "portal")
        #expect(try Fixture.letter("").reason == .empty)
    }

    @Test func largeRecordsAreDeadLettersCutToTheirBound() throws {
        let text = Fixture.least()
        let exact = ChannelFormat(name: "c", index: 0, kind: .canonical, maximumValueBytes: text.utf8.count)
        _ = try Fixture.event(text, by: EventDecoder(exact))
        #expect(try Fixture.letter(text + " ", by: EventDecoder(exact)).reason == .tooLarge)
        let large = try Fixture.letter(String(repeating: " ", count: 1 << 20) + "{}")
        #expect(large.reason == .tooLarge && large.payloadCount == (1 << 20) + 2 && large.payload?.count == 1 << 20)
    }

    @Test(
        arguments: [
            ("garbage", .notJSON, "byte 0"), ("{\"a\":1,\"a\":2}", .notJSON, "byte 8: duplicate key"),
            ("   ", .notJSON, "byte 3"),
            (Fixture.least() + "x", .notJSON, "byte"), ("[]", .wrongType, "(whole document): must be an object"),
            ("\"text\"", .wrongType, "(whole document)"), ("null", .wrongType, "(whole document)"),
            ("{}", .missingField, "/event_id"),
            (Fixture.least(#""version":2"#), .unsupportedVersion, "/version"),
            (Fixture.least(#""version":11"#), .unsupportedVersion, "/version"),
            (Fixture.least(#""version":"1""#), .wrongType, "/version"),
            (Fixture.least(#""version":1.0"#), .wrongType, "/version"),
            (Fixture.least(#""warehouse":1"#), .wrongType, "/warehouse"),
            (Fixture.least(#""warehouse":"""#), .invalidValue, "/warehouse"),
            (Fixture.least(#""warehouse":"a b""#), .invalidValue, "/warehouse"),
            (Fixture.least(#""warehouse":"ü""#), .invalidValue, "/warehouse"),
            (Fixture.least(#""warehouse":"a\u007f""#), .invalidValue, "/warehouse"),
            (Fixture.least("\"warehouse\":\"\(String(repeating: "x", count: 129))\""), .invalidValue, "/warehouse"),
            (Fixture.least(#""sequence":"5""#), .wrongType, "/sequence"),
            (Fixture.least(#""sequence":5.0"#), .wrongType, "/sequence"),
            (Fixture.least(#""sequence":5e1"#), .wrongType, "/sequence"),
            (Fixture.least(#""total":29.75"#), .wrongType, "/total: must be a decimal as text or an integer"),
            (Fixture.least(#""total":"1e3""#), .invalidValue, "/total"),
            (Fixture.least(#""total":true"#), .wrongType, "/total"),
            (Fixture.least(#""total":12345678901234567890"#), .invalidValue, "/total"),
            (Fixture.least(#""currency":"eur""#), .invalidValue, "/currency"),
            (Fixture.least(#""currency":"EURO""#), .invalidValue, "/currency"),
            (Fixture.least(#""customer":"C-1""#), .wrongType, "/customer"),
            (Fixture.least(#""customer":{"name":[]}"#), .wrongType, "/customer/name"),
            (
                Fixture.least("\"customer\":{\"name\":\"\(String(repeating: "é", count: 257))\"}"), .invalidValue,
                "/customer/name"
            ),
            (Fixture.least(#""lines":{}"#), .wrongType, "/lines"),
            (Fixture.least(#""lines":[1]"#), .wrongType, "/lines/0"),
            (Fixture.least(#""lines":[{},{"quantity":1.5}]"#), .wrongType, "/lines/1/quantity: must be a decimal"),
            (Fixture.least(#""lines":[{"line":1}]"#), .wrongType, "/lines/0/line"),
            (Fixture.least(#""references":[{"kind":"nick","value":"a"}]"#), .invalidValue, "/references/0/kind"),
            (Fixture.least(#""references":[{"kind":"odoo"}]"#), .missingField, "/references/0/value"),
            (Fixture.least(#""references":[{"value":"a"}]"#), .missingField, "/references/0/kind"),
            (
                Fixture.least(#""references":[{"kind":"odoo","issuer":"a/b","value":"a"}]"#), .invalidValue,
                "/references/0/issuer"
            ),
            (Fixture.least(#""shipment":{"carrier":"DHL"}"#), .missingField, "/shipment/ref"),
            (Fixture.least(#""invoice":{}"#), .missingField, "/invoice/ref"),
            (Fixture.least(#""payment":{"ref":"P"}"#), .missingField, "/payment/status"),
            (Fixture.least(#""payment":{"status":"failed"}"#), .missingField, "/payment/ref"),
            (Fixture.least(#""payment":{"ref":"P","status":"lost"}"#), .invalidValue, "/payment/status"),
            (Fixture.least(#""hold":{"reason":"mood"}"#), .invalidValue, "/hold/reason"),
            (
                Fixture.least(#""invoice":{"ref":"I","lines":[{"line":"1"}]}"#), .missingField,
                "/invoice/lines/0/quantity"
            ),
            (Fixture.least(#""invoice":{"ref":"I","lines":[{"quantity":1}]}"#), .missingField, "/invoice/lines/0/line"),
            (
                Fixture.least(#""shipment":{"ref":"I","lines":[{"line":"1","quantity":-1}]}"#), .invalidValue,
                "/shipment/lines/0/quantity"
            ),
            (
                Fixture.least(#""allocation":{"lines":[{"line":"1","quantity":1,"expected":"soon"}]}"#), .invalidValue,
                "/allocation/lines/0/expected"
            ),
            (
                Fixture.least(#""allocation":{"lines":[{"line":"1","quantity":1,"expected":"2026-02-30"}]}"#),
                .invalidValue, "/allocation/lines/0/expected"
            ),
        ] as [(String, DeadLetter.Reason, String)])
    func eachMistakeHasItsReasonAndPlace(_ text: String, _ reason: DeadLetter.Reason, _ place: String) throws {
        let letter = try Fixture.letter(text)
        #expect(letter.reason == reason, "\(letter.detail)")
        #expect(letter.detail.hasPrefix(place), "\(letter.detail)")
        #expect(letter.payload == Array(text.utf8) && letter.payloadCount == text.utf8.count)
    }

    @Test(arguments: [
        ("event_id", "\"e1\""), ("legal_entity", "\"ACME\""), ("occurred_at", "\"2026-11-23T12:34:56Z\""),
        ("order_ref", "\"o1\""),
        ("status", "\"received\""),
    ])
    func requiredMembersAreRequired(_ name: String, _ value: String) throws {
        for other in ["\"\(name)\":null", "\"other\":0"] {
            let letter = try Fixture.letter(
                Fixture.least().replacingOccurrence(of: "\"\(name)\":\(value)", with: other))
            #expect(letter.reason == .missingField && letter.detail.hasPrefix("/\(name): "))
        }
        for wrong in ["1", "[]", "{}", "true"] {
            let letter = try Fixture.letter(
                Fixture.least().replacingOccurrence(of: "\"\(name)\":\(value)", with: "\"\(name)\":\(wrong)"))
            #expect(letter.reason == .wrongType && letter.detail.hasPrefix("/\(name): "))
        }
    }

    @Test func brokenUTF8HasItsOwnReason() throws {
        var value = Array(Fixture.least().utf8)
        let place = try #require(value.firstIndex(of: 0x41))
        value[place] = 0xFF
        guard case .deadLetter(let letter) = Fixture.canonical.decode(value: value, key: nil, source: Fixture.source)
        else {
            Issue.record("broken UTF-8 is no event")
            return
        }
        #expect(letter.reason == .notUTF8 && letter.detail == "byte \(place): not UTF-8")
    }

    /// A marker is put at every place where a text can stand; no detail may repeat it.
    @Test func detailsNeverShowWhatWasRead() throws {
        let marker = "S3CRET marker"
        for part in Fixture.full.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        where part.offset % 2 == 1 {
            var parts = Fixture.full.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
            parts[part.offset] = marker
            switch Fixture.decode(parts.joined(separator: "\"")) {
            case .deadLetter(let letter): #expect(!letter.detail.contains("S3CRET"))
            case .event(let event): #expect(event.refusal?.detail.contains("S3CRET") != true)
            }
        }
    }

    @Test func tooManyElementsAreRefused() throws {
        func lines(_ count: Int) -> String {
            Fixture.least("\"lines\":[" + Array(repeating: "{}", count: count).joined(separator: ",") + "]")
        }
        #expect(try Fixture.event(lines(5000)).lines.count == 5000)
        #expect(try Fixture.letter(lines(5001)).detail.hasPrefix("/lines/5000: "))
    }
}
