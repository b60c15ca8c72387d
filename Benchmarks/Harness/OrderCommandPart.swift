import Embedded
import Foundation
import OrderEvents
import Orders
import Partitioner
import Postgres

/// `order_command_ms` of the part `orders`: the whole process time of `sluice order` over a store of 10,000,000 orders.
///
/// The orders are built by INSERT … SELECT generate_series, one journal row each, in the sequence of their keys, so
/// that the B-trees grow at their right-hand ends and the seeding takes minutes instead of hours. All have the document
/// of one order of the reference load; what is asked for is spread over all of them, so that nothing is in a cache by
/// chance.
struct OrderCommandPart {
    /// Orders of the figure.
    static let orders = 10_000_000
    /// Rows of one transaction.
    private static let chunk = 250_000
    /// After so long without all rows there is no figure.
    private static let bound = Duration.seconds(420)

    let stage: Stage

    /// Adds `order_command_ms`, or a remark why there is none.
    func measure(_ figures: inout Figures) throws {
        let wanted = stage.options.isSmoke ? 20_000 : Self.orders
        let database = try stage.makeDatabase()
        defer { try? stage.drop(database) }
        let group = stage.name("bench")
        let configuration = try BenchConfiguration(
            brokers: ["127.0.0.1:1"], group: group, topic: group, legalEntities: 1
        ).write(to: stage.folder)
        defer { try? FileManager.default.removeItem(atPath: configuration) }
        let environment = [Stage.storeVariable: database.url, Stage.odooKeyVariable: "none"]
        let log = "\(stage.folder)/\(group).log"
        _ = try run(["migrate", "--config", configuration], environment, log)
        let start = ContinuousClock.now
        let seeded = try OrderSeed(database).fill(orders: wanted, chunk: Self.chunk, until: start + Self.bound)
        SluiceBench.say("\(seeded) orders in \(ContinuousClock.now - start)")
        guard seeded == wanted else {
            return figures.remarks.append(
                "order_command_ms and orders_api_p99_ms are absent: \(seeded) of \(wanted) orders in \(Self.bound)")
        }
        let entity = ReferenceTraffic.legalEntity(0)
        func command(_ number: Int) throws -> Double {
            let reference = OrderSeed.reference(number)
            let words = ["order", entity, reference, "--config", configuration]
            return try run(words, environment, log) * 1000
        }
        // The first pays for the program's pages.
        _ = try command(wanted / 2)
        var times: [Double] = []
        for turn in 0..<max(5, stage.options.isSmoke ? 5 : 11) {
            times.append(try command((turn * 7_919_993 + 4_999_999) % wanted))
        }
        figures.add("order_command_ms", times, unit: "ms", note: "\(wanted) orders; bar 200, aim 50")
        let shown = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        guard shown.contains(OrderSeed.reference(4_999_999 % wanted)), shown.contains("received") else {
            throw WrongWork(findings: ["sluice order did not show the order: \(SluiceRun.tail(log))"])
        }
        try OrderAPIFigure(stage: stage, configuration: configuration, environment: environment, orders: wanted)
            .measure(&figures)
    }

    /// Runs the program to its end; gives the seconds that the process took.
    private func run(_ words: [String], _ environment: [String: String], _ log: String) throws -> Double {
        let start = ContinuousClock.now
        let process = try MeasuredProcess([stage.options.sluice] + words, environment: environment, log: log)
        let end = start + .seconds(120)
        while process.exitStatus == nil, ContinuousClock.now < end { usleep(200) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        guard process.exitStatus == 0 else {
            throw BenchError("sluice \(words[0]) ended with \(process.exitStatus ?? -1): \(SluiceRun.tail(log))")
        }
        return seconds
    }
}

/// Fills a store with orders of one legal entity.
struct OrderSeed {
    private let database: Database

    init(_ database: Database) { self.database = database }

    /// The canonical reference of an order.
    static func reference(_ number: Int) -> String {
        let digits = String(number)
        return "seed/302-" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    }

    /// The first event of a reference order, and the document of an order that had it.
    private static func first() throws -> (payload: [UInt8], document: String, event: OrderEvent) {
        var settings = ReferenceTraffic.Settings()
        settings.orders = 1
        settings.legalEntities = 1
        var traffic = ReferenceTraffic(settings)
        var path = HotPath(legalEntities: 1)
        guard let value = traffic.next()?.value else { throw BenchError("the reference load is empty") }
        let step = try path.take(value, Timestamp(microseconds: 1_790_000_001_000_000))
        var document: [UInt8] = []
        path.orders[0].writeDocument(to: &document)
        return (value, String(decoding: document, as: UTF8.self), step.event)
    }

    /// bigint first, bigint last, text legal_entity, text document.
    private static let orders = Statement(
        "seed_orders",
        """
        INSERT INTO orders (revision, version, updated_at, state_since, state, legal_entity, order_ref, document)
        SELECT 1, 1, now(), now(), 1, $3::text, 'seed/302-' || lpad(i::text, 10, '0'), $4::text
        FROM generate_series($1::bigint, $2::bigint) AS i
        """)
    /// bigint first, bigint last, text legal_entity, text channel, bytea payload, integer source partition.
    private static let journal = Statement(
        "seed_journal",
        """
        INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, sequence, order_version,
                             source_partition, outcome, disposition, status, milestone, state_before, state_after,
                             legal_entity, channel, event_id, order_ref, warehouse, payload)
        SELECT i, now(), now(), i, 1, 1, $6::integer, 1, 1, 1, 0, 0, 1, $3::text, $4::text,
               'e-' || lpad(i::text, 10, '0'), 'seed/302-' || lpad(i::text, 10, '0'), 'W1', $5::bytea
        FROM generate_series($1::bigint, $2::bigint) AS i
        """)

    /// Inserts until all are there or the time is up; returns how many are there.
    ///
    /// Two sessions, one a table: the server has two cores at least.
    func fill(orders count: Int, chunk: Int, until end: ContinuousClock.Instant) throws -> Int {
        let first = try Self.first()
        let entity = ReferenceTraffic.legalEntity(0)
        var connection = try database.connect()
        // Reads do not care, and half of what is written is spared.
        for table in ["orders", "journal"] { try connection.execute("ALTER TABLE \(table) SET UNLOGGED") }
        let partition = Int32(
            try StoreProbe.number(
                "INSERT INTO source_partitions (topic, partition) VALUES ('seed', 0) RETURNING id", &connection))
        let writer = SeedThread { [database] in
            var connection = try database.connect()
            return try Self.insert(count, chunk, end, &connection) { range, connection in
                var values = Self.key(range, entity)
                values.text(ReferenceTraffic.channelName)
                values.bytea(first.payload)
                values.int32(partition)
                _ = try connection.query(Self.journal, values)
            }
        }
        let orders = Result {
            try Self.insert(count, chunk, end, &connection) { range, connection in
                var values = Self.key(range, entity)
                values.text(first.document)
                _ = try connection.query(Self.orders, values)
            }
        }
        let rows = try writer.value()
        let done = min(try orders.get(), rows)
        for table in ["orders", "journal"] { try connection.execute("ANALYZE \(table)") }
        return done
    }

    private static func key(_ range: Range<Int>, _ entity: String) -> Parameters {
        var values = Parameters()
        values.int64(Int64(range.lowerBound))
        values.int64(Int64(range.upperBound - 1))
        values.text(entity)
        return values
    }

    private static func insert(
        _ count: Int, _ chunk: Int, _ end: ContinuousClock.Instant, _ connection: inout Connection,
        _ body: (Range<Int>, inout Connection) throws -> Void
    ) throws -> Int {
        try connection.execute("SET synchronous_commit = off")
        var done = 0
        while done < count, ContinuousClock.now < end {
            let next = min(count, done + chunk)
            try body(done..<next, &connection)
            done = next
        }
        return done
    }
}

/// A number that a thread of its own comes to.
private final class SeedThread: Sendable {
    private let done = Monitor<Result<Int, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Int) {
        Thread.detachNewThread { [done] in
            let result = Result { try body() }
            done.change { $0 = result }
        }
    }

    func value() throws -> Int {
        while !done.wait(within: .seconds(3600), until: { $0 != nil }) {}
        return try done.withLock { $0 }?.get() ?? 0
    }
}
