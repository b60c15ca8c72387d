import OrderEvents
import Orders
import Postgres
import Store
import Testing

@testable import Workers

/// What `sluice order` reads, of orders that went the usual way into the store.
@Suite struct OrderViewTests {
    private func told(_ bench: inout Bench) throws {
        let store = bench.store
        try bench.apply([
            store.event(
                "e1", "M/O-1", "received", offset: 0, sequence: 1, secondsAgo: 100,
                more: ",\"references\":[{\"kind\":\"purchase_order\",\"issuer\":\"KOREA\",\"value\":\"PO-7\"}]"),
            store.event("e2", "M/O-1", "validated", offset: 1, sequence: 2, secondsAgo: 90),
            store.event("e2", "M/O-1", "validated", offset: 2, sequence: 2, secondsAgo: 90),
            store.event("e4", "M/O-1", "invoiced", offset: 3, sequence: 4, secondsAgo: 80),
            store.refused("w1", "M/O-1", offset: 4, channel: "wms"),
            store.event(
                "f1", "O-2", "received", offset: 5, sequence: 1,
                more: ",\"references\":[{\"kind\":\"purchase_order\",\"issuer\":\"KOREA\",\"value\":\"PO-8\"}]"),
            store.event(
                "g1", "O-3", "received", offset: 6, sequence: 1,
                more: ",\"references\":[{\"kind\":\"purchase_order\",\"issuer\":\"KOREA\",\"value\":\"PO-8\"}]"),
        ])
    }

    @Test func ordersAreFoundByAnyOfTheirNames() throws {
        var bench = try Bench()
        try told(&bench)
        func find(_ reference: String, _ entity: String = "ACME") throws -> [String] {
            try OrderView.find(reference, legalEntity: entity, &bench.connection).orders
        }
        #expect(try find("M/O-1") == ["M/O-1"])
        #expect(try find("PO-7") == ["M/O-1"])
        #expect(try find("KOREA/PO-7") == ["M/O-1"])
        #expect(try find("JAPAN/PO-7") == [])
        #expect(try find("PO-8") == ["O-2", "O-3"])
        #expect(try find("M/O-1", "BETA") == [])
        #expect(try find("' OR true --") == [])
    }

    @Test func orderIsFoundByItsAliasAndWhatWaitsByItsName() throws {
        var bench = try Bench()
        try bench.apply([
            bench.store.event(
                "e1", "O-1", "received", offset: 0, sequence: 1,
                more: StoreFixture.teaching("order portal/7", "purchase_order P1")),
            bench.store.event(
                "f1", "O-2", "received", offset: 1, sequence: 1, more: StoreFixture.teaching("purchase_order P1")),
            bench.store.named("c1", "tracking dhl/T1", offset: 2),
            bench.store.named("c2", "tracking dhl/T1", offset: 3),
        ])
        #expect(try OrderView.find("portal/7", legalEntity: "ACME", &bench.connection).orders == ["O-1"])
        #expect(try OrderView.find("P1", legalEntity: "ACME", &bench.connection).orders == ["O-1", "O-2"])
        #expect(try OrderView.read("O-2", legalEntity: "ACME", &bench.connection)?.order.names.map(\.value) == ["P1"])
        for name in ["T1", "dhl/T1"] {
            let found = try OrderView.find(name, legalEntity: "ACME", &bench.connection)
            #expect(found.orders == [] && found.awaited.count == 1)
            #expect(found.awaited.first?.since == StoreFixture.now)
        }
        #expect(try OrderView.find("P1", legalEntity: "ACME", &bench.connection).awaited.isEmpty)
    }

    @Test func viewShowsTheWholeStory() throws {
        var bench = try Bench()
        try told(&bench)
        let view = try #require(try OrderView.read("M/O-1", legalEntity: "ACME", &bench.connection))
        #expect(view.order.state == .validated)
        #expect(view.timeline.map(\.eventID).sorted() == ["e1", "e2", "e4", "w1"])
        let applied = view.timeline.filter { $0.outcome == .applied }
        #expect(applied.map(\.eventID) == ["e1", "e2"])
        #expect(applied.map(\.to) == [.received, .validated])
        #expect(applied.map(\.topic) == ["orders", "orders"])
        let parked = try #require(view.timeline.first { $0.outcome == .parked })
        #expect(parked.code == "sequence_gap")
        #expect(parked.releasedAt == nil)
        #expect(view.timeline.first { $0.outcome == .rejected }?.detail?.contains("no such warehouse") == true)
        #expect(view.duplicates == 1)
        #expect(view.waiting.map(\.eventID) == ["e4"])
        #expect(view.waiting.first?.until?.microseconds == StoreFixture.now.microseconds + 900_000_000)
        #expect(view.order.names == [Order.OtherName(kind: .purchaseOrder, issuer: "KOREA", value: "PO-7")])
        #expect(view.standing?.attempts == 0)
        #expect(view.delivery == nil)
        #expect(Set(view.exceptions.map(\.code)) == ["sequence_gap", "unknown_warehouse"])
        #expect(!view.isTimelineCut)
        #expect(try OrderView.read("O-9", legalEntity: "ACME", &bench.connection) == nil)
    }

    @Test func releasedAndResolvedIsShownAsSuch() throws {
        var bench = try Bench()
        try told(&bench)
        try bench.apply([bench.store.event("e3", "M/O-1", "shipped", offset: 9, sequence: 3, secondsAgo: 85)])
        let view = try #require(try OrderView.read("M/O-1", legalEntity: "ACME", &bench.connection))
        #expect(view.order.state == .invoiced)
        #expect(view.waiting.isEmpty)
        let parked = try #require(view.timeline.first { $0.outcome == .parked })
        #expect(parked.releasedOutcome == .applied)
        #expect(parked.releasedAt == StoreFixture.now)
        #expect(view.exceptions.first { $0.code == "sequence_gap" }?.resolvedBy == "sluice")
    }

    @Test func archivedRowsStayInTheTimeline() throws {
        var bench = try Bench()
        try told(&bench)
        try bench.connection.execute(
            "SELECT ensure_archive_partition('journal_archive', recorded_at) FROM journal LIMIT 1")
        try bench.connection.execute(
            "WITH gone AS (DELETE FROM journal WHERE event_id = 'e1' RETURNING *) INSERT INTO journal_archive SELECT * FROM gone"
        )
        let view = try #require(try OrderView.read("M/O-1", legalEntity: "ACME", &bench.connection))
        #expect(view.timeline.filter(\.isArchived).map(\.eventID) == ["e1"])
        #expect(view.timeline.count == 4)
    }
}
