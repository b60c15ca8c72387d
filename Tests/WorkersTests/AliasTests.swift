import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// A learned name of kind `order`: whoever names it means the order that learned it.
@Suite struct AliasTests {
    private static let alias = "portal/77"

    private func begin(_ store: StoreFixture, _ order: String, offset: Int64, more: String = "") -> Taken {
        store.event("b-\(order)", order, "received", offset: offset, channel: "desk", secondsAgo: 5000, more: more)
    }

    private func teach(_ store: StoreFixture, _ order: String, offset: Int64, name: String = "order portal/77") -> Taken
    {
        store.event(
            "t-\(order)", order, "validated", offset: offset, channel: "desk", secondsAgo: 4000,
            more: StoreFixture.teaching(name))
    }

    private func told(_ store: StoreFixture, _ id: String, _ word: String, offset: Int64, ago: Int64) -> Taken {
        store.event(id, Self.alias, word, offset: offset, channel: "wms", secondsAgo: ago)
    }

    private func happened(_ store: StoreFixture, _ id: String, _ milestone: String, offset: Int64, ago: Int64) -> Taken
    {
        store.event(
            id, Self.alias, nil, offset: offset, channel: "wms", secondsAgo: ago,
            more: ",\"milestone\":\"\(milestone)\"")
    }

    /// The row of the alias holds no state, and the order's timeline has what was told under the alias.
    private func expectOneOrder(_ bench: inout Bench, state: CanonicalState, events: Int64) throws {
        #expect(try bench.order("O-1")?.state == state)
        #expect(try bench.text("SELECT alias_of FROM orders WHERE order_ref = 'portal/77'") == "O-1")
        #expect(try bench.count("orders WHERE alias_of IS NOT NULL AND state = 0 AND version = 0") == 1)
        #expect(try bench.count("journal WHERE order_ref = 'O-1'") == events)
        #expect(try bench.count("backlog WHERE order_ref = 'portal/77'") == 0)
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
    }

    @Test(arguments: [1, 2, 4], [false, true])
    func eventUnderAnAliasIsTheOrders(size: Int, afterRestart: Bool) throws {
        var bench = try Bench()
        let events = [
            begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", offset: 1),
            told(bench.store, "w1", "allocated", offset: 2, ago: 300),
            told(bench.store, "w2", "shipped", offset: 3, ago: 200),
        ]
        for start in stride(from: 0, to: 4, by: size) {
            #expect(try bench.apply(Array(events[start..<start + size])).outcomes.allSatisfy { $0 == .applied })
            if afterRestart { bench.restart() }
        }
        try expectOneOrder(&bench, state: .shipped, events: 4)
        #expect(try bench.imbalance(events) == 0)
    }

    /// The batch takes it for the beginning of an order, which it would be under any other name.
    @Test(arguments: [false, true])
    func beginningUnderAnAliasBeginsNothing(afterRestart: Bool) throws {
        var bench = try Bench()
        try bench.apply([begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", offset: 1)])
        if afterRestart { bench.restart() }
        let again = bench.store.event("p1", Self.alias, "received", offset: 2, channel: "wms", secondsAgo: 6000)
        let next = told(bench.store, "w1", "allocated", offset: 3, ago: 300)
        #expect(try bench.apply([again, next]).outcomes.last == .applied)
        try expectOneOrder(&bench, state: .allocated, events: 4)
        // What is refused is that order's too.
        let refused = bench.store.refused("x", Self.alias, offset: 4, channel: "wms")
        #expect(try bench.apply([refused]).outcomes == [.rejected])
        #expect(try bench.count("rejected WHERE order_ref = 'O-1'") == 1)
        #expect(try bench.count("exceptions WHERE order_ref = 'O-1' AND code = 'unknown_warehouse'") == 1)
    }

    @Test(arguments: [1, 4], [false, true])
    func whatWaitsUnderANameGoesOnWhenItBecomesAnAlias(size: Int, afterRestart: Bool) throws {
        var bench = try Bench()
        let events = [
            happened(bench.store, "w1", "in_transit", offset: 0, ago: 300),
            happened(bench.store, "w2", "delivered", offset: 1, ago: 200),
            begin(bench.store, "O-1", offset: 2), teach(bench.store, "O-1", offset: 3),
        ]
        var outcomes: [Outcome?] = []
        for start in stride(from: 0, to: 4, by: size) {
            outcomes += try bench.apply(Array(events[start..<start + size])).outcomes
            if afterRestart { bench.restart() }
        }
        #expect(outcomes == [.parked, .parked, .applied, .applied])
        try expectOneOrder(&bench, state: .validated, events: 4)
        #expect(try bench.order("O-1")?.version == 4)
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND released_outcome = 1") == 2)
        #expect(try bench.apply(events).outcomes == [nil, nil, nil, nil])
        #expect(try bench.imbalance(events) == 0)
    }

    @Test(arguments: [1, 3], [false, true])
    func ordersThatHaveBothBegunStayTwo(size: Int, afterRestart: Bool) throws {
        var bench = try Bench()
        let events = [
            begin(bench.store, "O-1", offset: 0), begin(bench.store, Self.alias, offset: 1),
            teach(bench.store, "O-1", offset: 2),
        ]
        for start in stride(from: 0, to: 3, by: size) {
            try bench.apply(Array(events[start..<start + size]))
            if afterRestart { bench.restart() }
        }
        #expect(try bench.count("orders WHERE alias_of IS NOT NULL") == 0)
        #expect(try bench.count("order_references") == 0)
        #expect(
            try bench.text("SELECT order_ref || code FROM exceptions WHERE resolved_at IS NULL")
                == "O-1reference_collision")
        #expect(try bench.apply([told(bench.store, "w1", "allocated", offset: 3, ago: 300)]).outcomes == [.applied])
        #expect(try bench.order(Self.alias)?.state == .allocated)
        #expect(try bench.order("O-1")?.state == .validated)
    }

    @Test(arguments: [1, 4])
    func aliasOfOneOrderIsNotAnothers(size: Int) throws {
        var bench = try Bench()
        let events = [
            begin(bench.store, "O-1", offset: 0), teach(bench.store, "O-1", offset: 1),
            begin(bench.store, "O-2", offset: 2), teach(bench.store, "O-2", offset: 3),
        ]
        for start in stride(from: 0, to: 4, by: size) { try bench.apply(Array(events[start..<start + size])) }
        #expect(try bench.text("SELECT string_agg(alias_of, ' ') FROM orders WHERE alias_of IS NOT NULL") == "O-1")
        #expect(try bench.count("exceptions WHERE order_ref = 'O-2' AND code = 'reference_collision'") == 1)
        #expect(try bench.order("O-2")?.names == [])
    }

    /// Channels like to repeat the reference that everybody uses anyway.
    @Test func orderThatIsToldItsOwnNameLearnsNothing() throws {
        var bench = try Bench()
        try bench.apply([begin(bench.store, "O-1", offset: 0), begin(bench.store, "portal/9", offset: 1)])
        try bench.apply([
            teach(bench.store, "O-1", offset: 2, name: "order O-1"),
            teach(bench.store, "portal/9", offset: 3, name: "order portal/9"),
        ])
        #expect(try bench.count("order_references") == 0)
        #expect(try bench.count("orders") == 2)
        #expect(try bench.count("exceptions") == 0)
    }

    /// The other instance's memory has the row as an order that has not begun.
    @Test func instanceThatRemembersTheRowOtherwiseReadsAgain() throws {
        let store = try StoreFixture()
        var one = try Bench(store)
        var two = try Bench(store)
        #expect(try two.apply([happened(store, "w1", "in_transit", offset: 0, ago: 300)]).outcomes == [.parked])
        try one.apply([begin(store, "O-1", offset: 1), teach(store, "O-1", offset: 2)])
        #expect(try two.apply([told(store, "w2", "shipped", offset: 3, ago: 200)]).outcomes == [.applied])
        try expectOneOrder(&two, state: .shipped, events: 4)
    }
}
