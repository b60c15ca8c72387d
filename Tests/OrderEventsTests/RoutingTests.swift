import OrderEvents
import Testing

/// Goal: the first rule that holds gives the event its place, and no other rule has a say.
@Suite struct RoutingTests {
    private static func pointer(_ text: String, _ values: String?...) throws -> RouteRule.Condition {
        RouteRule.Condition(.pointer(try JSONPointer(text)), values)
    }

    private static func rules() throws -> [RouteRule] {
        [
            RouteRule(
                name: "b2b", when: [try pointer("/payload/b2b", "true"), try pointer("/payload/level", "3", "4")],
                legalEntity: "ACME-B2B", tags: ["wholesale"]),
            RouteRule(name: "header", when: [RouteRule.Condition(.header("region"), ["fr"])], legalEntity: "ACME-FR"),
            RouteRule(name: "topic", when: [RouteRule.Condition(.topic, ["t.outlet"])], warehouse: "OUTLET"),
            RouteRule(
                name: "field", when: [RouteRule.Condition(.field(.warehouse), ["FC-MUC"])], legalEntity: "ACME-AT",
                warehouse: "MUC1"),
            RouteRule(
                name: "word",
                when: [
                    RouteRule.Condition(.field(.status), ["release"]), RouteRule.Condition(.field(.currency), ["EUR"]),
                ], tags: ["a", "b"]),
            RouteRule(name: "absent", when: [try pointer("/payload/merchant", nil, "OLD")], legalEntity: "ACME-DE"),
        ]
    }

    private static func event(_ text: String, topic: String = "t", headers: [PolledHeader] = []) throws -> OrderEvent {
        let format = ChannelFormat(
            name: "m", index: 0, kind: .mapped(try Fixture.mapping()), routes: try rules())
        let taken = EventDecoder(format, topic: topic).decode(
            value: Array(text.utf8), key: nil, source: Fixture.source, headers: { headers })
        guard case .event(let event) = taken else {
            Issue.record("\(taken)")
            throw Fixture.Unexpected.deadLetter
        }
        return event
    }

    @Test(
        arguments: [
            ("\"b2b\":true,\"level\":3,", -1, 0, "ACME-B2B", "FC-BER"),
            ("\"b2b\":\"true\",\"level\":\"4\",", -1, 0, "ACME-B2B", "FC-BER"),
            ("\"b2b\":true,\"level\":5,", -1, -1, "ACME-DE", "FC-BER"), ("\"b2b\":true,", -1, -1, "ACME-DE", "FC-BER"),
            ("\"b2b\":[true],\"level\":3,", -1, -1, "ACME-DE", "FC-BER"),
            ("\"b2b\":null,\"level\":3,", -1, -1, "ACME-DE", "FC-BER"),
            ("\"b2b\":true,\"level\":3,", 0, 0, "ACME-B2B", "FC-BER"), ("", 0, 1, "ACME-FR", "FC-BER"),
        ] as [(String, Int, Int, String, String)])
    func recordAndHeadersDecide(
        _ members: String, _ header: Int, _ rule: Int, _ entity: String, _ warehouse: String
    ) throws {
        let text = Fixture.mapped.replacingOccurrence(
            of: "\"payload\":{\"orderId\":\"302-1\"", with: "\"payload\":{" + members + "\"orderId\":\"302-1\"")
        let headers =
            header == 0 ? [PolledHeader("region", Array("de".utf8)), PolledHeader("region", Array("fr".utf8))] : []
        let event = try Self.event(text, headers: headers)
        #expect(Int(event.rule) == rule && event.text(event.legalEntity) == entity)
        #expect(event.text(event.warehouse) == warehouse)
    }

    @Test func topicAndFieldsDecide() throws {
        let outlet = try Self.event(Fixture.mapped, topic: "t.outlet")
        #expect(
            outlet.rule == 2 && outlet.text(outlet.legalEntity) == "ACME-DE"
                && outlet.text(outlet.warehouse) == "OUTLET")
        let munich = try Self.event(Fixture.mapped.replacingOccurrence(of: "FC-BER", with: "FC-MUC"))
        #expect(
            munich.rule == 3 && munich.text(munich.legalEntity) == "ACME-AT" && munich.text(munich.warehouse) == "MUC1")
        let freed = try Self.event(Fixture.mapped.replacingOccurrence(of: "\"Shipped\"", with: "\"Freed\""))
        #expect(freed.rule == 4 && freed.text(freed.legalEntity) == "ACME-DE")
    }

    @Test func whatTheRecordLacksARuleMayGive() throws {
        let lacking = Fixture.mapped.replacingOccurrence(of: "\"merchant\":\"ACME-DE\",", with: "")
        let event = try Self.event(lacking)
        #expect(event.rule == 5 && event.text(event.legalEntity) == "ACME-DE")
        #expect(try Fixture.letter(lacking, by: try Fixture.mappedDecoder()).reason == .missingField)
    }

    @Test func canonicalEventsAreRoutedToo() throws {
        let rules = [
            RouteRule(
                name: "one", when: [RouteRule.Condition(.field(.orderRef), ["o1"])], legalEntity: "B", warehouse: "W")
        ]
        let decoder = EventDecoder(ChannelFormat(name: "c", index: 0, kind: .canonical, routes: rules))
        let event = try Fixture.event(Fixture.least(), by: decoder)
        #expect(event.rule == 0 && event.text(event.legalEntity) == "B" && event.text(event.warehouse) == "W")
        let other = try Fixture.event(
            Fixture.least().replacingOccurrence(of: "\"o1\"", with: "\"o2\""), by: decoder)
        #expect(other.rule == -1 && other.text(other.legalEntity) == "ACME")
    }

    @Test func whatWasRoutedOnceStaysThere() throws {
        // Headers and topic are gone when a parked event is read again.
        let event = try Self.event(Fixture.mapped, headers: [PolledHeader("region", Array("fr".utf8))])
        let format = ChannelFormat(name: "m", index: 0, kind: .mapped(try Fixture.mapping()), routes: try Self.rules())
        let again = try #require(
            EventDecoder(format).decodeAgain(
                Array(event.bytes[..<event.payloadCount]), legalEntity: event.text(event.legalEntity),
                source: Fixture.source))
        #expect(again.text(again.legalEntity) == "ACME-FR" && again.contentHash == event.contentHash)
        #expect(EventDecoder(format).decodeAgain(Array("{".utf8), legalEntity: "A", source: Fixture.source) == nil)
    }

    @Test func headersAreAskedForOnlyWhereARuleLooksAtThem() throws {
        var asked = 0
        let decoder = try Fixture.mappedDecoder()
        _ = decoder.decode(value: Array(Fixture.mapped.utf8), key: nil, source: Fixture.source) {
            asked += 1
            return []
        }
        #expect(asked == 0)
    }
}
