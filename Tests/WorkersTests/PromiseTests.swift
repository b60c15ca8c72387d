import Metrics
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import Testing

@testable import Workers

/// Promised times from the events to the exceptions: batches arm a look, the checks look when it is due.
@Suite struct PromiseTests {
    private static let minute: Int64 = 60_000_000
    private static let hour: Int64 = 3_600_000_000
    private static let now = StoreFixture.now.microseconds

    /// Validation within 15 minutes, dispatch within 4 hours, invoice within 2 days, Odoo within 10 minutes.
    private static let promised: FlowTimes = {
        var times = FlowTimes()
        times[.validation] = 15 * minute
        times[.dispatch] = 4 * hour
        times[.invoice] = 48 * hour
        times[.delivery] = 10 * minute
        return times
    }()

    private func bench() throws -> Bench { try Bench(StoreFixture(promised: Self.promised)) }

    /// A pass of the checks at `later` microseconds after the events' now.
    @discardableResult
    private func look(
        _ bench: inout Bench, later: Int64, promised: FlowTimes = promised
    ) throws -> CheckResult {
        let promise = Promise(legalEntity: "ACME", times: promised)
        let result = try OrderLooks.alone(&bench.connection) { connection throws(PostgresError) in
            try OrderLooks.look([promise], now: Self.now + later, &connection)
        }
        return try #require(result)
    }

    /// When the order is looked at, in seconds from now; nil: never.
    private func lookAt(_ bench: inout Bench, _ ref: String = "O-1") throws -> Int64? {
        let rows = try bench.connection.execute(
            """
            SELECT (extract(epoch FROM look_at) * 1000000)::bigint FROM orders
            WHERE order_ref = '\(ref)' AND legal_entity = 'ACME'
            """)
        return rows.optionalInt64(0, 0).map { ($0 - Self.now) / 1_000_000 }
    }

    private func open(_ bench: inout Bench) throws -> [String] {
        let rows = try bench.connection.execute(
            "SELECT code FROM exceptions WHERE resolved_at IS NULL AND order_ref = 'O-1' ORDER BY code")
        return (0..<rows.count).map { rows.text($0, 0) }
    }

    @Test func anOrderThatStaysTooLongIsAnExceptionUntilItGoesOn() throws {
        var bench = try bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, secondsAgo: 60)])
        #expect(try lookAt(&bench) == 14 * 60)
        #expect(try look(&bench, later: 13 * Self.minute).looked == 0)
        let late = try look(&bench, later: 15 * Self.minute)
        #expect(late.looked == 1 && late.opened.map(\.code) == ["stuck_in_validation"])
        #expect(try open(&bench) == ["stuck_in_validation"])
        #expect(try lookAt(&bench) == nil)
        #expect(
            try bench.text("SELECT detail FROM exceptions")
                == "received until validated: since 2026-11-18T11:05:40Z, promised within 15m")
        // Nothing changed: nothing is looked at, nothing is raised twice.
        #expect(try look(&bench, later: 10 * Self.hour).looked == 0)
        try bench.apply([bench.store.event("e2", "O-1", "validated", offset: 1, secondsAgo: 0)])
        #expect(try lookAt(&bench) == 0)
        let ended = try look(&bench, later: 20 * Self.minute)
        #expect(ended.ended.map(\.code) == ["stuck_in_validation"] && ended.opened.isEmpty)
        #expect(try open(&bench) == [])
        #expect(try bench.count("orders WHERE is_overdue") == 0)
    }

    @Test func whatHappensInTimeLeavesTheLookAlone() throws {
        var bench = try bench()
        let store = bench.store
        try bench.apply([store.event("e1", "O-1", "received", offset: 0, secondsAgo: 60)])
        // A row whose look is not touched is updated within its page, without an entry in any index.
        for (offset, word) in ["validated", "allocated", "shipped"].enumerated() {
            try bench.apply([store.event("n\(offset)", "O-1", word, offset: Int64(offset) + 1, secondsAgo: 50)])
            #expect(try lookAt(&bench) == (word == "shipped" ? 550 : 14 * 60), "\(word)")
        }
        // Shipped came with an earlier end: Odoo within 10 minutes. Nothing of the rest is overdue by then.
        let result = try look(&bench, later: 10 * Self.minute)
        #expect(result.opened.map(\.code) == ["shipment_not_in_odoo"])
        #expect(try lookAt(&bench) == 48 * 3600 - 50)
    }

    @Test func whatIsToldLateIsLateAtOnce() throws {
        var bench = try bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, secondsAgo: 3600)])
        #expect(try lookAt(&bench) == -2700)
        #expect(try look(&bench, later: 0).opened.map(\.code) == ["stuck_in_validation"])
    }

    @Test func aLegalEntityWithoutPromisesPaysNothing() throws {
        var bench = try bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, entity: "BETA"),
            store.event("e2", "O-2", "received", offset: 1),
        ])
        #expect(try bench.count("orders WHERE look_at IS NOT NULL") == 1)
        var quiet = try Bench()
        try quiet.apply([quiet.store.event("e1", "O-1", "received", offset: 0)])
        #expect(try quiet.count("orders WHERE look_at IS NOT NULL") == 0)
    }

    @Test func aHoldSaysWhyAnOrderWaits() throws {
        var bench = try bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, secondsAgo: 7200),
            store.event("h1", "O-1", "on_hold", offset: 1, secondsAgo: 7100, more: ",\"hold\":{\"reason\":\"credit\"}"),
        ])
        #expect(try look(&bench, later: 0).opened.isEmpty)
        try bench.apply([
            store.event("h2", "O-1", "release", offset: 2, secondsAgo: 1, more: ",\"hold\":{\"reason\":\"credit\"}")
        ])
        #expect(try look(&bench, later: 1).opened.map(\.code) == ["stuck_in_validation"])
    }

    @Test func anExceptionOfOdooEndsWhenOdooKnows() throws {
        var bench = try bench()
        try bench.apply([bench.store.event("e1", "O-1", "shipped", offset: 0, secondsAgo: 3600)])
        #expect(try look(&bench, later: 0).opened.map(\.code) == ["shipment_not_in_odoo"])
        var record = DeliveryRecord(
            orderRef: "O-1", version: 1, state: Int16(CanonicalState.shipped.rawValue), odooID: nil,
            document: Array("{}".utf8), isComplete: false, retryAfter: 1_000_000)
        try Backlog.record(record, legalEntity: "ACME", &bench.connection)
        #expect(try bench.count("deliveries WHERE delivered_state = 0") == 1)
        #expect(try look(&bench, later: Self.hour).looked == 0)
        record.isComplete = true
        record.odooID = 7
        try Backlog.record(record, legalEntity: "ACME", &bench.connection)
        // The mark carries the server's clock.
        let ended = try look(&bench, later: 400 * 24 * Self.hour)
        #expect(ended.ended.map(\.code).contains("shipment_not_in_odoo"))
    }

    @Test func whatTheOrderItselfSaysIsOpenItEndsItself() throws {
        var bench = try bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, secondsAgo: 7200),
            store.event("e2", "O-1", "invoiced", offset: 1, secondsAgo: 7100),
        ])
        #expect(try open(&bench) == ["invoice_without_dispatch"])
        // The promise for dispatch is broken, too: the same exception, and it stays one.
        #expect(try look(&bench, later: 3 * Self.hour).opened.isEmpty)
        #expect(try open(&bench) == ["invoice_without_dispatch"])
        try bench.apply([store.event("e3", "O-1", "shipped", offset: 2, secondsAgo: 7000)])
        #expect(try open(&bench) == [])
    }

    @Test func anOlderOrderIsFoundByTheWalk() throws {
        let old = try StoreFixture()
        var bench = try Bench(old)
        for number in 1...7 {
            try bench.apply([
                old.event("e\(number)", "O-\(number)", "received", offset: Int64(number), secondsAgo: 3600)
            ])
        }
        try bench.apply([old.event("f", "O-8", "received", offset: 20, secondsAgo: 10)])
        #expect(try bench.count("orders WHERE look_at IS NOT NULL") == 0)
        func walk(_ promised: FlowTimes, limit: Int) throws -> Int {
            var walk = PromiseWalk([Promise(legalEntity: "ACME", times: promised)])
            var bites = 0
            var hasMore = true
            while hasMore {
                let more = try OrderLooks.alone(&bench.connection) { connection throws(PostgresError) in
                    try walk.advance(now: Self.now, limit: limit, &connection)
                }
                hasMore = more == true
                bites += 1
            }
            return bites
        }
        #expect(try walk(Self.promised, limit: 3) == 3)
        #expect(try bench.count("orders WHERE look_at <= to_timestamp(\(Self.now / 1_000_000))") == 7)
        #expect(try lookAt(&bench, "O-8") == 890)
        #expect(try look(&bench, later: 0).opened.count == 7)
        // Done: nothing to walk for, whoever asks.
        #expect(try walk(Self.promised, limit: 3) == 1)
        // A longer promise: what was overdue is not any more.
        var longer = Self.promised
        longer[.validation] = 2 * Self.hour
        #expect(try walk(longer, limit: 100) == 1)
        #expect(try look(&bench, later: 0, promised: longer).ended.count == 7)
        #expect(try lookAt(&bench, "O-1") == 3600)
        // No promise: nobody looks.
        #expect(try walk(FlowTimes(), limit: 100) == 1)
        #expect(try bench.count("orders WHERE look_at IS NOT NULL") == 0)
    }

    @Test func oneInstanceLooksAndWaitsForNoBatch() throws {
        var bench = try bench()
        try bench.apply([
            bench.store.event("e1", "O-1", "received", offset: 0, secondsAgo: 7200),
            bench.store.event("e2", "O-2", "received", offset: 1, secondsAgo: 7200),
        ])
        var other = try bench.store.connect()
        try other.execute("BEGIN")
        try other.execute("SELECT 1 FROM orders WHERE order_ref = 'O-1' FOR UPDATE")
        #expect(try look(&bench, later: 0).looked == 1)
        try other.execute("ROLLBACK")
        #expect(try look(&bench, later: 0).looked == 1)
        // Another instance in the middle of its bite.
        _ = try OrderLooks.alone(&other) { connection throws(PostgresError) in
            let promise = Promise(legalEntity: "ACME", times: Self.promised)
            let taken = try OrderLooks.alone(&bench.connection) { connection throws(PostgresError) in
                try OrderLooks.look([promise], now: Self.now, &connection)
            }
            #expect(taken == nil)
        }
    }

    /// The samples of one metric, labels and value as they stand on the page.
    private func samples(_ registry: Registry, _ name: String) -> [String] {
        let page = String(decoding: registry.page(.text, legalEntity: "ACME") ?? [], as: UTF8.self)
        return page.split(separator: "\n").filter { $0.hasPrefix("\(name){") }.map { String($0.dropFirst(name.count)) }
    }

    @Test func cycleTimesAndKeptPromisesAreCountedWhenAnOrderGoesOn() throws {
        let store = try StoreFixture(promised: Self.promised)
        let registry = Registry(entities: [ShownEntity(name: "ACME")], processMetrics: false)
        var counts = BatchCounts(metrics: WorkersMetrics(registry), settings: store.settings)
        var bench = try Bench(store)
        var offset: Int64 = 0
        func take(_ events: [(ref: String, word: String, secondsAgo: Int64)]) throws {
            let items = events.map { event in
                offset += 1
                return store.event(
                    "e\(offset)", event.ref, event.word, offset: offset, secondsAgo: event.secondsAgo)
            }
            counts.add(
                try bench.apply(items), items, now: StoreFixture.now,
                sourceName: { SourceName(topic: "orders", partition: $0) })
        }
        // In one batch, and in several: the events say when it happened.
        try take([("O-1", "received", 90_000), ("O-1", "validated", 89_400), ("O-2", "received", 90_000)])
        try take([("O-2", "validated", 86_400), ("O-1", "allocated", 80_000), ("O-3", "received", 500)])
        try take([("O-1", "shipped", 70_000), ("O-2", "allocated", 80_000), ("O-3", "cancelled", 400)])
        try take([("O-2", "shipped", 40_000), ("O-1", "invoiced", 60_000)])
        #expect(
            samples(registry, "sluice_sla_orders_total") == [
                #"{legal_entity="ACME",flow="dispatch",result="late"} 1"#,
                #"{legal_entity="ACME",flow="dispatch",result="within"} 1"#,
                #"{legal_entity="ACME",flow="invoice",result="within"} 1"#,
                #"{legal_entity="ACME",flow="validation",result="late"} 1"#,
                #"{legal_entity="ACME",flow="validation",result="within"} 1"#,
            ])
        #expect(
            samples(registry, "sluice_order_stage_seconds_sum") == [
                #"{legal_entity="ACME",from="allocated",to="shipped"} 50000"#,
                #"{legal_entity="ACME",from="received",to="cancelled"} 100"#,
                #"{legal_entity="ACME",from="received",to="validated"} 4200"#,
                #"{legal_entity="ACME",from="shipped",to="invoiced"} 10000"#,
                #"{legal_entity="ACME",from="validated",to="allocated"} 15800"#,
            ])
    }

    @Test func aChannelIsHeardWhateverBecomesOfItsEvents() throws {
        let feed = HeardFeeds.Feed(legalEntity: "ACME", channel: "market", expectEvery: 60_000_000)
        let feeds = HeardFeeds([(feed: feed, entity: 0, channel: 0)])
        let store = try StoreFixture(feeds: feeds)
        var counts = BatchCounts(metrics: WorkersMetrics(Registry()), settings: store.settings)
        var bench = try Bench(store)
        func take(_ items: [Taken], _ second: Int64) throws {
            counts.add(
                try bench.apply(items), items, now: Timestamp(microseconds: second * 1_000_000),
                sourceName: { SourceName(topic: "orders", partition: $0) })
        }
        try take([store.event("e1", "O-1", "received", offset: 0, channel: "wms")], 10)
        #expect(feeds.heard(0) == nil)
        try take([store.event("e2", "O-1", "received", offset: 1)], 20)
        #expect(feeds.heard(0) == 20_000_000)
        try take([store.event("e2", "O-1", "received", offset: 2)], 30)
        #expect(feeds.heard(0) == 30_000_000)
        try take([store.refused("e3", "O-1", offset: 3)], 40)
        #expect(feeds.heard(0) == 40_000_000)
        // A clock that goes back does not make a channel silent.
        try take([store.refused("e4", "O-1", offset: 4)], 35)
        #expect(feeds.heard(0) == 40_000_000)
    }
}
