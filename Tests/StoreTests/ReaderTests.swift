import OrderEvents
import Postgres
import TestSupport
import Testing

@testable import Store

/// Readers see the rows of their legal entities, by the database itself, and can change nothing.
@Suite struct ReaderTests {
    private static let fill = """
        INSERT INTO source_partitions (topic, partition) VALUES ('t', 0);
        INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document)
        SELECT 1, 1, now(), 1, e, 'O-' || i, '{}' FROM unnest('{A,B}'::text[]) e, generate_series(1, 1000) i;
        INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, order_version, source_partition,
                             outcome, disposition, status, milestone, state_before, state_after, legal_entity,
                             channel, event_id, order_ref, warehouse, payload)
        SELECT i, now(), now(), i, 1, 1, 1, 1, 1, 0, 0, 1, e, 'c', 'e-' || i, 'O-' || i, '', 'secret'
        FROM unnest('{A,B}'::text[]) e, generate_series(1, 1000) i;
        INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
        SELECT now(), now(), e, 'O-' || i, 'x', 'info', '' FROM unnest('{A,B}'::text[]) e, generate_series(1, 1000) i;
        INSERT INTO partition_ledger (first_offset, next_offset, records, recorded_at, source_partition, entities,
                                      counts, instance)
        VALUES (0, 1001, 2000, now(), 1, '{A,B}', '{1000,1000}', 'i');
        INSERT INTO dead_letters (source_offset, recorded_at, source_partition, payload_bytes, channel, reason, detail)
        VALUES (5000, now(), 1, 5, 'c', 'not_json', 'd');
        ANALYZE
        """

    private func store() throws -> ConnectionSettings {
        var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
        settings.searchPath = "sluice"
        var connection = try Connection(settings)
        _ = try Migrations.apply(to: &connection)
        try connection.execute(Self.fill)
        return settings
    }

    private func count(_ table: String, _ session: inout ReaderSession) throws -> Int64 {
        // Safe: names of tables from this file.
        try session.connection.execute("SELECT count(*) FROM " + table).int64(0, 0)
    }

    @Test func aSessionSeesItsLegalEntitiesOnly() throws {
        var session = try ReaderSession(ReaderSession.settings(store()))
        let isConfined = session.isConfined
        #expect(isConfined)
        for table in ["orders", "journal", "exceptions"] {
            // Nothing said: nothing seen.
            #expect(try count(table, &session) == 0)
        }
        try session.look(at: .legalEntities(["A"]))
        #expect(try count("orders", &session) == 1000)
        #expect(try session.connection.execute("SELECT count(*) FROM orders WHERE legal_entity = 'B'").int64(0, 0) == 0)
        #expect(try count("dead_letters", &session) == 0)
        try session.look(at: .legalEntities([]))
        #expect(try count("orders", &session) == 0)
        try session.look(at: .legalEntities(["A", "B"]))
        #expect(try count("orders", &session) == 2000)
        try session.look(at: .everything)
        #expect(try count("journal", &session) == 2000)
        #expect(try count("dead_letters", &session) == 1)
    }

    /// What a reader may not do, each by the database's own refusal.
    @Test(arguments: [
        "SELECT * FROM sluice.orders", "SELECT payload FROM sluice.journal", "SELECT payload FROM journal",
        "SELECT record_key FROM dead_letters", "DELETE FROM orders", "UPDATE exceptions SET resolved_at = now()",
        "INSERT INTO audit (actor, role, action, legal_entity, subject, result) VALUES ('', '', '', '', '', '')",
        "INSERT INTO sluice.audit (actor, role, action, legal_entity, subject, result) VALUES ('', '', '', '', '', '')",
        "DELETE FROM sluice.audit", "SELECT sluice.grant_rights()", "CREATE TABLE sluice_read.x (i int)",
        "SELECT sluice.drop_archive_partition('journal_archive', now())", "DROP VIEW orders", "TRUNCATE sluice.journal",
        "SELECT sluice.drop_audit(now(), 1)",
    ])
    func aReaderChangesNothing(_ sql: String) throws {
        var session = try ReaderSession(ReaderSession.settings(store()))
        try session.look(at: .everything)
        #expect(throws: PostgresError.self) { _ = try session.connection.execute(sql) }
    }

    /// A condition that gives away what it is asked about is not asked about others' rows.
    @Test func aLeakyConditionSeesNoMore() throws {
        let settings = try store()
        var owner = try Connection(settings)
        try owner.execute(
            """
            CREATE TABLE leaked (entity text);
            CREATE FUNCTION sluice_read.leak(e text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER COST 0.0001 AS $$
            BEGIN INSERT INTO sluice.leaked VALUES (e); RETURN true; END $$;
            GRANT EXECUTE ON FUNCTION sluice_read.leak(text) TO PUBLIC
            """)
        var session = try ReaderSession(ReaderSession.settings(settings))
        try session.look(at: .legalEntities(["A"]))
        #expect(
            try session.connection.execute("SELECT count(*) FROM orders WHERE leak(legal_entity)").int64(0, 0) == 1000)
        let leaked = try owner.execute("SELECT string_agg(DISTINCT entity, ',') FROM leaked").text(0, 0)
        #expect(leaked == "A")
    }

    @Test func theTrailIsOnlyAddedTo() throws {
        let settings = try store()
        var session = try ReaderSession(ReaderSession.settings(settings))
        try session.look(at: .legalEntities(["A"]))
        for entity in ["A", "B", "A"] {
            try AuditTrail.add(
                AuditTrail.Act(
                    actor: "x", role: "viewer", action: "order.read", legalEntity: entity, subject: "O-1",
                    result: "read"), &session.connection)
        }
        let seen = try AuditTrail.read(legalEntity: nil, limit: 10, &session.connection)
        #expect(seen.map(\.legalEntity) == ["A", "A"] && seen[0].id > seen[1].id)
        // Not even by who owns it.
        var owner = try Connection(settings)
        for sql in ["UPDATE audit SET actor = 'y'", "DELETE FROM audit", "TRUNCATE audit"] {
            #expect(throws: PostgresError.self) { _ = try owner.execute(sql) }
        }
        #expect(try owner.execute("SELECT count(*) FROM audit").int64(0, 0) == 3)
        // Nor by the function that retention uses, whatever time it is given.
        #expect(try owner.execute("SELECT drop_audit('infinity', 100)").int64(0, 0) == 0)
    }

    /// With the rights of `sluice run`, where they are not the owner's.
    @Test func theRuntimeRemovesWhatIsOldByItsFunctionOnly() throws {
        let settings = try store()
        var owner = try Connection(settings)
        try owner.execute(
            """
            INSERT INTO audit (at, actor, role, action, legal_entity, subject, result)
            SELECT now() - make_interval(days => d), 'x', 'viewer', 'order.read', 'A', 'O-1', 'read'
            FROM unnest('{400,300,29,0}'::integer[]) AS d
            """)
        try owner.execute("SET ROLE sluice_runtime")
        for sql in ["DELETE FROM audit WHERE at < now() - interval '1y'", "UPDATE audit SET actor = 'y'"] {
            #expect(throws: PostgresError.self) { _ = try owner.execute(sql) }
        }
        #expect(try owner.execute("SELECT drop_audit(now() - interval '365 days', 100)").int64(0, 0) == 1)
        #expect(try owner.execute("SELECT drop_audit(now(), 1)").int64(0, 0) == 1, "at most so many")
        #expect(try owner.execute("SELECT drop_audit(now(), 100)").int64(0, 0) == 0, "29 days are too few")
        #expect(try owner.execute("SELECT count(*) FROM audit").int64(0, 0) == 2)
    }

    @Test func theBooksOfOneAreItsOwn() throws {
        var session = try ReaderSession(ReaderSession.settings(store()))
        try session.look(at: .legalEntities(["A"]))
        let mine = try Books.read(&session.connection)
        #expect(mine.map(\.legalEntity) == ["A"] && mine[0].taken == 1000 && mine[0].imbalance == 0)
        try session.look(at: .everything)
        #expect(try Books.read(&session.connection).map(\.legalEntity) == ["A", "B"])
    }

    @Test func exceptionsComePageByPage() throws {
        var session = try ReaderSession(ReaderSession.settings(store()))
        try session.look(at: .legalEntities(["A"]))
        var below = Int64.max
        var found: [Int64] = []
        while true {
            let page = try ExceptionList.read(
                ExceptionList.Filter(), below: below, limit: 300, &session.connection)
            #expect(page.allSatisfy { $0.legalEntity == "A" })
            found += page.map(\.id)
            guard page.count == 300, let last = page.last else { break }
            below = last.id
        }
        #expect(found.count == 1000 && found == found.sorted(by: >))
    }

    /// The view's own condition keeps nothing from being looked up in an index.
    @Test func readersLookUpInIndexesToo() throws {
        var session = try ReaderSession(ReaderSession.settings(store()))
        for sight in [ReaderSession.Sight.everything, .legalEntities(["A"])] {
            try session.look(at: sight)
            let sql = OrderViewStatements.timeline.sql
            try session.connection.execute("PREPARE tried AS " + sql)
            let rows = try session.connection.execute("EXPLAIN (COSTS OFF) EXECUTE tried('A', 'O-7', 501)")
            let plan = (0..<rows.count).map { rows.text($0, 0) }.joined(separator: "\n")
            #expect(plan.contains("journal_by_order") && !plan.contains("Seq Scan on journal\n"), "\(plan)")
            try session.connection.execute("DEALLOCATE tried")
            try session.connection.execute("PREPARE tried AS " + OrderViewStatements.order.sql)
            let order = try session.connection.execute("EXPLAIN (COSTS OFF) EXECUTE tried('A', 'O-7')")
            let orderPlan = (0..<order.count).map { order.text($0, 0) }.joined(separator: "\n")
            #expect(orderPlan.contains("orders_pkey"), "\(orderPlan)")
            try session.connection.execute("DEALLOCATE tried")
        }
    }

    /// A login that may only read, beside the runtime's.
    @Test func aLoginOfItsOwnReads() throws {
        let settings = try store()
        var owner = try Connection(settings)
        // Roles belong to the whole cluster, which other tests share.
        let login = "reader_login_of_" + (try owner.execute("SELECT current_database()").text(0, 0))
        // Safe: a name from this test.
        try owner.execute("CREATE ROLE \(login) LOGIN IN ROLE sluice_reader")
        try owner.execute("SET ROLE \(login)")
        #expect(throws: PostgresError.self) { _ = try owner.execute("SELECT count(*) FROM sluice.orders") }
        try owner.execute("SET sluice.legal_entities = 'B'")
        #expect(try owner.execute("SELECT count(*) FROM sluice_read.orders").int64(0, 0) == 1000)
    }
}
