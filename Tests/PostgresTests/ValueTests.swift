import Postgres
import TestSupport
import Testing

@Suite struct ValueTests {
    static let everyType = Statement(
        "everyType",
        "SELECT $1::int2, $2::int4, $3::int8, $4::bool, $5::float8, $6::text, $7::bytea, $8::timestamptz, $9::text")

    @Test func valuesOfEveryTypeComeBackAsTheyWere() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        var values = Parameters()
        values.int16(-2)
        values.int32(.min)
        values.int64(.max)
        values.bool(true)
        values.double(-0.1)
        values.text("Grüße 🚚")
        values.bytea([0, 1, 255])
        values.timestamp(microsecondsSinceUnixEpoch: 1_795_000_000_123_456)
        values.null(.text)
        let rows = try connection.query(Self.everyType, values)
        #expect(rows.count == 1 && rows.columns == 9 && rows.affected == 1)
        #expect(rows.int16(0, 0) == -2)
        #expect(rows.int32(0, 1) == .min)
        #expect(rows.int64(0, 2) == .max)
        #expect(rows.bool(0, 3) == true)
        #expect(rows.double(0, 4) == -0.1)
        #expect(rows.text(0, 5) == "Grüße 🚚")
        #expect(rows.bytes(0, 6) == [0, 1, 255])
        #expect(rows.timestamp(0, 7) == 1_795_000_000_123_456)
        #expect(rows.isNull(0, 8) && rows.optionalText(0, 8) == nil && rows.text(0, 8).isEmpty)
    }
}
