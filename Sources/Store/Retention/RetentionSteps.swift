import OrderEvents
import Postgres

// The bites of each stage, within the transaction that `step` opened.

extension Retention {
    /// Age at which stretches of the ledger are made one an hour.
    static let foldAge: Int64 = 2 * 3_600_000_000
    /// Sealing looks for the journal rows of a stretch this long before and after it was ledgered, and everywhere when
    /// that does not balance: ten minutes.
    static let sealSlack: Int64 = 600_000_000
    /// The most time of the ledger that one bite seals: an hour.
    static let sealSpan: Int64 = 3_600_000_000

    func fold(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> Int {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now - Self.foldAge)
        parameters.int64(8)
        return try connection.query(RetentionStatements.foldLedger, parameters).affected
    }

    /// Compares what was ledgered within the oldest hour that is not sealed, and seals it as it is: an imbalance stays
    /// in the books.
    func seal(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> (Int, Bool, Int64) {
        let end = now - settings.keys - Self.margin
        var before = Parameters()
        before.timestamp(microsecondsSinceUnixEpoch: end)
        let oldest = try connection.query(RetentionStatements.oldestUnsealed, before).optionalTimestamp(0, 0)
        guard let oldest else { return (0, true, 0) }
        var bite = Parameters()
        bite.timestamp(microsecondsSinceUnixEpoch: min(end, oldest + Self.sealSpan))
        let rows = try connection.query(RetentionStatements.sealable, bite)
        guard rows.count > 0 else { return (0, true, 0) }
        let ranges = (0..<rows.count).map { row in
            SealRange(partition: rows.int32(row, 0), low: rows.int64(row, 1), high: rows.int64(row, 2))
        }
        var sums = try Self.compare(
            ranges, from: oldest - Self.sealSlack, to: min(end, oldest + Self.sealSpan) + Self.sealSlack, &connection)
        if sums.contains(where: { $0.imbalance != 0 }) {
            // Rows that waited in the process for long, or a real imbalance.
            sums = try Self.compareEverywhere(ranges, &connection)
        }
        try write(sums, ranges, now, &connection)
        return (ranges.count, false, sums.reduce(0) { $0 + abs($1.imbalance) })
    }

    /// Year 9999.
    private static let farFuture: Int64 = 253_402_214_400_000_000

    /// Compares ranges with all of the journal, which may take minutes; within a transaction.
    static func compareEverywhere(
        _ ranges: [SealRange], _ connection: inout Connection
    ) throws(PostgresError) -> [SealSums] {
        _ = try connection.execute("SET LOCAL statement_timeout = '10min'")
        let usual = connection.deadline
        connection.deadline = .seconds(660)
        defer { connection.deadline = usual }
        return try compare(ranges, from: 0, to: farFuture, &connection)
    }

    /// Compares ranges with what the journal recorded between two times; microseconds since 1970.
    static func compare(
        _ ranges: [SealRange], from: Int64, to: Int64, _ connection: inout Connection
    ) throws(PostgresError) -> [SealSums] {
        var parameters = Parameters()
        parameters.int32s(ranges.map(\.partition))
        parameters.int64s(ranges.map(\.low))
        parameters.int64s(ranges.map(\.high))
        parameters.timestamp(microsecondsSinceUnixEpoch: from)
        parameters.timestamp(microsecondsSinceUnixEpoch: to)
        let rows = try connection.query(RetentionStatements.compare, parameters)
        return (0..<rows.count).map { row in
            SealSums(
                partition: rows.int32(row, 0), legalEntity: rows.text(row, 1),
                numbers: (2..<9).map { rows.int64(row, $0) })
        }
    }

    private func write(
        _ sums: [SealSums], _ ranges: [SealRange], _ now: Int64, _ connection: inout Connection
    ) throws(PostgresError) {
        var seals = Parameters()
        seals.int32s(sums.map(\.partition))
        seals.texts(sums.map(\.legalEntity))
        for column in 0..<7 { seals.int64s(sums.map { $0.numbers[column] }) }
        _ = try connection.query(RetentionStatements.addSeals, seals)
        var marks = Parameters()
        marks.int32s(ranges.map(\.partition))
        marks.int64s(ranges.map(\.high))
        _ = try connection.query(RetentionStatements.dropSealedLedger, marks)
        marks.timestamp(microsecondsSinceUnixEpoch: now)
        _ = try connection.query(RetentionStatements.moveSeals, marks)
    }

    /// Moves one slice of the journal to the archive.
    mutating func move(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> (Int, Bool) {
        let before = now - settings.keys - Self.margin
        guard movedTo < before else { return (0, true) }
        let (end, isLast) = try slice(from: movedTo, before: before, &connection)
        let oldestPayload = now - settings.payloads
        var needed = Parameters()
        needed.timestamp(microsecondsSinceUnixEpoch: movedTo)
        needed.timestamp(microsecondsSinceUnixEpoch: end)
        var moving = needed
        needed.timestamp(microsecondsSinceUnixEpoch: oldestPayload)
        _ = try connection.query(RetentionStatements.ensurePartitions, needed)
        var dropping = moving
        moving.timestamp(microsecondsSinceUnixEpoch: before)
        moving.int64(Self.margin)
        moving.timestamp(microsecondsSinceUnixEpoch: oldestPayload)
        var rows = try connection.query(RetentionStatements.move, moving).affected
        dropping.timestamp(microsecondsSinceUnixEpoch: forgotten(now))
        rows += try connection.query(RetentionStatements.dropAhead, dropping).affected
        movedTo = end + 1
        return (rows, isLast)
    }

    /// What happened before is stale to whoever applies it, whatever its clock says.
    private func forgotten(_ now: Int64) -> Int64 { now - settings.journal - 3 * Self.margin }

    /// The end of the slice that begins at `from`, and whether it is the last before `before`.
    private func slice(
        from: Int64, before: Int64, _ connection: inout Connection
    ) throws(PostgresError) -> (Int64, Bool) {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: from)
        parameters.timestamp(microsecondsSinceUnixEpoch: before)
        parameters.int64(Self.bite - 1)
        let rows = try connection.query(RetentionStatements.sliceEnd, parameters)
        return rows.count > 0 ? (rows.timestamp(0, 0), false) : (before - 1, true)
    }

    /// Takes the payloads from one slice of the journal, where they are to go before the rows move.
    mutating func clearPayloads(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> (Int, Bool) {
        let before = now - settings.payloads
        guard settings.payloads < settings.keys, clearedTo < before else { return (0, true) }
        let (end, isLast) = try slice(from: clearedTo, before: before, &connection)
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: clearedTo)
        parameters.timestamp(microsecondsSinceUnixEpoch: end)
        let rows = try connection.query(RetentionStatements.clearPayloads, parameters).affected
        clearedTo = end + 1
        return (rows, isLast)
    }

    func drop(
        _ statement: Statement, before: Int64, awaits flag: Bool? = nil, _ connection: inout Connection
    ) throws(PostgresError) -> Int {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: before)
        parameters.int64(Self.bite)
        if let flag { parameters.bool(flag) }
        return try connection.query(statement, parameters).affected
    }

    /// Removes rows of the audit trail, by the function of its owner: nobody else may.
    func dropAudit(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> Int {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now - settings.audit)
        parameters.int64(Self.bite)
        return Int(try connection.query(RetentionStatements.dropAudit, parameters).int64(0, 0))
    }

    /// Drops at most one partition of each archive.
    func dropPartitions(_ now: Int64, _ connection: inout Connection) throws(PostgresError) -> Int {
        // Dropping waits for whoever reads the archive, and everybody else for it: not for long.
        _ = try connection.execute("SET LOCAL lock_timeout = '2s'")
        var dropped = 0
        for (archive, before) in [
            ("journal_archive", forgotten(now)), ("payload_archive", now - settings.payloads),
        ] {
            var parameters = Parameters()
            parameters.text(archive)
            parameters.timestamp(microsecondsSinceUnixEpoch: before)
            if try !connection.query(RetentionStatements.dropPartition, parameters).isNull(0, 0) { dropped += 1 }
        }
        return dropped
    }
}

/// Positions of a source partition that are sealed together: low ..< high.
struct SealRange {
    var partition: Int32
    var low: Int64
    var high: Int64
}

/// What was found of a legal entity within them.
struct SealSums {
    var partition: Int32
    var legalEntity: String
    /// Taken, then the rows of each outcome.
    var numbers: [Int64]

    var imbalance: Int64 { numbers[0] - numbers.dropFirst().reduce(0, +) }
}
