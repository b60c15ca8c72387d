import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// Events that name their order by a reference: found, waited for, ambiguous.
@Suite struct ReferenceTests {
    private let milestone = ",\"milestone\":\"in_transit\""

    private func begin(_ store: StoreFixture, _ order: String, offset: Int64, more: String = "") -> Taken {
        store.event("b-\(order)", order, "received", offset: offset, channel: "desk", secondsAgo: 5000, more: more)
    }

    private func teach(_ store: StoreFixture, _ order: String, _ name: String, offset: Int64) -> Taken {
        store.event(
            "t-\(order)-\(name.replacing(" ", with: ":"))", order, "allocated", offset: offset, channel: "wms",
            secondsAgo: 4000,
            more: StoreFixture.teaching(name))
    }

    private func hasMilestone(_ bench: inout Bench, _ order: String) throws -> Bool {
        try bench.order(order)?.time(of: .inTransit) != nil
    }

    private func openExceptions(_ bench: inout Bench) throws -> String {
        try bench.text(
            "SELECT string_agg(order_ref || ':' || code, ' ' ORDER BY order_ref, code) FROM exceptions "
                + "WHERE resolved_at IS NULL")
    }

    @Test(arguments: [false, true])
    func eventFindsItsOrderByAName(afterRestart: Bool) throws {
        var bench = try Bench()
        let told = [
            begin(bench.store, "O-1", offset: 0, more: StoreFixture.teaching("tracking dhl/T1")),
            begin(bench.store, "O-2", offset: 1),
        ]
        try bench.apply(told)
        if afterRestart { bench.restart() }
        let carrier = bench.store.named("c1", "tracking dhl/T1", offset: 2)
        #expect(try bench.apply([carrier]).outcomes == [.applied])
        #expect(try hasMilestone(&bench, "O-1"))
        #expect(try bench.text("SELECT order_ref FROM journal WHERE event_id = 'c1'") == "O-1")
        #expect(try bench.imbalance(told + [carrier]) == 0)
    }

    /// The carrier's channel names orders by tracking numbers, so what the WMS tells of a parcel is a name.
    @Test func factsTeachNamesThatSomebodyAsksBy() throws {
        var bench = try Bench()
        let shipments = [
            ("S-1", "\"carrier\":\"DHL\",", "T1"), ("S-2", "", "T2"), ("S-3", "\"carrier\":\"UPS\",", "T3"),
        ].enumerated().map { number, told in
            bench.store.event(
                "s\(number)", "O-1", "partially_fulfilled", offset: Int64(number + 1), channel: "wms",
                secondsAgo: 3000 - Int64(number),
                more: ",\"shipment\":{\"ref\":\"\(told.0)\",\(told.1)\"tracking\":\"\(told.2)\"}")
        }
        let invoice = bench.store.event(
            "i1", "O-1", "invoiced", offset: 9, channel: "desk", secondsAgo: 2000,
            more: ",\"invoice\":{\"ref\":\"I-1\"}")
        try bench.apply([begin(bench.store, "O-1", offset: 0)] + shipments + [invoice])
        let names = try bench.text(
            "SELECT string_agg(kind || issuer || '/' || value, ' ' ORDER BY kind, value) FROM order_references")
        #expect(names == "4wms/S-1 4wms/S-2 4wms/S-3 5dhl/T1 5dhl/T2 6/I-1")
        let asked = [
            bench.store.event("c1", "T1", nil, offset: 10, channel: "dhl", secondsAgo: 100, more: milestone),
            bench.store.named("c2", "shipment wms/S-3", "delivered", offset: 11, channel: "desk"),
            bench.store.named("c3", "invoice I-1", "payment", offset: 12, channel: "desk"),
        ]
        #expect(try bench.apply(asked).outcomes == [.applied, .applied, .applied])
        // Nobody asks there.
        let beta = bench.store.event(
            "x", "B-1", "received", offset: 13, entity: "BETA", channel: "desk",
            more: ",\"shipment\":{\"ref\":\"S-9\",\"tracking\":\"T9\"}")
        try bench.apply([beta])
        #expect(try bench.count("order_references WHERE legal_entity = 'BETA'") == 0)
    }

    @Test(arguments: [false, true])
    func eventWaitsForItsNameAndGoesOnWithTheBatchThatTeachesIt(afterRestart: Bool) throws {
        var bench = try Bench()
        let early = [
            bench.store.named("c1", "tracking dhl/T1", offset: 0),
            bench.store.named("c2", "tracking dhl/T1", "delivered", offset: 1, secondsAgo: 500),
            bench.store.named("c3", "tracking dhl/T2", offset: 2),
        ]
        #expect(try bench.apply(early).outcomes == [.parked, .parked, .parked])
        #expect(try openExceptions(&bench) == "tracking dhl/T1:unknown_reference tracking dhl/T2:unknown_reference")
        #expect(try bench.text("SELECT count::text FROM exceptions WHERE order_ref = 'tracking dhl/T1'") == "2")
        if afterRestart { bench.restart() }
        let told = [begin(bench.store, "O-1", offset: 3), teach(bench.store, "O-1", "tracking dhl/T1", offset: 4)]
        let applied = try bench.apply(told)
        #expect(applied.outcomes == [.applied, .applied])
        #expect(applied.plan.released == [0: 2])
        let order = try #require(try bench.order("O-1"))
        #expect(order.version == 4)
        #expect(order.time(of: .delivered) != nil)
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND released_outcome = 1") == 2)
        #expect(try bench.count("parked WHERE order_ref = '' AND released_at IS NULL") == 1)
        #expect(try bench.count("journal WHERE order_ref = 'O-1' AND outcome = 4") == 2)
        #expect(try openExceptions(&bench) == "tracking dhl/T2:unknown_reference")
        // Their keys stay taken.
        let again = bench.store.named("c1", "tracking dhl/T1", offset: 9)
        #expect(try bench.apply([early[0], again]).outcomes == [nil, .duplicate])
        bench.restart()
        #expect(try bench.apply(early + told + [again]).outcomes == Array(repeating: nil, count: 6))
        #expect(try bench.order("O-1")?.version == 4)
        #expect(try bench.imbalance(early + told + [again]) == 0)
    }

    @Test func redeliveredEventThatWaitsIsNoSecondOne() throws {
        var bench = try Bench()
        let early = bench.store.named("c1", "tracking dhl/T1", offset: 0)
        try bench.apply([early])
        let copy = bench.store.named("c1", "tracking dhl/T1", offset: 7)
        let changed = bench.store.named("c1", "tracking dhl/T1", "delivered", offset: 8)
        #expect(try bench.apply([early, copy, changed]).outcomes == [nil, .duplicate, .rejected])
        bench.restart()
        let told = [begin(bench.store, "O-1", offset: 9), teach(bench.store, "O-1", "tracking dhl/T1", offset: 10)]
        #expect(try bench.apply(told + [early]).plan.released == [0: 1])
        #expect(try bench.order("O-1")?.version == 3)
        #expect(try bench.imbalance([early, copy, changed] + told) == 0)
    }

    @Test func oneBatchMayAskTeachAndAskAgain() throws {
        var bench = try Bench()
        let batch = [
            begin(bench.store, "O-1", offset: 0),
            bench.store.named("c1", "tracking dhl/T1", offset: 1),
            teach(bench.store, "O-1", "tracking dhl/T1", offset: 2),
            bench.store.named("c2", "tracking dhl/T1", "delivered", offset: 3, secondsAgo: 500),
        ]
        let applied = try bench.apply(batch)
        #expect(applied.outcomes == [.applied, .parked, .applied, .applied])
        #expect(try bench.order("O-1")?.version == 4)
        #expect(try bench.count("journal WHERE order_ref = 'O-1'") == 4)
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND released_outcome = 1") == 1)
        #expect(try openExceptions(&bench) == "")
        #expect(try bench.imbalance(batch) == 0)
    }

    /// What is behind a gap of its channel waits there, under its order, when the name is known.
    @Test func freedEventsWaitBehindTheirChannelsGap() throws {
        var bench = try Bench()
        let early = [4, 3].map { number in
            bench.store.named(
                "m\(number)", "purchase_order P1", offset: Int64(number), sequence: Int64(number), channel: "market")
        }
        #expect(try bench.apply(early).outcomes == [.parked, .parked])
        let told = [
            begin(bench.store, "O-1", offset: 10),
            bench.store.event("m1", "O-1", "received", offset: 11, sequence: 1),
            teach(bench.store, "O-1", "purchase_order P1", offset: 12),
        ]
        #expect(try bench.apply(told).plan.released == [:])
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND code = 'sequence_gap'") == 2)
        #expect(try bench.order("O-1")?.parked == 2)
        bench.restart()
        let missing = bench.store.event("m2", "O-1", "validated", offset: 13, sequence: 2, secondsAgo: 700)
        #expect(try bench.apply([missing]).plan.released == [0: 2])
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try openExceptions(&bench) == "")
        #expect(try bench.imbalance(early + told + [missing]) == 0)
    }

    /// Each waits for the name that the one before it teaches.
    @Test func chainOfNamesIsFollowedToItsEnd() throws {
        var bench = try Bench()
        var early: [Taken] = []
        for number in 1...300 {
            early.append(
                bench.store.named(
                    "c\(number)", "tracking dhl/T\(number)", offset: Int64(number), secondsAgo: 900 - Int64(number),
                    more: StoreFixture.teaching("tracking dhl/T\(number + 1)")))
        }
        try bench.apply(Array(early[..<150]))
        let told = [begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", "tracking dhl/T1", offset: 999)]
        // One half waits in the store, the other in the batch that teaches the first name.
        #expect(try bench.apply(Array(early[150...]) + told).plan.released == [0: 300])
        #expect(try bench.order("O-1")?.version == 302)
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try bench.count("journal WHERE order_ref = 'O-1'") == 302)
        #expect(try openExceptions(&bench) == "")
        #expect(try bench.imbalance(early + told) == 0)
    }

    @Test(arguments: [false, true])
    func nameOfSeveralOrdersIsAmbiguous(afterRestart: Bool) throws {
        var bench = try Bench()
        var told: [Taken] = []
        for (number, order) in ["O-1", "O-2", "O-3"].enumerated() {
            told.append(begin(bench.store, order, offset: Int64(number * 2)))
            told.append(teach(bench.store, order, "tracking dhl/T1", offset: Int64(number * 2 + 1)))
        }
        try bench.apply(Array(told[..<4]))
        if afterRestart { bench.restart() }
        try bench.apply(Array(told[4...]))
        let carrier = bench.store.named("c1", "tracking dhl/T1", offset: 9)
        #expect(try bench.apply([carrier]).outcomes == [.rejected])
        #expect(try openExceptions(&bench) == "tracking dhl/T1:reference_collision")
        for order in ["O-1", "O-2", "O-3"] { #expect(try !hasMilestone(&bench, order)) }
        #expect(try bench.count("order_references") + (try bench.count("shared_references")) == 3)
        #expect(try bench.imbalance(told + [carrier]) == 0)
    }

    /// One by one the carrier's event finds two orders; within one batch it must not find one.
    @Test func nameThatABatchMakesAmbiguousIsSo() throws {
        var bench = try Bench()
        try bench.apply([
            begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", "tracking dhl/T1", offset: 1),
            begin(bench.store, "O-2", offset: 2),
        ])
        bench.restart()
        let batch = [
            teach(bench.store, "O-2", "tracking dhl/T1", offset: 3),
            bench.store.named("c1", "tracking dhl/T1", offset: 4),
        ]
        #expect(try bench.apply(batch).outcomes == [.applied, .rejected])
    }

    @Test(arguments: ["wms_order W1", "odoo 77", "wms_order wms/W1"], [1, 2, 4])
    func claimOfAnotherOrdersNameIsACollision(name: String, size: Int) throws {
        var bench = try Bench()
        let told = [
            begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", name, offset: 1),
            begin(bench.store, "O-2", offset: 2), teach(bench.store, "O-2", name, offset: 3),
        ]
        for start in stride(from: 0, to: told.count, by: size) {
            #expect(try bench.apply(Array(told[start..<start + size])).outcomes.allSatisfy { $0 == .applied })
        }
        #expect(try openExceptions(&bench) == "O-2:reference_collision")
        #expect(try bench.count("order_references WHERE order_ref = 'O-1'") == 1)
        #expect(try bench.count("order_references") == 1)
        #expect(try bench.count("exceptions WHERE detail LIKE '%W1%' OR detail LIKE '%77%'") == 0)
        #expect(try bench.order("O-2")?.names == [])
        #expect(try bench.apply([bench.store.named("c1", name, offset: 9)]).outcomes == [.applied])
        #expect(try hasMilestone(&bench, "O-1"))
        #expect(try !hasMilestone(&bench, "O-2"))
    }

    @Test func everythingElseFlowsBesideWhatWaits() throws {
        var bench = try Bench()
        var batch = [bench.store.named("c0", "tracking dhl/T0", offset: 0)]
        batch.append(bench.store.event("m9", "O-0", "shipped", offset: 1, sequence: 9))
        for number in 1...50 {
            batch.append(begin(bench.store, "O-\(number)", offset: Int64(number * 2)))
            batch.append(bench.store.named("c\(number)", "tracking dhl/T0", offset: Int64(number * 2 + 1)))
        }
        let outcomes = try bench.apply(batch).outcomes
        #expect(outcomes.count { $0 == .applied } == 50)
        #expect(outcomes.count { $0 == .parked } == 52)
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test func refusedEventThatOnlyNamesAReferenceWaitsForNothing() throws {
        var bench = try Bench()
        let refused = bench.store.named("c1", "tracking dhl/T1", offset: 0, more: ",\"warehouse\":\"NOWHERE\"")
        #expect(try bench.apply([refused]).outcomes == [.rejected])
        #expect(try bench.count("order_references") == 0)
    }

    @Test func forgottenEventDoesNotWait() throws {
        var bench = try Bench()
        let old = bench.store.named("c1", "tracking dhl/T1", offset: 0, secondsAgo: 731 * 86_400)
        #expect(try bench.apply([old]).outcomes == [.stale])
        #expect(try bench.count("parked") == 0)
    }

    /// Batches whose events name their orders by the canonical reference never get to the statements of this feature.
    @Test func usualBatchesAskNothingAboutNames() throws {
        var bench = try Bench()
        let words = ["received", "validated", "allocated", "shipped", "invoiced"]
        for (step, word) in words.enumerated() {
            let more = step == 0 ? StoreFixture.teaching("purchase_order P1") : ""
            let batch = (0..<20).map { number in
                bench.store.event(
                    "e\(step)-\(number)", "O-\(number)", word, offset: Int64(step * 20 + number),
                    sequence: Int64(step + 1), secondsAgo: 900 - Int64(step),
                    more: more.replacing("P1", with: "P\(number)"))
            }
            try bench.apply(batch)
        }
        let prepared = try bench.text(
            """
            SELECT string_agg(split_part(name, '.', 1), ' ' ORDER BY name) FROM pg_prepared_statements
            WHERE name LIKE '%reference%' OR name LIKE '%waiting%' OR name LIKE '%alias%' OR name LIKE 'move%'
            """)
        #expect(prepared == "learn_references")
    }
}
