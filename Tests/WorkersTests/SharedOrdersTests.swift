import OrderEvents
import Orders
import Partitioner
import Postgres
import Testing

@testable import Workers

/// Orders that several systems tell of under several names, through two instances at once: whatever comes when, they
/// end as they do when one instance gets everything in sequence.
@Suite struct SharedOrdersTests {
    /// What order `number` lives through, by channel.
    ///
    /// The market counts; the WMS teaches its own number and, by its parcels, the carrier's; the carrier and the desk
    /// know the order by names only.
    private func life(_ store: StoreFixture, _ number: Int) -> [String: [Taken]] {
        let order = "O-\(number)"
        var offset = Int64(number * 100)
        func next() -> Int64 {
            offset += 1
            return offset
        }
        let teaching = StoreFixture.teaching("order portal/\(number)", "purchase_order P\(number / 3)")
        let market = ["received", "validated", "allocated"].enumerated().map { step, word in
            store.event(
                "m\(number)-\(step)", order, word, offset: next(), sequence: Int64(step + 1), partition: 0,
                secondsAgo: 9000 - Int64(step), more: step == 0 ? teaching : "")
        }
        let wms = (1...2).map { part in
            let parcel = "\"ref\":\"S\(number)-\(part)\",\"carrier\":\"DHL\",\"tracking\":\"T\(number)-\(part)\""
            return store.event(
                "w\(number)-\(part)", order, part == 1 ? "partially_fulfilled" : "shipped", offset: next(),
                channel: "wms", partition: 1, secondsAgo: 8000 - Int64(part),
                more: StoreFixture.teaching("wms_order W\(number)")
                    + ",\"shipment\":{\(parcel)}")
        }
        let dhl = (1...2).flatMap { part in
            ["in_transit", "delivered"].enumerated().map { step, word in
                store.event(
                    "d\(number)-\(part)-\(step)", "T\(number)-\(part)", nil, offset: next(), channel: "dhl",
                    partition: 2,
                    secondsAgo: 7000 - Int64(part * 10 + step), more: ",\"milestone\":\"\(word)\"")
            }
        }
        let desk = [
            store.named(
                "k\(number)-1", "wms_order W\(number)", "payment", offset: next(), channel: "desk", partition: 3,
                secondsAgo: 6000),
            store.event(
                "k\(number)-2", "portal/\(number)", nil, offset: next(), channel: "desk", partition: 3,
                secondsAgo: 5000,
                more: ",\"milestone\":\"refund\",\"invoice\":{\"ref\":\"I\(number)\"}"),
        ]
        return ["market": market, "wms": wms, "dhl": dhl, "desk": desk]
    }

    /// State, times, facts, names and open exceptions of all orders.
    private func fingerprint(_ bench: inout Bench, orders: Int) throws -> [String] {
        var lines: [String] = []
        for number in 0..<orders {
            guard let order = try bench.order("O-\(number)") else {
                lines.append("O-\(number) is not there")
                continue
            }
            lines.append(
                "O-\(number) \(order.state?.name ?? "none") \(order.reached) \(order.milestones) "
                    + "\(order.shipments.map { "\($0.ref) \($0.tracking)" }.sorted()) \(order.invoices.map(\.ref)) "
                    + "\(order.names.map(\.qualified).sorted()) \(order.open) \(order.parked)")
        }
        for sql in [
            "SELECT string_agg(order_ref || alias_of, ', ' ORDER BY order_ref) FROM orders WHERE alias_of <> ''",
            "SELECT string_agg(order_ref || ' ' || code, ', ') FROM exceptions WHERE resolved_at IS NULL",
            "SELECT string_agg(event_id, ', ') FROM parked WHERE released_at IS NULL",
            "SELECT string_agg(order_ref || ' ' || event_id, ', ' ORDER BY channel, event_id) FROM journal",
            """
            SELECT string_agg(kind || issuer || '/' || value || ' ' || n, ', ' ORDER BY kind, issuer, value) FROM (
                SELECT kind, issuer, value, count(*) AS n FROM (
                    SELECT kind, issuer, value FROM order_references WHERE order_ref <> ''
                    UNION ALL SELECT kind, issuer, value FROM shared_references
                ) names GROUP BY 1, 2, 3
            ) counted
            """,
        ] { lines.append(try bench.text(sql)) }
        return lines
    }

    /// One instance: its records in batches of its own, some of them twice, sometimes with a memory that is lost.
    private static func run(_ store: StoreFixture, _ records: [Taken], seed: UInt64) throws {
        var bench = try Bench(store)
        var random = SeededGenerator(seed: seed)
        var next = 0
        while next < records.count {
            if Int.random(in: 0..<8, using: &random) == 0 { bench.restart() }
            let start = Int.random(in: 0..<4, using: &random) == 0 ? max(0, next - 15) : next
            let end = min(records.count, next + Int.random(in: 1...25, using: &random))
            try bench.apply(Array(records[start..<end]))
            next = end
        }
    }

    @Test(arguments: [1, 7, 42, 20_261_126] as [UInt64], [false, true])
    func twoInstancesEndAsOne(seed: UInt64, inSequence: Bool) throws {
        let orders = 24
        var one = try Bench()
        let lives = (0..<orders).map { life(one.store, $0) }
        let channels = ["market", "wms", "dhl", "desk"]
        let all = channels.flatMap { channel in lives.flatMap { $0[channel] ?? [] } }
        for record in all { try one.apply([record]) }
        let expected = try fingerprint(&one, orders: orders)
        #expect(expected[0].hasPrefix("O-0 shipped"))
        #expect(expected[orders] != "")
        #expect(expected[orders + 1] == "" && expected[orders + 2] == "")

        let store = try StoreFixture()
        var random = SeededGenerator(seed: seed)
        var shares: [[Taken]] = [[], []]
        for channel in channels {
            shares[Int.random(in: 0..<2, using: &random)] += lives.flatMap { $0[channel] ?? [] }
        }
        // Each channel in its sequence and the channels one after the other, or everything in any sequence.
        if !inSequence { shares = shares.map { $0.shuffled(using: &random) } }
        let ends = shares.indices.map { _ in Monitor<Result<Void, any Error>?>(nil) }
        let threads = shares.indices.map { share in
            let (records, end) = (shares[share], ends[share])
            let seed = seed &+ UInt64(share)
            return WorkerThread(name: "instance") {
                let result = Result { try Self.run(store, records, seed: seed) }
                end.change { $0 = result }
            }
        }
        for thread in threads { thread.join() }
        for end in ends { try #require(end.withLock { $0 }).get() }
        var two = try Bench(store)
        for (found, expected) in zip(try fingerprint(&two, orders: orders), expected) where found != expected {
            Issue.record("seed \(seed): \(found)\n  is not \(expected)")
        }
        #expect(try two.imbalance(all) == 0, "seed \(seed)")
    }
}
