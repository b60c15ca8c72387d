import OrderEvents
public import Postgres

/// What a bite of `BooksWatch` found.
public struct BooksFinding: Sendable {
    /// The topic.
    public var topic: String
    /// The partition within it.
    public var partition: Int32
    /// Records without a row (positive), or rows without a record (negative), each legal entity's added up by size.
    public var imbalance: Int64
}

/// Compares what this process ledgered with the rows of each outcome, soon after it did.
///
/// `sluice books` compares everything and reads every row for it. This reads each row of the journal once, by the index
/// over `recorded_at`, so that an imbalance is known while whoever caused it is still at it. It begins an hour before
/// it is made, and keeps nothing.
public struct BooksWatch: Sendable {
    /// Records of one bite, about; a bite is at least one stretch of the ledger.
    static let bite: Int64 = 200_000
    /// Stretches of one bite.
    static let stretches: Int64 = 2_000
    /// How far around its stretch of the ledger a journal row is looked for first, then, then everywhere; microseconds.
    static let slacks: [Int64] = [10_000_000, Retention.sealSlack]
    /// How far back it begins.
    static let past: Int64 = 3_600_000_000

    /// text instance, timestamptz, integer, bigint behind which it goes on, bigint stretches -> integer partition, text
    /// topic, integer its partition, bigint first, next offset, records, timestamptz recorded_at.
    private static let next = Statement(
        "books_next",
        """
        SELECT l.source_partition, s.topic, s.partition, l.first_offset, l.next_offset, l.records, l.recorded_at
        FROM partition_ledger l JOIN source_partitions s ON s.id = l.source_partition
        WHERE l.instance = $1 AND (l.recorded_at, l.source_partition, l.first_offset) > ($2, $3, $4)
        ORDER BY l.recorded_at, l.source_partition, l.first_offset LIMIT $5
        """)

    private struct Stretch {
        var topic: String
        var partition: Int32
        var range: SealRange
    }

    private let instance: String
    private var after: (recordedAt: Int64, partition: Int32, offset: Int64)

    /// A watch over what `instance` ledgers.
    public init(instance: String, now: Int64) {
        self.instance = instance
        after = (now - Self.past, 0, 0)
    }

    /// Up to when everything was compared; microseconds since 1970.
    public var comparedTo: Int64 { after.recordedAt }

    /// Compares a bite.
    ///
    /// - Returns: what each partition of it lacks, 0 mostly; and whether there is more.
    public mutating func step(_ connection: inout Connection) throws(PostgresError) -> ([BooksFinding], hasMore: Bool) {
        // One snapshot: retention may seal and move what is being compared.
        _ = try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        do throws(PostgresError) {
            let result = try compareNext(&connection)
            _ = try connection.execute("COMMIT")
            return result
        } catch {
            if !error.isConnectionLost { _ = try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    private mutating func compareNext(
        _ connection: inout Connection
    ) throws(PostgresError) -> ([BooksFinding], hasMore: Bool) {
        var parameters = Parameters()
        parameters.text(instance)
        parameters.timestamp(microsecondsSinceUnixEpoch: after.recordedAt)
        parameters.int32(after.partition)
        parameters.int64(after.offset)
        parameters.int64(Self.stretches)
        let rows = try connection.query(Self.next, parameters)
        var end = after
        var stretches: [Int32: Stretch] = [:]
        var records: Int64 = 0
        var times: (first: Int64, last: Int64)?
        var row = 0
        while row < rows.count, records < Self.bite {
            let id = rows.int32(row, 0)
            let (first, next) = (rows.int64(row, 3), rows.int64(row, 4))
            var stretch =
                stretches[id]
                ?? Stretch(
                    topic: rows.text(row, 1), partition: rows.int32(row, 2),
                    range: SealRange(partition: id, low: first, high: next))
            stretch.range.low = min(stretch.range.low, first)
            stretch.range.high = max(stretch.range.high, next)
            stretches[id] = stretch
            records += rows.int64(row, 5)
            let recorded = rows.timestamp(row, 6)
            times = (times?.first ?? recorded, recorded)
            end = (recorded, id, first)
            row += 1
        }
        guard let times else { return ([], false) }
        let sums = try compare(stretches.values.map(\.range), times, &connection)
        after = end
        let found = stretches.values.map { stretch in
            let off = sums.filter { $0.partition == stretch.range.partition }.reduce(0) { $0 + abs($1.imbalance) }
            return BooksFinding(topic: stretch.topic, partition: stretch.partition, imbalance: off)
        }
        return (found, row < rows.count || rows.count == Int(Self.stretches))
    }

    /// Looks in the journal around the time of the ledger, and everywhere only where that does not balance: rows of a
    /// legal entity that was paused are ledgered long after they were recorded.
    private func compare(
        _ ranges: [SealRange], _ times: (first: Int64, last: Int64), _ connection: inout Connection
    ) throws(PostgresError) -> [SealSums] {
        for slack in Self.slacks {
            let sums = try Retention.compare(
                ranges, from: times.first - slack, to: times.last + slack, &connection)
            if sums.allSatisfy({ $0.imbalance == 0 }) { return sums }
        }
        return try Retention.compareEverywhere(ranges, &connection)
    }
}
