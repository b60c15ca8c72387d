import Postgres
import Testing

@testable import Store

/// What the indexes promise: of writing, that an order's updates can leave them alone; of reading, that they are used.
@Suite struct IndexTests {
    /// No index has a column that every write of an order changes, and pages have room for a new version of each row.
    ///
    /// Whether they do depends on what else runs on the server; docs/BENCHMARKS.md has what was measured.
    @Test func updatesOfOrdersCanStayWithinTheirPages() throws {
        var connection = try freshStore()
        let indexed = try connection.execute(
            """
            SELECT count(*) FILTER (WHERE a.attname IN ('revision', 'version', 'updated_at', 'state_since', 'state',
                                                        'document')),
                   count(*) FILTER (WHERE a.attname IN ('legal_entity', 'order_ref'))
            FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = 'orders'::regclass
            """)
        #expect(indexed.int64(0, 0) == 0)
        #expect(indexed.int64(0, 1) >= 2)
        let options = try connection.execute(
            "SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE oid = 'orders'::regclass")
        #expect(options.text(0, 0) == "fillfactor=50")
    }

    /// What is due is found by its index, and what is under way: neither what failed before nor what is new is stepped
    /// over, however much of it waits.
    @Test func whatIsDueIsFoundWithoutWhatWaits() throws {
        var connection = try freshStore()
        try connection.execute(
            """
            INSERT INTO backlog (since, due_at, attempts, class, legal_entity, order_ref)
            SELECT now(), now() - i * interval '1 ms', i % 2, i % 3, 'A', 'O-' || i FROM generate_series(1, 30000) AS i;
            ANALYZE backlog
            """)
        let found = [
            ("class = 1 AND due_at <= now() AND attempts = 0", "backlog_turn_first"),
            ("class = 1 AND due_at <= now() AND attempts > 0", "backlog_turn_repeated"),
            ("class = 0 AND visited_at IS NOT NULL", "backlog_under_way"),
        ]
        for (condition, index) in found {
            let rows = try connection.execute(
                """
                EXPLAIN SELECT order_ref FROM backlog
                WHERE legal_entity = 'A' AND \(condition) ORDER BY due_at LIMIT 100
                """)
            let plan = (0..<rows.count).map { rows.text($0, 0) }.joined(separator: "\n")
            #expect(plan.contains(index), "\(plan)")
        }
    }

    /// A name is found by its value alone, and by all of it, through its key.
    @Test func namesAreFoundByTheirKey() throws {
        var connection = try freshStore()
        try connection.execute(
            """
            INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref)
            SELECT now(), 2, 'A', '', 'V-' || i, 'O-' || i FROM generate_series(1, 20000) AS i;
            ANALYZE order_references
            """)
        for condition in ["value = 'V-7'", "kind = 2 AND issuer = '' AND value = 'V-7'"] {
            let rows = try connection.execute(
                "EXPLAIN SELECT order_ref FROM order_references WHERE legal_entity = 'A' AND \(condition)")
            let plan = (0..<rows.count).map { rows.text($0, 0) }.joined(separator: "\n")
            #expect(plan.contains("order_references_pkey"), "\(plan)")
        }
    }
}
