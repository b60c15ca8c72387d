import Postgres
import Testing

@testable import Store

/// What the indexes promise: of writing, that an order's updates do not touch them; of reading, that they are used.
@Suite struct IndexTests {
    /// Goal: updating orders adds no entries to their key.
    ///
    /// Method: four rounds of updates with documents of the usual size, in batches as the workers write them; the
    /// index must not have grown. With a fill factor of 80 it grows.
    @Test func updatesOfOrdersStayWithinTheirPages() throws {
        func growth(_ connection: inout Connection) throws -> Int64 {
            try connection.execute(
                """
                INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document)
                SELECT 1, 1, now(), 1, 'A', 'O-' || i, repeat('d', 700) FROM generate_series(1000, 3999) AS i
                """)
            let size = "SELECT pg_relation_size('orders_pkey')"
            let before = try connection.execute(size).int64(0, 0)
            for _ in 0..<4 {
                for batch in 0..<6 {
                    try connection.execute(
                        """
                        UPDATE orders SET revision = revision + 1, document = repeat('e', 700)
                        WHERE legal_entity = 'A' AND order_ref IN (
                            SELECT 'O-' || i FROM generate_series(1000 + \(batch) * 500, 1499 + \(batch) * 500) AS i)
                        """)
                }
            }
            return try connection.execute(size).int64(0, 0) - before
        }
        var connection = try freshStore()
        #expect(try growth(&connection) == 0)
        var packed = try freshStore()
        try packed.execute("ALTER TABLE orders SET (fillfactor = 80)")
        #expect(try growth(&packed) > 0)
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
