import OrderEvents
import Testing

/// Goal: every member of the canonical event arrives, and each way to get one wrong has its reason and its place.
@Suite struct CanonicalEventTests {
    @Test func everyMemberArrives() throws {
        let event = try Fixture.event(Fixture.full)
        #expect(event.source == Fixture.source)
        #expect(event.channel == 7)
        #expect(event.text(event.eventID) == "wms-5521")
        #expect(event.text(event.legalEntity) == "ACME-DE")
        #expect(event.text(event.warehouse) == "BER1")
        #expect(event.text(event.orderRef) == "amazon-eu/302-8812345-1234567")
        #expect(event.reference == nil)
        #expect(event.status == .state(.partiallyFulfilled))
        #expect(event.milestone == .tracking)
        #expect(event.occurredAt == Timestamp(rfc3339: "2026-11-23T12:34:56.789Z"))
        #expect(event.sequence == 5)
        #expect(event.text(event.currency) == "EUR")
        #expect(event.total == ExactDecimal("29.75"))
        #expect(event.text(event.customerRef) == "C-100")
        #expect(event.text(event.customerName) == "A. Customer")
        #expect(event.refusal == nil)
        #expect(event.entity == -1 && event.lane == -1)
        let line = try #require(event.lines.first)
        #expect(event.lines.count == 1)
        #expect(event.text(line.line) == "1" && event.text(line.sku) == "ABC-123" && event.text(line.tax) == "DE19")
        #expect(line.quantity == ExactDecimal("2") && line.unitPrice == ExactDecimal("12.5"))
        #expect(event.bytes == Array(Fixture.full.utf8))
        #expect(event.payloadCount == event.bytes.count)
        #expect(event.contentHash == StableHash.hash(event.bytes.span))
    }

    @Test func everyFactArrives() throws {
        let event = try Fixture.event(Fixture.full)
        let facts = try #require(event.facts)
        #expect(facts.references.map(\.kind) == [.wmsOrder, .tracking])
        #expect(facts.references.map { event.text($0.issuer) } == ["", "dhl"])
        #expect(facts.references.map { event.text($0.value) } == ["W-77", "00340434"])
        let allocation = try #require(facts.allocation.first)
        #expect(event.text(allocation.line) == "1" && allocation.quantity == .one && allocation.backordered == .one)
        #expect(event.text(allocation.expected) == "2026-12-01")
        let shipment = try #require(facts.shipment)
        #expect(event.text(shipment.ref) == "S-1" && event.text(shipment.carrier) == "DHL")
        #expect(event.text(shipment.tracking) == "00340434" && shipment.lines.count == 1)
        #expect(facts.invoice.map { event.text($0.ref) } == "INV-1" && facts.invoice?.lines.first?.quantity == .one)
        #expect(facts.cancellation.map { event.text($0.reason) } == "customer")
        #expect(facts.cancellation?.lines.count == 1)
        let payment = try #require(facts.payment)
        #expect(event.text(payment.ref) == "P-1" && payment.status == .captured)
        #expect(payment.amount == ExactDecimal("29.75"))
        #expect(facts.hold.map { event.text($0.reason) } == "credit")
        #expect(event.cost > event.bytes.count)
    }

    @Test func theLeastEventHasNothingElse() throws {
        let event = try Fixture.event(Fixture.least())
        #expect(event.facts == nil && event.lines.isEmpty && event.sequence == nil && event.total == nil)
        #expect(event.warehouse.isEmpty && event.customerRef.isEmpty && event.milestone == nil)
        #expect(event.text(event.orderRef) == "o1")
    }

    @Test(arguments: CanonicalState.allCases.map(\.name) + ["release"])
    func everyStatusIsKnown(_ word: String) throws {
        let text = Fixture.least().replacingOccurrence(of: "\"received\"", with: "\"\(word)\"")
        #expect(try Fixture.event(text).status?.name == word)
    }

    @Test(arguments: Milestone.allCases.map(\.name))
    func everyMilestoneIsKnown(_ word: String) throws {
        let text = Fixture.least().replacingOccurrence(of: "\"status\":\"received\"", with: "\"milestone\":\"\(word)\"")
        let event = try Fixture.event(text)
        #expect(event.milestone?.name == word && event.status == nil)
    }

    @Test(arguments: ReferenceKind.allCases)
    func anOrderCanBeNamedByAnyReference(_ kind: ReferenceKind) throws {
        let reference = #""reference":{"kind":"\#(kind.name)","issuer":"x1","value":"v/2"}"#
        let event = try Fixture.event(
            Fixture.least().replacingOccurrence(of: #""order_ref":"o1""#, with: reference))
        if kind == .order {
            #expect(event.text(event.orderRef) == "x1/v/2" && event.reference == nil)
            #expect(event.bytes.count > event.payloadCount)
        } else {
            let found = try #require(event.reference)
            #expect(event.orderRef.isEmpty && found.kind == kind)
            #expect(event.text(found.issuer) == "x1" && event.text(found.value) == "v/2")
        }
        #expect(Array(event.bytes.prefix(event.payloadCount)).count == event.payloadCount)
    }

    @Test func aReferenceBesideTheOrderReferenceIsOneMoreName() throws {
        let event = try Fixture.event(Fixture.least(#""reference":{"kind":"order","value":"old"}"#))
        #expect(event.text(event.orderRef) == "o1" && event.reference == nil)
        #expect(event.facts?.references.map { event.text($0.value) } == ["old"])
    }

    @Test func theChannelsIssuerBecomesPartOfTheOrderReference() throws {
        let decoder = EventDecoder(ChannelFormat(name: "portal", index: 0, kind: .canonical, issuer: "portal"))
        let event = try Fixture.event(Fixture.least(), by: decoder)
        #expect(event.text(event.orderRef) == "portal/o1")
        #expect(Array(event.bytes[..<event.payloadCount]) == Array(Fixture.least().utf8))
        #expect(decoder.spareBytes >= event.bytes.count - event.payloadCount)
        let long = Fixture.least().replacingOccurrence(
            of: "\"o1\"", with: "\"" + String(repeating: "x", count: 122) + "\"")
        let letter = try Fixture.letter(long, by: decoder)
        #expect(letter.reason == .invalidValue && letter.detail.hasPrefix("/order_ref: "))
    }

    @Test func channelsOfOtherNumbersFindTheirOrderByReference() throws {
        let format = ChannelFormat(name: "wms", index: 0, kind: .canonical, orderKind: .wmsOrder, issuer: "wms")
        let event = try Fixture.event(Fixture.least(), by: EventDecoder(format))
        let reference = try #require(event.reference)
        #expect(event.orderRef.isEmpty && reference.kind == .wmsOrder)
        #expect(event.text(reference.issuer) == "wms" && event.text(reference.value) == "o1")
    }

    @Test func escapedTextIsUnescapedBehindThePayload() throws {
        let text = Fixture.least(
            #""\u0063ustomer":{"name":"A \"B\" \ud83d\ude00"},"warehouse":"\u0042ER1","lines":[{"sku":"a\tb"}]"#)
        let event = try Fixture.event(text)
        #expect(event.text(event.customerName) == "A \"B\" 😀")
        #expect(event.text(event.warehouse) == "BER1")
        #expect(event.lines.map { event.text($0.sku) } == ["a\tb"])
        #expect(Int(event.warehouse.start) >= event.payloadCount)
        #expect(Array(event.bytes[..<event.payloadCount]) == Array(text.utf8))
        let escaped = Fixture.least().replacingOccurrence(of: "\"received\"", with: #""rec\u0065ived""#)
            .replacingOccurrence(of: "2026-11-23T", with: #"\u0032026-11-23T"#)
        #expect(try Fixture.event(escaped).status == .state(.received))
        #expect(try Fixture.event(Fixture.least(#""total":"1\u002e5""#)).total == ExactDecimal("1.5"))
    }

    @Test func unknownMembersAndNullsAreNothing() throws {
        let text = Fixture.least(
            #""warehouse":null,"total":null,"lines":null,"customer":{"ref":null,"x":[{}]},"later":{"a":[1,{"b":2}]},"sku":5"#
        )
        let event = try Fixture.event(text)
        #expect(event.warehouse.isEmpty && event.total == nil && event.lines.isEmpty && event.customerRef.isEmpty)
    }

    @Test func quantitiesAreTextOrIntegers() throws {
        let event = try Fixture.event(
            Fixture.least(#""lines":[{"quantity":3},{"quantity":"0.25"},{"quantity":-1}],"total":-0"#))
        #expect(event.lines.map(\.quantity) == [ExactDecimal("3"), ExactDecimal("0.25"), ExactDecimal("-1")])
        #expect(event.total == .zero)
    }

    @Test func anAllocationMayTellOfABackorderAlone() throws {
        let event = try Fixture.event(Fixture.least(#""allocation":{"lines":[{"sku":"A","backordered":2}]}"#))
        let allocation = try #require(event.facts?.allocation.first)
        #expect(allocation.quantity == .zero && allocation.backordered == ExactDecimal("2"))
    }

    @Test func sequencesAreWholeNumbersOf64Bits() throws {
        for number in [Int64.min, -1, 0, Int64.max] {
            #expect(try Fixture.event(Fixture.least("\"sequence\":\(number)")).sequence == number)
        }
        for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999"] {
            #expect(try Fixture.letter(Fixture.least("\"sequence\":\(text)")).reason == .invalidValue)
        }
    }

    @Test(arguments: [
        (#""status":"shiped""#, "'shiped'"), (#""status":"E-104.v2_b""#, "'E-104.v2_b'"),
        (#""milestone":"Lost""#, "'Lost'"), (#""status":"""#, "its word (0 bytes, not shown)"),
        ("\"status\":\"\(String(repeating: "x", count: 40))\"", "'xxxx"),
        ("\"status\":\"\(String(repeating: "x", count: 41))\"", "its word (41 bytes, not shown)"),
        // What a field that is mapped wrongly may hold.
        (#""status":"Ada Lovelace""#, "its word (12 bytes, not shown)"),
        (#""status":"ada@example.org""#, "its word (15 bytes, not shown)"),
        (#""status":"M\u00fcller""#, "its word (7 bytes, not shown)"),
        (#""status":"O'Neil""#, "its word (6 bytes, not shown)"),
        (#""status":"+49301234""#, "its word (9 bytes, not shown)"),
        (#""milestone":"DE8937040""#, "its word (9 bytes, not shown)"),
        (#""status":"1815-12-10""#, "its word (10 bytes, not shown)"),
    ])
    func anUnknownWordIsRefusedButReadable(_ member: String, _ shown: String) throws {
        let text = Fixture.least().replacingOccurrence(of: #""status":"received""#, with: member)
        let refusal = try #require(try Fixture.event(text).refusal)
        #expect(refusal.code == .unknownStatus)
        #expect(refusal.detail.contains(shown) && refusal.detail.contains("channel portal"))
    }
}

extension String {
    /// The text with the first occurrence of `part` replaced; the test fails on its own when there is none.
    func replacingOccurrence(of part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return "no occurrence of \(part)" }
        return replacingCharacters(in: range, with: other)
    }

    private func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
