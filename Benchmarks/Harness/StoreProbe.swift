import OrderEvents
import Postgres

/// Looks at what a run has stored.
enum StoreProbe {
    /// When the rows of some tables were committed, by the server's own commit times.
    struct Commits {
        /// Rows in all.
        var rows: Int
        /// Transactions that wrote them.
        var transactions: Int
        /// Rows of the transaction that was committed first.
        var firstRows: Int
        /// From the first commit to the last.
        var seconds: Double

        /// Rows a second from the first commit to the last; the rows of the first are not counted, its work was before.
        var rowsPerSecond: Double { seconds > 0 ? Double(rows - firstRows) / seconds : .nan }
    }

    /// The commits behind the rows of `tables`, each row counted once, by the transaction that wrote it last.
    static func commits(of tables: [String], _ connection: inout Connection) throws -> Commits {
        let union = tables.map { "SELECT xmin AS x FROM \($0)" }.joined(separator: " UNION ALL ")
        let rows = try connection.execute(
            """
            WITH written AS (
                SELECT count(*) AS n, pg_xact_commit_timestamp(x) AS t FROM (\(union)) r GROUP BY x
            )
            SELECT coalesce(sum(n), 0)::bigint, count(*), coalesce((array_agg(n ORDER BY t))[1], 0)::bigint,
                   coalesce(extract(epoch FROM max(t) - min(t)), 0)::double precision
            FROM written
            """)
        return Commits(
            rows: Int(rows.int64(0, 0)), transactions: Int(rows.int64(0, 1)), firstRows: Int(rows.int64(0, 2)),
            seconds: rows.double(0, 3))
    }

    /// One number.
    static func number(_ sql: String, _ connection: inout Connection) throws(PostgresError) -> Int {
        Int(try connection.execute(sql).int64(0, 0))
    }

    /// What a run of the reference load has to leave behind in Sluice's tables.
    struct Expectation {
        var records: Int
        var events: Int
        var orders: Int
        var deadLetters = 0
        /// Whether every order has had its whole lifecycle; not when only the first records of a load were read.
        var isWhole = true
        /// Whether every order that Odoo has to have is still in the backlog.
        var hasWholeBacklog = true
    }

    /// What is wrong with the rows; empty when nothing was lost or doubled.
    static func findings(_ expected: Expectation, _ connection: inout Connection) throws -> [String] {
        var findings: [String] = []
        func check(_ what: String, _ actual: Int, _ wanted: Int) {
            if actual != wanted { findings.append("\(what): \(actual) instead of \(wanted)") }
        }
        check("applied", try number("SELECT count(*) FROM journal WHERE outcome = 1", &connection), expected.events)
        check("journal rows", try number("SELECT count(*) FROM journal", &connection), expected.events)
        check(
            "duplicates", try number("SELECT count(*) FROM duplicates", &connection),
            expected.records - expected.events - expected.deadLetters
        )
        check(
            "positions with an outcome",
            try number("SELECT count(DISTINCT (source_partition, source_offset)) FROM outcomes", &connection),
            expected.records)
        check("orders", try number("SELECT count(*) FROM orders", &connection), expected.orders)
        if expected.isWhole {
            check(
                "orders that are invoiced at version 5",
                try number("SELECT count(*) FROM orders WHERE state = 6 AND version = 5", &connection), expected.orders)
        }
        let wrong = try number(
            """
            SELECT count(*) FROM orders o WHERE o.version IS DISTINCT FROM
                (SELECT max(order_version) FROM journal j
                 WHERE j.legal_entity = o.legal_entity AND j.order_ref = o.order_ref)
            """, &connection)
        check("orders whose version is not that of their journal", wrong, 0)
        if expected.hasWholeBacklog {
            // One that is only received needs no call (`create_at`): whether it is there depends on who came first.
            let astray = try number(
                """
                SELECT count(*) FROM orders o FULL JOIN backlog b USING (legal_entity, order_ref)
                WHERE o.state IS NULL OR (b.since IS NULL AND o.state <> \(CanonicalState.received.rawValue))
                """, &connection)
            check("orders missing in the backlog, or strangers there", astray, 0)
        }
        // Two loads number their purchase orders alike: the later order's name is among those that several share.
        let references = try number(
            "SELECT (SELECT count(*) FROM order_references) + (SELECT count(*) FROM shared_references)", &connection)
        check("references", references, expected.orders)
        for (table, rows) in [("rejected", 0), ("dead_letters", expected.deadLetters), ("parked", 0)] {
            check(table, try number("SELECT count(*) FROM \(table)", &connection), rows)
        }
        return findings
    }

    /// Bytes of the tables that every record adds to: asks the file system, not the rows.
    static func size(of tables: [String], _ connection: inout Connection) throws -> Int {
        let sum = tables.map { "pg_relation_size('\($0)')" }.joined(separator: " + ")
        return try number("SELECT \(sum)", &connection)
    }
}
