import Postgres
import TestSupport
import Testing

@Suite struct CopyTests {
    static let table = """
        CREATE TABLE event (
          id bigint PRIMARY KEY, kind smallint, size integer, name text, body bytea, data jsonb, at timestamptz,
          good boolean, weight float8, token uuid)
        """
    static let copy = "COPY event FROM STDIN (FORMAT binary)"

    /// Appends one row; what it holds follows from `id`.
    func append(_ id: Int64, to buffer: inout CopyBuffer) {
        buffer.beginRow(columns: 10)
        buffer.int64(id)
        buffer.int16(Int16(id % 100))
        buffer.int32(Int32(id))
        buffer.text("name \(id) ü")
        buffer.bytea([UInt8](repeating: UInt8(id % 256), count: 400))
        buffer.jsonb(Array(#"..{"a": 1}.."#.utf8), 2, 8)
        buffer.timestamp(microsecondsSinceUnixEpoch: id * 1_000_000)
        buffer.bool(id % 2 == 0)
        buffer.double(Double(id) / 2)
        if id % 3 == 0 { buffer.null() } else { buffer.uuid(high: 1, low: UInt64(id)) }
    }

    @Test func rowsOfEveryTypeArrive() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer()
        for id in 1...3 as ClosedRange<Int64> { append(id, to: &buffer) }
        #expect(try connection.copyIn(Self.copy, buffer.finish()) == 3)
        let rows = try connection.execute(
            """
            SELECT kind, size, name, length(body), data->>'a', extract(epoch FROM at)::bigint, good, weight, token
            FROM event ORDER BY id
            """)
        #expect(rows.count == 3)
        #expect(rows.int64(1, 0) == 2 && rows.int64(1, 1) == 2 && rows.text(1, 2) == "name 2 ü")
        #expect(rows.int64(1, 3) == 400 && rows.text(1, 4) == "1" && rows.int64(1, 5) == 2)
        #expect(rows.bool(1, 6) == true)
        #expect(rows.double(1, 7) == 1)
        #expect(rows.text(1, 8) == "00000000-0000-0001-0000-000000000002")
        #expect(rows.isNull(2, 8) == true)
    }

    @Test func aBufferOfManyMegabytesArrivesWhole() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer(capacity: 16)
        for id in 1...20_000 as ClosedRange<Int64> { append(id, to: &buffer) }
        #expect(buffer.byteCount > 10_000_000)
        #expect(try connection.copyIn(Self.copy, &buffer) == 20_000)
        #expect(buffer.rows == 0)
        let rows = try connection.execute("SELECT count(*), sum(id) FROM event")
        #expect(rows.int64(0, 0) == 20_000 && rows.int64(0, 1) == 200_010_000)
    }

    @Test func aRefusedRowLeavesTheConnectionUsable() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer()
        append(1, to: &buffer)
        append(1, to: &buffer)
        // Much more follows, so that the refusal comes while data is still being sent.
        for id in 2...6_000 as ClosedRange<Int64> { append(id, to: &buffer) }
        try connection.execute("BEGIN")
        let error = #expect(throws: PostgresError.self) { try connection.copyIn(Self.copy, &buffer) }
        #expect(error?.sqlState == .uniqueViolation)
        #expect(error?.constraint == "event_pkey")
        #expect(error?.isConnectionLost == false)
        #expect(connection.transactionStatus == .failed)
        try connection.execute("ROLLBACK")
        append(5, to: &buffer)
        #expect(try connection.copyIn(Self.copy, &buffer) == 1)
    }

    @Test func aTransactionBeginsWithACopy() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer()
        append(1, to: &buffer)
        #expect(try connection.copyIn(Self.copy, &buffer, beginning: true) == 1)
        #expect(connection.transactionStatus == .open)
        try connection.execute("ROLLBACK")
        #expect(try connection.execute("SELECT count(*) FROM event").int64(0, 0) == 0)
        append(1, to: &buffer)
        append(1, to: &buffer)
        #expect(throws: PostgresError.self) { try connection.copyIn(Self.copy, &buffer, beginning: true) }
        #expect(connection.transactionStatus == .failed)
        try connection.execute("ROLLBACK")
        let error = #expect(throws: PostgresError.self) {
            try connection.copyIn("COPY nowhere FROM STDIN (FORMAT binary)", &buffer, beginning: true)
        }
        #expect(error?.retryClass == .ownFault)
        #expect(connection.transactionStatus == .failed)
        try connection.execute("ROLLBACK")
        append(1, to: &buffer)
        #expect(try connection.copyIn(Self.copy, &buffer, beginning: true) == 1)
        try connection.execute("COMMIT")
        #expect(try connection.execute("SELECT count(*) FROM event").int64(0, 0) == 1)
    }

    @Test func whatIsNoCopyIsMisuseAndLeavesTheConnectionUsable() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        for sql in ["SELECT 1", "COPY nowhere FROM STDIN (FORMAT binary)"] {
            var buffer = CopyBuffer()
            append(1, to: &buffer)
            let error = #expect(throws: PostgresError.self) { try connection.copyIn(sql, &buffer) }
            #expect(error?.retryClass == .ownFault)
            #expect(connection.transactionStatus == .idle)
        }
        let error = #expect(throws: PostgresError.self) { _ = try connection.execute(Self.copy) }
        #expect(error?.code == .misuse)
        #expect(connection.transactionStatus == .idle)
        let out = #expect(throws: PostgresError.self) { _ = try connection.execute("COPY event TO STDOUT") }
        #expect(out?.code == .misuse)
        #expect(connection.isOpen == false)
    }

    @Test func textWithNULIsRefusedBeforeTheCopyBegins() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE TABLE word (word text)")
        try connection.execute("BEGIN")
        var buffer = CopyBuffer()
        buffer.beginRow(columns: 1)
        buffer.text("A\0B")
        let error = #expect(throws: PostgresError.self) {
            try connection.copyIn("COPY word FROM STDIN (FORMAT binary)", &buffer)
        }
        #expect(error?.code == .nulInText)
        #expect(connection.transactionStatus == .open)
    }

    /// At the bound of one COPY, one below and one above, and over several.
    @Test(arguments: [-1, 0, 1, 2 * CopyBuffer.rowsPerCopy + 1])
    func rowsOfSeveralCopiesArriveOnce(beyond: Int) throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        let count = CopyBuffer.rowsPerCopy + beyond
        var buffer = CopyBuffer()
        for id in 1...count { append(Int64(id), to: &buffer) }
        #expect(buffer.rows == count)
        #expect(try connection.copyIn(Self.copy, &buffer, beginning: true) == count)
        for id in count + 1...2 * count { append(Int64(id), to: &buffer) }
        #expect(try connection.copyIn(Self.copy, buffer.finish()) == count)
        try connection.execute("COMMIT")
        let rows = try connection.execute("SELECT count(*), count(DISTINCT id), max(id)::bigint FROM event")
        #expect((0..<3).map { rows.int64(0, $0) } == [Int64](repeating: Int64(2 * count), count: 3))
    }

    @Test func aRowThatIsRefusedUndoesTheCopiesBefore() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer()
        for id in 1...CopyBuffer.rowsPerCopy { append(Int64(id), to: &buffer) }
        append(1, to: &buffer)
        let error = #expect(throws: PostgresError.self) {
            try connection.copyIn(Self.copy, &buffer, beginning: true)
        }
        #expect(error?.sqlState == .uniqueViolation)
        #expect(connection.transactionStatus == .failed)
        try connection.execute("ROLLBACK")
        #expect(try connection.execute("SELECT count(*) FROM event").int64(0, 0) == 0)
        append(1, to: &buffer)
        #expect(try connection.copyIn(Self.copy, &buffer) == 1)
    }

    @Test func noRowsAreNoError() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.table)
        var buffer = CopyBuffer()
        #expect(try connection.copyIn(Self.copy, &buffer) == 0)
        #expect(try connection.copyIn(Self.copy, buffer.finish()) == 0)
    }
}
