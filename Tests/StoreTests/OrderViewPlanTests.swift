import Postgres
import Testing

@testable import Store

/// `sluice order` looks things up in indexes, however many orders there are.
@Suite struct OrderViewPlanTests {
    private func fill(_ connection: inout Connection) throws {
        try connection.execute(
            """
            INSERT INTO source_partitions (topic, partition) VALUES ('t', 0);
            INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document)
            SELECT 1, 1, now(), 1, 'ACME-' || (i % 20), 'O-' || i, '{}' FROM generate_series(1, 20000) AS i;
            INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, order_version, source_partition,
                                 outcome, disposition, status, milestone, state_before, state_after, legal_entity,
                                 channel, event_id, order_ref, warehouse)
            SELECT i, now(), now(), i, 1, 1, 1, 1, 1, 0, 0, 1, 'ACME-' || (i % 20), 'c', 'e-' || i, 'O-' || i, ''
            FROM generate_series(1, 20000) AS i;
            INSERT INTO rejected (source_offset, occurred_at, recorded_at, content_hash, source_partition, status,
                                  milestone, legal_entity, channel, event_id, order_ref, code, detail)
            SELECT 100000 + i, now(), now(), i, 1, 1, 0, 'ACME-' || (i % 20), 'c', 'r-' || i, 'O-' || i, 'x', ''
            FROM generate_series(1, 20000) AS i;
            INSERT INTO duplicates (source_offset, recorded_at, source_partition, legal_entity, channel, event_id)
            SELECT 200000 + i, now(), 1, 'ACME-' || (i % 20), 'c', 'e-' || i FROM generate_series(1, 20000) AS i;
            INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref)
            SELECT now(), 3, 'ACME-' || (i % 20), 'wms', 'W-' || i, 'O-' || i FROM generate_series(1, 20000) AS i;
            INSERT INTO shared_references (learned_at, kind, legal_entity, issuer, value, order_ref)
            SELECT now(), 5, 'ACME-' || (i % 20), 'dhl', 'T-' || i, 'O-' || i FROM generate_series(1, 20000) AS i;
            INSERT INTO parked (parked_at, due_at, legal_entity, order_ref, channel, event_id, warehouse, code)
            SELECT now(), now(), 'ACME-' || (i % 20), 'O-' || i, 'c', 'e-' || i, '', 'x'
            FROM generate_series(1, 20000) AS i;
            INSERT INTO backlog (since, due_at, legal_entity, order_ref)
            SELECT now(), now(), 'ACME-' || (i % 20), 'O-' || i FROM generate_series(1, 20000) AS i;
            INSERT INTO deliveries (confirmed_at, delivered_version, delivered_state, legal_entity, order_ref, document)
            SELECT now(), 1, 1, 'ACME-' || (i % 20), 'O-' || i, '{}' FROM generate_series(1, 20000) AS i;
            INSERT INTO validation_backlog (since, due_at, legal_entity, order_ref)
            SELECT now(), now(), 'ACME-' || (i % 20), 'O-' || i FROM generate_series(1, 20000) AS i;
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
            SELECT now(), now(), 'ACME-' || (i % 20), 'O-' || i, 'x', 'info', '' FROM generate_series(1, 20000) AS i;
            ANALYZE
            """)
    }

    @Test func noStatementReadsAWholeTable() throws {
        var connection = try freshStore()
        try fill(&connection)
        let key = "'ACME-7', 'O-7'"
        let name = "'ACME-7', 'wms/W-7', 'wms', 'W-7'"
        let statements: [(Statement, String)] = [
            (OrderViewStatements.findCanonical, key), (OrderViewStatements.findReference, name),
            (OrderViewStatements.findAwaited, name), (OrderViewStatements.awaiting, "'ACME-7', 5::int2, 'dhl', 'T-7'"),
            (OrderViewStatements.order, key),
            (OrderViewStatements.timeline, "\(key), 501"),
            (OrderViewStatements.duplicates, "'ACME-7', '{c,c}', '{e-7,e-27}'"), (OrderViewStatements.waiting, key),
            (OrderViewStatements.standing, key), (OrderViewStatements.delivery, key),
            (OrderViewStatements.validation, key), (OrderViewStatements.exceptions, key),
        ]
        let tables = [
            "orders", "journal", "rejected", "duplicates", "order_references", "shared_references", "parked",
            "backlog", "deliveries", "exceptions", "validation_backlog",
        ]
        for mode in ["force_custom_plan", "force_generic_plan"] {
            try connection.execute("SET plan_cache_mode = \(mode)")
            for (statement, arguments) in statements {
                try connection.execute("PREPARE tried AS \(statement.sql)")
                let rows = try connection.execute("EXPLAIN (COSTS OFF) EXECUTE tried(\(arguments))")
                let plan = (0..<rows.count).map { rows.text($0, 0) }.joined(separator: "\n")
                for table in tables {
                    let reads = plan.split(separator: "\n").filter { $0.contains("Seq Scan on \(table)") }
                    #expect(reads.allSatisfy { $0.contains("Seq Scan on \(table)_") }, "\(statement.name): \(plan)")
                }
                try connection.execute("DEALLOCATE tried")
            }
        }
    }
}
