import Foundation
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import Testing

@testable import Workers

/// Rows leave the store; what was applied is never applied again, and the books stay as they were.
@Suite struct RetentionTests {
    private static let day = StoreFixture.day
    /// When everything was applied: forty days before `now`.
    private static let then = Timestamp(microseconds: StoreFixture.now.microseconds - 40 * day)

    private func settings(payloads: Int64 = 90, journal: Int64 = 730, deadLetters: Int64 = 90) -> RetentionSettings {
        RetentionSettings(
            keys: 30 * Self.day, journal: journal * Self.day, payloads: payloads * Self.day,
            deadLetters: deadLetters * Self.day, awaitsDeadLetterTopic: false)
    }

    private func old(
        _ store: StoreFixture, _ id: String, _ order: String, _ status: String, offset: Int64, sequence: Int64?,
        channel: String = "market", minutes: Int64 = 60
    ) -> Taken {
        store.event(
            id, order, status, offset: offset, sequence: sequence, channel: channel,
            at: Timestamp(microseconds: Self.then.microseconds - minutes * 60_000_000))
    }

    /// Every outcome, forty days ago.
    private func records(_ store: StoreFixture) -> [Taken] {
        [
            old(store, "e1", "O-1", "received", offset: 0, sequence: 1, minutes: 50),
            old(store, "e2", "O-1", "shipped", offset: 1, sequence: 2, minutes: 49),
            old(store, "e1", "O-1", "received", offset: 2, sequence: 1, minutes: 50),
            old(store, "e3", "O-1", "cancelled", offset: 3, sequence: 3, minutes: 48),
            old(store, "w1", "O-1", "validated", offset: 4, sequence: nil, channel: "wms", minutes: 55),
            store.record("?", offset: 5),
            old(store, "f1", "O-2", "received", offset: 6, sequence: 1),
            old(store, "f3", "O-2", "shipped", offset: 7, sequence: 3),
        ]
    }
    private static let outcomes: [Outcome?] = [
        .applied, .applied, .duplicate, .rejected, .stale, .deadLettered, .applied, .parked,
    ]

    /// Applies the records and ledgers them, all forty days ago.
    private func begin(_ bench: inout Bench) throws -> [Taken] {
        let records = records(bench.store)
        #expect(try bench.apply(records, now: Self.then).outcomes == Self.outcomes)
        #expect(try bench.imbalance(records) == 0)
        try age(&bench)
        return records
    }

    private func age(_ bench: inout Bench) throws {
        let seconds = Self.then.microseconds / 1_000_000 + 60
        try bench.connection.execute("UPDATE partition_ledger SET recorded_at = to_timestamp(\(seconds))")
    }

    @discardableResult
    private func pass(
        _ bench: inout Bench, _ settings: RetentionSettings, now: Timestamp = StoreFixture.now
    ) throws -> [Retention.Stage: Int] {
        var retention = Retention(settings)
        var rows: [Retention.Stage: Int] = [:]
        for _ in 0..<1000 {
            let report = try retention.step(now: now, &bench.connection)
            rows[report.stage, default: 0] += report.rows
            if !report.hasMore { return rows }
        }
        Issue.record("the pass does not come to an end")
        return rows
    }

    private func books(_ bench: inout Bench) throws -> [String] {
        try Books.read(&bench.connection).map { line in
            "\(line.partition) \(line.legalEntity) \(line.taken) "
                + Outcome.allCases.map { String(line.rows[$0] ?? 0) }.joined(separator: " ")
        }
    }

    @Test func booksAreTheSameBeforeAndAfter() throws {
        var bench = try Bench()
        _ = try begin(&bench)
        let before = try books(&bench)
        try bench.connection.execute("UPDATE journal SET rule = 'b2b', tags = 'a,b', trace = '\\x07'")
        let rows = try pass(&bench, settings())
        #expect(try bench.count("journal_archive WHERE rule = 'b2b' AND tags = 'a,b' AND trace = '\\x07'") == 4)
        #expect(rows[.seal] == 1)
        #expect(rows[.move] == 4)
        #expect(rows[.duplicates] == 1)
        #expect(try books(&bench) == before)
        #expect(try Books.read(&bench.connection).allSatisfy { $0.imbalance == 0 })
        #expect(try bench.count("journal") == 1, "what waits stays")
        #expect(try bench.count("journal_archive") == 4)
        #expect(try bench.count("payload_archive") == 4)
        #expect(try bench.count("journal_archive WHERE payload IS NOT NULL") == 0)
        #expect(try bench.count("partition_ledger") == 0)
        let next = try PartitionLedger.nextOffsets(topics: ["orders"], partitions: [0], &bench.connection)
        #expect(next == [8], "the seal says where to go on")
        // New records on top of the seal.
        let more = bench.store.event("g1", "O-3", "received", offset: 8, sequence: 1)
        try bench.apply([more])
        let stretch = LedgerStretch(
            topic: "orders", partition: 0, firstOffset: 8, nextOffset: 9, counts: [("ACME", 1)])
        try PartitionLedger.follow([stretch], instance: "test", &bench.connection)
        #expect(try Books.read(&bench.connection).map(\.imbalance) == [0, 0])
        #expect(try pass(&bench, settings())[.move] == 0)
        #expect(try Books.read(&bench.connection).map(\.imbalance) == [0, 0])
    }

    @Test func recordToldAgainIsNeverAppliedTwice() throws {
        var bench = try Bench()
        let records = try begin(&bench)
        let order = try bench.order("O-1")
        let journal = "(SELECT 1 FROM journal UNION ALL SELECT 1 FROM journal_archive) x"
        let copies = records.prefix(2).enumerated().map { index, record -> Taken in
            guard case .event(var event) = record else { return record }
            event.source.offset = 100 + Int64(index)
            return .event(event)
        }
        // Before the move.
        bench.restart()
        #expect(try bench.apply(records, now: StoreFixture.now).outcomes.allSatisfy { $0 == nil })
        try pass(&bench, settings())
        // After it. The rows of the duplicate is gone with its retention, so it gets one again.
        bench.restart()
        let again = try bench.apply(records, now: StoreFixture.now).outcomes
        #expect(again == [nil, nil, .duplicate, nil, nil, nil, nil, nil])
        #expect(try bench.apply(copies, now: StoreFixture.now).outcomes == [.duplicate, .duplicate])
        #expect(try bench.order("O-1") == order)
        #expect(try bench.count(journal) == 5)
        #expect(try Books.read(&bench.connection).map(\.imbalance) == [0, 0])
        // After the archive has been dropped: nobody knows the key any more.
        let later = Timestamp(microseconds: Self.then.microseconds + 800 * Self.day)
        try bench.connection.execute("DELETE FROM duplicates")
        #expect(try pass(&bench, settings(), now: later)[.partitions] ?? 0 >= 2)
        #expect(try bench.count("journal_archive") == 0)
        #expect(try bench.count("payload_archive") == 0)
        bench.restart()
        #expect(try bench.apply(Array(records.prefix(2)), now: later).outcomes == [.stale, .stale])
        #expect(try bench.order("O-1")?.version == order?.version)
        #expect(try bench.order("O-1")?.state == order?.state)
    }

    /// A clock ahead by a month must not let a row move at a time when nobody would look for it in the archive.
    @Test func timeInTheFutureOpensNoHole() throws {
        var bench = try Bench()
        let ahead = bench.store.event(
            "e1", "O-1", "received", offset: 0, sequence: 1,
            at: Timestamp(microseconds: Self.then.microseconds + 31 * Self.day))
        #expect(try bench.apply([ahead], now: Self.then).outcomes == [.applied])
        #expect(try bench.imbalance([ahead]) == 0)
        try age(&bench)
        for days in [29, 31, 40, 62, 400] as [Int64] {
            let now = Timestamp(microseconds: Self.then.microseconds + days * Self.day)
            try pass(&bench, settings(), now: now)
            bench.restart()
            #expect(try bench.apply([ahead], now: now).outcomes == [nil], "after \(days) days")
        }
        let later = Timestamp(microseconds: Self.then.microseconds + 800 * Self.day)
        try pass(&bench, settings(), now: later)
        #expect(try bench.count("journal") == 0)
        bench.restart()
        #expect(try bench.apply([ahead], now: later).outcomes == [.stale])
    }

    /// On either side of the boundary, with clocks that differ by almost the margin.
    @Test func boundaryHoldsForDifferingClocks() throws {
        var bench = try Bench()
        let records = try begin(&bench)
        for minutes in stride(from: -180 as Int64, through: 180, by: 30) {
            let mover = Self.then.microseconds + 30 * Self.day + minutes * 60_000_000
            try pass(&bench, settings(), now: Timestamp(microseconds: mover))
            for skew in [-55, 0, 55] as [Int64] {
                bench.restart()
                let now = Timestamp(microseconds: mover + skew * 60_000_000)
                let outcomes = try bench.apply(Array(records.prefix(2)), now: now).outcomes
                #expect(outcomes == [nil, nil], "mover at \(minutes), applier \(skew) minutes beside it")
            }
        }
    }

    @Test func theAuditTrailGoesWhenItsTimeIsUp() throws {
        var bench = try Bench()
        // By the store's clock, which is the trail's.
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        try bench.connection.execute(
            """
            INSERT INTO audit (at, actor, role, action, legal_entity, subject, result)
            SELECT now() - make_interval(days => 900 - i / 10), 'x', 'viewer', 'order.read', 'A', 'O-' || i, 'read'
            FROM generate_series(1, 9000) AS i
            """)
        var kept = settings()
        kept.audit = 200 * Self.day
        // Seven thousand are older than 200 days: bites of two thousand take them all in one pass.
        let gone = try pass(&bench, kept, now: now)[.audit] ?? 0
        #expect((6990...7010).contains(gone), "\(gone)")
        #expect(try bench.count("audit") == 9000 - Int64(gone))
        #expect(try bench.count("audit WHERE at < now() - interval '201 days'") == 0)
        #expect(try pass(&bench, kept, now: now)[.audit] == 0)
        kept.audit = 0
        _ = try pass(&bench, kept, now: now)
        #expect((290...310).contains(Int(try bench.count("audit"))), "30 days stay, whatever is asked for")
    }

    @Test func rowDeletedBeforeSealingIsStillMissed() throws {
        var bench = try Bench()
        _ = try begin(&bench)
        try bench.connection.execute("DELETE FROM journal WHERE event_id = 'e2'")
        #expect(try Books.read(&bench.connection).map(\.imbalance) == [1, 0])
        var retention = Retention(settings())
        var found: Int64 = 0
        while true {
            let report = try retention.step(now: StoreFixture.now, &bench.connection)
            found += report.imbalance
            if !report.hasMore { break }
        }
        #expect(found == 1)
        #expect(try Books.read(&bench.connection).map(\.imbalance) == [1, 0])
    }

    @Test func parkedEventGoesOnAfterItsOrdersRowsHaveMoved() throws {
        var bench = try Bench()
        _ = try begin(&bench)
        try pass(&bench, settings(payloads: 10))
        #expect(try bench.count("journal WHERE payload IS NOT NULL") == 1)
        #expect(try bench.count("payload_archive") == 0, "older than their retention when they moved")
        bench.restart()
        let missing = bench.store.event("f2", "O-2", "validated", offset: 8, sequence: 2, secondsAgo: 60)
        let applied = try bench.apply([missing])
        #expect(applied.outcomes == [.applied])
        #expect(applied.plan.released == [0: 1])
        #expect(try bench.order("O-2")?.state == .shipped)
    }

    @Test func payloadsGoBeforeTheirRowsWhereTheyMust() throws {
        var bench = try Bench()
        _ = try begin(&bench)
        let now = Timestamp(microseconds: Self.then.microseconds + 10 * Self.day)
        try pass(&bench, settings(payloads: 5, deadLetters: 5), now: now)
        #expect(try bench.count("journal") == 5)
        #expect(try bench.count("journal WHERE payload IS NOT NULL") == 1, "what waits needs it")
        #expect(try bench.count("rejected WHERE payload IS NULL") == 1)
        #expect(try bench.count("dead_letters WHERE payload IS NULL") == 1)
        #expect(try Books.read(&bench.connection).allSatisfy { $0.imbalance == 0 })
    }

    @Test func nothingGoesBeforeItsPositionsAreSealed() throws {
        var bench = try Bench()
        _ = try begin(&bench)
        try bench.connection.execute("DELETE FROM partition_ledger")
        let rows = try bench.count("outcomes")
        let far = Timestamp(microseconds: Self.then.microseconds + 300 * Self.day)
        try pass(&bench, settings(), now: far)
        #expect(try bench.count("outcomes") == rows)
        #expect(try bench.count("journal_archive") == 0)
    }

    @Test func ledgerIsFoldedByTheHour() throws {
        var bench = try Bench()
        let stretches = (0..<50).map {
            LedgerStretch(
                topic: "orders", partition: 0, firstOffset: Int64($0) * 10, nextOffset: Int64($0 + 1) * 10,
                counts: [("ACME", 6), ("BETA", Int64($0 % 2))])
        }
        try PartitionLedger.follow(stretches, instance: "test", &bench.connection)
        let begin = StoreFixture.now.microseconds / 1_000_000 / 3600 * 3600 - 86_400
        try bench.connection.execute(
            "UPDATE partition_ledger SET recorded_at = to_timestamp(\(begin) + first_offset * 12)")
        let taken = try Books.read(&bench.connection).map(\.taken)
        try pass(&bench, settings())
        #expect(try bench.count("partition_ledger") == 2)
        #expect(try Books.read(&bench.connection).map(\.taken) == taken)
        let next = try PartitionLedger.nextOffsets(topics: ["orders"], partitions: [0], &bench.connection)
        #expect(next == [500])
    }

    /// One thread moves while another polls the same old records again and again, and new ones.
    @Test func moveAndRedeliveryAtTheSameTimeApplyNothingTwice() throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        var records: [Taken] = []
        for number in 0..<600 {
            let ref = "O-\(number / 3)"
            let word = ["received", "validated", "allocated"][number % 3]
            records.append(
                old(
                    store, "e\(number)", ref, word, offset: Int64(number), sequence: Int64(number % 3 + 1),
                    minutes: 50 - Int64(number % 3)))
        }
        for start in stride(from: 0, to: 600, by: 60) {
            // Slices of the move end between batches.
            let now = Timestamp(microseconds: Self.then.microseconds + Int64(start))
            try bench.apply(Array(records[start..<start + 60]), now: now)
        }
        #expect(try bench.imbalance(records) == 0)
        try age(&bench)
        let failure = Monitor<String?>(nil)
        let done = DispatchSemaphore(value: 0)
        let old = records
        let thread = Thread {
            do {
                var other = try Bench(store)
                var random = SeededGenerator(seed: 5)
                for round in 0..<60 {
                    if round % 7 == 0 { other.restart() }
                    let start = Int.random(in: 0..<560, using: &random)
                    let new = store.event(
                        "n\(round)", "N-\(round)", "received", offset: 600 + Int64(round), sequence: 1)
                    let applied = try other.apply(Array(old[start..<start + 40]) + [new])
                    if applied.outcomes != Array(repeating: nil, count: 40) + [.applied] {
                        failure.change { $0 = "round \(round): \(applied.outcomes)" }
                    }
                }
            } catch { failure.change { $0 = "\(error)" } }
            done.signal()
        }
        thread.start()
        while done.wait(timeout: .now()) == .timedOut { try pass(&bench, settings()) }
        try pass(&bench, settings())
        #expect(failure.withLock { $0 } == nil)
        #expect(try bench.count("journal_archive") == 600)
        #expect(try bench.count("journal") == 60)
        #expect(try bench.count("orders WHERE order_ref LIKE 'O-%' AND version <> 3") == 0)
        #expect(try bench.count("orders WHERE order_ref LIKE 'O-%'") == 200)
    }

    /// An event that waits for a name stays with its payload, however old; when it has gone on, its row moves and still
    /// answers for its key.
    @Test func eventThatWaitsForANameStaysUntilItHasGoneOn() throws {
        var bench = try Bench()
        func old(_ text: String, _ channel: String, _ offset: Int64) -> Taken {
            let time = StoreFixture.text(Timestamp(microseconds: Self.then.microseconds - 3_600_000_000))
            return bench.store.record(
                "{\"event_id\":\"x\(offset)\",\"legal_entity\":\"ACME\",\"occurred_at\":\"\(time)\",\(text)}",
                channel: channel, offset: offset)
        }
        let early = old("\"order_ref\":\"T1\",\"milestone\":\"in_transit\"", "dhl", 0)
        let began = old("\"order_ref\":\"O-1\",\"status\":\"received\"", "desk", 1)
        #expect(try bench.apply([early, began], now: Self.then).outcomes == [.parked, .applied])
        #expect(try bench.imbalance([early, began]) == 0)
        try age(&bench)
        #expect(try pass(&bench, settings(payloads: 1))[.move] == 1)
        #expect(try bench.count("journal WHERE event_id = 'x0' AND payload IS NOT NULL") == 1)
        bench.restart()
        let taught = bench.store.event(
            "t", "O-1", "validated", offset: 2, channel: "desk", secondsAgo: 60,
            more: StoreFixture.teaching("tracking dhl/T1"))
        #expect(try bench.apply([taught]).plan.released == [0: 1])
        #expect(try bench.order("O-1")?.version == 3)
        #expect(try pass(&bench, settings())[.move] == 1)
        #expect(try bench.count("journal_archive WHERE event_id = 'x0' AND order_ref = 'O-1'") == 1)
        for isFresh in [false, true] {
            if isFresh { bench.restart() }
            #expect(try bench.apply([early]).outcomes == [nil])
        }
        #expect(try bench.order("O-1")?.version == 3)
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
    }
}
