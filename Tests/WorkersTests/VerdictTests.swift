import OrderEvents
import Orders
import Postgres
import Store
import Testing

@testable import Workers

/// Goal: a verdict is an order event of Sluice's own, written with the order, once, whatever is repeated or raced, and
/// counted by no book.
@Suite struct VerdictTests {
    static let offline = ValidationRules(by: .sluice)
    static let online = ValidationRules(by: .sluice, check: [.product])

    /// An order's first event, with one line.
    static func begin(
        _ store: StoreFixture, _ ref: String = "O-1", offset: Int64, sku: String = "A", quantity: String = "2",
        channel: String = "desk", secondsAgo: Int64 = 3600
    ) -> Taken {
        store.event(
            "e\(offset)", ref, "received", offset: offset, channel: channel, secondsAgo: secondsAgo,
            more: ",\"lines\":[{\"line\":\"1\",\"sku\":\"\(sku)\",\"quantity\":\"\(quantity)\"}]")
    }

    static let own = "journal WHERE channel = 'sluice'"

    @Test func aSoundOrderIsValidatedInTheTransactionOfItsEvent() throws {
        var bench = try Bench(StoreFixture(validation: Self.offline))
        let records = [Self.begin(bench.store, offset: 0)]
        #expect(try bench.apply(records).outcomes == [.applied])
        let order = try #require(try bench.order("O-1"))
        #expect(order.state == .validated && order.validation.verdict == .passed && order.open.isEmpty)
        let row = "FROM \(Self.own)"
        #expect(try bench.text("SELECT event_id \(row)") == "validation-1-O-1")
        #expect(try bench.text("SELECT convert_from(payload, 'UTF8') \(row)").contains("\"verdict\":\"passed\""))
        #expect(try bench.text("SELECT (outcome, disposition, status, state_after)::text \(row)") == "(1,1,2,2)")
        #expect(try bench.text("SELECT order_version::text \(row)") == String(order.version))
        #expect(try bench.count("outcomes") == 1, "nobody consumed it")
        #expect(try bench.imbalance(records) == 0)
        #expect(try bench.count("backlog") == 1)
        #expect(try bench.count("validation_backlog") == 0)
    }

    @Test func anInvalidOrderNamesItsReasonsUntilItsLinesChange() throws {
        var bench = try Bench(StoreFixture(validation: Self.offline))
        try bench.apply([Self.begin(bench.store, offset: 0, quantity: "0")])
        var order = try #require(try bench.order("O-1"))
        #expect(order.state == .received && order.validation.verdict.codes == [.invalidOrder])
        let open = "FROM exceptions WHERE order_ref = 'O-1' AND code = 'invalid_order' AND resolved_at IS NULL"
        #expect(try bench.text("SELECT detail \(open)") == "line 1: quantity not above zero")
        #expect(try bench.text("SELECT code FROM \(Self.own)") == "invalid_order")
        // Another fault of the same code: another verdict, and its detail.
        try bench.apply([Self.begin(bench.store, offset: 1, sku: "", quantity: "1", secondsAgo: 3000)])
        #expect(try bench.text("SELECT detail \(open)") == "line 1: no article")
        try bench.apply([Self.begin(bench.store, offset: 2, secondsAgo: 2000)])
        order = try #require(try bench.order("O-1"))
        #expect(order.state == .validated && order.validation.verdict == .passed)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
        #expect(try bench.count(Self.own) == 3)
    }

    @Test func theSameBatchAgainGivesNoSecondVerdict() throws {
        var bench = try Bench(StoreFixture(validation: Self.offline))
        let records = [Self.begin(bench.store, offset: 0), Self.begin(bench.store, "O-2", offset: 1, quantity: "0")]
        try bench.apply(records)
        bench.restart()
        for manner in [BatchApplier.Manner.careful, .redo] {
            _ = try bench.applier.apply(records, manner: manner, now: StoreFixture.now, &bench.connection)
        }
        #expect(try bench.count(Self.own) == 2)
        #expect(try bench.imbalance(records) == 0)
    }

    /// Names are settled behind the journal's rows; what waited for one may bring the lines.
    @Test func aVerdictComesWithWhatWaitedForAName() throws {
        var bench = try Bench(StoreFixture(validation: Self.offline))
        let waits = bench.store.record(
            "{\"event_id\":\"t1\",\"legal_entity\":\"ACME\",\"occurred_at\":\"2026-11-10T00:00:00Z\","
                + "\"reference\":{\"kind\":\"wms_order\",\"value\":\"W-1\"},\"status\":\"received\","
                + "\"lines\":[{\"sku\":\"A\",\"quantity\":\"1\"}]}", channel: "desk", offset: 0)
        let teaches = bench.store.event(
            "e1", "O-1", "received", offset: 1, channel: "desk",
            more: ",\"references\":[{\"kind\":\"wms_order\",\"value\":\"W-1\"}]")
        #expect(try bench.apply([waits]).outcomes == [.parked])
        #expect(try bench.apply([teaches]).outcomes == [.applied])
        #expect(try bench.order("O-1")?.state == .validated)
        #expect(try bench.count(Self.own) == 1)
        #expect(try bench.text("SELECT event_id FROM \(Self.own)") == "validation-1-O-1")
        #expect(try bench.imbalance([waits, teaches]) == 0)
    }

    @Test func whereAChannelGivesTheVerdictNothingIsAdded() throws {
        var bench = try Bench(StoreFixture(validation: ValidationRules(by: .channel, check: [.product])))
        try bench.apply([Self.begin(bench.store, offset: 0), Self.begin(bench.store, "O-2", offset: 1, quantity: "0")])
        #expect(try bench.count(Self.own) == 0)
        #expect(try bench.count("validation_backlog") == 0)
        #expect(try bench.count("exceptions") == 0)
        #expect(try bench.order("O-1")?.state == .received)
        #expect(try bench.text("SELECT document FROM orders LIMIT 1").contains("validation") == false)
    }

    // MARK: - Looks at the destination

    private func check(_ bench: inout Bench, _ refs: [String], _ answers: [String: MasterAnswer]) throws -> [CheckEnd] {
        let codes = Dictionary(uniqueKeysWithValues: answers.map { (MasterCode(.product, $0.key), $0.value) })
        return try bench.applier.applyChecks(
            refs, entity: 0, answers: codes, now: StoreFixture.now, &bench.connection
        ).1
    }

    @Test func whatHasToBeLookedUpWaitsAndIngestDoesNot() throws {
        var bench = try Bench(StoreFixture(validation: Self.online))
        let records = [
            Self.begin(bench.store, offset: 0),
            bench.store.event("s", "O-1", "shipped", offset: 1, channel: "wms", secondsAgo: 100),
        ]
        #expect(try bench.apply(records).outcomes == [.applied, .applied])
        #expect(try bench.order("O-1")?.state == .shipped, "a fact is never held back")
        #expect(try bench.order("O-1")?.validation.verdict == .pending)
        #expect(try bench.count("validation_backlog WHERE due_at <= now()") == 1)
        #expect(try bench.count(Self.own) == 0)
        _ = try bench.connection.execute(
            "DELETE FROM backlog; UPDATE orders SET told_class = NULL, told_revision = NULL")
        #expect(try check(&bench, ["O-1"], ["A": .found]) == [.done])
        #expect(try bench.order("O-1")?.validation.verdict == .passed)
        #expect(try bench.order("O-1")?.state == .shipped)
        #expect(try bench.count("backlog") == 1, "delivery may go on")
        #expect(try bench.count(Self.own) == 1)
        #expect(try bench.imbalance(records) == 0)
    }

    @Test func anOrderFailsAndPassesWhenTheProductAppears() throws {
        var bench = try Bench(StoreFixture(validation: Self.online))
        try bench.apply([Self.begin(bench.store, offset: 0)])
        #expect(try check(&bench, ["O-1"], ["A": .absent]) == [.failed])
        #expect(try bench.order("O-1")?.state == .received)
        #expect(
            try bench.text("SELECT detail FROM exceptions WHERE code = 'unknown_product' AND resolved_at IS NULL")
                == "line 1 (A): Odoo has no product")
        let revision = try #require(try bench.order("O-1")?.revision)
        #expect(try check(&bench, ["O-1"], ["A": .absent]) == [.failed], "still")
        #expect(try bench.order("O-1")?.revision == revision, "the same again is not written")
        #expect(try check(&bench, ["O-1"], ["A": .found]) == [.done])
        #expect(try bench.order("O-1")?.state == .validated)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
        #expect(try bench.count(Self.own) == 2)
    }

    @Test func otherLinesNeedAnotherLook() throws {
        var bench = try Bench(StoreFixture(validation: Self.online))
        try bench.apply([Self.begin(bench.store, offset: 0)])
        _ = try check(&bench, ["O-1"], ["A": .found])
        _ = try bench.connection.execute("DELETE FROM validation_backlog")
        try bench.apply([Self.begin(bench.store, offset: 1, sku: "B", secondsAgo: 3000)])
        #expect(try bench.order("O-1")?.validation.verdict == .pending)
        #expect(try bench.count("validation_backlog") == 1)
        // An answer about what the order referred to before.
        #expect(try check(&bench, ["O-1"], ["A": .absent]) == [.changed])
        #expect(try bench.order("O-1")?.validation.verdict == .pending)
        #expect(try check(&bench, ["O-1"], ["B": .found]) == [.done])
        #expect(try bench.order("O-1")?.validation.verdict == .passed)
        #expect(try bench.count(Self.own) == 2)
    }

    @Test func twoInstancesGiveOneVerdict() throws {
        let store = try StoreFixture(validation: Self.online)
        var one = try Bench(store)
        var two = try Bench(store)
        try one.apply([Self.begin(store, offset: 0)])
        #expect(try check(&one, ["O-1"], ["A": .found]) == [.done])
        #expect(try check(&two, ["O-1"], ["A": .found]) == [.done])
        #expect(try one.count(Self.own) == 1)
        #expect(try one.count("backlog") == 1)
        // What a worker remembers of the order is what the verdict made of it.
        let allocated = store.event("a", "O-1", "allocated", offset: 1, channel: "desk", secondsAgo: 60)
        let applied = try one.applier.apply([allocated], manner: .quick, now: StoreFixture.now, &one.connection)
        #expect(applied.outcomes == [.applied])
        #expect(try one.order("O-1")?.validation.verdict == .passed)
    }

    @Test func verdictsLeaveForTheArchiveAndTheBooksStay() throws {
        let store = try StoreFixture(validation: Self.offline)
        var bench = try Bench(store)
        let then = Timestamp(microseconds: StoreFixture.now.microseconds - 40 * StoreFixture.day)
        let records = [
            store.event(
                "e", "O-1", "received", offset: 0, channel: "desk",
                at: Timestamp(microseconds: then.microseconds - 3_600_000_000),
                more: ",\"lines\":[{\"sku\":\"A\",\"quantity\":\"1\"}]")
        ]
        try bench.apply(records, now: then)
        #expect(try bench.imbalance(records) == 0)
        _ = try bench.connection.execute(
            "UPDATE partition_ledger SET recorded_at = to_timestamp(\(then.microseconds / 1_000_000 + 60))")
        var retention = Retention(
            RetentionSettings(
                keys: 30 * StoreFixture.day, journal: 730 * StoreFixture.day, payloads: 90 * StoreFixture.day,
                deadLetters: 90 * StoreFixture.day, awaitsDeadLetterTopic: false))
        for _ in 0..<1000 where try retention.step(now: StoreFixture.now, &bench.connection).hasMore {}
        #expect(try bench.count("journal") == 0)
        #expect(try bench.count("journal_archive WHERE channel = 'sluice'") == 1)
        #expect(try bench.count("outcomes") == 1)
        #expect(try Books.read(&bench.connection).allSatisfy { $0.imbalance == 0 && $0.taken == 1 })
    }
}
