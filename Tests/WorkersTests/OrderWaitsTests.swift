import OrderEvents
import Orders
import Postgres
import Store
import Testing

@testable import Workers

/// What `sluice order` says that an order waits for, who says what of it, and which names are only awaited.
@Suite struct OrderWaitsTests {
    private static let delivered = OrderView.Expectations(company: "ACME", createAt: .validated, validates: false)
    private static let kept = OrderView.Expectations(company: nil, createAt: .validated, validates: false)

    private func view(_ bench: inout Bench, _ ref: String = "O-1") throws -> OrderView {
        try #require(try OrderView.read(ref, legalEntity: "ACME", &bench.connection))
    }

    private static func ago(_ seconds: Int64) -> Timestamp {
        Timestamp(microseconds: StoreFixture.now.microseconds - seconds * 1_000_000)
    }

    @Test func holdsAndMissingNumbersAreWaitedFor() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100),
            store.event(
                "w1", "O-1", "on_hold", offset: 1, channel: "wms", secondsAgo: 90,
                more: ",\"hold\":{\"reason\":\"stock\"}"),
            store.event("e4", "O-1", "allocated", offset: 2, sequence: 4, secondsAgo: 80),
            store.event("e7", "O-1", "shipped", offset: 3, sequence: 7, secondsAgo: 70),
        ])
        let view = try view(&bench)
        let until = Timestamp(microseconds: StoreFixture.now.microseconds + 900_000_000)
        #expect(
            view.waits(Self.kept) == [
                OrderView.Wait(.hold, "the end of a hold (stock) of wms", since: Self.ago(90)),
                OrderView.Wait(
                    .gap, "market's number 2-3, 5-6; 2 events wait behind it", since: StoreFixture.now, until: until),
            ])
        #expect(
            view.systems(delivers: false) == [
                OrderView.System(
                    name: "market", word: "received", at: Self.ago(100),
                    disagreement: "events of it wait for a number that is missing"),
                OrderView.System(name: "wms", word: "on_hold", at: Self.ago(90), disagreement: "holds: stock"),
            ])
    }

    @Test func whoAgreesSaysNothingElse() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100),
            store.event("w1", "O-1", "shipped", offset: 1, channel: "wms", secondsAgo: 90),
        ])
        let view = try view(&bench)
        #expect(view.systems(delivers: false).map(\.disagreement) == [nil, nil])
        #expect(view.waits(Self.kept) == [])
        #expect(view.systems(delivers: true).last?.disagreement == "does not have it")
    }

    @Test func whoGoesOnAfterACancellationDisagrees() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100),
            store.event("d1", "O-1", "cancelled", offset: 1, channel: "desk", secondsAgo: 90),
            store.event("w1", "O-1", "allocated", offset: 2, channel: "wms", secondsAgo: 120),
        ])
        let systems = try view(&bench).systems(delivers: false)
        // The shop told its word before the cancellation, the warehouse as well: both are only behind.
        #expect(systems.filter { $0.disagreement != nil } == [])
    }

    @Test func odooIsWaitedForAsFarAsItGoes() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100)])
        func odoo() throws -> [String] {
            try view(&bench).waits(Self.delivered).filter { $0.kind == .odoo }.map(\.what)
        }
        #expect(try odoo() == ["its delivery to ACME, which is due"])
        try bench.connection.execute("UPDATE backlog SET attempts = 3, due_at = '2026-11-18T12:00:00Z'")
        #expect(try odoo() == ["ACME, tried 3 times without success, next at 2026-11-18T12:00:00Z"])
        try bench.connection.execute(
            """
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
            VALUES (now(), now(), 'ACME', 'O-1', 'odoo_rejected', 'error', 'no such pricelist')
            """)
        #expect(try odoo() == ["ACME refuses it: odoo_rejected: no such pricelist"])
        try bench.connection.execute("DELETE FROM backlog; DELETE FROM exceptions")
        #expect(try odoo() == ["ACME gets it once it is validated"])
        #expect(try view(&bench).waits(Self.kept) == [])
    }

    @Test func everyReasonOfAFailedValidationIsNamed() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100)])
        let strict = OrderView.Expectations(company: nil, createAt: .validated, validates: true)
        #expect(try view(&bench).waits(strict).map(\.what) == ["validation: nobody has told its lines"])
        try bench.connection.execute(
            """
            INSERT INTO validation_backlog (since, due_at, attempts, legal_entity, order_ref)
            VALUES (now(), now(), 2, 'ACME', 'O-1')
            """)
        #expect(try view(&bench).waits(strict).map(\.what) == ["validation: Odoo has to be asked, tried 2 times"])
        try bench.connection.execute(
            """
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
            VALUES (now(), now(), 'ACME', 'O-1', 'unknown_tax', 'warning', 'line 1: DE20'),
                   (now(), now() - interval '1 s', 'ACME', 'O-1', 'unknown_product', 'warning', 'line 2: ABC')
            """)
        #expect(
            try view(&bench).waits(strict).map(\.what) == [
                "validation: unknown_tax: line 1: DE20", "validation: unknown_product: line 2: ABC",
            ])
    }

    @Test func goodsOnBackorderAreWaitedForUntilTheyLeave() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            store.event(
                "e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 100,
                more: ",\"lines\":[{\"line\":\"1\",\"sku\":\"ABC\",\"quantity\":\"2\"}]"),
            store.event(
                "w1", "O-1", "allocated", offset: 1, channel: "wms", secondsAgo: 90,
                more: ",\"warehouse\":\"BER1\",\"allocation\":{\"lines\":[{\"line\":\"1\",\"quantity\":\"1\","
                    + "\"backordered\":\"1\",\"expected\":\"2026-12-01\"}]}"),
        ])
        #expect(
            try view(&bench).waits(Self.kept).map(\.what) == [
                "goods: 1 of ABC on backorder at BER1, expected 2026-12-01"
            ])
        try bench.apply([
            store.event(
                "w2", "O-1", "shipped", offset: 2, channel: "wms", secondsAgo: 80,
                more: ",\"warehouse\":\"BER1\",\"shipment\":{\"ref\":\"S-1\",\"lines\":[{\"line\":\"1\","
                    + "\"quantity\":\"2\"}]}")
        ])
        #expect(try view(&bench).waits(Self.kept) == [])
    }

    @Test func aNameThatIsOnlyAwaitedIsTold() throws {
        var bench = try Bench()
        try bench.connection.execute(
            """
            INSERT INTO order_references (learned_at, waiting, kind, legal_entity, issuer, value, order_ref)
            VALUES (now(), 2, 5, 'ACME', 'dhl', '0034', '');
            INSERT INTO parked (parked_at, due_at, legal_entity, order_ref, channel, event_id, warehouse, code,
                                reference_kind, reference_issuer, reference_value)
            SELECT parked_at, '9999-12-31', 'ACME', '', 'dhl', parked_at::text, '', 'unknown_reference', 5, 'dhl', '0034'
            FROM unnest('{2026-11-18T10:00:00Z,2026-11-18T11:00:00Z}'::timestamptz[]) AS parked_at;
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
            VALUES (now(), now(), 'ACME', 'tracking dhl/0034', 'unknown_reference', 'info', 'nobody knows it')
            """)
        for reference in ["0034", "dhl/0034"] {
            let found = try OrderView.find(reference, legalEntity: "ACME", &bench.connection)
            #expect(found.orders == [])
            let awaited = try #require(found.awaited.first)
            #expect(awaited.name == Order.OtherName(kind: .tracking, issuer: "dhl", value: "0034"))
            #expect(awaited.events == 2 && awaited.channels == ["dhl"])
            #expect(awaited.since == Timestamp(rfc3339: "2026-11-18T10:00:00Z"))
            #expect(awaited.exceptions.map(\.code) == ["unknown_reference"])
        }
        #expect(try OrderView.find("0034", legalEntity: "BETA", &bench.connection).awaited.isEmpty)
    }

    @Test func anAliasLeadsToItsOrder() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        try bench.connection.execute(
            """
            INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document, alias_of)
            VALUES (1, 0, now(), 0, 'ACME', 'shop/9', '{}', 'O-1')
            """)
        #expect(try OrderView.find("shop/9", legalEntity: "ACME", &bench.connection).orders == ["O-1"])
    }
}
