import Delivery
import Embedded
import Foundation
import Metrics
import Odoo
import OrderEvents
import Orders
import Postgres
import Store

/// Orders of the reference load as the store has them after each of their events.
struct OdooLoad {
    /// One event: what the order's row is after it.
    struct Told {
        var order: Int
        var entity: Int
        /// What the event said; what a connector without net state acts on.
        var state: CanonicalState
        var version: Int64
        var stored: Int16
        var document: String
    }

    /// In the sequence in which they are told: all first events, then all second ones.
    private(set) var events: [Told] = []
    private(set) var skus: Set<String> = []
    private(set) var customers: Set<String> = []
    /// Each order at its end.
    private(set) var orders: [Order] = []
    let entities: Int
    /// Number of the first order.
    private let firstOrder: Int

    static func reference(_ order: Int) -> String { "O-\(order)" }

    /// `count` orders whose numbers begin with `firstOrder`; every `cancelEvery`-th is cancelled instead of allocated,
    /// with 0 none.
    init(orders count: Int, legalEntities: Int, seed: Int, cancelEvery: Int = 0, firstOrder: Int = 0) throws {
        var settings = ReferenceTraffic.Settings()
        settings.orders = count
        settings.window = max(1, count)
        settings.legalEntities = legalEntities
        settings.duplicatesPerThousand = 0
        settings.seed = seed
        entities = legalEntities
        self.firstOrder = firstOrder
        var traffic = ReferenceTraffic(settings)
        var path = HotPath(legalEntities: legalEntities)
        var number = 0
        while let value = traffic.next()?.value {
            let state = ReferenceTraffic.lifecycle[number / count]
            let order = number % count
            number += 1
            let isCancelled = cancelEvery > 0 && order % cancelEvery == 0
            if isCancelled, state.rawValue > CanonicalState.allocated.rawValue { continue }
            var bytes = value
            if isCancelled, state == .allocated {
                let text = String(decoding: value, as: UTF8.self)
                bytes = Array(text.replacingOccurrences(of: "\"allocated\"", with: "\"cancelled\"").utf8)
            }
            let now = Timestamp(microseconds: 1_790_000_001_000_000 + Int64(number))
            let step = try path.take(bytes, now)
            var document: [UInt8] = []
            path.orders[step.order].writeDocument(to: &document)
            events.append(
                Told(
                    order: firstOrder + order, entity: order % legalEntities,
                    state: isCancelled && state == .allocated ? .cancelled : state, version: step.version,
                    stored: Int16(path.orders[step.order].state?.rawValue ?? 1),
                    document: String(decoding: document, as: UTF8.self)))
        }
        orders = path.orders
        skus = Set(orders.flatMap { $0.lines.map(\.sku) })
        customers = Set(orders.map(\.customerRef))
    }

    /// An Odoo that knows what the orders refer to, and those of `other`, with the recorded profile.
    func makeOdoo(
        folder: String, workers: Int, divisor: Double, seed: UInt64 = 1, with other: OdooLoad? = nil
    ) throws -> OdooStandIn {
        let skus = skus.union(other?.skus ?? [])
        let customers = customers.union(other?.customers ?? [])
        let names = (0..<entities).map(ReferenceTraffic.legalEntity)
        var settings = OdooStandInSettings(
            folder: folder, companies: names,
            warehouses: names.flatMap { name in
                (0..<3).map { .init(code: ReferenceTraffic.warehouse($0), name: "W", company: name) }
            },
            products: skus.sorted().map { .init(code: $0, name: $0) },
            partners: customers.sorted().map { .init(code: $0, name: "Customer") }, users: [.init(key: "KEY")],
            workers: workers, latency: .recorded(dividedBy: divisor), seed: seed)
        // The recorded times have Odoo's commits in them.
        settings.isDurable = false
        let odoo = try OdooStandIn(settings)
        odoo.start()
        return odoo
    }
}

/// A store with deliveries running from it.
final class OdooRun {
    /// bigint[] version, smallint[] state, text[] legal entity, text[] reference, text[] document.
    private static let write = Statement(
        "bench_orders",
        """
        INSERT INTO orders (revision, version, updated_at, state_since, state, legal_entity, order_ref, document)
        SELECT 1, v, now(), now(), s, e, r, d
        FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[]) AS t(v, s, e, r, d)
        ON CONFLICT (legal_entity, order_ref) DO UPDATE
        SET revision = orders.revision + 1, updated_at = now(), version = excluded.version, state = excluded.state,
            document = excluded.document
        """)

    private let stage: Stage
    private let database: Database
    private var connection: Connection
    let service: DeliveryService
    let registry = Registry(processMetrics: false)

    /// `addresses`: of each legal entity's Odoo.
    init(_ stage: Stage, addresses: [String], concurrency: Int, rate: Double = 10_000) throws {
        self.stage = stage
        database = try stage.makeDatabase()
        connection = try database.connect()
        _ = try Migrations.apply(to: &connection)
        var settings = try ConnectionSettings(database.url)
        settings.searchPath = Migrations.schema
        service = DeliveryService(
            store: "bench", connection: settings,
            destinations: addresses.enumerated().map { index, address in
                DestinationSettings(
                    legalEntity: ReferenceTraffic.legalEntity(index), url: address, database: "standin",
                    company: ReferenceTraffic.legalEntity(index), key: "KEY", interface: .json2,
                    requestsPerSecond: rate, maximumConcurrency: concurrency, createAt: .received,
                    warehouses: Dictionary(
                        uniqueKeysWithValues: (0..<3).map {
                            (ReferenceTraffic.warehouse($0), ReferenceTraffic.warehouse($0))
                        }))
            }, metrics: DeliveryMetrics(registry), log: Log(minimumLevel: .error))
    }

    /// Makes these events true, and their orders due.
    func tell(_ events: ArraySlice<OdooLoad.Told>) throws {
        // The last event of an order within one statement is what is true.
        var last: [Int: OdooLoad.Told] = [:]
        for event in events { last[event.order] = event }
        let told = last.values.sorted { $0.order < $1.order }
        var values = Parameters()
        values.int64s(told.map(\.version))
        var classes = Int16Array()
        var states = Int16Array()
        for event in told {
            states.append(event.stored)
            classes.append(event.state == .cancelled ? 0 : event.state == .invoiced ? 2 : 1)
        }
        values.array(states)
        values.texts(told.map { ReferenceTraffic.legalEntity($0.entity) })
        values.texts(told.map { OdooLoad.reference($0.order) })
        values.texts(told.map(\.document))
        var marks = Parameters()
        marks.timestamp(microsecondsSinceUnixEpoch: Int64(Date().timeIntervalSince1970 * 1_000_000))
        marks.array(classes)
        marks.texts(told.map { ReferenceTraffic.legalEntity($0.entity) })
        marks.texts(told.map { OdooLoad.reference($0.order) })
        try connection.execute("BEGIN")
        _ = try connection.query(Self.write, values)
        _ = try connection.query(ApplyStatements.markBacklog, marks)
        try connection.execute("COMMIT")
        service.poke()
    }

    func query(_ sql: String) throws -> Rows { try connection.execute(sql) }

    func number(_ sql: String) throws -> Int64 { try connection.execute(sql).int64(0, 0) }

    /// Waits until nothing is due; false: not within `bound`.
    func drain(within bound: Duration) throws -> Bool {
        try reaches(0, "SELECT count(*) FROM backlog", within: bound)
    }

    /// Waits until `sql` gives `value`; false: not within `bound`.
    func reaches(_ value: Int64, _ sql: String, within bound: Duration) throws -> Bool {
        let end = ContinuousClock.now + bound
        while ContinuousClock.now < end {
            if try number(sql) == value { return true }
            usleep(20_000)
        }
        return false
    }

    func end() {
        service.stop(within: .seconds(20))
        try? stage.drop(database)
    }
}
