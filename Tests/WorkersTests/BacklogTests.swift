import OrderEvents
import Orders
import Postgres
import Store
import Testing

@testable import Workers

/// What delivery takes from the store and puts back.
@Suite struct BacklogTests {
    private static let lease: Int64 = 60_000_000
    private static let long: Int64 = 600_000_000

    private func take(_ bench: inout Bench) throws -> [BacklogOrder] {
        try Backlog.take(legalEntity: "ACME", limit: 10, lease: Self.lease, &bench.connection)
    }

    private func refusal(of taken: BacklogOrder) -> DeliveryRecord {
        var record = DeliveryRecord(
            orderRef: taken.orderRef, version: taken.order.version, state: 1, odooID: nil, document: Array("{}".utf8),
            isComplete: false, retryAfter: Self.long)
        record.isRefused = true
        return record
    }

    /// Few legal entities are looked for one by one, many by going through the store's: with the same answer.
    @Test(arguments: [50, 250]) func whoseOrdersAreDueIsFound(_ count: Int) throws {
        var bench = try Bench()
        try bench.connection.execute(
            """
            INSERT INTO backlog (legal_entity, order_ref, class, since, due_at)
            SELECT 'E-' || e, 'O-' || o, e % 3, now(),
                   now() + make_interval(hours => CASE WHEN e % 5 = 0 THEN -1 ELSE 1 END)
            FROM generate_series(0, 299) AS e, generate_series(1, 3) AS o WHERE e % 7 <> 0
            """)
        let asked = (0..<count).map { "E-\($0)" } + ["NOBODY"]
        let expected = (0..<count).filter { $0 % 5 == 0 && $0 % 7 != 0 }.map { "E-\($0)" }
        #expect(try Backlog.due(asked.map { Backlog.Wanted(legalEntity: $0) }, &bench.connection) == Set(expected))
        try bench.connection.execute("DELETE FROM backlog")
        #expect(try Backlog.due(asked.map { Backlog.Wanted(legalEntity: $0) }, &bench.connection).isEmpty)
    }

    @Test func refusedOrderWaitsAndIsHastenedByNews() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        let taken = try #require(try take(&bench).first)
        #expect(try take(&bench).isEmpty, "under lease")
        try Backlog.record(refusal(of: taken), legalEntity: "ACME", &bench.connection)
        #expect(try take(&bench).isEmpty, "waits for its turn")
        try bench.apply([bench.store.event("e2", "O-1", "validated", offset: 1, sequence: 2)])
        #expect(try take(&bench).map(\.orderRef) == ["O-1"])
    }

    /// The news found the order taken, so it could not hasten it.
    @Test func newsDuringARefusedVisitMakesTheOrderDueAtOnce() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        let taken = try #require(try take(&bench).first)
        try bench.apply([bench.store.event("e2", "O-1", "validated", offset: 1, sequence: 2)])
        try Backlog.record(refusal(of: taken), legalEntity: "ACME", &bench.connection)
        let again = try take(&bench)
        #expect(again.map(\.order.version) == [2])
        #expect(again.map(\.attempts) == [1])
    }

    @Test func newsDuringAVisitThatSucceededKeepsTheOrderBehind() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        let taken = try #require(try take(&bench).first)
        try bench.apply([bench.store.event("e2", "O-1", "validated", offset: 1, sequence: 2)])
        var record = refusal(of: taken)
        record.isComplete = true
        #expect(try Backlog.record(record, legalEntity: "ACME", &bench.connection) == false)
        let again = try #require(try take(&bench).first)
        record.version = again.order.version
        record.orderRef = again.orderRef
        #expect(try Backlog.record(record, legalEntity: "ACME", &bench.connection) == true)
        #expect(try bench.count("backlog") == 0)
        try bench.apply([bench.store.event("e3", "O-1", "allocated", offset: 2, sequence: 3)])
        #expect(try take(&bench).map(\.order.version) == [3])
    }

    /// A verdict that came meanwhile writes the order and changes nothing of what Odoo is to be told: what it opened
    /// stays open, and the order is looked at once more.
    @Test func aVisitEndsNothingOfAnOrderThatWasWrittenMeanwhile() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        let taken = try #require(try take(&bench).first)
        try bench.connection.execute(
            """
            UPDATE orders SET revision = revision + 1;
            INSERT INTO exceptions (first_seen, last_seen, count, legal_entity, order_ref, code, severity, detail)
            VALUES (now(), now(), 1, 'ACME', 'O-1', 'unknown_product', 'error', '')
            """)
        var record = refusal(of: taken)
        record.isComplete = true
        record.revision = taken.order.revision
        record.ending = ["unknown_product"]
        #expect(try Backlog.record(record, legalEntity: "ACME", &bench.connection) == false)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 1)
        record.revision = try #require(try take(&bench).first).order.revision
        #expect(try Backlog.record(record, legalEntity: "ACME", &bench.connection) == true)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
        #expect(try bench.count("backlog") == 0)
    }

    /// What becomes of one result does not depend on those that are recorded with it.
    @Test func manyResultsAreRecordedAtOnceEachForItself() throws {
        var bench = try Bench()
        let refs = ["O-1", "O-2", "O-3", "O-4"]
        try bench.apply(
            refs.enumerated().map { bench.store.event("e\($0)", $1, "received", offset: Int64($0), sequence: 1) })
        _ = try Ownership.heartbeat(owner: "me", lease: Self.long, &bench.connection)
        let lease = try #require(
            try Ownership.claim(["ACME"], limit: 1, owner: "me", &bench.connection).first)
        let orders = Dictionary(uniqueKeysWithValues: try take(&bench).map { ($0.orderRef, $0) })
        try bench.apply([bench.store.event("e9", "O-2", "validated", offset: 9, sequence: 2)])
        func result(_ ref: String, _ lease: DeliveryLease) throws -> VisitResult {
            var record = refusal(of: try #require(orders[ref]))
            record.isComplete = ref != "O-3"
            record.odooID = 7
            if ref == "O-3" { record.raised = [("odoo_rejected", "error", "x")] }
            return VisitResult(legalEntity: "ACME", owner: lease, delivery: record)
        }
        var late = lease
        late.epoch -= 1
        let recorded = try Backlog.record(
            [result("O-4", late), result("O-3", lease), result("O-2", lease), result("O-1", lease)], &bench.connection)
        #expect(recorded == [.fenced, .behind, .behind, .upToDate])
        #expect(try bench.count("deliveries WHERE delivered_version = 1 AND odoo_id = 7") == 2)
        #expect(try bench.count("deliveries WHERE delivered_version = 0 AND order_ref = 'O-3'") == 1)
        #expect(try bench.count("exceptions WHERE order_ref = 'O-3' AND code = 'odoo_rejected'") == 1)
        #expect(try bench.count("backlog WHERE visited_at IS NULL AND order_ref IN ('O-2', 'O-3')") == 2)
        #expect(try bench.count("backlog WHERE visited_at IS NOT NULL AND order_ref = 'O-4'") == 1)
        #expect(try take(&bench).map(\.orderRef) == ["O-2"])
    }

    /// What is new and what failed before are due each by itself, and together in the sequence of their classes.
    @Test func whatIsNewAndWhatFailedBeforeAreTakenApart() throws {
        var bench = try Bench()
        let refs = (0..<6).map { "O-\($0)" }
        try bench.apply(
            refs.enumerated().map { bench.store.event("e\($0)", $1, "received", offset: Int64($0), sequence: 1) })
        func due(repeated: Bool, urgentOnly: Bool = false) throws -> Bool {
            try Backlog.due(
                [.init(legalEntity: "ACME", repeated: repeated, urgentOnly: urgentOnly), .init(legalEntity: "BETA")],
                &bench.connection) == ["ACME"]
        }
        func take(_ which: Backlog.Which, _ limit: Int, urgentOnly: Bool = false) throws -> [String] {
            try Backlog.take(
                legalEntity: "ACME", limit: limit, lease: Self.lease, which: which, urgentOnly: urgentOnly,
                &bench.connection
            ).map(\.orderRef)
        }
        try bench.connection.execute(
            """
            UPDATE backlog SET attempts = 1 WHERE order_ref IN ('O-0', 'O-1', 'O-2');
            UPDATE backlog SET class = 0 WHERE order_ref IN ('O-0', 'O-3')
            """)
        #expect(try due(repeated: false) && due(repeated: true) && due(repeated: false, urgentOnly: true))
        #expect(try take(.first, 10, urgentOnly: true) == ["O-3"])
        #expect(try !due(repeated: false, urgentOnly: true) && due(repeated: true, urgentOnly: true))
        #expect(try take(.repeated, 1) == ["O-0"])
        #expect(try !due(repeated: true, urgentOnly: true))
        #expect(try Set(take(.first, 10)) == ["O-4", "O-5"])
        #expect(try !due(repeated: false) && due(repeated: true))
        #expect(try take(.any, 10, urgentOnly: true) == [])
        #expect(try Set(take(.any, 10)) == ["O-1", "O-2"])
        #expect(try !due(repeated: true))
    }

    @Test func whatBecomesUrgentWhileItIsUnderWayIsFound() throws {
        var bench = try Bench()
        try bench.apply([
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            bench.store.event("e2", "O-2", "received", offset: 1, sequence: 1),
        ])
        #expect(try take(&bench).map(\.turn) == [.usual, .usual])
        try bench.apply([bench.store.event("e3", "O-2", "cancelled", offset: 2, sequence: 2)])
        let found = try Backlog.urgentUnderWay(legalEntities: ["ACME", "BETA"], &bench.connection)
        #expect(found.map(\.orderRef) == ["O-2"])
    }

    /// Its row of the backlog is not written again and again.
    @Test func theBacklogIsToldOnceUnlessItBecomesUrgent() throws {
        var bench = try Bench()
        func told(_ expected: Int) throws {
            #expect(try bench.count("orders WHERE told_revision = \(expected)") == 1)
            #expect(try bench.count("backlog") == 1)
        }
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)])
        try told(1)
        try bench.apply([bench.store.event("e2", "O-1", "validated", offset: 1, sequence: 2)])
        try told(1)
        try bench.apply([bench.store.event("e3", "O-1", "cancelled", offset: 2, sequence: 3)])
        try told(3)
    }
}
