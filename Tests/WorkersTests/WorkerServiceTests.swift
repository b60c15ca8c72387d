import Dispatch
import Embedded
import Metrics
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import Synchronization
import Testing

@testable import Workers

/// A store's workers, run as the program runs them, while the store does what stores do.
@Suite struct WorkerServiceTests {
    private func lives(_ store: StoreFixture, orders: Int, partition: Int32 = 0) -> [Taken] {
        let words = ["received", "validated", "allocated", "shipped", "invoiced"]
        var records: [Taken] = []
        for (step, word) in words.enumerated() {
            for order in 0..<orders {
                records.append(
                    store.event(
                        "e\(order)-\(step)", "O-\(order)", word, offset: Int64(records.count),
                        sequence: Int64(step + 1), partition: partition, secondsAgo: Int64(1000 - step)))
            }
        }
        return records
    }

    private func expectLived(_ plant: Plant, _ records: [Taken], orders: Int) throws {
        var bench = try Bench(plant.store)
        #expect(try bench.count("orders WHERE state = 6 AND version = 5") == Int64(orders))
        #expect(try bench.count("journal WHERE outcome = 1") == Int64(records.count))
        #expect(try bench.count("outcomes") == Int64(records.count))
        #expect(try bench.imbalance(records) == 0)
        #expect(Set(plant.positions).count == records.count)
    }

    @Test func recordsAreAppliedAndCompleted() throws {
        let plant = try Plant(StoreFixture())
        let records = lives(plant.store, orders: 100)
        for start in stride(from: 0, to: records.count, by: 50) {
            plant.queues.offer(Array(records[start..<min(start + 50, records.count)]))
        }
        #expect(plant.wait(for: records.count))
        plant.service.stop()
        try expectLived(plant, records, orders: 100)
        #expect(plant.counter("sluice_events_total", "applied") == 500)
        #expect(plant.counter("sluice_redelivered_records_total") == 0)
    }

    @Test func poisonIsIsolatedAndOnlyItBecomesADeadLetter() throws {
        let plant = try Plant(StoreFixture(), workers: 1)
        var records = lives(plant.store, orders: 8)
        // A time that the decoder would not let through and PostgreSQL does not take.
        for index in [3, 17] {
            guard case .event(var event) = records[index] else { continue }
            event.occurredAt = Timestamp(microseconds: -300_000_000_000_000_000)
            records[index] = .event(event)
        }
        plant.queues.offer(records)
        #expect(plant.wait(for: records.count))
        plant.service.stop()
        var bench = try Bench(plant.store)
        let dead = try bench.text(
            "SELECT string_agg(source_offset::text, ',' ORDER BY source_offset) FROM dead_letters")
        #expect(dead == "3,17")
        #expect(try bench.count("dead_letters WHERE reason = 'invalid_value' AND detail LIKE '%22008%'") == 2)
        #expect(try bench.count("orders WHERE state = 6") == 6)
        #expect(try bench.count("outcomes") == 40)
        #expect(plant.counter("sluice_dead_letters_total") == 2)
    }

    /// Sessions are ended by an administrator, wherever they are.
    @Test func sessionsThatAreEndedAreReplaced() throws {
        let plant = try Plant(StoreFixture(), batch: 20)
        let records = lives(plant.store, orders: 200)
        for start in stride(from: 0, to: records.count, by: 100) {
            plant.queues.offer(Array(records[start..<min(start + 100, records.count)]))
        }
        var admin = try plant.store.connect()
        var ended: Int64 = 0
        while plant.positions.count < records.count, ended < 25 {
            let rows = try admin.execute(
                """
                SELECT count(pg_terminate_backend(pid)) FROM (
                    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND state <> 'idle' ORDER BY random() LIMIT 1
                ) x
                """)
            ended += rows.int64(0, 0)
        }
        #expect(plant.wait(for: records.count))
        plant.service.stop()
        try expectLived(plant, records, orders: 200)
        #expect(ended > 0)
    }

    /// COMMIT is durable here and its answer never comes: the session is ended while it waits for a standby.
    @Test func unknownCommitIsRedoneOnceAndCountedRight() throws {
        let cluster = try EmbeddedPostgreSQL()
        defer { cluster.shutDown() }
        let plant = try Plant(StoreFixture(url: cluster.createDatabase("unknown")), workers: 1)
        let first = lives(plant.store, orders: 1)
        plant.queues.offer([first[0]])
        #expect(plant.wait(for: 1))
        // The other sessions of this test do not wait for the standby that never comes.
        var settings = try ConnectionSettings(cluster.url(database: "unknown"))
        settings.durableCommits = false
        var admin = try Connection(settings)
        try admin.execute("SET synchronous_commit = off")
        try admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try admin.execute("SELECT pg_reload_conf()")
        // The setting holds when somebody waits for the standby. Until then the worker's commit might not.
        let probePID = Atomic<Int32>(-1)
        let isOver = Atomic(false)
        let probed = DispatchGroup()
        DispatchQueue.global().async(group: probed) {
            guard var probe = try? Connection(ConnectionSettings(cluster.url(database: "unknown"))) else { return }
            probePID.store(probe.backendPID, ordering: .relaxed)
            while !isOver.load(ordering: .relaxed), (try? probe.execute("SELECT pg_current_xact_id()")) != nil {}
        }
        defer {
            isOver.store(true, ordering: .relaxed)
            probed.wait()
        }
        let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid"
        while try admin.execute("SELECT count(*) \(waiting) = \(probePID.load(ordering: .relaxed))").int64(0, 0) == 0 {}
        let more = [
            first[1],
            plant.store.event("e0-1", "O-0", "validated", offset: 100, sequence: 2, secondsAgo: 999),
            plant.store.refused("x", "O-0", offset: 101, channel: "wms"),
            plant.store.record("?", offset: 102),
        ]
        plant.queues.offer(more)
        var ended: Int64 = 0
        while ended == 0 {
            ended = try admin.execute(
                "SELECT count(pg_terminate_backend(pid)) \(waiting) <> \(probePID.load(ordering: .relaxed))"
            ).int64(0, 0)
        }
        try admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        try admin.execute("SELECT pg_reload_conf()")
        #expect(plant.wait(for: 5))
        plant.service.stop()
        var bench = try Bench(plant.store)
        #expect(try bench.count("outcomes") == 5)
        #expect(try bench.order("O-0")?.version == 2)
        for word in ["duplicate", "rejected", "dead_lettered"] {
            #expect(plant.counter("sluice_events_total", word) == 1, "\(word)")
        }
        #expect(plant.counter("sluice_events_total", "applied") == 2)
        #expect(plant.counter("sluice_redelivered_records_total") == 0)
        #expect(plant.counter("sluice_store_retries_total") > 0)
    }

    @Test func crashOfTheServerIsWaitedOut() throws {
        var options = EmbeddedPostgreSQL.Options()
        options.isDurable = false
        let cluster = try EmbeddedPostgreSQL(options)
        defer { cluster.shutDown() }
        let plant = try Plant(StoreFixture(url: cluster.createDatabase("crash")), batch: 20)
        let records = lives(plant.store, orders: 300)
        for start in stride(from: 0, to: records.count, by: 100) {
            plant.queues.offer(Array(records[start..<min(start + 100, records.count)]))
        }
        #expect(plant.wait(for: 100))
        try cluster.restart(.immediate)
        #expect(plant.wait(for: records.count))
        plant.service.stop()
        try expectLived(plant, records, orders: 300)
    }

    @Test func storeThatIsAwayAtTheStartIsWaitedFor() throws {
        var options = EmbeddedPostgreSQL.Options()
        options.isDurable = false
        let cluster = try EmbeddedPostgreSQL(options)
        defer { cluster.shutDown() }
        let store = try StoreFixture(url: cluster.createDatabase("away"))
        try cluster.stop(.fast)
        let plant = try Plant(store)
        let records = lives(store, orders: 10)
        plant.queues.offer(records)
        #expect(!plant.service.isStoreReached)
        try cluster.start()
        #expect(plant.wait(for: records.count))
        #expect(plant.service.isStoreReached)
        plant.service.stop()
        try expectLived(plant, records, orders: 10)
    }

    /// Two processes whose partitions hold events of the same orders.
    @Test func twoInstancesShareOrders() throws {
        let store = try StoreFixture()
        let one = try Plant(store, batch: 10)
        let two = try Plant(store, batch: 10)
        var records: [Taken] = []
        for order in 0..<40 {
            records.append(
                store.event(
                    "b\(order)", "O-\(order)", "received", offset: Int64(order), channel: "desk", partition: 0,
                    secondsAgo: 1000))
        }
        one.queues.offer(records)
        #expect(one.wait(for: 40))
        for number in 0..<10 {
            for order in 0..<40 {
                let partition = Int32(number % 2)
                records.append(
                    store.event(
                        "s\(order)-\(number)", "O-\(order)", "partially_fulfilled",
                        offset: Int64(100 + number * 40 + order), channel: "wms", partition: partition,
                        secondsAgo: Int64(900 - number), more: ",\"shipment\":{\"ref\":\"S-\(number)\"}"))
            }
        }
        for record in records.dropFirst(40) { (record.source.partition == 0 ? one : two).queues.offer([record]) }
        #expect(one.wait(for: 240))
        #expect(two.wait(for: 200))
        one.service.stop()
        two.service.stop()
        var bench = try Bench(store)
        for order in 0..<40 {
            let found = try #require(try bench.order("O-\(order)"))
            #expect(found.shipments.count == 10)
            #expect(found.version == 11)
        }
        #expect(try bench.imbalance(records) == 0)
    }

    /// A worker is stuck with one order of the only lane; the others do the rest of it meanwhile.
    @Test func aHotLaneIsWorkForAllWorkers() throws {
        let plant = try Plant(StoreFixture(), workers: 4, batch: 20)
        plant.queues.offer([
            plant.store.event("s1", "O-S", "received", offset: 0, sequence: 1, partition: 1, secondsAgo: 2000)
        ])
        #expect(plant.wait(for: 1))
        var other = try plant.store.connect()
        try other.execute("BEGIN")
        try other.execute("SELECT FROM orders WHERE order_ref = 'O-S' FOR UPDATE")
        let stuck = plant.store.event(
            "s2", "O-S", "validated", offset: 1, sequence: 2, partition: 1, secondsAgo: 1999)
        let records = lives(plant.store, orders: 100)
        plant.queues.offer([stuck] + records)
        // All but the twenty orders of the stuck batch.
        #expect(plant.wait(for: 1 + 81 * 5))
        try other.execute("COMMIT")
        #expect(plant.wait(for: 2 + records.count))
        plant.service.stop()
        var bench = try Bench(plant.store)
        #expect(try bench.count("orders WHERE state = 6 AND version = 5") == 100)
        #expect(try bench.order("O-S")?.version == 2)
        #expect(try bench.count("journal WHERE outcome = 1") == 502)
    }
}
