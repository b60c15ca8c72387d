import Metrics
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import TestSupport
import Testing

@testable import Workers

/// Goal: verdicts come by themselves, with few questions, when the destination answers, and not before.
@Suite struct ValidationServiceTests {
    /// A destination that has some articles, or is away.
    private final class FakeOdoo: MasterLookup {
        struct State: Sendable {
            var articles: Set<String> = []
            var isAway = false
            var asked: [[MasterCode]] = []
        }
        let state = Monitor(State())

        func look(
            up codes: [MasterCode], legalEntity: String, then: @escaping @Sendable (MasterLookupResult) -> Void
        ) {
            let result = state.change { state -> MasterLookupResult in
                state.asked.append(codes)
                if state.isAway { return .failed(reason: "away") }
                return .answered(
                    Dictionary(
                        uniqueKeysWithValues: codes.map {
                            ($0, state.articles.contains($0.code) ? LookedUp(.found, odooID: 7) : LookedUp(.absent))
                        }))
            }
            then(result)
        }

        func waitUntilAsked(_ times: Int) -> Bool { state.wait(within: patience) { $0.asked.count >= times } }
    }

    private func service(
        _ store: StoreFixture, _ odoo: FakeOdoo, pace: (inout ValidationService.Pace) -> Void = { _ in }
    ) throws -> ValidationService {
        let workers = WorkerService(
            store: "eu", connection: try store.connectionSettings,
            sizes: WorkerService.Sizes(workers: 1, orderMemoryBytes: 1 << 20, keyMemoryCount: 1 << 12),
            settings: store.settings,
            queues: LaneQueues(
                lanes: store.lanes.lanes, bounds: LaneBounds(processBytes: 1 << 20, laneBytes: 1 << 20, linger: 0)),
            metrics: WorkersMetrics(Registry(processMetrics: false)), log: Log(minimumLevel: .error),
            sourceName: { _ in nil }, completed: { _ in })
        var usual = ValidationService.Pace()
        usual.look = .milliseconds(5)
        pace(&usual)
        return ValidationService(workers: workers, legalEntities: ["ACME", "BETA"], lookup: odoo, pace: usual)
    }

    private func verdict(_ bench: inout Bench, _ ref: String) throws -> String? {
        try bench.order(ref)?.validation.verdict.name
    }

    @Test func manyOrdersAreFewQuestions() throws {
        var bench = try Bench(StoreFixture(validation: VerdictTests.online))
        let odoo = FakeOdoo()
        odoo.state.change { $0.articles = ["A"] }
        let records = (0..<250).map { VerdictTests.begin(bench.store, "O-\($0)", offset: Int64($0)) }
        try bench.apply(records)
        let service = try service(bench.store, odoo)
        service.start()
        defer { service.stop(within: .seconds(10)) }
        #expect(try eventually { try bench.count("orders WHERE state = 2") == 250 })
        #expect(try eventually { try bench.count("validation_backlog") == 0 })
        #expect(odoo.state.withLock { $0.asked } == [[MasterCode(.product, "A")]], "asked once, then remembered")
        #expect(try bench.count("reference_data WHERE odoo_id = 7 AND answer = 1 AND expires_at > now()") == 1)
        #expect(try bench.count(VerdictTests.own) == 250)
        #expect(try bench.imbalance(records) == 0)
    }

    @Test func anAbsentOdooDelaysTheVerdictAndNotIngest() throws {
        var bench = try Bench(StoreFixture(validation: VerdictTests.online))
        let odoo = FakeOdoo()
        odoo.state.change { state in
            state.isAway = true
            state.articles = ["A"]
        }
        let service = try service(bench.store, odoo) { $0.longestOutage = .milliseconds(10) }
        service.start()
        defer { service.stop(within: .seconds(10)) }
        try bench.apply([VerdictTests.begin(bench.store, offset: 0)])
        #expect(odoo.waitUntilAsked(3))
        let shipped = bench.store.event("s", "O-1", "shipped", offset: 1, channel: "wms", secondsAgo: 60)
        #expect(try bench.apply([shipped]).outcomes == [.applied])
        #expect(try verdict(&bench, "O-1") == "pending")
        #expect(try bench.count("reference_data") == 0)
        #expect(try bench.count("exceptions") == 0)
        odoo.state.change { $0.isAway = false }
        #expect(try eventually { try verdict(&bench, "O-1") == "passed" })
        #expect(try bench.order("O-1")?.state == .shipped)
    }

    @Test func aFailedOrderIsLookedAtAgainUntilItsProductIsThere() throws {
        var bench = try Bench(StoreFixture(validation: VerdictTests.online))
        let odoo = FakeOdoo()
        let service = try service(bench.store, odoo) { pace in
            pace.absentFor = 1000
            pace.firstRecheck = 1000
            pace.longestRecheck = 20_000
        }
        service.start()
        defer { service.stop(within: .seconds(10)) }
        try bench.apply([VerdictTests.begin(bench.store, offset: 0)])
        #expect(try eventually { try verdict(&bench, "O-1") == "failed" })
        #expect(odoo.waitUntilAsked(4))
        #expect(try bench.count(VerdictTests.own) == 1, "the same verdict is told once")
        odoo.state.change { $0.articles = ["A"] }
        #expect(try eventually { try verdict(&bench, "O-1") == "passed" })
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
        #expect(try eventually { try bench.count("validation_backlog") == 0 })
    }

    @Test func pausesGrowToTheirBound() {
        let pace = ValidationService.Pace()
        #expect([1, 2, 3, 100].map { pace.recheck(attempt: $0) / 1_000_000 } == [30, 60, 120, 900])
    }

    @Test func twoInstancesDoubleNothing() throws {
        let store = try StoreFixture(validation: VerdictTests.online)
        var bench = try Bench(store)
        let odoo = FakeOdoo()
        odoo.state.change { $0.articles = ["A"] }
        let records = (0..<300).map { number in
            VerdictTests.begin(store, "O-\(number)", offset: Int64(number), sku: number % 3 == 0 ? "B" : "A")
        }
        let services = [try service(store, odoo), try service(store, odoo)]
        for one in services { one.start() }
        defer { for one in services { one.stop(within: .seconds(10)) } }
        for start in stride(from: 0, to: 300, by: 30) { try bench.apply(Array(records[start..<start + 30])) }
        #expect(try eventually { try bench.count("orders WHERE state = 2") == 200 })
        #expect(try eventually { try bench.count(VerdictTests.own) == 300 })
        #expect(try bench.count("exceptions WHERE code = 'unknown_product' AND resolved_at IS NULL") == 100)
        #expect(try bench.count("exceptions") == 100)
        #expect(
            try bench.count("(SELECT order_ref FROM \(VerdictTests.own) GROUP BY 1 HAVING count(*) > 1) x") == 0)
        #expect(try bench.imbalance(records) == 0)
    }

    @Test func legalEntitiesWithoutLookUpsHaveNoThread() throws {
        let store = try StoreFixture(validation: VerdictTests.offline)
        let service = try service(store, FakeOdoo())
        #expect(service.entities.isEmpty)
        service.start()
        service.stop(within: .seconds(1))
        #expect(service.state.withLock { $0.hasStopped })
    }

    // MARK: - What is remembered

    @Test func whatExpiredIsForgottenAndTheBoundIsKept() throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        let codes = (0..<20).map { MasterCode(.product, "P-\($0)") }
        let looked = Dictionary(
            uniqueKeysWithValues: codes.enumerated().map { ($1, $0 < 5 ? LookedUp(.absent) : LookedUp(.found)) })
        try ReferenceData.write(
            looked, legalEntity: "ACME", foundFor: 60_000_000, absentFor: -1, &bench.connection)
        let found = try ReferenceData.find(codes, legalEntity: "ACME", &bench.connection)
        #expect(Set(found.keys) == Set(codes.dropFirst(5)), "what was absent has expired")
        #expect(try ReferenceData.find(codes, legalEntity: "BETA", &bench.connection).isEmpty, "each its own")
        try ReferenceData.prune(.product, legalEntity: "ACME", bound: 12, &bench.connection)
        #expect(try bench.count("reference_data") == 12)
        try ReferenceData.prune(.customer, legalEntity: "ACME", bound: 0, &bench.connection)
        #expect(try bench.count("reference_data") == 12, "another kind")
    }
}
