import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// What one applier does to a store, on a real PostgreSQL.
@Suite struct ApplyTests {
    @Test func newOrderIsWrittenWithJournalAndBacklog() throws {
        var bench = try Bench()
        let batch = [bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)]
        let applied = try bench.apply(batch)
        #expect(applied.outcomes == [.applied])
        #expect(try bench.order("O-1")?.state == .received)
        #expect(try bench.count("journal WHERE outcome = 1 AND order_version = 1 AND state_after = 1") == 1)
        #expect(try bench.count("backlog WHERE order_ref = 'O-1'") == 1)
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test func entityWithoutDestinationHasNoBacklog() throws {
        var bench = try Bench()
        try bench.apply([bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1, entity: "BETA")])
        #expect(try bench.count("orders") == 1)
        #expect(try bench.count("backlog") == 0)
    }

    @Test(arguments: [1, 2, 5])
    func fiveEventLifeEndsInvoicedWhateverTheBatches(size: Int) throws {
        var bench = try Bench()
        let words = ["received", "validated", "allocated", "shipped", "invoiced"]
        let events = words.enumerated().map { index, word in
            bench.store.event(
                "e\(index)", "O-1", word, offset: Int64(index), sequence: Int64(index + 1),
                secondsAgo: 3600 - Int64(index))
        }
        for start in stride(from: 0, to: events.count, by: size) {
            let applied = try bench.apply(Array(events[start..<min(start + size, events.count)]))
            #expect(applied.outcomes.allSatisfy { $0 == .applied })
        }
        let order = try #require(try bench.order("O-1"))
        #expect(order.state == .invoiced)
        #expect(order.version == 5)
        #expect(
            try bench.text("SELECT string_agg(state_after::text, ',' ORDER BY order_version) FROM journal")
                == "1,2,3,5,6")
        #expect(try bench.count("backlog") == 1)
        #expect(try bench.imbalance(events) == 0)
    }

    @Test func duplicateInTheSameBatchIsCountedOnce() throws {
        var bench = try Bench()
        let batch = [
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            bench.store.event("e1", "O-1", "received", offset: 1, sequence: 1),
        ]
        #expect(try bench.apply(batch).outcomes == [.applied, .duplicate])
        #expect(try bench.order("O-1")?.version == 1)
        #expect(try bench.count("duplicates WHERE source_offset = 1") == 1)
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test(arguments: [false, true])
    func duplicateInALaterBatchChangesNothing(afterRestart: Bool) throws {
        var bench = try Bench()
        let first = bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)
        let second = bench.store.event("e1", "O-1", "received", offset: 7, sequence: 1)
        let other = bench.store.event("e2", "O-2", "received", offset: 8, sequence: 1)
        try bench.apply([first])
        let before = try bench.order("O-1")
        // With empty memories the quick attempt runs into the primary key and the careful one finds the duplicate.
        if afterRestart { bench.restart() }
        #expect(try bench.apply([second, other]).outcomes == [.duplicate, .applied])
        #expect(try bench.order("O-1") == before)
        #expect(try bench.imbalance([first, second, other]) == 0)
    }

    @Test(arguments: [false, true])
    func redeliveredPositionsAddNoRow(afterRestart: Bool) throws {
        var bench = try Bench()
        let batch = [
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            bench.store.event("e1", "O-1", "received", offset: 1, sequence: 1),
            bench.store.refused("e2", "O-1", offset: 2, sequence: 2),
            bench.store.event("e3", "O-1", "shipped", offset: 3, sequence: 7),
            bench.store.record("{", offset: 4),
            bench.store.record("{\"event_id\":\"e1\"}", offset: 5),
            bench.store.event("e1", "O-1", "shipped", offset: 6, sequence: 2),
        ]
        let outcomes: [Outcome?] = [
            .applied, .duplicate, .rejected, .parked, .deadLettered, .deadLettered, .rejected,
        ]
        #expect(try bench.apply(batch).outcomes == outcomes)
        let rows = try bench.count("outcomes")
        let exceptions = try bench.text("SELECT string_agg(code || count, ',' ORDER BY code) FROM exceptions")
        let order = try bench.order("O-1")
        if afterRestart { bench.restart() }
        #expect(try bench.apply(batch).outcomes == Array(repeating: nil, count: batch.count))
        #expect(try bench.count("outcomes") == rows)
        #expect(try bench.order("O-1") == order)
        #expect(try bench.text("SELECT string_agg(code || count, ',' ORDER BY code) FROM exceptions") == exceptions)
        #expect(try bench.imbalance(batch) == 0)
    }

    /// The warehouse was configured between the two tellings, so that the refused event would be applied now.
    @Test func redeliveredRejectionIsNotJudgedAgain() throws {
        var bench = try Bench()
        let refused = bench.store.refused("w1", "O-1", offset: 1, channel: "wms")
        let mended = bench.store.event("w1", "O-1", "validated", offset: 1, channel: "wms", secondsAgo: 60)
        let events = [bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1), refused]
        #expect(try bench.apply(events).outcomes == [.applied, .rejected])
        bench.restart()
        #expect(try bench.apply([mended]).outcomes == [nil])
        #expect(try bench.order("O-1")?.state == .received)
        #expect(try bench.imbalance(events) == 0)
        // The same event id at another position is a retry: the key was never claimed.
        let retry = bench.store.event("w1", "O-1", "validated", offset: 2, channel: "wms", secondsAgo: 60)
        #expect(try bench.apply([retry]).outcomes == [.applied])
        #expect(try bench.order("O-1")?.state == .validated)
        bench.restart()
        #expect(try bench.apply([mended, retry]).outcomes == [nil, nil])
        #expect(try bench.imbalance(events + [retry]) == 0)
    }

    @Test func samePositionTwiceInABatchCountsOnce() throws {
        var bench = try Bench()
        let batch = [
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1),
            bench.store.refused("e2", "O-1", offset: 1, sequence: 2),
            bench.store.record("x", offset: 2),
            bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1, epoch: 2),
            bench.store.refused("e2", "O-1", offset: 1, sequence: 2, epoch: 2),
            bench.store.record("x", offset: 2, epoch: 2),
        ]
        #expect(try bench.apply(batch).outcomes == [.applied, .rejected, .deadLettered, nil, nil, nil])
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test func reusedKeyIsRejectedWithAnException() throws {
        var bench = try Bench()
        let first = bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1)
        let reused = bench.store.event("e1", "O-2", "received", offset: 1, sequence: 1)
        try bench.apply([first])
        #expect(try bench.apply([reused]).outcomes == [.rejected])
        #expect(try bench.count("rejected WHERE code = 'key_reused' AND order_ref = 'O-2'") == 1)
        #expect(try bench.count("exceptions WHERE code = 'key_reused' AND resolved_at IS NULL AND count = 1") == 1)
        #expect(try bench.order("O-2") == nil)
        #expect(try bench.imbalance([first, reused]) == 0)
    }

    @Test func deadLettersKeepReasonAndBytes() throws {
        var bench = try Bench()
        let batch = [
            bench.store.record("{not json", offset: 0),
            bench.store.event("e1", "O-1", "received", offset: 1, entity: "NOBODY"),
        ]
        let applied = try bench.apply(batch)
        #expect(applied.outcomes == [.deadLettered, .deadLettered])
        let reasons = try bench.text("SELECT string_agg(reason, ',' ORDER BY source_offset) FROM dead_letters")
        #expect(reasons == "not_json,unknown_legal_entity", "\(reasons)")
        #expect(
            try bench.text("SELECT convert_from(payload, 'UTF8') FROM dead_letters WHERE source_offset = 0")
                == "{not json")
        #expect(try bench.imbalance(batch) == 0)
    }

    @Test func wildRecordTimestampDoesNotRefuseTheEvent() throws {
        var bench = try Bench()
        guard case .event(var event) = bench.store.event("e1", "O-1", "received", offset: 0, sequence: 1) else {
            Issue.record("not an event")
            return
        }
        event.source.loggedAt = Timestamp(microseconds: Int64.max)
        #expect(try bench.apply([.event(event)]).outcomes == [.applied])
        #expect(try bench.count("journal WHERE logged_at IS NULL") == 1)
    }

    @Test func exceptionsAreOpenedCountedAndResolved() throws {
        var bench = try Bench()
        let events = [
            bench.store.event("e1", "O-1", "received", offset: 0, channel: "desk", secondsAgo: 100),
            bench.store.event("e2", "O-1", "invoiced", offset: 1, channel: "desk", secondsAgo: 90),
            bench.store.event("e3", "O-1", "closed", offset: 2, channel: "wms", secondsAgo: 95),
            bench.store.event("e4", "O-1", "cancelled", offset: 3, channel: "wms", secondsAgo: 80),
            bench.store.event("e5", "O-1", "cancelled", offset: 4, channel: "wms", secondsAgo: 70),
        ]
        let applied = try bench.apply(Array(events[..<2]))
        #expect(applied.written.opened.map(\.code) == ["invoice_without_dispatch"])
        let refused = try bench.apply([events[3], events[4]])
        #expect(refused.outcomes == [.rejected, .rejected])
        #expect(refused.written.opened.map(\.code) == ["illegal_transition"])
        #expect(try bench.count("exceptions WHERE code = 'illegal_transition' AND count = 2") == 1)
        let shipped = bench.store.event("e6", "O-1", "shipped", offset: 5, channel: "desk", secondsAgo: 60)
        let ended = try bench.apply([shipped])
        #expect(ended.written.ended.map(\.code) == ["invoice_without_dispatch"])
        #expect(try bench.count("exceptions WHERE code = 'invoice_without_dispatch' AND resolved_by = 'sluice'") == 1)
    }

    /// Names that are not known concern no order: batches of one entity must not wait for each other because of them.
    @Test func exceptionAboutANameIsNotLockedByABatchThatWaitsForAnother() throws {
        let store = try StoreFixture()
        var first = try Bench(store)
        func unknown(_ id: String, _ offset: Int64) -> Taken {
            store.record(
                """
                {"event_id":"\(id)","legal_entity":"ACME","reference":{"kind":"tracking","value":"T\(id)"},\
                "milestone":"delivered","occurred_at":"2026-11-01T00:00:00Z"}
                """, channel: "wms", offset: offset)
        }
        #expect(try first.apply([unknown("1", 0)]).outcomes == [.parked])
        #expect(try first.count("exceptions WHERE order_ref = 'tracking T1' AND code = 'unknown_reference'") == 1)
        var blocker = try store.connect()
        try blocker.execute("BEGIN")
        try blocker.execute("SELECT * FROM exceptions FOR NO KEY UPDATE")
        try first.connection.execute("SET lock_timeout = '200ms'")
        #expect(try first.apply([unknown("2", 1)]).outcomes == [.parked])
        #expect(try first.imbalance([unknown("1", 0), unknown("2", 1)]) == 0)
        try blocker.execute("ROLLBACK")
    }

    @Test func namesAreLearnedOnceHoweverOftenTheyAreTold() throws {
        var bench = try Bench()
        func told(_ number: Int64, _ names: String...) -> Taken {
            let references = names.map { "{\"kind\":\"tracking\",\"issuer\":\"dhl\",\"value\":\"\($0)\"}" }
            return bench.store.event(
                "e\(number)", "O-1", number == 1 ? "received" : "validated", offset: number, sequence: number,
                secondsAgo: 100 - number, more: ",\"references\":[\(references.joined(separator: ","))]")
        }
        #expect(try bench.apply([told(1, "T1"), told(2, "T1", "T2")]).plan.book.taught.count == 2)
        #expect(try bench.apply([told(3, "T2")]).plan.book.taught.isEmpty)
        // What waits behind a gap teaches its names when it goes on.
        #expect(try bench.apply([told(5, "T5")]).plan.book.taught.isEmpty)
        bench.restart()
        #expect(try bench.apply([told(4, "T4")]).plan.book.taught.count == 2)
        let names = try bench.text("SELECT string_agg(value, ',' ORDER BY value) FROM order_references")
        #expect(names == "T1,T2,T4,T5", "\(names)")
    }
}
