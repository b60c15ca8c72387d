import OrderEvents
import Testing

/// Goal: a CloudEvent is the same order event in either mode, without any mapping of a channel's own.
@Suite struct CloudEventTests {
    private static let data = #"""
        {"sequence":5,"currency":"EUR","total":"29.75","customer":{"ref":"C-1"},"lines":[{"line":"1","sku":"A","quantity":"2"}],
         "references":[{"kind":"wms_order","value":"W-77"}],"shipment":{"ref":"S-1","tracking":"0034","lines":[{"line":"1","quantity":"1"}]},
         "payment":{"ref":"P-1","status":"captured","amount":"29.75"}}
        """#
    static let structured =
        #"{"specversion":"1.0","id":"77","source":"/wms/ber","type":"com.example.order.shipped","subject":"O-1","#
        + #""time":"2026-11-23T12:34:56Z","legalentity":"ACME","warehouse":"BER1","datacontenttype":"application/json","data":"#
        + data + "}"

    private static func headers(_ more: [(String, String)] = [], without: String = "") -> [PolledHeader] {
        let own = [
            ("ce_specversion", "1.0"), ("ce_id", "77"), ("ce_source", "/wms/ber"),
            ("ce_type", "com.example.order.shipped"), ("ce_subject", "O-1"), ("ce_time", "2026-11-23T12:34:56Z"),
            ("ce_legalentity", "ACME"), ("ce_warehouse", "BER1"), ("content-type", "application/json; charset=utf-8"),
            ("traceparent", "00-1"),
        ].filter { $0.0 != without }
        return (own + more).map { PolledHeader($0.0, Array($0.1.utf8)) }
    }

    static func decoder(_ mapping: Mapping = Mapping(), issuer: String? = nil) -> EventDecoder {
        EventDecoder(ChannelFormat(name: "ce", index: 0, kind: .cloudEvents(mapping), issuer: issuer))
    }

    private static func decode(
        _ value: String?, _ headers: [PolledHeader] = [], by decoder: EventDecoder = decoder()
    ) -> Taken {
        decoder.decode(value: value.map { Array($0.utf8) }, key: nil, source: Fixture.source) { headers }
    }

    private static func event(_ taken: Taken) throws -> OrderEvent {
        guard case .event(let event) = taken else {
            Issue.record("\(taken)")
            throw Fixture.Unexpected.deadLetter
        }
        return event
    }

    @Test func bothModesSayTheSame() throws {
        let one = try Self.event(Self.decode(Self.structured))
        let other = try Self.event(Self.decode(Self.data, Self.headers()))
        let listing = one.listing.map { "\($0.pointer) \($0.text)" }
        #expect(listing == other.listing.map { "\($0.pointer) \($0.text)" })
        #expect(
            listing.prefix(4) == ["/event_id /wms/ber|77", "/legal_entity ACME", "/warehouse BER1", "/order_ref O-1"])
        #expect(listing.contains("/status shipped") && listing.contains("/shipment/tracking 0034"))
        #expect(listing.contains("/payment/status captured") && listing.contains("/references/0/value W-77"))
    }

    @Test func whatTheJournalKeepsCanBeReadWithoutHeaders() throws {
        let event = try Self.event(Self.decode(Self.data, Self.headers()))
        let payload = Array(event.bytes[..<event.payloadCount])
        let again = try #require(
            Self.decoder().decodeAgain(payload, legalEntity: "ACME", source: Fixture.source))
        #expect(again.listing.map(\.text) == event.listing.map(\.text) && again.contentHash == event.contentHash)
        let other = try Self.event(Self.decode(Self.data, Self.headers([("ce_extra", "x")])))
        #expect(other.contentHash != event.contentHash, "attributes are content")
    }

    @Test(
        arguments: [
            ("com.example.order.shipped", "{}", .state(.shipped), nil), ("delivered", "{}", nil, .delivered),
            ("release", "{}", .release, nil),
            ("order.updated", "{\"status\":\"allocated\"}", .state(.allocated), nil),
            ("order.updated", "{\"milestone\":\"payment\"}", nil, .payment),
            ("shipped", "{\"milestone\":\"tracking\"}", .state(.shipped), .tracking),
        ] as [(String, String, StatusWord?, Milestone?)])
    func theTypeIsTheWord(_ type: String, _ data: String, _ status: StatusWord?, _ milestone: Milestone?) throws {
        let headers = Self.headers([("ce_type", type)], without: "ce_type")
        let event = try Self.event(Self.decode(data, headers))
        #expect(event.status == status && event.milestone == milestone && event.refusal == nil)
    }

    @Test func aTypeWithoutMeaningIsRefused() throws {
        let headers = Self.headers([("ce_type", "com.example.pinged")], without: "ce_type")
        let refusal = try #require(try Self.event(Self.decode("{}", headers)).refusal)
        #expect(refusal.code == .unknownStatus && refusal.detail.contains("/type") && refusal.detail.contains("pinged"))
    }

    @Test func aChannelsOwnMappingIsLaidOver() throws {
        var mapping = Mapping(statuses: ["com.example.order.shipped": .state(.closed)])
        mapping[.event, .eventID] = try Fixture.at("/id")
        mapping[.event, .orderRef] = try Fixture.at("/data/no")
        mapping[.event, .legalEntity] = .constant("FIXED")
        mapping.groups[.lines] = Mapping.Group(
            at: try JSONPointer("/data/items"), fields: try Fixture.fields([.sku: "/code", .quantity: "/n"]))
        let data = #"{"no":7,"items":[{"code":"Q","n":1}],"lines":[{"sku":"no","quantity":"1"}],"currency":"EUR"}"#
        let taken = Self.decode(data, Self.headers(), by: Self.decoder(mapping, issuer: "shop"))
        let event = try Self.event(taken)
        #expect(event.text(event.eventID) == "77" && event.text(event.orderRef) == "shop/7")
        #expect(event.text(event.legalEntity) == "FIXED" && event.status == .state(.closed))
        #expect(event.lines.map { event.text($0.sku) } == ["Q"] && event.text(event.currency) == "EUR")
    }

    @Test func longSourcesAreHashed() throws {
        let long = "/" + String(repeating: "s", count: 200)
        for source in [long, "/with space"] {
            let headers = Self.headers([("ce_source", source)], without: "ce_source")
            let event = try Self.event(Self.decode("{}", headers))
            let id = event.text(event.eventID)
            #expect(id.hasSuffix("|77") && id.utf8.count == 19)
        }
        let text = Self.structured.replacingOccurrence(of: "\"77\"", with: "\"\(String(repeating: "7", count: 120))\"")
        guard case .deadLetter(let letter) = Self.decode(text) else {
            Issue.record("an identifier of 129 bytes")
            return
        }
        #expect(letter.reason == .invalidValue && letter.detail.hasPrefix("/id"))
    }

    @Test(
        arguments: [
            (data, "ce_specversion", .missingField, "/specversion"), (data, "ce_source", .missingField, "/source"),
            (data, "ce_id", .missingField, "/id"), (data, "ce_subject", .missingField, "/subject"),
            (data, "ce_time", .missingField, "/time"), (data, "ce_legalentity", .missingField, "/legalentity"),
            (data, "ce_type", .missingField, "/type"), ("{\"lines\":7}", "", .wrongType, "/data/lines"),
            ("{\"a\":}", "", .notJSON, "byte 5"), ("{} x", "", .notJSON, "byte 3"),
            ("{\"shipment\":{\"carrier\":\"DHL\"}}", "", .missingField, "/data/shipment/ref"),
        ] as [(String, String, DeadLetter.Reason, String)])
    func eachMistakeHasItsReasonAndPlace(
        _ value: String, _ without: String, _ reason: DeadLetter.Reason, _ place: String
    ) {
        guard case .deadLetter(let letter) = Self.decode(value, Self.headers(without: without)) else {
            Issue.record("an event without \(without)")
            return
        }
        #expect(letter.reason == reason && letter.detail.hasPrefix(place), "\(letter.reason) \(letter.detail)")
        #expect(letter.payload == Array(value.utf8))
    }

    @Test(
        arguments: [
            ([("content-type", "application/cloudevents-batch+json")], "[]", DeadLetter.Reason.invalidValue),
            ([("content-type", "application/cloudevents+avro")], "x", .invalidValue),
            ([("ce_id", "1"), ("content-type", "text/plain")], "x", .invalidValue),
            ([("ce_id", "1"), ("ce_id", "2")], "{}", .invalidValue), ([("ce_", "1")], "{}", .invalidValue),
            ([("ce_data", "1")], "{}", .invalidValue),
            ([("ce_id", String(repeating: "x", count: 70_000))], "{}", .invalidValue),
            ([("content-type", "application/cloudevents+json")], "{\"specversion\":\"0.3\"}", .unsupportedVersion),
            ([], "{\"specversion\":\"1.0\",\"data_base64\":\"e30=\"}", .wrongType), ([], "", .empty),
        ] as [([(String, String)], String, DeadLetter.Reason)])
    func otherFormsAreRefused(_ headers: [(String, String)], _ value: String, _ reason: DeadLetter.Reason) {
        let headers = headers.map { PolledHeader($0.0, Array($0.1.utf8)) }
        guard case .deadLetter(let letter) = Self.decode(value, headers) else {
            Issue.record("an event")
            return
        }
        #expect(letter.reason == reason, "\(letter.detail)")
    }

    @Test func anEventWithoutDataIsOne() throws {
        let event = try Self.event(Self.decode(nil, Self.headers()))
        #expect(event.status == .state(.shipped) && event.facts == nil)
        guard case .deadLetter(let letter) = Self.decode(nil) else {
            Issue.record("a tombstone is an event")
            return
        }
        #expect(letter.reason == .tombstone)
    }

    /// By the extension for distributed tracing; the header without `ce_` is of the last hop, and counts before it.
    @Test func theAttributeTraceparentNamesTheTraceWhereNoHeaderDoes() throws {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let inHeader = try Self.event(Self.decode(Self.data, Self.headers([("ce_traceparent", text)])))
        #expect(inHeader.source.trace?.traceparent == text)
        let more = { (value: String) in
            Self.structured.replacingOccurrence(of: #""id":"77""#, with: #""id":"77","traceparent":"# + value)
        }
        let inText = try Self.event(Self.decode(more("\"\(text)\"")))
        #expect(inText.source.trace?.traceparent == text)
        var source = Fixture.source
        source.trace = TraceContext(high: 1, low: 2, parent: 3, flags: 0)
        let value = Array(more("\"\(text)\"").utf8)
        let hop = try Self.event(Self.decoder().decode(value: value, key: nil, source: source))
        #expect(hop.source.trace == source.trace)
        // What cannot be read is as if it were not there.
        for bad in ["\"00-1\"", "\"\"", "7", "{\"a\":[1]}", "null", "\"\(text)-\""] {
            #expect(try Self.event(Self.decode(more(bad))).source.trace == nil, "\(bad)")
        }
    }

    @Test func attributesMayHaveAnyCharacter() throws {
        let headers = Self.headers([("ce_subject", "a\"\\b")], without: "ce_subject")
        let event = try Self.event(Self.decode("{}", headers))
        #expect(event.text(event.orderRef) == "a\"\\b")
        var raw = Self.headers(without: "ce_note")
        raw.append(PolledHeader("ce_note", [0x22, 0x01, 0x0A, 0x5C]))
        #expect(try Self.event(Self.decode("{}", raw)).status == .state(.shipped))
        raw.append(PolledHeader("ce_bad", [0xFF]))
        guard case .deadLetter(let letter) = Self.decode("{}", raw) else {
            Issue.record("not UTF-8")
            return
        }
        #expect(letter.reason == .invalidValue && letter.detail.contains("ce_NAME"))
    }
}
