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

    static let arrays = Statement(
        "arrays",
        """
        SELECT $1::text[], $2::bigint[], $3::int[], $4::smallint[], $5::bytea[], $6::timestamptz[], $7::bool[],
               (SELECT string_agg(coalesce(encode(b, 'hex'), 'null'), ',') FROM unnest($5) b),
               (SELECT string_agg(coalesce(t::text, 'null'), ',') FROM unnest($6) t),
               (SELECT string_agg(coalesce(o::text, 'null'), ',') FROM unnest($7) o)
        """)

    @Test func arraysKeepTheirNulls() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        var texts = TextArray()
        texts.append("a")
        texts.append(nil as String?)
        texts.append("")
        texts.append([0x78, 0x79, 0x7a], 1, 2)
        var big = Int64Array()
        big.append(.min)
        big.appendNull()
        var middle = Int32Array()
        middle.append(-1)
        var small = Int16Array()
        small.appendNull()
        small.append(7)
        var bytes = ByteaArray()
        bytes.append([0, 255])
        bytes.appendNull()
        bytes.append([])
        var times = TimestampArray()
        times.append(microsecondsSinceUnixEpoch: 0)
        times.appendNull()
        var flags = BoolArray()
        flags.append(true)
        flags.append(false)
        flags.appendNull()
        var values = Parameters()
        values.array(texts)
        values.array(big)
        values.array(middle)
        values.array(small)
        values.array(bytes)
        values.array(times)
        values.array(flags)
        let rows = try connection.query(Self.arrays, values)
        #expect(rows.texts(0, 0) == ["a", nil, "", "yz"])
        #expect(rows.int64s(0, 1) == [.min, nil])
        #expect(rows.int64s(0, 2) == [-1])
        #expect(rows.int64s(0, 3) == [nil, 7])
        #expect(rows.text(0, 7) == "00ff,null,")
        #expect(rows.text(0, 8) == "1970-01-01 00:00:00+00,null")
        #expect(rows.text(0, 9) == "true,false,null")
    }

    @Test func emptyArraysAndTheirReuse() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let length = Statement("length", "SELECT cardinality($1::text[]), $1")
        var array = TextArray()
        array.append("gone")
        array.appendNull()
        array.removeAll()
        var values = Parameters()
        for expected in [0, 2, 0] {
            array.removeAll()
            for _ in 0..<expected { array.append("x") }
            values.removeAll()
            values.array(array)
            let rows = try connection.query(length, values)
            #expect(rows.int64(0, 0) == Int64(expected))
            #expect(rows.texts(0, 1) == [String?](repeating: "x", count: expected))
        }
    }

    static let time = Statement("time", "SELECT $1::timestamptz, extract(epoch FROM $1)::text")

    @Test(arguments: [
        (0, "0.000000"), (946_684_800_000_000, "946684800.000000"), (-1, "-0.000001"),
        (1_795_000_000_123_456, "1795000000.123456"), (-62_135_596_800_000_000, "-62135596800.000000"),
    ]) func timestampsKeepTheirMicroseconds(microseconds: Int64, seconds: String) throws {
        var connection = try PostgreSQLFixture.freshConnection()
        var values = Parameters()
        values.timestamp(microsecondsSinceUnixEpoch: microseconds)
        let rows = try connection.query(Self.time, values)
        #expect(rows.timestamp(0, 0) == microseconds)
        #expect(rows.text(0, 1) == seconds)
    }

    @Test(arguments: [Int64.min, Int64.min + 1, Int64.min + 946_684_800_000_000] as [Int64])
    func timestampsOutOfRangeAreRefusedAndNeverInfinite(microseconds: Int64) throws {
        var connection = try PostgreSQLFixture.freshConnection()
        var values = Parameters()
        values.timestamp(microsecondsSinceUnixEpoch: microseconds)
        let error = #expect(throws: PostgresError.self) { _ = try connection.query(Self.time, values) }
        #expect(error?.sqlState == SQLState(rawValue: "22008"))
        #expect(error?.retryClass == .poison)
    }

    @Test func infinityIsReadAsTheEndsOfTheRange() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let infinity = Statement("infinity", "SELECT 'infinity'::timestamptz, '-infinity'::timestamptz")
        let rows = try connection.query(infinity)
        #expect(rows.timestamp(0, 0) == .max)
        #expect(rows.timestamp(0, 1) == .min)
    }

    @Test func textResultsAreReadToo() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let rows = try connection.execute("SELECT 1; SELECT 42::bigint, true, 'x', NULL::int, 1.5::float8")
        #expect(rows.int64(0, 0) == 42)
        #expect(rows.bool(0, 1) == true)
        #expect(rows.text(0, 2) == "x")
        #expect(rows.isNull(0, 3) == true)
        #expect(rows.optionalInt64(0, 3) == nil)
        #expect(rows.double(0, 4) == 1.5)
    }

    @Test func emptyTextIsNotNull() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let isNull = Statement("isNull", "SELECT $1::text IS NULL, $2::bytea IS NULL, $3::text IS NULL")
        var values = Parameters()
        values.text("")
        values.bytea([])
        values.text(nil)
        let rows = try connection.query(isNull, values)
        #expect(rows.bool(0, 0) == false)
        #expect(rows.bool(0, 1) == false)
        #expect(rows.bool(0, 2) == true)
    }

    @Test func textWithNULNeverReachesTheServer() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let echo = Statement("echo", "SELECT $1::text")
        let echoArray = Statement("echoArray", "SELECT $1::text[]")
        func refused(_ statement: Statement, _ fill: (inout Parameters) -> Void) {
            var values = Parameters()
            fill(&values)
            let error = #expect(throws: PostgresError.self) { _ = try connection.query(statement, values) }
            #expect(error?.code == .nulInText)
            #expect(error?.retryClass == .poison)
        }
        refused(echo) { $0.text("A\0B") }
        refused(echo) { $0.text(bytes: [0x41, 0]) }
        refused(echo) { $0.text(bytes: AnyCollection<UInt8>([0x41, 0])) }
        refused(echoArray) { $0.texts(["fine", "A\0B"]) }
        let error = #expect(throws: PostgresError.self) { _ = try connection.execute("SELECT 'A\0B'") }
        #expect(error?.code == .nulInText)
        // Bytes may hold it, and the same parameters are good again once they are emptied.
        var values = Parameters()
        values.text("\0")
        values.removeAll()
        values.bytea([0])
        let length = Statement("bytes", "SELECT length($1::bytea)")
        let rows = try connection.query(length, values)
        #expect(rows.int64(0, 0) == 1)
    }
}
