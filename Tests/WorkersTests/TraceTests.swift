import Foundation
import Metrics
import OrderEvents
import Orders
import Postgres
import Store
import TestSupport
import Testing

@testable import Workers

/// Goal: the trace that a record names is found again in the journal, on the order's timeline and beside the
/// latencies, and costs nothing where a record names none.
@Suite struct TraceTests {
    private static func trace(_ number: UInt64, flags: UInt8 = TraceContext.sampled) -> TraceContext {
        TraceContext(high: 0xABCD, low: number, parent: 7, flags: flags)
    }

    private static func traced(_ taken: Taken, _ number: UInt64, flags: UInt8 = TraceContext.sampled) -> Taken {
        guard case .event(var event) = taken else { return taken }
        event.source.trace = trace(number, flags: flags)
        return .event(event)
    }

    private func rows(_ bench: inout Bench, _ table: String = "journal") throws -> [String] {
        let found = try bench.connection.execute(
            "SELECT event_id || ' ' || coalesce(encode(trace, 'hex'), '-') FROM \(table) ORDER BY event_id")
        return (0..<found.count).map { found.text($0, 0) }
    }

    private static func hex(_ number: Int) -> String {
        "000000000000abcd" + "000000000000000\(number)" + "0000000000000007" + "01"
    }

    @Test func theJournalKeepsTheTraceOfEachEvent() throws {
        var bench = try Bench()
        let store = bench.store
        let first = Self.traced(store.event("e1", "O-1", "received", offset: 0, sequence: 1), 1)
        let applied = try bench.apply([
            first, store.event("e2", "O-2", "received", offset: 1, sequence: 1),
            Self.traced(store.refused("w1", "O-1", offset: 2, channel: "wms"), 2),
        ])
        #expect(applied.outcomes == [.applied, .applied, .rejected])
        #expect(try rows(&bench) == ["e1 \(Self.hex(1))", "e2 -"])
        #expect(try rows(&bench, "rejected") == ["w1 \(Self.hex(2))"])
        // Told again, in another trace and without any: the row stays as it is.
        bench.restart()
        let again = store.event("e1", "O-1", "received", offset: 3, sequence: 1)
        #expect(
            try bench.apply([Self.traced(first, 9), again, Self.traced(again, 8)]).outcomes.prefix(2) == [
                nil, .duplicate,
            ])
        #expect(try rows(&bench) == ["e1 \(Self.hex(1))", "e2 -"])
        let kept = try #require(try bench.order("O-1")?.trace)
        #expect(kept.context == Self.trace(1) && kept.version == 1)
        #expect(try bench.order("O-2")?.trace == nil)
    }

    @Test func aDeadLetterKeepsItsTraceUntilItIsProduced() throws {
        var bench = try Bench()
        guard case .deadLetter(var letter) = bench.store.record("?", offset: 0) else {
            Issue.record("an event")
            return
        }
        letter.source.trace = Self.trace(4)
        try bench.apply([.deadLetter(letter), bench.store.record("?", offset: 1)])
        let due = try DeadLetterFeed.due(limit: 5, &bench.connection).sorted { $0.offset < $1.offset }
        #expect(due.map(\.trace) == [Self.trace(4), nil])
    }

    /// A verdict of Sluice's own is journalled by the same COPY.
    @Test func verdictsStandBesideEventsWithATrace() throws {
        var bench = try Bench(StoreFixture(validation: VerdictTests.offline))
        try bench.apply([Self.traced(VerdictTests.begin(bench.store, offset: 0), 1)])
        #expect(try bench.count("\(VerdictTests.own) AND trace IS NULL") == 1)
        #expect(try bench.count("journal WHERE channel <> 'sluice' AND trace IS NOT NULL") == 1)
    }

    @Test func theTimelineShowsIt() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            Self.traced(store.event("e1", "O-1", "received", offset: 0, sequence: 1, secondsAgo: 90), 1),
            store.event("e2", "O-1", "validated", offset: 1, sequence: 2, secondsAgo: 80),
            Self.traced(store.refused("w1", "O-1", offset: 2, channel: "wms"), 3),
        ])
        try bench.connection.execute(
            "SELECT ensure_archive_partition('journal_archive', recorded_at) FROM journal LIMIT 1")
        try bench.connection.execute(
            """
            WITH gone AS (DELETE FROM journal WHERE event_id = 'e1' RETURNING *)
            INSERT INTO journal_archive SELECT * FROM gone
            """)
        let view = try #require(try OrderView.read("O-1", legalEntity: "ACME", &bench.connection))
        let shown = view.timeline.map { "\($0.eventID) \($0.trace?.traceparent ?? "-")" }.sorted()
        #expect(shown == ["e1 \(Self.trace(1).traceparent)", "e2 -", "w1 \(Self.trace(3).traceparent)"])
        // Readers see it too.
        try bench.connection.execute("SET search_path = sluice_read; SET sluice.legal_entities = 'ACME'")
        let seen = try #require(try OrderView.read("O-1", legalEntity: "ACME", &bench.connection))
        #expect(seen.timeline.compactMap(\.trace) == view.timeline.compactMap(\.trace))
    }

    @Test func whatWaitedGoesOnInItsTrace() throws {
        var bench = try Bench()
        let store = bench.store
        try bench.apply([
            store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            Self.traced(store.event("e3", "O-1", "shipped", offset: 1, sequence: 3), 3),
        ])
        #expect(try bench.order("O-1")?.trace == nil)
        bench.restart()
        try bench.apply([store.event("e2", "O-1", "validated", offset: 2, sequence: 2)])
        let kept = try #require(try bench.order("O-1")?.trace)
        #expect(kept.context == Self.trace(3) && kept.version == 3)
    }

    @Test func aDeliveryBelongsToTheNewestTraceThatIsNotDeliveredYet() throws {
        var bench = try Bench()
        let store = bench.store
        func taken() throws -> BacklogOrder {
            let orders = try Backlog.take(legalEntity: "ACME", limit: 1, lease: 0, &bench.connection)
            return try #require(orders.first)
        }
        try bench.apply([Self.traced(store.event("e1", "O-1", "received", offset: 0, sequence: 1), 1)])
        try bench.apply([store.event("e2", "O-1", "validated", offset: 1, sequence: 2)])
        let first = try taken()
        #expect(first.trace == Self.trace(1) && first.order.version == 2)
        try Backlog.record(
            DeliveryRecord(
                orderRef: "O-1", version: 2, state: 2, odooID: 5, document: Array("{}".utf8), isComplete: true,
                retryAfter: 0), legalEntity: "ACME", &bench.connection)
        try bench.apply([store.event("e3", "O-1", "allocated", offset: 2, sequence: 3)])
        #expect(try taken().trace == nil, "its part was told before")
        try bench.apply([Self.traced(store.event("e4", "O-1", "shipped", offset: 3, sequence: 4), 4)])
        #expect(try taken().trace == Self.trace(4))
    }

    @Test func latenciesHaveTheTraceAsExample() throws {
        let plant = try Plant(StoreFixture(), workers: 1)
        let now = Int64(Date().timeIntervalSince1970)
        func record(_ order: Int, _ trace: UInt64?, flags: UInt8 = 1) -> Taken {
            let time = StoreFixture.text(Timestamp(microseconds: (now - 20) * 1_000_000))
            let taken = plant.store.record(
                """
                {"event_id":"e\(order)","legal_entity":"ACME","order_ref":"O-\(order)","status":"received",
                 "occurred_at":"\(time)","sequence":1}
                """, offset: Int64(order), polledAt: Timestamp(microseconds: now * 1_000_000))
            return trace.map { Self.traced(taken, $0, flags: flags) } ?? taken
        }
        plant.queues.offer([record(0, nil), record(1, 9, flags: 0)])
        #expect(plant.wait(for: 2))
        func page() -> [UInt8] { plant.registry.page(.openMetrics) ?? [] }
        func examples() -> Set<String> {
            let lines = String(decoding: page(), as: UTF8.self).split(separator: "\n").filter {
                $0.hasPrefix("sluice_event_latency_seconds_bucket{") && $0.contains(" # {")
            }
            #expect(lines.allSatisfy { $0.contains("# {trace_id=\"\(Self.trace(5).traceID)\"} ") })
            return Set(lines.compactMap { $0.firstMatch(of: /stage="([a-z]+)"/).map { String($0.1) } })
        }
        #expect(examples().isEmpty, "nobody records the trace of the second")
        plant.queues.offer([record(2, nil), record(3, 5), record(4, nil)])
        #expect(plant.wait(for: 5))
        plant.service.stop()
        #expect(eventually { examples() == ["process", "log", "source"] })
        #expect(try Judges.complaints(page(), .openmetrics) == [])
    }
}
