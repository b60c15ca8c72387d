import OrderEvents
import Testing

/// Goal: whatever the canonical event can say, a channel's own JSON can say, nested as the channel nests it.
@Suite struct MappedFactsTests {
    /// A channel with every group: arrays within arrays, facts that stand once, constants and defaults.
    static func mapping() throws -> Mapping {
        func group(_ at: String?, _ pointers: [MappedField: String]) throws -> Mapping.Group {
            Mapping.Group(at: try at.map { try JSONPointer($0) }, fields: try Fixture.fields(pointers))
        }
        let line: [MappedField: String] = [.line: "/pos", .sku: "/item/code", .quantity: "/n"]
        var mapping = Mapping(
            statuses: ["SENT": .state(.shipped), "HELD": .state(.onHold), "GONE": .state(.cancelled)],
            milestones: ["PAID": .payment, "SCAN": .inTransit],
            values: [
                "warehouse": ["FC-1": "BER1"], "sku": ["MKT-*": "*", "OLD-*": "NEW-*", "X": "Y"],
                "carrier": ["dhl*": "DHL"], "payment_status": ["settled": "captured"],
                "hold_reason": ["risk": "fraud"], "customer_group": ["B2B": "wholesale"],
                "kinds": ["po": "purchase_order"],
            ])
        mapping.groups[.event] = try group(
            nil,
            [
                .eventID: "/id", .orderRef: "/order/no", .legalEntity: "/org", .warehouse: "/wh", .status: "/state",
                .milestone: "/scan", .currency: "/cur", .customerGroup: "/group",
            ])
        mapping[.event, .occurredAt] = FieldSource(at: try JSONPointer("/at"), format: .epochMilliseconds)
        mapping[.event, .total] = FieldSource(at: try JSONPointer("/sum"), format: .number)
        mapping[.event, .currency]?.otherwise = "EUR"
        mapping.groups[.lines] = try group("/items", line.merging([.unitPrice: "/price", .tax: "/vat"]) { $1 })
        mapping[.lines, .tax]?.otherwise = "DE19"
        mapping.groups[.allocation] = try group("/items", [.line: "/pos", .quantity: "/got", .backordered: "/late"])
        mapping[.allocation, .quantity]?.otherwise = "0"
        mapping[.allocation, .expected] = FieldSource(at: try JSONPointer("/due"), format: .epochSeconds)
        mapping.groups[.shipment] = try group("/parcels", [.ref: "/id", .carrier: "/by", .tracking: "/track"])
        mapping.groups[.shipmentLines] = try group("/content", line)
        mapping[.shipmentLines, .quantity]?.otherwise = "1"
        mapping.groups[.invoice] = try group(nil, [.ref: "/bill/no"])
        mapping.groups[.invoiceLines] = try group("/bill/rows", line)
        mapping.groups[.payment] = try group("/money", [.ref: "/id", .status: "/state", .amount: "/amount"])
        mapping[.payment, .amount]?.format = .number
        mapping.groups[.cancellation] = try group(nil, [.reason: "/why"])
        mapping.groups[.cancellationLines] = try group("/gone", line)
        mapping.groups[.hold] = try group(nil, [.reason: "/risk"])
        var order = try group(nil, [.value: "/order/po", .issuer: "/order/buyer"])
        order.fields[.kind] = .constant("purchase_order")
        var others = try group("/refs", [.kind: "/type", .value: "/no"])
        others.fields[.kind]?.values = "kinds"
        others.fields[.issuer] = .constant("portal")
        mapping.references = [order, others]
        return mapping
    }

    static func decoder() throws -> EventDecoder {
        EventDecoder(ChannelFormat(name: "own", index: 0, kind: .mapped(try mapping())))
    }

    static let full = #"""
        {"id":"e1","order":{"no":"O-1","po":77,"buyer":"acme"},"org":"ACME","wh":"FC-1","state":"SENT","scan":"PAID",
         "at":1795437296789,"sum":29.750,"group":"B2B","refs":[{"type":"po","no":"P-2"},{"type":"tracking","no":"T-0"}],
         "items":[{"pos":"1","item":{"code":"MKT-A"},"n":"2","price":"12.50","got":1,"late":1,"due":1795478400},
                  {"pos":2,"item":{"code":"OLD-B"},"n":1,"price":4.0e0,"vat":"DE7"}],
         "parcels":[{"id":"S-1","by":"dhl express","track":"0034","content":[{"pos":"1","item":{"code":"X"},"n":"0.5"}]},
                    {"id":null,"track":"0035","content":[{"pos":"2"}]}],
         "bill":{"no":"R-1","rows":[{"pos":"1","n":"2"}]},
         "money":{"id":"M-1","state":"settled","amount":29.75},"gone":[{"pos":"2","n":"1"}],"why":"no stock","risk":"risk"}
        """#

    static var readable: String { full.replacingOccurrence(of: "4.0e0", with: "\"4\"") }

    @Test func everyGroupArrives() throws {
        let event = try Fixture.event(Self.readable, by: try Self.decoder())
        let expected = """
            /event_id e1
            /legal_entity ACME
            /warehouse BER1
            /order_ref O-1
            /status shipped
            /milestone payment
            /occurred_at 2026-11-23T12:34:56.789Z
            /currency EUR
            /total 29.75
            /customer/group wholesale
            /lines/0/line 1
            /lines/0/sku A
            /lines/0/quantity 2
            /lines/0/unit_price 12.5
            /lines/0/tax DE19
            /lines/1/line 2
            /lines/1/sku NEW-B
            /lines/1/quantity 1
            /lines/1/unit_price 4
            /lines/1/tax DE7
            /references/0/kind purchase_order
            /references/0/issuer acme
            /references/0/value 77
            /references/1/kind purchase_order
            /references/1/issuer portal
            /references/1/value P-2
            /references/2/kind tracking
            /references/2/issuer portal
            /references/2/value T-0
            /allocation/lines/0/line 1
            /allocation/lines/0/quantity 1
            /allocation/lines/0/backordered 1
            /allocation/lines/0/expected 2026-11-24
            /allocation/lines/1/line 2
            /allocation/lines/1/quantity 0
            /shipment/ref S-1
            /shipment/carrier DHL
            /shipment/tracking 0034
            /shipment/lines/0/line 1
            /shipment/lines/0/sku Y
            /shipment/lines/0/quantity 0.5
            /shipment/1/tracking 0035
            /shipment/1/lines/0/line 2
            /shipment/1/lines/0/quantity 1
            /invoice/ref R-1
            /invoice/lines/0/line 1
            /invoice/lines/0/quantity 2
            /payment/ref M-1
            /payment/status captured
            /payment/amount 29.75
            /cancellation/lines/0/line 2
            /cancellation/lines/0/quantity 1
            /cancellation/reason no stock
            /hold/reason fraud
            """
        let listing = event.listing.map { "\($0.pointer) \($0.text)" }
        for (one, other) in zip(listing, expected.split(separator: "\n").map(String.init)) { #expect(one == other) }
        #expect(listing.count == expected.split(separator: "\n").count)
        #expect(event.facts?.moreShipments.count == 1 && event.unmappedTable < 0)
    }

    @Test(
        arguments: [
            ("\"at\":1795437296789", "\"at\":\"2026-11-23T12:34:56Z\"", .invalidValue, "/at"),
            ("\"at\":1795437296789", "\"at\":true", .wrongType, "/at"),
            ("\"sum\":29.750", "\"sum\":2.975e1", .invalidValue, "/sum"),
            ("\"sum\":29.750", "\"sum\":1234567890123456789", .invalidValue, "/sum"),
            ("\"parcels\":[", "\"parcels\":[7,", .wrongType, "/parcels/0"),
            ("\"parcels\":[{\"id\":\"S-1\"", "\"parcels\":[{\"id\":{}", .wrongType, "/parcels/0/id"),
            ("\"track\":\"0035\"", "\"track\":null", .missingField, "/parcels/1/ref"),
            ("\"n\":\"0.5\"", "\"n\":\"-0.5\"", .invalidValue, "/parcels/0/content/0/n"),
            ("\"n\":\"0.5\"", "\"n\":0.5", .wrongType, "/parcels/0/content/0/n"),
            ("\"content\":[{\"pos\":\"2\"}]", "\"content\":[{}]", .missingField, "/parcels/1/content/0/line"),
            (
                "\"rows\":[{\"pos\":\"1\",\"n\":\"2\"}]", "\"rows\":[{\"pos\":\"1\"}]", .missingField,
                "/bill/rows/0/quantity"
            ),
            ("\"settled\"", "\"unsettled\"", .invalidValue, "/money/state"),
            ("\"state\":\"settled\",", "", .missingField, "/money/status"),
            ("\"risk\":\"risk\"", "\"risk\":\"mood\"", .invalidValue, "/risk"),
            ("\"type\":\"po\"", "\"type\":\"letter\"", .invalidValue, "/refs/0/type"),
            ("\"type\":\"po\",", "", .missingField, "/refs/0/kind"),
            ("\"buyer\":\"acme\"", "\"buyer\":\"a/b\"", .invalidValue, "/order/buyer"),
            ("\"due\":1795478400", "\"due\":\"soon\"", .invalidValue, "/items/0/due"),
            ("\"group\":\"B2B\"", "\"group\":[1]", .wrongType, "/group"),
        ] as [(String, String, DeadLetter.Reason, String)])
    func eachMistakeHasItsReasonAndPlace(
        _ part: String, _ other: String, _ reason: DeadLetter.Reason, _ place: String
    ) throws {
        let text = Self.readable.replacingOccurrence(of: part, with: other)
        let letter = try Fixture.letter(text, by: try Self.decoder())
        #expect(letter.reason == reason && letter.detail.hasPrefix(place + ":"), "\(letter.reason) \(letter.detail)")
    }

    @Test func factsThatTheRecordDoesNotTellAreNotMade() throws {
        let decoder = try Self.decoder()
        let text = #"{"id":1,"order":{"no":"O"},"org":"A","state":"SENT","at":0,"money":null,"parcels":[],"gone":[]}"#
        let event = try Fixture.event(text, by: decoder)
        #expect(event.facts == nil && event.occurredAt == Timestamp(microseconds: 0))
        // A reason alone cancels everything that is left, so only the word may make a cancellation of it.
        let reasoned = text.replacingOccurrence(of: "\"gone\":[]", with: "\"why\":\"late\"")
        #expect(try Fixture.event(reasoned, by: decoder).facts == nil)
        let cancelled = reasoned.replacingOccurrence(of: "SENT", with: "GONE")
        let cancellation = try #require(try Fixture.event(cancelled, by: decoder).facts?.cancellation)
        #expect(cancellation.lines.isEmpty)
    }

    @Test func aHoldThatIsAlwaysOneReasonIsToldWithItsWordOnly() throws {
        var mapping = try Self.mapping()
        mapping[.hold, .reason] = .constant("credit")
        let decoder = EventDecoder(ChannelFormat(name: "own", index: 0, kind: .mapped(mapping)))
        let text = #"{"id":1,"order":{"no":"O"},"org":"A","state":"HELD","at":0}"#
        let held = try Fixture.event(text, by: decoder)
        #expect(held.facts?.hold.map { held.text($0.reason) } == "credit")
        let sent = text.replacingOccurrence(of: "HELD", with: "SENT")
        #expect(try Fixture.event(sent, by: decoder).facts == nil)
    }

    @Test func anOrderIsFoundByReference() throws {
        var mapping = try Self.mapping()
        mapping[.event, .orderRef] = nil
        mapping.groups[.reference] = Mapping.Group(
            fields: [.kind: .constant("tracking"), .issuer: .constant("dhl"), .value: try Fixture.at("/parcel")])
        let decoder = EventDecoder(ChannelFormat(name: "dhl", index: 0, kind: .mapped(mapping)))
        let event = try Fixture.event(#"{"id":1,"org":"A","scan":"SCAN","at":0,"parcel":34}"#, by: decoder)
        let reference = try #require(event.reference)
        #expect(event.orderRef.isEmpty && reference.kind == .tracking && event.status == nil)
        #expect(event.text(reference.issuer) == "dhl" && event.text(reference.value) == "34")
        let letter = try Fixture.letter(#"{"id":1,"org":"A","scan":"SCAN","at":0}"#, by: decoder)
        #expect(letter.reason == .missingField && letter.detail.hasPrefix("/parcel"))
    }

    @Test func oneArrayMayGiveSeveralThingsAndASingleElementToo() throws {
        var mapping = try Self.mapping()
        mapping[.event, .customerName] = try Fixture.at("/items/1/item/code")
        let decoder = EventDecoder(ChannelFormat(name: "own", index: 0, kind: .mapped(mapping)))
        let event = try Fixture.event(Self.readable, by: decoder)
        #expect(event.text(event.customerName) == "OLD-B" && event.lines.count == 2)
        #expect(event.facts?.allocation.count == 2)
    }

    @Test func wordsThatNoRowHasAreNoted() throws {
        let decoder = try Self.decoder()
        for (part, other, table) in [
            ("FC-1", "FC-9", "warehouse"), ("dhl express", "ups", "carrier"), ("\"B2B\"", "\"VIP\"", "customer_group"),
        ] {
            let event = try Fixture.event(Self.readable.replacingOccurrence(of: part, with: other), by: decoder)
            #expect(decoder.tables[Int(event.unmappedTable)] == table)
        }
        // A channel that already says what the table gives is not adrift; articles are an open set.
        for (part, other) in [("FC-1", "BER1"), ("MKT-A", "Q")] {
            let event = try Fixture.event(Self.readable.replacingOccurrence(of: part, with: other), by: decoder)
            #expect(event.unmappedTable < 0)
        }
    }

    @Test func manyMembersOfOneObjectAreTold() throws {
        // More wanted members than there are bits for finding the second of a name.
        var mapping = try Self.mapping()
        mapping.references = try (0..<16).map {
            var group = Mapping.Group(fields: try Fixture.fields([.value: "/r/a\($0)"]))
            group.fields[.kind] = .constant("tracking")
            return group
        }
        let pointers = try (0..<80).map { RouteRule.Condition(.pointer(try JSONPointer("/r/b\($0)")), ["1"]) }
        let rules = pointers.prefix(16).map { RouteRule(name: "r", when: [$0], tags: ["t"]) }
        let format = ChannelFormat(name: "own", index: 0, kind: .mapped(mapping), routes: Array(rules))
        let members = (0..<80).map { "\"a\($0)\":\"\($0)\",\"b\($0)\":0" }.joined(separator: ",")
        let text = #"{"id":1,"order":{"no":"O"},"org":"A","state":"SENT","at":0,"r":{"# + members + "}}"
        let event = try Fixture.event(text, by: EventDecoder(format))
        #expect(event.facts?.references.count == 16 && event.rule < 0)
        let twice = text.replacingOccurrence(of: "\"b79\":0", with: "\"a15\":0")
        #expect(try Fixture.letter(twice, by: EventDecoder(format)).reason == .notJSON)
    }
}
