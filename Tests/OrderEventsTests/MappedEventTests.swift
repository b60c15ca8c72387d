import OrderEvents
import Testing

/// Goal: a channel's own JSON becomes the same event that the canonical form would.
@Suite struct MappedEventTests {
    @Test func everyFieldArrives() throws {
        let event = try Fixture.event(Fixture.mapped, by: Fixture.mappedDecoder())
        #expect(event.text(event.eventID) == "4711")
        #expect(event.text(event.orderRef) == "amazon-eu/302-1")
        #expect(event.text(event.legalEntity) == "ACME-DE")
        #expect(event.text(event.warehouse) == "FC-BER")
        #expect(event.status == .state(.shipped) && event.milestone == .tracking)
        #expect(event.occurredAt == Timestamp(rfc3339: "2026-11-23T11:34:56Z"))
        #expect(event.sequence == 3 && event.total == ExactDecimal("29.75"))
        #expect(event.text(event.currency) == "EUR")
        #expect(event.text(event.customerRef) == "99" && event.text(event.customerName) == "A. Customer")
        #expect(event.lines.count == 2 && event.channel == 2)
        let first = try #require(event.lines.first)
        #expect(event.text(first.line) == "1" && event.text(first.sku) == "ABC" && event.text(first.tax) == "DE19")
        #expect(first.quantity == ExactDecimal("2") && first.unitPrice == ExactDecimal("12.5"))
        let second = try #require(event.lines.last)
        #expect(second.line.isEmpty && event.text(second.sku) == "55" && second.unitPrice == nil)
        #expect(second.quantity == ExactDecimal("0.5"))
    }

    @Test(
        arguments: [
            ("\"Freed\"", StatusWord.release, nil), ("\"Delivered\"", nil, Milestone.delivered),
            ("7", .state(.closed), nil),
            ("\"Ausgef\\u00fchrt \\ud83d\\ude9a\"", .state(.shipped), nil), ("\"Ausgeführt 🚚\"", .state(.shipped), nil),
        ] as [(String, StatusWord?, Milestone?)])
    func wordsAreTranslated(_ word: String, _ status: StatusWord?, _ milestone: Milestone?) throws {
        let text = Fixture.mapped.replacingOccurrence(of: "\"Shipped\"", with: word)
        let event = try Fixture.event(text, by: Fixture.mappedDecoder())
        #expect(event.status == status && event.milestone == milestone && event.refusal == nil)
    }

    @Test func anUnknownWordIsRefusedAndNamesTheChannel() throws {
        let text = Fixture.mapped.replacingOccurrence(of: "\"Shipped\"", with: "\"shipped\"")
        let refusal = try #require(try Fixture.event(text, by: Fixture.mappedDecoder()).refusal)
        #expect(refusal.code == .unknownStatus)
        #expect(refusal.detail.contains("amazon-eu") && refusal.detail.contains("'shipped'"))
        #expect(refusal.detail.contains("/payload/status"))
    }

    @Test(
        arguments: [
            ("\"notificationId\":4711", "\"x\":0", .missingField, "/notificationId"),
            ("\"notificationId\":4711", "\"notificationId\":\"\"", .missingField, "/notificationId"),
            ("\"notificationId\":4711", "\"notificationId\":-5", .wrongType, "/notificationId"),
            ("\"notificationId\":4711", "\"notificationId\":1.5", .wrongType, "/notificationId"),
            ("\"302-1\"", "null", .missingField, "/payload/orderId"),
            ("\"302-1\"", "{\"a\":1}", .wrongType, "/payload/orderId"),
            ("\"302-1\"", "\"a b\"", .invalidValue, "/payload/orderId"),
            ("\"ACME-DE\"", "[]", .wrongType, "/payload/merchant"),
            ("\"payload\":{\"orderId\":\"302-1\",", "\"payload\":{", .missingField, "/payload/orderId"),
            ("\"revision\":3", "\"revision\":\"3\"", .wrongType, "/payload/revision"),
            ("\"revision\":3", "\"revision\":3.0", .wrongType, "/payload/revision"),
            ("\"total\":\"29.75\"", "\"total\":29.75", .wrongType, "/payload/total"),
            ("\"qty\":\"0.5\"", "\"qty\":0.5", .wrongType, "/payload/items/1/qty"),
            ("\"amount\":\"12.50\"", "\"amount\":\"x\"", .invalidValue, "/payload/items/0/price/amount"),
            ("\"items\":[", "\"items\":[3,", .wrongType, "/payload/items/0"),
            ("\"id\":99", "\"id\":{}", .wrongType, "/payload/buyers/0/id"),
            ("2026-11-23T12:34:56+01:00", "1795437296", .invalidValue, "/payload/updatedAt"),
            ("\"noise\":{", "\"noise\":{\"\\u0070ayload\":1,", .notJSON, "byte"),
            ("\"revision\":3", "\"revision\":3,\"r\\u0065vision\":3", .notJSON, "byte"),
            ("\"noise\":{\"payload\"", "\"payload\":0,\"noise\":{\"payload\"", .notJSON, "byte"),
        ] as [(String, String, DeadLetter.Reason, String)])
    func eachMistakeHasItsReasonAndPlace(
        _ part: String, _ other: String, _ reason: DeadLetter.Reason, _ place: String
    ) throws {
        let text = Fixture.mapped.replacingOccurrence(of: part, with: other)
        let letter = try Fixture.letter(text, by: Fixture.mappedDecoder())
        #expect(letter.reason == reason && letter.detail.hasPrefix(place), "\(letter.reason) \(letter.detail)")
    }

    @Test func anObjectWhoseParentIsNoObjectIsMissing() throws {
        let decoder = try Fixture.mappedDecoder()
        for text in [#"{"notificationId":"1","payload":"x"}"#, #"{"notificationId":"1","payload":[{"merchant":"A"}]}"#]
        {
            let letter = try Fixture.letter(text, by: decoder)
            #expect(letter.reason == .missingField && letter.detail.hasPrefix("/payload/merchant"))
        }
    }

    @Test func constantsStandForFields() throws {
        let decoder = try Fixture.mappedDecoder(issuer: nil) {
            $0[.event, .legalEntity] = .constant("ACME-FR")
            $0[.event, .warehouse] = .constant("LYS1")
        }
        let event = try Fixture.event(Fixture.mapped, by: decoder)
        #expect(event.text(event.legalEntity) == "ACME-FR" && event.text(event.warehouse) == "LYS1")
        #expect(event.text(event.orderRef) == "302-1")
        #expect(event.bytes.count - event.payloadCount == decoder.spareBytes)
    }

    @Test func fieldsMayShareAPointer() throws {
        let decoder = try Fixture.mappedDecoder {
            $0[.event, .eventID] = try Fixture.at("/payload/orderId")
            $0[.event, .customerName] = try Fixture.at("/payload/orderId")
            $0[.lines, .tax] = try Fixture.at("/sku")
        }
        let event = try Fixture.event(
            Fixture.mapped.replacingOccurrence(of: "\"sku\":55", with: "\"sku\":\"S\""), by: decoder)
        #expect(event.text(event.eventID) == "302-1" && event.text(event.orderRef) == "amazon-eu/302-1")
        #expect(event.text(event.customerName) == "302-1")
        #expect(event.lines.map { event.text($0.tax) } == ["ABC", "S"])
    }

    @Test func otherNumbersFindTheirOrderByReference() throws {
        let decoder = try Fixture.mappedDecoder(issuer: "sap", kind: .purchaseOrder)
        let event = try Fixture.event(Fixture.mapped, by: decoder)
        let reference = try #require(event.reference)
        #expect(event.orderRef.isEmpty && reference.kind == .purchaseOrder)
        #expect(event.text(reference.issuer) == "sap" && event.text(reference.value) == "302-1")
    }

    @Test(arguments: [
        ("/a", ["a"]), ("/a/b", ["a", "b"]), ("/", [""]), ("/a~1b/~0~01", ["a/b", "~~1"]), ("/0", ["0"]),
        ("//", ["", ""]),
    ])
    func pointersAreRead(_ text: String, _ steps: [String]) throws {
        #expect(try JSONPointer(text).steps == steps)
    }

    @Test(
        arguments: [
            ("", .empty), ("a", .noLeadingSlash), ("/~", .badEscape), ("/~2", .badEscape), ("/a~", .badEscape),
            ("#/a", .noLeadingSlash),
            (String(repeating: "/a", count: 65), .tooDeep),
        ] as [(String, JSONPointer.Defect)])
    func otherPointersAreRefused(_ text: String, _ defect: JSONPointer.Defect) {
        #expect(throws: defect) { try JSONPointer(text) }
    }

    @Test func issuersHaveNoSlash() {
        #expect(ChannelFormat.isIssuer("amazon-eu"))
        for text in ["", "a/b", "a b", "ä", String(repeating: "x", count: 65)] {
            #expect(!ChannelFormat.isIssuer(text))
        }
    }
}
