import OrderEvents
import Orders
import Postgres
import Testing

@testable import Store

/// The scheduled checks follow indexes, however many orders there are; and feeds.
@Suite struct ChecksTests {
    private static let minute: Int64 = 60_000_000

    /// The server's clock: what is armed by it is due by it.
    private static func now(_ connection: inout Connection) throws -> Int64 {
        try connection.execute("SELECT (extract(epoch FROM now()) * 1000000)::bigint").int64(0, 0)
    }

    private func fill(_ connection: inout Connection, orders: Int) throws {
        try connection.execute(
            """
            INSERT INTO orders (revision, version, updated_at, state_since, state, legal_entity, order_ref, document,
                                look_at, is_overdue)
            SELECT 1, 1, now(), now(), 1 + i % 7, 'ACME-' || (i % 20), 'O-' || i, '{}',
                   CASE WHEN i % 4 = 0 THEN now() + interval '1 day' WHEN i % 400 = 1 THEN now() - interval '1 h' END,
                   i % 500 = 2
            FROM generate_series(1, \(orders)) AS i;
            INSERT INTO deliveries (confirmed_at, delivered_version, odoo_id, delivered_state, legal_entity, order_ref,
                                    document)
            SELECT now(), 1, i, 1, 'ACME-' || (i % 20), 'O-' || i, '{}' FROM generate_series(1, \(orders), 3) AS i;
            INSERT INTO exceptions (first_seen, last_seen, resolved_at, legal_entity, order_ref, code, severity, detail)
            SELECT now(), now(), CASE WHEN i % 10 > 0 THEN now() END, 'ACME-' || (i % 20), 'O-' || i,
                   'stuck_in_validation', 'warning', ''
            FROM generate_series(1, \(orders), 2) AS i
            """)
    }

    /// The plan of a statement, prepared as the checks prepare it.
    private func plan(_ statement: Statement, _ arguments: String, _ connection: inout Connection) throws -> String {
        try connection.execute(OrderLooks.begin)
        try connection.execute("PREPARE \(statement.name) AS \(statement.sql)")
        let rows = try connection.execute("EXPLAIN (COSTS OFF) EXECUTE \(statement.name)(\(arguments))")
        try connection.execute("ROLLBACK")
        return (0..<rows.count).map { rows.text($0, 0) }.joined(separator: "\n")
    }

    @Test(arguments: [true, false]) func everyStatementFollowsAnIndex(isAnalysed: Bool) throws {
        var connection = try freshStore()
        try fill(&connection, orders: 20_000)
        // Without statistics the planner believes in small tables; what it does then has to be bounded as well.
        if isAnalysed { try connection.execute("ANALYZE") }
        let two = "'{ACME-1,ACME-2}', '{O-1,O-2}'"
        let plans = [
            ("orders_to_look_at", try plan(OrderLooks.due, "'{ACME-1,ACME-2}', now(), 200", &connection)),
            ("deliveries_pkey", try plan(OrderLooks.delivered, two, &connection)),
            (
                "orders_pkey",
                try plan(OrderLooks.settle, "\(two), '{2026-01-01,NULL}', '{true,false}'", &connection)
            ),
            (
                "exceptions_open",
                try plan(
                    ApplyStatements.resolveExceptions,
                    "now(), \(two), '{stuck_in_validation,stuck_in_validation}', 'x'",
                    &connection)
            ),
            ("orders_pkey", try plan(PromiseWalk.bite, "'ACME-1', 'O-5', 500", &connection)),
        ]
        for (index, plan) in plans {
            #expect(plan.contains(index), "\(plan)")
            for table in ["orders", "deliveries", "exceptions"] {
                #expect(!plan.contains("Seq Scan on \(table)"), "\(plan)")
            }
        }
        // In the order of the index: a limit ends it, however many are due.
        #expect(!plans[0].1.contains("Sort"), "\(plans[0].1)")
    }

    @Test func aLookReadsWhatIsDueAndNothingElse() throws {
        var connection = try freshStore()
        try fill(&connection, orders: 20_000)
        try connection.execute("ANALYZE")
        try connection.execute("SELECT pg_stat_reset()")
        let promises = (0..<20).map { Promise(legalEntity: "ACME-\($0)", times: FlowTimes()) }
        let now = try Self.now(&connection)
        let result = try OrderLooks.alone(&connection) { connection throws(PostgresError) in
            try OrderLooks.look(promises, now: now, limit: 7, &connection)
        }
        // 50 orders of one legal entity are due, so 7 are looked at; nobody else's.
        #expect(result?.looked == 7)
        let left = try connection.execute("SELECT count(*) FROM orders WHERE look_at < now()").int64(0, 0)
        #expect(left == 43)
    }

    @Test func aDocumentThatCannotBeReadIsLookedAtLater() throws {
        var connection = try freshStore()
        try connection.execute(
            """
            INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document, look_at)
            VALUES (1, 1, now(), 1, 'ACME', 'O-1', 'no document', now())
            """)
        let now = try Self.now(&connection)
        let promises = [Promise(legalEntity: "ACME", times: FlowTimes())]
        for expected in [1, 0] {
            let result = try OrderLooks.alone(&connection) { connection throws(PostgresError) in
                try OrderLooks.look(promises, now: now, &connection)
            }
            #expect(result?.unreadable == expected)
        }
    }

    // MARK: - Feeds

    private static let start: Int64 = 1_795_000_000_000_000
    private static let feeds = ["amazon", "wms"].enumerated().map {
        (
            feed: HeardFeeds.Feed(legalEntity: "ACME", channel: $1, expectEvery: 10 * minute), entity: 0 as Int32,
            channel: Int32($0)
        )
    }

    /// A process that hears feeds.
    private struct Listener {
        let heard = HeardFeeds(ChecksTests.feeds)
        var watch: FeedWatch

        init(startedAt minute: Int64 = 0) {
            watch = FeedWatch(heard, startedAt: start + minute * ChecksTests.minute)
        }

        mutating func pass(_ minute: Int64, _ connection: inout Connection) throws -> CheckResult {
            let now = start + minute * ChecksTests.minute
            try watch.append(now: now, &connection)
            return try watch.check(now: now, &connection)
        }

        func hear(_ channel: Int32, _ minute: Int64) {
            heard.hear(entity: 0, channel: channel, at: start + minute * ChecksTests.minute)
        }
    }

    private func detail(_ connection: inout Connection) throws -> String? {
        let rows = try connection.execute(
            "SELECT detail FROM exceptions WHERE code = 'feed_silent' AND resolved_at IS NULL")
        #expect(rows.count <= 1)
        return rows.count == 1 ? rows.text(0, 0) : nil
    }

    @Test func aSilentChannelIsAnExceptionUntilItIsHeard() throws {
        var connection = try freshStore()
        var listener = Listener()
        listener.hear(0, 1)
        listener.hear(1, 5)
        #expect(try listener.pass(11, &connection).opened.isEmpty)
        let silent = try listener.pass(12, &connection)
        #expect(silent.opened.map(\.code) == ["feed_silent"])
        #expect(try detail(&connection) == "silent: amazon since 2026-11-18T11:07:40Z")
        #expect(try listener.pass(13, &connection).opened.isEmpty)
        #expect(try connection.execute("SELECT count FROM exceptions").int64(0, 0) == 1)
        // Another falls silent: one exception names both.
        #expect(try listener.pass(16, &connection).opened.isEmpty)
        #expect(
            try detail(&connection)
                == "silent: amazon since 2026-11-18T11:07:40Z, wms since 2026-11-18T11:11:40Z")
        listener.hear(0, 17)
        listener.hear(1, 17)
        #expect(try listener.pass(18, &connection).ended.map(\.code) == ["feed_silent"])
        #expect(try detail(&connection) == nil)
    }

    @Test func aRestartKnowsWhatWasHeardAndGivesTime() throws {
        var connection = try freshStore()
        var before = Listener()
        before.hear(0, 1)
        before.hear(1, 1)
        _ = try before.pass(2, &connection)
        // Down for half an hour: what was said meanwhile is still being read.
        var after = Listener(startedAt: 30)
        #expect(try after.pass(31, &connection).opened.isEmpty)
        after.hear(0, 32)
        #expect(try after.pass(33, &connection).opened.map(\.code) == ["feed_silent"])
        #expect(try detail(&connection) == "silent: wms since 2026-11-18T11:07:40Z")
    }

    @Test func whatWasNeverHeardIsSilentFromTheBeginning() throws {
        var connection = try freshStore()
        var listener = Listener()
        #expect(try listener.pass(10, &connection).opened.isEmpty)
        #expect(try listener.pass(11, &connection).opened.count == 1)
        #expect(try detail(&connection) == "silent: amazon from the beginning, wms from the beginning")
    }

    @Test func anotherInstanceHearsForAll() throws {
        var connection = try freshStore()
        var one = Listener()
        var other = Listener()
        for minute in 1...40 as ClosedRange<Int64> {
            other.hear(0, minute)
            other.hear(1, minute)
            #expect(try other.pass(minute, &connection).opened.isEmpty)
            #expect(try one.pass(minute, &connection).opened.isEmpty)
        }
        // Appended by whoever hears, folded by whoever checks.
        #expect(try connection.execute("SELECT count(*) FROM channel_heard").int64(0, 0) == 2)
    }
}
