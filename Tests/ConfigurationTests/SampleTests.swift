import Foundation
import OrderEvents
import Testing

@testable import Configuration

/// Goal: samples beside a channel prove its mapping, and each difference names its line and its field.
@Suite struct SampleTests {
    private static let channel = """
        {
          channel: "a", topics: ["t.a", "t.b"],
          order: { issuer: "shop" },
          fields: {
            event_id: "/id", order_ref: "/no", legal_entity: "/org", warehouse: "/wh", status: "/state",
            occurred_at: { at: "/at", format: "epoch_s" },
            total: { at: "/sum", format: "number" },
            lines: { at: "/items", sku: "/code", quantity: "/n" },
          },
          statuses: { New: "received", Sent: "shipped" },
          milestones: { There: "delivered" },
          values: { warehouse: { one: "W1" }, sku: { "M-*": "*" } },
          route: [
            { name: "b2b", when: { "/b2b": true }, warehouse: "W2", tags: ["b2b"] },
            { name: "late", when: { "header:late": "yes", "/b2b": null }, tags: ["late"] },
          ],
        }
        """
    private static let record =
        #"{"id":1,"no":"7","org":"X","wh":"one","state":"New","at":1795437296,"sum":29.750,"items":[{"code":"M-A","n":"2"}]}"#
    private static let expected =
        #"{"event_id":"1","legal_entity":"X","warehouse":"W1","order_ref":"shop/7","status":"received","#
        + #""occurred_at":"2026-11-23T13:34:56+01:00","total":"29.750","lines":[{"sku":"A","quantity":"2.0"}]}"#

    private static func sample(_ record: String, _ expected: String, _ more: String = "") -> String {
        "{\"record\":\(record),\(more)\"expect\":\(expected)}"
    }

    private func prove(_ samples: [String], _ change: (ConfigurationFixture) throws -> Void = { _ in }) throws
        -> [String]
    {
        let fixture = try ConfigurationFixture()
        fixture.files["channels/a.json5"] = Self.channel
        fixture.files["channels/m.json5"] = nil
        fixture.files["channels/a.samples.ndjson"] = samples.joined(separator: "\n")
        try change(fixture)
        for (name, text) in fixture.files { try fixture.write(Array(text.utf8), to: name) }
        func short(_ text: String) -> [String] {
            text.replacingOccurrences(of: fixture.path + "/", with: "").components(separatedBy: "\n")
        }
        do throws(ConfigurationError) {
            let (configuration, count) = try Configuration.prove(path: fixture.path)
            return ["\(count) hold"] + configuration.warnings.flatMap { short($0.description) }
        } catch {
            return short(error.description)
        }
    }

    @Test func samplesThatHoldTellWhatTheyLeaveOut() throws {
        #expect(
            try prove([Self.sample(Self.record, Self.expected), ""]) == [
                "1 hold", "channels/a.json5:10: statuses.Sent: no sample covers this word",
                "channels/a.json5:11: milestones.There: no sample covers this word",
                "channels/a.json5:14: route[0]: no sample covers this rule",
                "channels/a.json5:15: route[1]: no sample covers this rule",
            ])
    }

    @Test func everythingThatCanBeExpectedIsHeld() throws {
        let b2b = Self.record.replacingOccurrences(of: "\"id\":1", with: "\"id\":1,\"b2b\":true")
        let there = Self.record.replacingOccurrences(of: "New", with: "There")
        let expected = Self.expected.replacingOccurrences(of: "W1", with: "W2").dropLast()
        let samples = [
            Self.sample(b2b, expected + #","rule":"b2b","tags":["b2b"]}"#),
            Self.sample(
                there,
                Self.expected.replacingOccurrences(of: "\"status\":\"received\"", with: "\"milestone\":\"delivered\""),
                #""headers":{"late":"yes"},"topic":"t.b","#),
            Self.sample(Self.record.replacingOccurrences(of: "New", with: "Odd"), #"{"refused":"unknown_status"}"#),
            Self.sample(Self.record.replacingOccurrences(of: "one", with: "W9"), #"{"refused":"unknown_warehouse"}"#),
            Self.sample(
                Self.record.replacingOccurrences(of: "\"X\"", with: "\"Y\""), #"{"dead_letter":"unknown_legal_entity"}"#
            ),
            Self.sample(Self.record.replacingOccurrences(of: "\"2\"", with: "0.5"), #"{"dead_letter":"wrong_type"}"#),
            #"{"expect":{"dead_letter":"tombstone"}}"#,
            Self.sample(
                Self.record.replacingOccurrences(of: "New", with: "Sent"),
                Self.expected.replacingOccurrences(of: "received", with: "shipped")),
        ]
        #expect(try prove(samples) == ["8 hold"])
    }

    @Test func eachDifferenceNamesItsField() throws {
        let samples = [
            Self.sample(Self.record, Self.expected.replacingOccurrences(of: "\"A\"", with: "\"B\"")),
            Self.sample(Self.record, Self.expected.replacingOccurrences(of: ",\"total\":\"29.750\"", with: "")),
            Self.sample(Self.record, Self.expected.dropLast() + ",\"currency\":\"EUR\"}"),
            Self.sample(Self.record, Self.expected.dropLast() + ",\"rule\":\"b2b\"}"),
            Self.sample(Self.record.replacingOccurrences(of: "New", with: "Odd"), Self.expected),
            Self.sample(Self.record.replacingOccurrences(of: "29.750", with: "[]"), Self.expected),
            Self.sample(Self.record, #"{"refused":"unknown_status"}"#),
            Self.sample(Self.record, #"{"dead_letter":"wrong_typ"}"#),
            Self.sample(Self.record, Self.expected.replacingOccurrences(of: "\"total\"", with: "\"totl\"")),
            Self.sample(Self.record, Self.expected.replacingOccurrences(of: "29.750", with: "x")),
            #"{"record":{},"expcet":{}}"#, "{", Self.sample(Self.record, Self.expected, #""topic":"t.c","#),
        ]
        let file = "channels/a.samples.ndjson"
        #expect(
            try prove(samples) == [
                "\(file):1: expect/lines/0/sku: expected \"B\", got \"A\"",
                "\(file):2: expect/total: expected nothing, got \"29.75\"",
                "\(file):3: expect/currency: expected \"EUR\", got nothing",
                "\(file):4: expect/rule: expected \"b2b\", got nothing",
                "\(file):5: expect: expected an order event, got refused, unknown_status: channel a: /state: 'Odd' has "
                    + "no meaning; add it to the channel's statuses or milestones",
                "\(file):6: expect: expected an order event, got dead letter wrong_type: /sum: must be a decimal as "
                    + "text or an integer",
                "\(file):7: expect: expected refused, unknown_status, got an order event",
                "\(file):8: expect/dead_letter: is no such word; did you mean \"wrong_type\"?",
                "\(file):9: expect/totl: is no member of an order event",
                "\(file):10: expect/total: must be digits with an optional minus and point, at most 18 significant "
                    + "digits and 9 places",
                "\(file):11: expcet: is no known key; did you mean \"expect\"?",
                "\(file):12: (line): byte 1: the document ends within a value",
                "\(file):13: topic: is no topic of the channel; did you mean \"t.a\"?",
            ])
    }

    @Test func samplesWithoutAChannelAreRefused() throws {
        let lines = try prove([]) { $0.files["channels/b.samples.ndjson"] = "" }
        #expect(
            lines == [
                "channels/b.samples.ndjson:1: (file): belongs to no channel: its name is that of a file *.json5, then "
                    + ".samples.ndjson"
            ])
    }

    @Test func binaryCloudEventsAreProved() throws {
        let sample =
            #"{"headers":{"ce_specversion":"1.0","ce_id":"1","ce_source":"/s","ce_type":"order.shipped","ce_subject":"7","#
            + #""ce_time":"2026-11-23T12:34:56Z","ce_legalentity":"X"},"record":{"total":"1"},"expect":{"event_id":"/s|1","#
            + #""legal_entity":"X","order_ref":"7","status":"shipped","occurred_at":"2026-11-23T12:34:56Z","total":"1"}}"#
        let lines = try prove([sample]) {
            $0.files["channels/a.json5"] = "{ channel: \"a\", topics: [\"t\"], format: \"cloudevents\" }"
        }
        #expect(lines == ["1 hold"])
    }
}
