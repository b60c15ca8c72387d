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
    ///
    /// Positions that are sealed were counted once, in the same way, before their rows could go: their sums are added.
    /// The archive holds sealed positions only. Reads every unsealed row; one statement, so one snapshot.
    private static let balance = Statement(
        "books_balance",
        """
        WITH marks AS MATERIALIZED (
            SELECT p.id AS source_partition, COALESCE(s.below_offset, -9223372036854775808) AS sealed,
                   (SELECT max(next_offset) FROM partition_ledger l WHERE l.source_partition = p.id) AS next_offset
            FROM source_partitions p LEFT JOIN sealed_partitions s ON s.source_partition = p.id
        ), taken AS (
            SELECT l.source_partition, u.entity AS legal_entity, sum(u.n)::bigint AS records
            FROM partition_ledger l, unnest(l.entities, l.counts) AS u(entity, n) GROUP BY 1, 2
        ), unsealed AS (
            SELECT source_partition, source_offset, legal_entity, outcome FROM journal
            UNION ALL SELECT source_partition, source_offset, legal_entity, 2 FROM duplicates
            UNION ALL SELECT source_partition, source_offset, legal_entity, 5 FROM rejected
            UNION ALL SELECT source_partition, source_offset, legal_entity, 6 FROM dead_letters
        ), stored AS (
            SELECT o.source_partition, o.legal_entity,
                   count(*) FILTER (WHERE outcome = 1) AS applied, count(*) FILTER (WHERE outcome = 2) AS duplicate,
                   count(*) FILTER (WHERE outcome = 3) AS stale, count(*) FILTER (WHERE outcome = 4) AS parked,
                   count(*) FILTER (WHERE outcome = 5) AS rejected,
                   count(*) FILTER (WHERE outcome = 6) AS dead_lettered
            FROM unsealed o JOIN marks m ON m.source_partition = o.source_partition
            WHERE o.source_offset >= m.sealed AND o.source_offset < m.next_offset GROUP BY 1, 2
        ), sums AS (
            SELECT source_partition, legal_entity, records AS taken, 0::bigint AS applied, 0::bigint AS duplicate,
                   0::bigint AS stale, 0::bigint AS parked, 0::bigint AS rejected, 0::bigint AS dead_lettered FROM taken
            UNION ALL SELECT source_partition, legal_entity, 0::bigint, applied, duplicate, stale, parked, rejected,
                             dead_lettered FROM stored
            UNION ALL SELECT source_partition, legal_entity, taken, applied, duplicate, stale, parked, rejected,
                             dead_lettered FROM book_seals
        )
        SELECT s.topic, s.partition, b.legal_entity, sum(taken)::bigint, sum(applied)::bigint, sum(duplicate)::bigint,
               sum(stale)::bigint, sum(parked)::bigint, sum(rejected)::bigint, sum(dead_lettered)::bigint
        FROM sums b JOIN source_partitions s ON s.id = b.source_partition
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
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
