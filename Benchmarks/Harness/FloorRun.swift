import Dispatch
import Foundation
import Postgres
import Store
import Synchronization

/// PostgreSQL alone: the rows of the reference load made durable from buffers made beforehand, by as many connections
/// as there are cores, while nothing else runs.
struct FloorRun {
    /// How rows are sent.
    enum Way: String, CaseIterable {
        /// COPY for journal, duplicates, new orders, references and backlog; one upsert for orders that have a row.
        case copy
        /// As `copy`, but all orders by the upsert, new or not.
        case copyUpsertAll
        /// As `copy`, but orders that have a row by UPDATE ... FROM unnest.
        case copyUpdate
        /// As `copyUpsertAll`, and references and backlog marks of every order of the batch by INSERT ... ON CONFLICT,
        /// whether they are there or not: what a pipeline does that remembers nothing of them.
        case copyMarkAll
        /// As `copy`, with `unnest` in FROM for the orders that have a row.
        case copyFromUnnest
        /// Prepared INSERT ... SELECT ... FROM unnest ... ON CONFLICT for everything.
        case insert
    }

    static let clients = max(2, ProcessInfo.processInfo.activeProcessorCount)

    /// The same statement as Sluice's, without looking at the revision first.
    static let updateOrders = Statement(
        "bench_update_orders",
        """
        UPDATE orders o SET revision = r.n, version = r.v, updated_at = $3::timestamptz, state_since = r.t, state = r.s,
                            document = r.d, told_class = LEAST(o.told_class, r.c)
        FROM unnest($1::bigint[], $2::bigint[], $4::timestamptz[], $5::smallint[], $6::text[], $7::text[], $8::text[],
                    $9::smallint[]) AS r(n, v, t, s, e, k, d, c)
        WHERE o.legal_entity = r.e AND o.order_ref = r.k AND o.revision = r.n - 1
        """)

    /// The same as Sluice's `writeOrders`, as most people would write it: with `unnest` in FROM.
    static let insertOrders = Statement(
        "bench_insert_orders",
        """
        INSERT INTO orders AS o (revision, version, updated_at, state_since, state, legal_entity, order_ref, document,
                                 told_class, told_revision)
        SELECT n, v, $3::timestamptz, t, s, e, k, d, c, CASE WHEN c IS NOT NULL THEN n END
        FROM unnest($1::bigint[], $2::bigint[], $4::timestamptz[], $5::smallint[], $6::text[], $7::text[], $8::text[],
                    $9::smallint[]) AS r(n, v, t, s, e, k, d, c)
        ON CONFLICT (legal_entity, order_ref) DO UPDATE
        SET revision = excluded.revision, version = excluded.version, updated_at = excluded.updated_at,
            state_since = excluded.state_since, state = excluded.state, document = excluded.document,
            told_class = LEAST(o.told_class, excluded.told_class),
            told_revision = CASE WHEN o.told_class <= excluded.told_class OR excluded.told_class IS NULL
                            THEN o.told_revision ELSE excluded.revision END
        WHERE o.revision = excluded.revision - 1
        RETURNING CASE WHEN told_revision = revision THEN order_ref END
        """)

    let stage: Stage
    let load: ReferenceLoad
    let batchRecords: Int
    var clients = FloorRun.clients
    /// Changes to the schema, to see what they would bring.
    var changes: [String] = []

    /// What a run took.
    struct Result {
        /// Rows a second between the first and the last commit.
        var rowsPerSecond: Double
        /// CPU time of the server's processes for these connections, a record.
        var serverMicroseconds: Double
    }

    /// One run, verified.
    func run(_ way: Way) throws -> Result {
        // Who writes INSERT writes what came, as it came.
        var rows = FloorRows(load, batchRecords: batchRecords, clients: clients, isInKeyOrder: way != .insert)
        switch way {
        case .insert:
            let batches = try rows.make { rows, draft in rows.encodeInserts(draft) }
            return try measure(batches) { batch, connection throws(PostgresError) in
                try Self.send(batch, &connection)
            }
        case .copy, .copyUpsertAll, .copyUpdate, .copyMarkAll, .copyFromUnnest:
            let batches = try rows.make { rows, draft in
                var batch = rows.encodeCopies(draft, upsertsAll: way == .copyUpsertAll || way == .copyMarkAll)
                if way == .copyMarkAll { rows.markAll(draft, &batch) }
                return batch
            }
            let statement =
                switch way {
                case .copyUpdate: Self.updateOrders
                case .copyFromUnnest: Self.insertOrders
                default: ApplyStatements.writeOrders
                }
            return try measure(batches) { batch, connection throws(PostgresError) in
                try Self.send(batch, statement, &connection)
            }
        }
    }

    private static func send(
        _ batch: FloorBatch, _ update: Statement, _ connection: inout Connection
    ) throws(PostgresError) {
        guard let journal = batch.journal else { return }
        try connection.copyIn(ApplyStatements.copyJournal, journal, beginning: true)
        if let duplicates = batch.duplicates { try connection.copyIn(FloorRows.copyDuplicates, duplicates) }
        if let references = batch.references { try connection.copyIn(FloorRows.copyReferences, references) }
        if let new = batch.newOrders { try connection.copyIn(FloorRows.copyOrders, new) }
        if let old = batch.oldOrders { try connection.query(update, old) }
        if let backlog = batch.backlog { try connection.copyIn(FloorRows.copyBacklog, backlog) }
        if let marks = batch.marks {
            try connection.query(ReferenceStatements.learn, marks.references)
            try connection.query(ApplyStatements.markBacklog, marks.backlog)
        }
        try connection.execute("COMMIT")
    }

    private static func send(_ batch: InsertBatch, _ connection: inout Connection) throws(PostgresError) {
        try connection.execute("BEGIN")
        try connection.query(FloorRows.insertJournal, batch.journal)
        if let duplicates = batch.duplicates { try connection.query(ApplyStatements.insertDuplicates, duplicates) }
        try connection.query(ReferenceStatements.learn, batch.references)
        try connection.query(insertOrders, batch.orders)
        try connection.query(ApplyStatements.markBacklog, batch.backlog)
        try connection.execute("COMMIT")
    }

    private func measure<Batch: Sendable>(
        _ batches: [[Batch]], _ send: @escaping @Sendable (Batch, inout Connection) throws(PostgresError) -> Void
    ) throws -> Result {
        let database = try stage.makeDatabase()
        defer { try? stage.drop(database) }
        var connection = try database.connect()
        _ = try Migrations.apply(to: &connection)
        for change in changes { try connection.execute(change) }
        try connection.execute("CHECKPOINT")
        let failures = Mutex<[String]>([])
        let serverSeconds = Mutex(0.0)
        DispatchQueue.concurrentPerform(iterations: batches.count) { client in
            do {
                var connection = try database.connect()
                for batch in batches[client] { try send(batch, &connection) }
                let seconds = MeasuredProcess.cpuSeconds(of: connection.backendPID)
                serverSeconds.withLock { $0 += seconds }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        let failed = failures.withLock { $0 }
        guard failed.isEmpty else {
            throw BenchError("the floor could not be written: \(failed.joined(separator: "; "))")
        }
        let expected = StoreProbe.Expectation(records: load.records, events: load.events, orders: load.orders)
        let findings = try StoreProbe.findings(expected, &connection)
        guard findings.isEmpty else { throw WrongWork(findings: findings.map { "floor: \($0)" }) }
        return Result(
            rowsPerSecond: try StoreProbe.commits(of: ["journal", "duplicates"], &connection).rowsPerSecond,
            serverMicroseconds: serverSeconds.withLock { $0 } * 1_000_000 / Double(load.records))
    }
}
