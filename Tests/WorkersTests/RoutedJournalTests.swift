import OrderEvents
import Postgres
import Testing

@testable import Workers

/// The journal says which rule took an event; events that none took cost no column.
@Suite struct RoutedJournalTests {
    @Test func theRuleAndItsTagsAreKept() throws {
        let store = try StoreFixture()
        var settings = store.settings
        settings.routes = [
            [RouteLabel(name: "b2b", tags: ["wholesale", "big"]), RouteLabel(name: "plain", tags: [])], [], [],
        ]
        settings.routesEvents = true
        func routed(_ taken: Taken, _ rule: Int16) -> Taken {
            guard case .event(var event) = taken else { return taken }
            event.rule = rule
            return .event(event)
        }
        func grouped(_ taken: Taken) -> Taken {
            guard case .event(var event) = taken else { return taken }
            event.customerGroup = event.currency
            return .event(event)
        }
        var bench = try Bench(store)
        bench.applier = BatchApplier(
            settings: settings, orders: OrderMemory(bytes: 1 << 20), keys: KeyMemory(count: 1 << 12),
            sourceName: { SourceName(topic: "orders", partition: $0) })
        let euro = ",\"currency\":\"EUR\""
        try bench.apply([
            routed(store.event("e1", "O-1", "received", offset: 0, sequence: 1), 0),
            routed(store.event("e2", "O-2", "received", offset: 1, sequence: 1), 1),
            store.event("e3", "O-3", "received", offset: 2, sequence: 1),
            grouped(routed(store.event("e4", "O-4", "received", offset: 3, sequence: 1, more: euro), 0)),
            grouped(store.event("e5", "O-5", "received", offset: 4, sequence: 1, more: euro)),
        ])
        try bench.apply([store.event("e6", "O-6", "received", offset: 5, sequence: 1)])
        let rows = try bench.connection.execute(
            "SELECT event_id || ' ' || coalesce(rule, '-') || ' ' || coalesce(tags, '-') FROM journal ORDER BY event_id"
        )
        #expect(
            (0..<rows.count).map { rows.text($0, 0) } == [
                "e1 b2b wholesale,big", "e2 plain -", "e3 - -", "e4 b2b wholesale,big,EUR", "e5 - EUR", "e6 - -",
            ])
        #expect(try bench.count("outcomes") == 6)
    }
}
