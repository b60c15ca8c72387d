import Foundation
import Postgres
import Testing
import TestSupport

@testable import Store

/// The numbered SQL files against a real PostgreSQL.
@Suite struct MigrationsTests {
    @Test func areAppliedOnceAndVerified() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        #expect(throws: StoreError.self) { try Migrations.verify(&connection) }
        #expect(try Migrations.apply(to: &connection).count == Migrations.all.count)
        #expect(try Migrations.apply(to: &connection).isEmpty)
        try Migrations.verify(&connection)
    }

    @Test func everyFileIsAMigration() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Store/Migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
        let names = Migrations.all.map { migration in
            let number = "\(migration.number)"
            return String(repeating: "0", count: 3 - number.count) + number + "_\(migration.name).sql"
        }
        #expect(files.sorted() == names)
    }

    @Test func instancesThatStartTogetherDoNotRace() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        let results = Mutexed<[Result<Int, any Error>]>([])
        let threads = DispatchGroup()
        for _ in 0..<4 {
            threads.enter()
            Thread {
                let result = Result {
                    var connection = try Connection(ConnectionSettings(url))
                    return try Migrations.apply(to: &connection).count
                }
                results.change { $0.append(result) }
                threads.leave()
            }.start()
        }
        threads.wait()
        let applied = try results.value.map { try $0.get() }
        #expect(applied.reduce(0, +) == Migrations.all.count)
    }

    @Test func editedMigrationIsRefused() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        _ = try Migrations.apply(to: &connection)
        try connection.execute("UPDATE sluice.migrations SET checksum = 1 WHERE number = 2")
        let error = #expect(throws: StoreError.self) { _ = try Migrations.apply(to: &connection) }
        #expect(error?.description.contains("different builds") == true)
    }

    @Test func newerStoreIsLeftAlone() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        _ = try Migrations.apply(to: &connection)
        try connection.execute("INSERT INTO sluice.migrations VALUES (999, 'later', 1, now())")
        let error = #expect(throws: StoreError.self) { _ = try Migrations.apply(to: &connection) }
        #expect(error?.description.contains("newer") == true)
    }

    /// Names of a store that allowed more than one order for any of them.
    @Test func namesOfAnOlderStoreStayValid() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE SCHEMA sluice")
        try connection.execute("SET search_path = sluice")
        for migration in Migrations.all.prefix(3) {
            try connection.execute(String(decoding: migration.sql, as: UTF8.self))
        }
        try connection.execute(
            """
            INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document)
            SELECT 1, 1, now(), 1, 'A', 'O-' || i, '{}' FROM generate_series(1, 4) AS i;
            INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref) VALUES
                ('2026-01-02', 5, 'A', 'dhl', 'T', 'O-2'), ('2026-01-01', 5, 'A', 'dhl', 'T', 'O-1'),
                ('2026-01-03', 5, 'A', 'dhl', 'T', 'O-3'), ('2026-01-01', 3, 'A', '', 'W', 'O-2'),
                ('2026-01-02', 3, 'A', '', 'W', 'O-1'), ('2026-01-01', 1, 'A', 'portal', '7', 'O-1'),
                ('2026-01-02', 1, 'A', '', 'O-4', 'O-3'), ('2026-01-02', 1, 'A', '', 'O-4', 'O-4');
            INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, order_version,
                source_partition, outcome, disposition, status, milestone, state_before, state_after, legal_entity,
                channel, event_id, order_ref, warehouse, code, payload)
            SELECT i, now(), now(), 0, 0, 1, 4, 3, 0, 1, 0, 0, 'A', 'c', 'e' || i, '', '', 'unknown_reference',
                convert_to('{"reference":{"kind":"tracking",' || CASE i WHEN 3 THEN '' ELSE '"issuer":"dhl",' END
                           || '"value":"' || CASE i WHEN 4 THEN 'T' ELSE 'N' END || '"}}', 'UTF8')
            FROM generate_series(1, 4) AS i;
            INSERT INTO parked (parked_at, due_at, legal_entity, order_ref, channel, event_id, warehouse, code)
            SELECT recorded_at, '9999-12-31', 'A', '', 'c', event_id, '', code FROM journal;
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
            VALUES (now(), now(), 'A', '', 'unknown_reference', 'info', '')
            """)
        try connection.execute(String(decoding: Migrations.all[3].sql, as: UTF8.self))
        func all(_ sql: String) throws -> String { try connection.execute(sql).text(0, 0) }
        #expect(
            try all(
                "SELECT string_agg(kind || value || order_ref, ' ' ORDER BY kind, value) FROM order_references "
                    + "WHERE order_ref <> ''") == "17O-1 3WO-2 5TO-1")
        #expect(
            try all(
                "SELECT string_agg(issuer || value || waiting, ' ' ORDER BY issuer) FROM order_references "
                    + "WHERE order_ref = ''") == "N1 dhlN2")
        #expect(try all("SELECT string_agg(reference_value, ' ' ORDER BY event_id) FROM parked") == "N N N T")
        #expect(try all("SELECT string_agg(order_ref, ' ' ORDER BY order_ref) FROM shared_references") == "O-2 O-3")
        #expect(
            try all("SELECT string_agg(order_ref, ', ' ORDER BY order_ref) FROM exceptions WHERE resolved_at IS NULL")
                == "O-1, O-3, tracking N, tracking dhl/N")
        #expect(
            try all("SELECT string_agg(order_ref || alias_of, ' ') FROM orders WHERE alias_of <> ''") == "portal/7O-1")
    }

    @Test func archivesHavePartitionsOfTheirOwnNamesOnly() throws {
        var connection = try freshStore()
        #expect(throws: PostgresError.self) {
            _ = try connection.execute("SELECT ensure_archive_partition('orders; DROP TABLE orders', now())")
        }
        #expect(throws: PostgresError.self) {
            _ = try connection.execute("SELECT drop_archive_partition('orders', now())")
        }
        let made = "SELECT ensure_archive_partition('journal_archive', '2026-11-23')"
        #expect(try connection.execute(made).bool(0, 0))
        #expect(try !connection.execute(made).bool(0, 0))
        let drop = "SELECT COALESCE(drop_archive_partition('journal_archive', '%'), '')"
        #expect(try connection.execute(drop.replacing("%", with: "2026-11-30 23:59:59Z")).text(0, 0) == "")
        #expect(
            try connection.execute(drop.replacing("%", with: "2026-12-01Z")).text(0, 0) == "journal_archive_20261101")
    }
}

// Safe: the value is touched while the lock is held only.
/// A value behind a lock.
final class Mutexed<Value: Sendable>: @unchecked Sendable {
    private var stored: Value
    private let lock = NSLock()
    init(_ value: Value) { stored = value }
    var value: Value { lock.withLock { stored } }
    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
}
