import Foundation
import OrderEvents
import Testing

/// Goal: RFC 3339 is read strictly and exactly, and written back as it was.
@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1),
            ("2026-11-23T12:34:56.789Z", 1_795_437_296_789_000),
            ("2026-11-23T13:34:56.789+01:00", 1_795_437_296_789_000),
            ("2026-11-23T07:04:56.789-05:30", 1_795_437_296_789_000),
            ("2026-11-23t12:34:56.789z", 1_795_437_296_789_000), ("2000-02-29T00:00:00-00:00", 951_782_400_000_000),
            ("2026-11-23T12:34:56.7899999999Z", 1_795_437_296_789_999),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("1969-12-31T23:30:00-01:00", 1_800_000_000), ("2016-12-31T23:59:60Z", 1_483_228_799_999_999),
            ("2017-01-01T00:59:60.5+01:00", 1_483_228_799_999_999),
        ] as [(String, Int64)])
    func timesAreRead(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T12:34:56", "2026-11-23 12:34:56Z", "2026-11-23T12:34:56.Z", "2026-11-23T12:34Z",
        "2026-11-23T24:00:00Z", "2026-11-23T12:60:00Z", "2026-11-23T12:34:61Z", "2026-11-23T12:34:60Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-23T12:34:56+0100", "2026-11-23T12:34:56+24:00",
        "2026-11-23T12:34:56+01:60", "2026-11-23T12:34:56+01", "2026-11-23T12:34:56Zx", "2026-11-23T12:34:56 Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "02026-11-23T12:34:56Z",
        "+026-11-23T12:34:56Z", "2026-11-23T12:34:56,5Z", "infinity", "2026-11-23T12:34:5\u{665}Z",
        "2026-11-23T12:34:56.00000000000000000000000000000000000000000000000Z",
    ])
    func anythingElseIsRefused(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func timesRoundTrip() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            var microseconds = Int64.random(in: 0...Timestamp.maximum.microseconds, using: &random)
            if Bool.random(using: &random) { microseconds -= microseconds % 1000 }
            if Bool.random(using: &random) { microseconds -= microseconds % 1_000_000 }
            let time = Timestamp(microseconds: microseconds)
            #expect(Timestamp(rfc3339: time.rfc3339) == time, "\(microseconds)")
        }
    }

    /// Against Foundation's calendar: every 89th day of the range, so that all months and leap years are met.
    @Test func calendarAgreesWithFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        for day in stride(from: 0, to: 2_932_896, by: 89) {
            let parts = calendar.dateComponents(
                [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
            let expected = String(
                format: "%04d-%02d-%02dT00:00:00Z", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
            let time = Timestamp(microseconds: Int64(day) * 86_400_000_000)
            #expect(time.rfc3339 == expected)
            #expect(Timestamp(rfc3339: expected) == time)
        }
    }

    @Test func writingIsUTCWithAsManyPlacesAsNeeded() {
        #expect(Timestamp(microseconds: 1_500_000).rfc3339 == "1970-01-01T00:00:01.500Z")
        #expect(Timestamp(microseconds: 1_500_001).rfc3339 == "1970-01-01T00:00:01.500001Z")
        #expect(Timestamp(microseconds: -1).rfc3339 == "1970-01-01T00:00:00Z")
        #expect(Timestamp(microseconds: .max).rfc3339 == "9999-12-31T23:59:59.999999Z")
    }
}
