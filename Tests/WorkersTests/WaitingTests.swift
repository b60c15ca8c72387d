import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import TestSupport
import Testing

@testable import Workers

/// Who waits for a name and who teaches it, at the same time; how many may wait; how long their rows stay.
@Suite struct WaitingTests {
    private func begin(_ store: StoreFixture, _ order: String, offset: Int64) -> Taken {
        store.event("b-\(order)", order, "received", offset: offset, channel: "desk", secondsAgo: 5000)
    }

    private func teach(_ store: StoreFixture, _ order: String, _ name: String, offset: Int64) -> Taken {
        store.event(
            "t-\(order)", order, "allocated", offset: offset, channel: "wms", secondsAgo: 4000,
            more: StoreFixture.teaching(name))
    }

    /// A batch on a thread and a connection of its own, as of another instance.
    private final class Instance: Sendable {
        private let result = Monitor<Result<AppliedBatch, any Error>?>(nil)
        private let thread: WorkerThread

        init(_ store: StoreFixture, _ items: [Taken]) {
            let result = result
            thread = WorkerThread(name: "instance") {
                let applied = Result {
                    var bench = try Bench(store)
                    return try bench.apply(items)
                }
                result.change { $0 = applied }
            }
        }

        func end() throws -> AppliedBatch {
            thread.join()
            return try #require(result.withLock { $0 }).get()
        }
    }

    /// Returns when so many sessions wait for a lock.
    private func awaitBlocked(_ count: Int64, _ connection: inout Connection) throws {
        let areBlocked = try eventually {
            let blocked = try connection.execute(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            ).int64(0, 0)
            return blocked >= count
        }
        #expect(areBlocked, "\(count) sessions do not come to wait for each other")
    }

    private func expectOneWent(_ bench: inout Bench, waiting: Int64) throws {
        #expect(try bench.order("O-1")?.time(of: .inTransit) != nil)
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try bench.count("parked") == waiting)
        #expect(try bench.count("exceptions WHERE resolved_at IS NULL") == 0)
        #expect(try bench.text("SELECT order_ref FROM order_references") == "O-1")
        #expect(try bench.text("SELECT string_agg(DISTINCT order_ref, ' ') FROM journal") == "O-1")
    }

    /// The waiter is held up behind its rows; the teacher comes to the name meanwhile.
    @Test(arguments: [false, true])
    func teacherSeesTheWaiterThatCommitsFirst(isFurther: Bool) throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        try bench.apply([begin(store, "O-1", offset: 0)])
        if isFurther {
            try bench.apply([store.named("c0", "tracking dhl/T1", offset: 1, secondsAgo: 700)])
        } else {
            try bench.connection.execute(
                """
                INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail)
                VALUES (now(), now(), 'ACME', 'tracking dhl/T1', 'unknown_reference', 'info', '')
                """)
        }
        var blocker = try store.connect()
        try blocker.execute("BEGIN")
        try blocker.execute("SELECT FROM exceptions FOR UPDATE")
        let waiter = Instance(store, [store.named("c1", "tracking dhl/T1", offset: 2, partition: 1)])
        try awaitBlocked(1, &bench.connection)
        let teacher = Instance(store, [teach(store, "O-1", "tracking dhl/T1", offset: 3)])
        try awaitBlocked(2, &bench.connection)
        try blocker.execute("ROLLBACK")
        #expect(try waiter.end().outcomes == [.parked])
        #expect(try teacher.end().plan.released == [0: isFurther ? 2 : 1])
        try expectOneWent(&bench, waiting: isFurther ? 2 : 1)
    }

    /// The teacher is held up at its order; the waiter comes to the name meanwhile.
    @Test(arguments: [false, true])
    func waiterSeesTheTeacherThatCommitsFirst(isFurther: Bool) throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        try bench.apply([begin(store, "O-1", offset: 0)])
        if isFurther { try bench.apply([store.named("c0", "tracking dhl/T1", offset: 1, secondsAgo: 700)]) }
        var blocker = try store.connect()
        try blocker.execute("BEGIN")
        try blocker.execute("SELECT FROM orders FOR UPDATE")
        let teacher = Instance(store, [teach(store, "O-1", "tracking dhl/T1", offset: 3)])
        try awaitBlocked(1, &bench.connection)
        let waiter = Instance(store, [store.named("c1", "tracking dhl/T1", offset: 2, partition: 1)])
        try awaitBlocked(2, &bench.connection)
        try blocker.execute("ROLLBACK")
        #expect(try teacher.end().plan.released == (isFurther ? [0: 1] : [:]))
        #expect(try waiter.end().outcomes == [.applied])
        try expectOneWent(&bench, waiting: isFurther ? 1 : 0)
    }

    /// A batch learns a name and finds an order by it, while another instance teaches the same name of another order.
    @Test(arguments: ["wms_order W1", "tracking dhl/T1"])
    func eventDoesNotStayWithAnOrderThatLostTheName(name: String) throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        let orders = ["O-1", "O-2"].enumerated()
        try bench.apply(orders.map { begin(store, $0.element, offset: Int64($0.offset)) })
        // Somebody who holds the event's key keeps the batch from its names, which it has asked for already.
        var blocker = try store.connect()
        try blocker.execute("BEGIN")
        try blocker.execute(
            """
            INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, order_version, source_partition,
                outcome, disposition, status, milestone, state_before, state_after, legal_entity, channel, event_id,
                order_ref, warehouse)
            VALUES (1, now(), now(), 0, 0, 1, 1, 1, 0, 1, 0, 0, 'ACME', 'desk', 'c1', '', '')
            """)
        let late = Instance(
            store,
            [teach(store, "O-2", name, offset: 3), store.named("c1", name, offset: 4, channel: "desk", partition: 1)])
        try awaitBlocked(1, &bench.connection)
        try bench.apply([teach(store, "O-1", name, offset: 5)])
        try blocker.execute("ROLLBACK")
        let isShared = name.hasPrefix("tracking")
        #expect(try late.end().outcomes == [.applied, isShared ? .rejected : .applied])
        #expect(try bench.order("O-2")?.time(of: .inTransit) == nil)
        #expect(try (bench.order("O-1")?.time(of: .inTransit) != nil) == !isShared)
        #expect(try bench.count("exceptions WHERE code = 'reference_collision'") == 1)
    }

    /// Thousands of orders of one purchase order are no queue: a name that is somebody's is read without a lock.
    @Test func sharedNameIsNotLocked() throws {
        let store = try StoreFixture()
        var bench = try Bench(store)
        let orders = ["O-1", "O-2"].enumerated()
        try bench.apply(orders.map { begin(store, $0.element, offset: Int64($0.offset)) })
        try bench.apply([teach(store, "O-1", "purchase_order P1", offset: 2)])
        var blocker = try store.connect()
        try blocker.execute("BEGIN")
        try blocker.execute("SELECT FROM order_references FOR UPDATE")
        try bench.connection.execute("SET lock_timeout = '200ms'")
        #expect(try bench.apply([teach(store, "O-2", "purchase_order P1", offset: 3)]).outcomes == [.applied])
        #expect(try bench.count("shared_references WHERE order_ref = 'O-2'") == 1)
        try blocker.execute("ROLLBACK")
    }

    // MARK: - Bounds

    @Test(arguments: [false, true])
    func onlySoManyEventsOfAnOrderWait(oneByOne: Bool) throws {
        var bench = try Bench(StoreFixture(bounds: WaitingBounds(perOrder: 3)))
        var events = [bench.store.event("m1", "O-1", "received", offset: 0, sequence: 1)]
        for number in 3...7 {
            events.append(
                bench.store.event("m\(number)", "O-1", "validated", offset: Int64(number), sequence: Int64(number)))
        }
        events.append(bench.store.event("m1", "O-2", "received", offset: 8, sequence: 1, entity: "BETA"))
        var outcomes: [Outcome?] = []
        for batch in oneByOne ? events.map({ [$0] }) : [events] { outcomes += try bench.apply(batch).outcomes }
        #expect(outcomes == [.applied, .parked, .parked, .parked, .rejected, .rejected, .applied])
        #expect(try bench.count("exceptions WHERE order_ref = 'O-1' AND code = 'parking_full' AND count = 2") == 1)
        #expect(try bench.order("O-1")?.parked == 3)
        let missing = bench.store.event("m2", "O-1", "validated", offset: 9, sequence: 2, secondsAgo: 60)
        #expect(try bench.apply([missing]).plan.released == [0: 3])
        // A retry of what was refused is taken.
        let again = bench.store.event("m6", "O-1", "validated", offset: 10, sequence: 6)
        #expect(try bench.apply([again]).outcomes.first != .rejected)
        #expect(try bench.imbalance(events + [missing, again]) == 0)
    }

    @Test(arguments: [false, true])
    func onlySoManyEventsWaitForAName(oneByOne: Bool) throws {
        var bench = try Bench(StoreFixture(bounds: WaitingBounds(perReference: 2)))
        var events = (0..<4).map { bench.store.named("c\($0)", "tracking dhl/T1", offset: Int64($0)) }
        events.append(bench.store.named("d", "tracking dhl/T2", offset: 4))
        var outcomes: [Outcome?] = []
        for batch in oneByOne ? events.map({ [$0] }) : [events] { outcomes += try bench.apply(batch).outcomes }
        #expect(outcomes == [.parked, .parked, .rejected, .rejected, .parked])
        #expect(try bench.count("exceptions WHERE order_ref = 'tracking dhl/T1' AND code = 'parking_full'") == 1)
        let told = [begin(bench.store, "O-1", offset: 5), teach(bench.store, "O-1", "tracking dhl/T1", offset: 6)]
        #expect(try bench.apply(told).plan.released == [0: 2])
        #expect(try bench.imbalance(events + told) == 0)
    }

    @Test func onlySoManyEventsOfALegalEntityWait() throws {
        let store = try StoreFixture(bounds: WaitingBounds(perEntity: 3))
        var bench = try Bench(store)
        func gap(_ order: Int, _ entity: String = "ACME") -> Taken {
            store.event("g\(order)", "O-\(order)", "validated", offset: Int64(order), sequence: 2, entity: entity)
        }
        #expect(try bench.apply([gap(1), gap(2)]).outcomes == [.parked, .parked])
        // Another instance, which has not counted yet, and has when its sweep has looked.
        bench.restart()
        #expect(try bench.apply([store.named("c1", "tracking dhl/T1", offset: 3)]).outcomes == [.parked])
        #expect(try bench.apply([gap(4)]).outcomes == [.parked])
        bench.applier.waiting.refresh(try ParkedCounts.read(&bench.connection), store.settings)
        let more = [
            gap(5), store.named("c2", "tracking dhl/T2", offset: 6), gap(7, "BETA"), begin(store, "O-8", offset: 8),
        ]
        #expect(try bench.apply(more).outcomes == [.rejected, .rejected, .parked, .applied])
        #expect(try bench.count("orders WHERE order_ref = 'O-5'") == 0)
        #expect(try bench.count("exceptions WHERE order_ref = '' AND code = 'parking_full'") == 1)
        let missing = (1...4).filter { $0 != 3 }.map {
            store.event("m\($0)", "O-\($0)", "received", offset: Int64(20 + $0), sequence: 1)
        }
        try bench.apply(missing)
        #expect(try bench.apply([gap(9)]).outcomes == [.parked])
    }

    @Test func gaugeCountsWhatWaits() throws {
        var bench = try Bench()
        try bench.apply([
            bench.store.event("m2", "O-1", "validated", offset: 0, sequence: 2),
            bench.store.named("c1", "tracking dhl/T1", offset: 1),
            bench.store.event("m2", "O-1", "validated", offset: 2, sequence: 2, entity: "BETA"),
        ])
        let counts = try ParkedCounts.read(&bench.connection)
        #expect(counts.map(\.legalEntity) == ["ACME", "BETA"])
        #expect(counts.map(\.events) == [2, 1])
        #expect(counts.allSatisfy { $0.oldestSince == StoreFixture.now })
    }

    // MARK: - What cannot be read

    /// A channel that is not configured any more: its events go to their order, and wait there for a better time.
    @Test func eventThatCannotBeReadIsKeptAtItsOrder() throws {
        let store = try StoreFixture(parkTimeout: 1)
        var bench = try Bench(store)
        try bench.apply([
            store.named("c1", "tracking dhl/T1", offset: 0), store.named("c2", "tracking dhl/T1", offset: 1),
        ])
        try bench.connection.execute("UPDATE journal SET payload = 'x' || payload WHERE event_id = 'c1'")
        let told = [begin(store, "O-1", offset: 2), teach(store, "O-1", "tracking dhl/T1", offset: 3)]
        #expect(try bench.apply(told).plan.released == [0: 1])
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND released_at IS NULL AND event_id = 'c1'") == 1)
        let later = Timestamp(microseconds: StoreFixture.now.microseconds + 10)
        #expect(try bench.applier.sweepParked(now: later, limit: 10, &bench.connection)?.0.plan.released == [:])
        try bench.connection.execute("UPDATE journal SET payload = substr(payload, 2) WHERE event_id = 'c1'")
        let muchLater = Timestamp(microseconds: later.microseconds + 3_600_000_000)
        #expect(try bench.applier.sweepParked(now: muchLater, limit: 10, &bench.connection)?.0.plan.released == [0: 1])
        #expect(try bench.count("parked WHERE released_at IS NULL") == 0)
        #expect(try bench.order("O-1")?.parked == 0)
    }

    /// As in a store that an older program filled, which asked for no names.
    @Test func eventThatWaitsAlthoughItsNameIsKnownIsFound() throws {
        var bench = try Bench()
        try bench.apply([
            begin(bench.store, "O-1", offset: 0), bench.store.named("c1", "tracking dhl/T1", offset: 1),
            bench.store.named("c2", "tracking dhl/T2", offset: 2),
        ])
        #expect(try bench.applier.sweepMissed(now: StoreFixture.now, limit: 10, &bench.connection) == nil)
        try bench.connection.execute("UPDATE order_references SET order_ref = 'O-1' WHERE value = 'T1'")
        let swept = try #require(
            try bench.applier.sweepMissed(now: StoreFixture.now, limit: 10, &bench.connection))
        #expect(swept.0.plan.released == [0: 1])
        #expect(try bench.order("O-1")?.time(of: .inTransit) != nil)
        #expect(try bench.count("parked WHERE order_ref = 'O-1' AND released_outcome = 1") == 1)
        #expect(try bench.text("SELECT order_ref FROM journal WHERE event_id = 'c1'") == "O-1")
        #expect(try bench.applier.sweepMissed(now: StoreFixture.now, limit: 10, &bench.connection) == nil)
    }
}
