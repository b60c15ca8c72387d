import Foundation
import Postgres
import TestSupport
import Testing

/// The argument of `docs/decisions/0001-keys-journal-retention.md`, on the smallest schema that has it.
///
/// The hot journal's primary key answers for young keys; old rows move to an archive, where an event is looked for, by
/// its order, if the time that it claims is old. Keys are kept for 30 days here.
@Suite struct RetentionBoundaryTests {
    static let schema = """
        CREATE TABLE journal (
          legal_entity text COLLATE "C", channel text COLLATE "C", event_id text COLLATE "C",
          order_ref text COLLATE "C", occurred_at timestamptz, recorded_at timestamptz,
          PRIMARY KEY (legal_entity, channel, event_id));
        CREATE TABLE journal_archive (LIKE journal) PARTITION BY RANGE (recorded_at);
        CREATE INDEX ON journal_archive (legal_entity, order_ref);
        CREATE TABLE journal_archive_all PARTITION OF journal_archive FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
        CREATE TABLE orders (order_ref text COLLATE "C" PRIMARY KEY, effects int NOT NULL DEFAULT 0);
        INSERT INTO orders VALUES ('o');
        """

    /// A row moves when both its own time and the time that its event claims are old.
    static let moveOld = Statement(
        "move",
        """
        WITH old AS MATERIALIZED (
          SELECT ctid FROM journal WHERE recorded_at < $1 AND occurred_at < $1
          ORDER BY recorded_at LIMIT 5000 FOR UPDATE SKIP LOCKED),
        gone AS (DELETE FROM journal j USING old WHERE j.ctid = old.ctid RETURNING j.*)
        INSERT INTO journal_archive SELECT * FROM gone
        """)
    static let claim = Statement("claim", "INSERT INTO journal VALUES ('E', 'c', $1, 'o', $2, $3)")
    static let look = Statement(
        "look",
        """
        SELECT count(*) FROM journal_archive
        WHERE legal_entity = 'E' AND order_ref = 'o' AND channel = 'c' AND event_id = $1
        """)

    static let day: Int64 = 86_400_000_000
    static let start: Int64 = 1_795_000_000_000_000
    static let keys = 30 * day

    /// What a worker does with one record that is polled at `now`: claim the key first, look in the archive after.
    static func take(
        _ connection: inout Connection, _ id: String, claims occurredAt: Int64, now: Int64
    ) throws -> Bool {
        try connection.execute("BEGIN")
        guard try isClaimed(&connection, id, claims: occurredAt, now: now) else {
            try connection.execute("ROLLBACK")
            return false
        }
        try connection.execute("UPDATE orders SET effects = effects + 1; COMMIT")
        return true
    }

    static func isClaimed(
        _ connection: inout Connection, _ id: String, claims occurredAt: Int64, now: Int64
    ) throws -> Bool {
        var values = Parameters()
        values.text(id)
        values.timestamp(microsecondsSinceUnixEpoch: occurredAt)
        values.timestamp(microsecondsSinceUnixEpoch: now)
        do {
            try connection.query(claim, values)
        } catch {
            guard error.sqlState == .uniqueViolation else { throw error }
            return false
        }
        guard occurredAt < now - keys else { return true }
        values.removeAll()
        values.text(id)
        return try connection.query(look, values).int64(0, 0) == 0
    }

    static func moveOld(_ connection: inout Connection, now: Int64) throws -> Int {
        var values = Parameters()
        values.timestamp(microsecondsSinceUnixEpoch: now - Self.keys)
        return try connection.query(Self.moveOld, values).affected
    }

    /// Claimed times: honest, late by a year, a year in the future.
    @Test(arguments: [-3_600_000_000, -365 * day, 365 * day] as [Int64])
    func aRecordIsAppliedOnceOnEitherSideOfTheBoundary(claimedAfterStart: Int64) throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute(Self.schema)
        let claimed = Self.start + claimedAfterStart
        var applied = 0
        for days in [0, 1, 29, 30, 31, 60, 400, 500] as [Int64] {
            let now = Self.start + days * Self.day
            // Redelivered before and after the mover has run that day.
            if try Self.take(&connection, "k", claims: claimed, now: now) { applied += 1 }
            _ = try Self.moveOld(&connection, now: now)
            if try Self.take(&connection, "k", claims: claimed, now: now) { applied += 1 }
        }
        #expect(applied == 1)
        let rows = try connection.execute(
            "SELECT effects, (SELECT count(*) FROM journal), (SELECT count(*) FROM journal_archive) FROM orders")
        #expect(rows.int64(0, 0) == 1)
        #expect(rows.int64(0, 1) == 0 && rows.int64(0, 2) == 1, "moved in the end, and once")
    }

    /// The mover has deleted the key and not yet committed while a worker takes the same record again.
    ///
    /// The claim waits for the mover, and the look that follows has a newer snapshot. Looking first would miss both
    /// rows.
    @Test func aRecordRedeliveredDuringTheMoveIsADuplicate() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var mover = try Connection(ConnectionSettings(url))
        var observer = try Connection(ConnectionSettings(url))
        try mover.execute(Self.schema)
        let isApplied = try Self.take(&mover, "k", claims: Self.start, now: Self.start)
        #expect(isApplied)
        let later = Self.start + 31 * Self.day
        try mover.execute("BEGIN")
        let moved = try Self.moveOld(&mover, now: later)
        #expect(moved == 1)
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Thread.detachNewThread {
            outcome.set(Self.redeliver(to: url, now: later))
            done.signal()
        }
        try waitUntil(
            &observer,
            "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                + "AND datname = current_database()")
        try mover.execute("COMMIT")
        done.wait()
        #expect(outcome.get() == nil)
        let rows = try observer.execute("SELECT effects, (SELECT count(*) FROM journal) FROM orders")
        #expect(rows.int64(0, 0) == 1 && rows.int64(0, 1) == 0)
    }

    /// Takes the record of the race once more, on a connection of its own; gives what went wrong.
    static func redeliver(to url: String, now: Int64) -> PostgresError? {
        do {
            var worker = try Connection(ConnectionSettings(url))
            _ = try take(&worker, "k", claims: start, now: now)
            return nil
        } catch { return error as? PostgresError }
    }
}
