import Foundation
import OrderEvents
import Testing

@testable import Configuration

/// Goal: a mapping or a rule that cannot do what it says is refused at its line, with what to write instead.
@Suite struct MappingRefusalTests {
    private static let file = "channels/m.json5"
    private static let fields = "sequence: \"/n\", "

    private static func field(_ text: String, _ lines: String...) -> Refusal {
        var refusal = Refusal(file, fields, fields + text + ", ")
        refusal.lines = lines.map { "\(file):\($0)" }
        return refusal
    }

    private static func top(_ text: String, _ lines: String...) -> Refusal {
        var refusal = Refusal(file, "milestones: {", text + ", milestones: {")
        refusal.lines = lines.map { "\(file):\($0)" }
        return refusal
    }

    static let mappings: [Refusal] = [
        field("warehouse: {}", "6: fields.warehouse: needs at, where it stands in the record, or value"),
        field(
            "warehouse: { at: \"/w\", value: \"W1\" }",
            "6: fields.warehouse: has at and value: it comes from the record or is a constant"),
        field(
            "warehouse: { value: \"W1\", default: \"W2\" }",
            "6: fields.warehouse.default: has no effect beside a constant"),
        field(
            "warehouse: { at: \"w\" }",
            "6: fields.warehouse.at: must be a JSON pointer, which begins with \"/\", not \"w\""),
        field(
            "warehouse: { value: \"a b\" }",
            "6: fields.warehouse.value: must be printable ASCII without space, not \"a b\""),
        field("warehouse: 7", "6: fields.warehouse: must be a text or an object, not a number"),
        field(
            "currency: { value: \"eur\" }",
            "6: fields.currency.value: must be a currency code of three capital letters, not \"eur\""),
        field(
            "total: { at: \"/t\", default: \"1,5\" }",
            "6: fields.total.default: must be a decimal of at most 18 digits and 9 places"),
        field("total: { at: \"/t\", format: \"float\" }", "6: fields.total.format: \"float\" is none of number"),
        field(
            "total: { att: \"/t\" }", "6: fields.total: needs at, where it stands in the record, or value",
            "6: fields.total.att: is no known key; did you mean \"at\"?"),
        field(
            "customer: { ref: { at: \"/c\", values: \"nope\" } }",
            "6: fields.customer.ref.values: there is no table \"nope\" in values"),
        field(
            "shipment: { at: \"/s\", lines: { at: \"/l\", quantity: {} } }",
            "6: fields.shipment.lines.quantity: needs at, where it stands in the record, or value"),
        field("allocation: {}", "6: fields.allocation.lines: is missing"),
        field("payment: { ref: \"/p\" }", "6: fields.payment.status: is missing"),
        field(
            "payment: { ref: \"/p\", status: { value: \"paid\" } }",
            "6: fields.payment.status.value: \"paid\" is none of authorized, captured, refunded, failed"),
        field(
            "hold: { reason: { value: \"mood\" } }",
            "6: fields.hold.reason.value: \"mood\" is none of credit, fraud, payment, stock, address, manual"),
        field(
            "references: [{ kind: \"letter\", value: \"/v\" }]",
            "6: fields.references[0].kind: must be a JSON pointer or one of order, purchase_order, wms_order, shipment, tracking, invoice, odoo, not \"letter\""
        ),
        field(
            "references: [{ kind: \"/k\", value: \"/v\" }]",
            "6: fields.references[0].kind: must be a word where there is no array: each kind has an entry of its own"),
        Refusal(
            file, "order_ref: \"/order\", ", "", "4: fields.order_ref: is missing, and reference too: one is needed"),
        Refusal(
            file, "status: \"/status\", ", "", "4: fields.status: is missing, and milestone too: one is needed",
            "8: statuses: has no effect: no word of the record is looked up in it; say fields.status",
            "9: milestones: has no effect: no word of the record is looked up in it; say fields.status"),
        Refusal(
            file, "status: \"/status\"", "status: { value: \"received\" }",
            "8: statuses: has no effect: no word of the record is looked up in it; say fields.status",
            "9: milestones: has no effect: no word of the record is looked up in it; say fields.status"),
        Refusal(file, "legal_entity: \"/entity\", ", "", "4: fields.legal_entity: is missing"),
    ]

    @Test(arguments: mappings) func aMappingIsRefused(_ refusal: Refusal) throws { try Self.check(refusal) }

    static let tables: [Refusal] = [
        top(
            "values: { wharehouse: { a: \"b\" } }",
            "9: values.wharehouse: has no effect: no field has this name, and none names it with values; did you mean \"warehouse\"?"
        ),
        top(
            "values: { sku: { \"a*b\": \"c\" } }",
            "9: values.sku.a*b: the name may have \"*\" only at its end, where it stands for the rest, unlike \"a*b\""),
        top(
            "values: { sku: { a: \"c*\" } }",
            "9: values.sku.a: \"*\" stands for the rest of a word that ends in \"*\", which this does not"),
        top("values: { sku: {} }", "9: values.sku: must not be empty"),
        top("values: { legal_entity: { a: \"Y\" } }", "9: values.legal_entity.a: there is no legal entity \"Y\""),
        Refusal(
            file, fields, fields + "warehouse: \"/w\"},\n values: { warehouse: { a: \"W1\", b: \"W9\" } }, x: {",
            "7: values.warehouse.b: no legal entity has a warehouse \"W9\"; did you mean \"W-1\"?",
            "7: x: is no known key"),
    ]

    @Test(arguments: tables) func aTableIsRefused(_ refusal: Refusal) throws { try Self.check(refusal) }

    private static func routes(_ rules: String, _ lines: String...) -> Refusal {
        var refusal = Refusal(file, "milestones: {", "route: [\n\(rules)\n], milestones: {")
        refusal.lines = lines.map { "\(file):\($0)" }
        return refusal
    }

    static let rules: [Refusal] = [
        routes(
            "{ when: { \"/a\": 1 } }", "10: route[0]: gives nothing: say legal_entity, warehouse, priority or tags"),
        routes(
            "{ when: { \"/a\": 1 }, legal_entity: \"Y\" }", "10: route[0].legal_entity: there is no legal entity \"Y\""),
        routes(
            "{ legal_entity: \"X\", warehouse: \"W7\" }",
            "10: route[0].warehouse: \"X\" has no warehouse \"W7\"; did you mean \"W-1\"?"),
        routes(
            "{ when: { \"a\": 1 }, tags: [\"t\"] }",
            "10: route[0].when.a: the name is none of /pointer, header:NAME, topic, legal_entity, warehouse, order_ref, status, milestone, currency, customer.ref, customer.group"
        ),
        routes(
            "{ when: { \"/a\": 1.5 }, tags: [\"t\"] }",
            "10: route[0].when./a: must be an integer; write other numbers as text"),
        routes(
            "{ when: { \"/a\": {} }, tags: [\"t\"] }",
            "10: route[0].when./a: must be a text, a flag, an integer, null or a list of such, not an object"),
        routes(
            "{ when: { topic: \"t.n\" }, tags: [\"t\"] }",
            "10: route[0].when.topic: \"t.n\" is no topic of this channel; did you mean \"t.m\"?"),
        routes(
            "{ when: { status: \"New\" }, tags: [\"t\"] }", "10: route[0].when.status: \"New\" is no canonical word"),
        routes(
            "{ when: { currency: \"EUR\" }, tags: [\"t\"] }",
            "10: route[0].when.currency: has no effect: fields has no currency"),
        routes(
            "{ when: { \"/a\": 1 }, tags: [\"a,b\"] }", "10: route[0].tags[0]: must not contain \",\", as \"a,b\" does"),
        routes(
            "{ when: { \"/a\": 1 }, priority: \"low\" }",
            "10: route[0].priority: \"low\" is none of critical, normal, bulk"),
        routes(
            "{ name: \"n\", tags: [\"t\"], when: { \"/a\": 1 } },\n{ name: \"n\", tags: [\"u\"] }",
            "11: route[1].name: \"n\" is the name of route[0] already"),
        routes(
            "{ name: \"n\", tags: [\"t\"] },\n{ when: { \"/a\": 1 }, tags: [\"u\"] }",
            "11: route[1]: is unreachable: route[0] (n) on line 10 takes everything that it would take"),
        routes(
            "{ when: { \"/a\": [1, 2] }, tags: [\"t\"] },\n{ when: { \"/a\": 2, \"/b\": true }, tags: [\"u\"] }",
            "11: route[1]: is unreachable: route[0] on line 10 takes everything that it would take"),
        Refusal(
            file, "legal_entity: \"/entity\", status: \"/status\", occurred_at: \"/at\",",
            "status: \"/status\", occurred_at: \"/at\" },\n route: [{ when: { \"/a\": 1 }, legal_entity: \"X\" }], x: {",
            "4: fields.legal_entity: is missing", "6: x: is no known key",
            "6: route: misses a rule: what no rule takes has no legal entity; add a last one without when, or fields.legal_entity"
        ),
    ]

    @Test(arguments: rules) func aRuleIsRefused(_ refusal: Refusal) throws { try Self.check(refusal, sorted: true) }

    @Test func aChannelThatSpeaksTheCanonicalEventIsRoutedByFields() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "channels/a.json5", "topics: [\"t.a\"],",
            "topics: [\"t.a\"], route: [{ when: { \"/x\": 1, \"customer.group\": 2, \"header:h\": 3 }, tags: [\"t\"] }],"
        )
        #expect(
            try fixture.problems() == [
                "channels/a.json5:3: route[0].when./x: needs fields: a channel that speaks the canonical event is "
                    + "routed by field, header or topic",
                "channels/a.json5:3: route[0].when.customer.group: the canonical event has no such field",
            ])
    }

    @Test func overlappingRulesAreWarnedOf() throws {
        func warnings(_ second: String) throws -> [String] {
            let fixture = try ConfigurationFixture()
            try fixture.edit("entities/x.json5", "[\"a\"]", "[\"*\"]")
            try fixture.edit(
                Self.file, "milestones: {",
                "route: [{ name: \"one\", when: { \"/a\": [1, 2] }, warehouse: \"W1\" }, \(second)], milestones: {")
            return try fixture.load().warnings.map {
                $0.description.replacingOccurrences(of: fixture.path + "/", with: "")
            }
        }
        #expect(
            try warnings("{ when: { \"/b\": true }, warehouse: \"W2\" }") == [
                "\(Self.file):9: route[1]: overlaps route[0] (one) on line 9, which comes first and counts where both hold"
            ])
        // The same place, another value, or the general behind the special: nothing to look at.
        #expect(try warnings("{ when: { \"/b\": true }, warehouse: \"W1\" }").isEmpty)
        #expect(try warnings("{ when: { \"/a\": 3 }, warehouse: \"W2\" }").isEmpty)
        #expect(try warnings("{ warehouse: \"W2\" }").isEmpty)
    }

    @Test func cloudEventsNeedNoFields() throws {
        let fixture = try ConfigurationFixture()
        fixture.files["channels/m.json5"] = """
            {
              channel: "m", topics: ["t.m"], format: "cloudevents", order: { kind: "wms_order", issuer: "wms" },
              statuses: { "com.example.packed": "shipped" }, values: { warehouse: { "WH": "W1" } },
              fields: { order_ref: "/data/no" }, route: [{ when: { "header:ce_source": "/x" }, legal_entity: "X" }],
            }
            """
        let channel = try #require(try fixture.load().channels.last)
        #expect(channel.format == .cloudevents && channel.orderKind == .wmsOrder && channel.routes.count == 1)
        guard case .cloudEvents(let mapping) = channel.channelFormat(index: 0).kind else {
            Issue.record("not a CloudEvents channel")
            return
        }
        #expect(mapping[.event, .orderRef]?.at?.text == "/data/no" && mapping.statuses.count == 1)
    }

    private static func check(_ refusal: Refusal, sorted: Bool = false) throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(refusal.file, refusal.old, refusal.new)
        let lines = try fixture.problems()
        if sorted { #expect(lines.sorted() == refusal.lines.sorted()) } else { #expect(lines == refusal.lines) }
    }
}
