import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

/// What a pipeline stands on, each part a process of its own by `sluice dev`, and a configuration for it.
final class Stage {
    static let storeVariable = "SLUICE_TEST_DATABASE_URL"
    static let secondStoreVariable = "SLUICE_TEST_SECOND_DATABASE_URL"
    static let keyVariable = "SLUICE_TEST_ODOO_KEY"
    static let key = "stage-key"

    let folder: TemporaryFolder
    let brokers: String
    let odooURL: String
    let databaseURL: String
    let configuration: String
    /// Kept so that they live as long as the stage.
    private var parts: [Program] = []

    /// Starts the parts: a broker unless `given` names one, and a fresh database unless `databaseURL` does.
    ///
    /// `isShared`: several instances run at once.
    init(
        brokers given: String? = nil, databaseURL: String? = nil, isRealKafka: Bool = false,
        parkTimeout: String = "2s", shutdownTimeout: String = "10s", odooLatency: String = "none",
        isShared: Bool = false
    ) throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        let odoo = try Program(
            ["dev", "odoo", "--folder", folder.path + "/odoo", "--key", Self.key, "--latency", odooLatency])
        parts.append(odoo)
        if let given {
            brokers = given
        } else {
            let broker = try Program(["dev", "broker"], usesKafka: isRealKafka)
            parts.append(broker)
            brokers = try #require(try broker.answer()["bootstrap_servers"] as? String)
        }
        self.databaseURL = try databaseURL ?? PostgreSQLFixture.freshDatabase()
        environment = [Self.storeVariable: self.databaseURL, Self.keyVariable: Self.key]
        let address = try #require(try odoo.answer()["url"] as? String)
        odooURL = address
        configuration = folder.path + "/config"
        let writer = try Program([
            "dev", "events", "--write-config", configuration, "--brokers", brokers, "--odoo-url", odooURL,
            "--store-variable", Self.storeVariable, "--odoo-key-variable", Self.keyVariable,
            "--park-timeout", parkTimeout,
        ])
        try #require(try writer.exitCode() == 0, writer.report)
        // A member that was killed is waited for until its session ends, which has to be longer than the 3 s that the
        // mock takes for the first join. A real broker takes no session below 6 s, but knows a member that comes again
        // by its name; where several instances share the topics, a member has none.
        let session = isRealKafka ? 6000 : 4000
        let membership =
            isRealKafka && !isShared
            ? "instance_id: \"stage\""
            : "options: { \"session.timeout.ms\": \(session), \"heartbeat.interval.ms\": 200 }"
        try edit("sluice.json5", "kafka: {", "kafka: {\n    \(membership),")
        try edit("sluice.json5", "shutdown_timeout: \"10s\"", "shutdown_timeout: \"\(shutdownTimeout)\"")
    }

    /// Changes a file of the configuration.
    func edit(_ file: String, _ old: String, _ new: String) throws {
        let path = "\(configuration)/\(file)"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try #require(text.contains(old))
        try text.replacingOccurrences(of: old, with: new).write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// What commands that use the configuration need.
    var environment: [String: String]

    /// A command that uses the configuration.
    func command(_ words: String...) throws -> Program {
        try Program(words + ["--config", configuration], environment: environment)
    }

    /// `sluice run`, with `more` in its environment.
    func run(_ more: [String: String] = [:]) throws -> Program {
        try Program(["run", "--config", configuration], environment: environment.merging(more) { $1 })
    }

    /// Sends seeded traffic; ends when all is acknowledged.
    func sendTraffic(orders: Int, seed: Int, rate: Int) throws -> Program {
        try Program([
            "dev", "events", "--brokers", brokers, "--orders", "\(orders)", "--seed", "\(seed)", "--rate", "\(rate)",
        ])
    }

    /// How many records the sender had acknowledged.
    func sent(by sender: Program) throws -> Int64 {
        let answer = try sender.answer()
        #expect(answer["failed"] as? Int == 0)
        return Int64(try #require(answer["sent"] as? Int))
    }

    /// Where `program` serves metrics and health.
    func port(of program: Program) throws -> Int {
        let address = try #require(try program.waitForLog("http.listening")["address"] as? String)
        return try #require(Int(address.split(separator: ":").last ?? ""))
    }

    /// A connection to the store.
    func connect() throws -> Connection {
        var settings = try ConnectionSettings(databaseURL)
        settings.searchPath = "sluice"
        return try Connection(settings)
    }

    /// Runs statements on the store.
    func execute(_ sql: String) throws {
        var connection = try connect()
        try connection.execute(sql)
    }

    /// The first column of the first row of `sql`; 0 while there is no such table, or no server.
    func number(_ sql: String, inSecond isSecond: Bool = false) -> Int64 {
        guard var connection = try? isSecond ? connectSecond() : connect(), let rows = try? connection.execute(sql)
        else { return 0 }
        return rows.int64(0, 0)
    }

    /// All rows of `sql`, as text.
    func rows(_ sql: String) throws -> [[String]] {
        var connection = try connect()
        let rows = try connection.execute(sql)
        return (0..<rows.count).map { row in (0..<rows.columns).map { rows.text(row, $0) } }
    }

    /// Rows of all outcomes.
    var outcomes: Int64 { number("SELECT count(*) FROM outcomes") }

    /// Waits until `sent` records have their outcome, nothing parked is due and Odoo is up to date.
    ///
    /// An order that was cancelled while nobody knows whether it was created (its visit was killed) is watched for
    /// three minutes, because Odoo may still do what it was asked: that one does not count.
    func waitUntilSettled(_ sent: Int64, _ program: Program, within bound: Duration = patience) throws {
        let sql = """
            SELECT (SELECT count(*) FROM outcomes)
                - 1000000 * (
                    SELECT count(*) FROM parked WHERE released_at IS NULL AND due_at < now() + interval '1 day')
                - 1000000 * (
                    SELECT count(*) FROM backlog b JOIN orders o USING (legal_entity, order_ref)
                    LEFT JOIN deliveries d USING (legal_entity, order_ref)
                    WHERE NOT (o.state = 9 AND COALESCE(d.document, '{}')::jsonb ? 'uncertain_since'))
            """
        let isSettled = eventually(within: bound) { number(sql) >= sent }
        let counts = try rows(
            """
            SELECT (SELECT count(*) FROM outcomes), (SELECT count(*) FROM backlog),
                   (SELECT count(*) FROM parked WHERE released_at IS NULL)
            """)
        try #require(
            isSettled, "\(sent) sent; outcomes, backlog, parked: \(counts)\n\(program.report)")
    }

    /// `sluice books --json`: waits until everything sent is in the books, and expects them to balance.
    func balancedBooks(_ sent: Int64) throws -> [[String: Any]] {
        _ = eventually { number("SELECT sum(records)::bigint FROM partition_ledger") >= sent }
        let books = try command("books", "--json")
        #expect(try books.exitCode() == 0, books.report)
        let answer = try books.answer()
        #expect(answer["balanced"] as? Bool == true)
        let lines = try #require(answer["lines"] as? [[String: Any]])
        #expect(lines.reduce(0) { $0 + ($1["taken"] as? Int ?? 0) } == Int(sent))
        return lines
    }

    /// Every position has one row, in whatever table.
    func expectOneRowForEachPosition() throws {
        let rows = try rows("SELECT count(*), count(DISTINCT (source_partition, source_offset)) FROM outcomes")
        #expect(rows[0][0] == rows[0][1])
    }

    /// The stand-in's sales orders.
    func salesOrders() throws -> [[String: Any]] {
        let port = try #require(Int(odooURL.split(separator: ":").last ?? ""))
        let page = try #require(WebPage.get(port, "/stand-in/orders"))
        let list = try JSONSerialization.jsonObject(with: Data(page.body.utf8)) as? [[String: Any]]
        return try #require(list)
    }

    /// The stand-in has one sales order for each order of the store, but for those that ended before they were created.
    func expectOneSalesOrderForEachOrder() throws {
        let orders = try salesOrders()
        let names = orders.compactMap { $0["external_id"] as? String }
        #expect(names.count == orders.count, "a sales order has no external id")
        #expect(Set(names).count == names.count)
        let refs = orders.map { "\($0["company"] ?? "?") \($0["client_order_ref"] ?? "?")" }
        #expect(Set(refs).count == refs.count, "an order is there twice")
        let told = number("SELECT count(*) FROM deliveries WHERE odoo_id IS NOT NULL")
        #expect(told == Int64(orders.count))
        let absent = number(
            """
            SELECT count(*) FROM orders o LEFT JOIN deliveries d USING (legal_entity, order_ref)
            WHERE o.state > 0 AND d.odoo_id IS NULL AND NOT (o.document::jsonb -> 'reached') ? 'cancelled'
            """)
        #expect(absent == 0)
    }

    /// Legal entity, reference and state of every order.
    func states() throws -> [[String]] {
        try rows("SELECT legal_entity, order_ref, state FROM orders WHERE state > 0 ORDER BY 1, 2")
    }

    /// What became of everything: each order with its document, and each key with its word.
    ///
    /// Without what may differ between two runs that were not disturbed: wall-clock times, and which of an order's
    /// events had to wait for another topic's.
    func picture() throws -> [[String]] {
        try states()
            + rows(
                """
                SELECT legal_entity, channel, event_id, order_ref, status, milestone FROM journal
                WHERE channel <> 'sluice' ORDER BY 1, 2, 3
                """)
            + rows(
                """
                SELECT legal_entity, reason, count(*) FROM dead_letters GROUP BY 1, 2 ORDER BY 1, 2
                """)
    }
}
