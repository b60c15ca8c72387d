public import OrderEvents
public import Postgres

/// What one store holds of one (source partition, legal entity) below the partition's committable watermark.
public struct BookLine: Sendable {
    /// The topic.
    public var topic: String
    /// The partition within it.
    public var partition: Int32
    /// The legal entity; `unknown` for what could not be read.
    public var legalEntity: String
    /// Records that Ingest counted at the poll.
    public var taken: Int64
    /// Rows stored, by outcome's raw value.
    public var rows: [Outcome: Int64]

    /// All rows stored.
    public var stored: Int64 { rows.values.reduce(0, +) }
    /// Records without a row (positive), or rows without a record (negative).
    public var imbalance: Int64 { taken - stored }
}

/// The books: what was counted at the poll against the rows of each outcome.
public enum Books {
    /// Counts rows, never counters: one side comes from the ledger, the other from the tables of outcomes.
    private static let balance = Statement(
        "books_balance",
        """
        WITH marks AS (
            SELECT source_partition, max(next_offset) AS next_offset FROM partition_ledger GROUP BY source_partition
        ), taken AS (
            SELECT l.source_partition, u.entity AS legal_entity, sum(u.n)::bigint AS records
            FROM partition_ledger l, unnest(l.entities, l.counts) AS u(entity, n) GROUP BY 1, 2
        ), stored AS (
            SELECT o.source_partition, o.legal_entity,
                   count(*) FILTER (WHERE outcome = 1) AS applied, count(*) FILTER (WHERE outcome = 2) AS duplicate,
                   count(*) FILTER (WHERE outcome = 3) AS stale, count(*) FILTER (WHERE outcome = 4) AS parked,
                   count(*) FILTER (WHERE outcome = 5) AS rejected,
                   count(*) FILTER (WHERE outcome = 6) AS dead_lettered
            FROM outcomes o JOIN marks m ON m.source_partition = o.source_partition
            WHERE o.source_offset < m.next_offset GROUP BY 1, 2
        )
        SELECT s.topic, s.partition, COALESCE(t.legal_entity, r.legal_entity), COALESCE(t.records, 0),
               COALESCE(applied, 0), COALESCE(duplicate, 0), COALESCE(stale, 0), COALESCE(parked, 0),
               COALESCE(rejected, 0), COALESCE(dead_lettered, 0)
        FROM taken t
        FULL JOIN stored r ON r.source_partition = t.source_partition AND r.legal_entity = t.legal_entity
        JOIN source_partitions s ON s.id = COALESCE(t.source_partition, r.source_partition)
        ORDER BY 1, 2, 3
        """)

    /// The balance of one store, by topic, partition and legal entity.
    public static func read(_ connection: inout Connection) throws(PostgresError) -> [BookLine] {
        let rows = try connection.query(balance, Parameters())
        return (0..<rows.count).map { row in
            var counts: [Outcome: Int64] = [:]
            for (column, outcome) in Outcome.allCases.enumerated() { counts[outcome] = rows.int64(row, 4 + column) }
            return BookLine(
                topic: rows.text(row, 0), partition: rows.int32(row, 1), legalEntity: rows.text(row, 2),
                taken: rows.int64(row, 3), rows: counts)
        }
    }
}
