import OrderEvents
import Testing

/// Goal: times and amounts arrive exactly, in every form that a channel may write.
@Suite struct MappedValuesTests {
    private static func event(
        _ field: MappedField, _ format: FieldFormat?, _ value: String, group: MappedGroup = .event
    ) throws -> Taken {
        let decoder = try Fixture.mappedDecoder {
            $0[.event, field] = FieldSource(at: try JSONPointer("/x"), format: format)
        }
        let text = "{\"x\":\(value)," + Fixture.mapped.dropFirst()
        return Fixture.decode(text, by: decoder)
    }

    @Test(
        arguments: [
            (.epochSeconds, "0", 0), (.epochSeconds, "1795437296", 1_795_437_296_000_000),
            (.epochSeconds, "\"1795437296\"", 1_795_437_296_000_000),
            (.epochSeconds, "1795437296.123456", 1_795_437_296_123_456),
            (.epochSeconds, "1795437296.1234569", 1_795_437_296_123_456),
            (.epochSeconds, "\"1795437296.5\"", 1_795_437_296_500_000),
            (.epochSeconds, "253402300799", 253_402_300_799_000_000),
            (.epochMilliseconds, "1795437296789", 1_795_437_296_789_000),
            (.epochMilliseconds, "1795437296789.25", 1_795_437_296_789_250),
            (.epochMilliseconds, "253402300799999", 253_402_300_799_999_000),
            (.rfc3339, "\"2026-11-23T12:34:56.789+01:00\"", 1_795_433_696_789_000),
        ] as [(FieldFormat, String, Int64)])
    func timesAreExact(_ format: FieldFormat, _ value: String, _ microseconds: Int64) throws {
        guard case .event(let event) = try Self.event(.occurredAt, format, value) else {
            Issue.record("\(value) is no time")
            return
        }
        #expect(event.occurredAt.microseconds == microseconds)
    }

    @Test(
        arguments: [
            (.epochSeconds, "-1"), (.epochSeconds, "1.795437296e9"), (.epochSeconds, "1795437296789"),
            (.epochSeconds, "253402300800"), (.epochSeconds, "\" 1\""), (.epochSeconds, "\"\""),
            (.epochSeconds, "\"1.\""),
            (.epochSeconds, "\".5\""), (.epochSeconds, "\"1..2\""), (.epochSeconds, "99999999999999999999999999"),
            (.epochSeconds, "\"\\u0031\""), (.epochSeconds, "[1]"), (.epochMilliseconds, "253402300800000"),
            (.epochMilliseconds, "true"), (.rfc3339, "1795437296"),
        ] as [(FieldFormat, String)])
    func whatIsNoTimeIsADeadLetterAtItsPlace(_ format: FieldFormat, _ value: String) throws {
        guard case .deadLetter(let letter) = try Self.event(.occurredAt, format, value) else {
            Issue.record("\(value) is a time")
            return
        }
        #expect(letter.detail.hasPrefix("/x: "), "\(letter.detail)")
    }

    @Test(
        arguments: [
            ("0.1", "0.1"), ("29.750", "29.75"), ("-0", "0"), ("123456789.123456789", "123456789.123456789"),
            ("0.000000001", "0.000000001"), ("1.000000000000000000000", "1"), ("\"12.50\"", "12.5"), ("7", "7"),
            ("999999999999999999", "999999999999999999"),
        ])
    func numbersCountAsTheyAreWritten(_ value: String, _ expected: String) throws {
        guard case .event(let event) = try Self.event(.total, .number, value) else {
            Issue.record("\(value) is no amount")
            return
        }
        #expect(event.total?.description == expected)
    }

    @Test(arguments: ["1e2", "0.0000000001", "1234567890123456789", "1E-1", "\"1e2\"", "[1]"])
    func whatIsNotExactIsRefused(_ value: String) throws {
        guard case .deadLetter(let letter) = try Self.event(.total, .number, value) else {
            Issue.record("\(value) is an amount")
            return
        }
        #expect(letter.detail.hasPrefix("/x: "))
    }

    @Test func defaultsStandForWhatIsAbsentOnly() throws {
        let decoder = try Fixture.mappedDecoder {
            $0[.event, .currency]?.otherwise = "USD"
            $0[.event, .warehouse]?.otherwise = "MAIN"
            $0[.event, .total]?.otherwise = "1.50"
            $0[.event, .status]?.otherwise = "received"
            $0[.lines, .unitPrice]?.otherwise = "9"
        }
        let told = try Fixture.event(Fixture.mapped, by: decoder)
        #expect(told.text(told.currency) == "EUR" && told.text(told.warehouse) == "FC-BER")
        #expect(told.lines.map(\.unitPrice) == [ExactDecimal("12.5"), ExactDecimal("9")])
        var text = Fixture.mapped.replacingOccurrence(of: "\"EUR\"", with: "null")
        text = text.replacingOccurrence(of: "\"node\":\"FC-BER\"", with: "\"node\":\"\"")
        text = text.replacingOccurrence(of: "\"total\":\"29.75\",", with: "")
        text = text.replacingOccurrence(of: "\"status\":\"Shipped\",", with: "")
        let absent = try Fixture.event(text, by: decoder)
        #expect(absent.text(absent.currency) == "USD" && absent.text(absent.warehouse) == "MAIN")
        #expect(absent.total == ExactDecimal("1.5") && absent.status == .state(.received))
        // A word that means nothing is refused, not replaced.
        let unknown = try Fixture.event(
            Fixture.mapped.replacingOccurrence(of: "\"Shipped\"", with: "\"Lost\""), by: decoder)
        #expect(unknown.refusal?.code == .unknownStatus && unknown.status == nil)
    }
}
