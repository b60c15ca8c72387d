import OrderEvents
import Orders
import Postgres
import Testing

@testable import Workers

/// However records are cut into batches, and however often they are polled again, the same comes of them.
@Suite struct RandomApplyTests {
    /// Outcomes of positions and states of orders, as text.
    private func fingerprint(_ bench: inout Bench) throws -> [String] {
        try [
            "SELECT string_agg(source_offset || ':' || outcome, ' ' ORDER BY source_offset) FROM outcomes",
            """
            SELECT string_agg(order_ref || ':' || state || ':' || version || ':' || document, ' ' ORDER BY order_ref)
            FROM orders
            """,
            "SELECT string_agg(event_id || ':' || COALESCE(released_outcome, 0), ' ' ORDER BY event_id) FROM parked",
            """
            SELECT string_agg(DISTINCT order_ref || ':' || code, ' ' ORDER BY order_ref || ':' || code)
            FROM exceptions WHERE resolved_at IS NULL
            """,
            "SELECT string_agg(order_ref || ':' || kind || value, ' ' ORDER BY value, order_ref) FROM order_references",
            "SELECT string_agg(order_ref, ' ' ORDER BY order_ref) FROM backlog",
        ].map { try bench.text($0) }
    }

    @Test(arguments: [20_261_123, 42, 7] as [UInt64])
    func randomBatchesGiveWhatOneByOneGives(seed: UInt64) throws {
        var single = try Bench()
        var traffic = RandomTraffic(seed: seed, store: single.store)
        traffic.fill(2000, orders: 150)
        let records = traffic.records
        for record in records { try single.apply([record]) }
        let expected = try fingerprint(&single)
        #expect(try single.imbalance(records) == 0, "seed \(seed)")

        var batched = try Bench()
        var random = SeededGenerator(seed: seed &+ 1)
        var next = 0
        var counted: [Outcome: Int] = [:]
        while next < records.count {
            if Int.random(in: 0..<10, using: &random) == 0 { batched.restart() }
            // Begins again somewhat earlier, as after a crash.
            let start = Int.random(in: 0..<5, using: &random) == 0 ? max(0, next - 40) : next
            let end = min(records.count, next + Int.random(in: 1...200, using: &random))
            for outcome in try batched.apply(Array(records[start..<end])).outcomes {
                if let outcome { counted[outcome, default: 0] += 1 }
            }
            next = end
        }
        let found = try fingerprint(&batched)
        for (found, expected) in zip(found, expected) where found != expected {
            let difference = zip(found.split(separator: " "), expected.split(separator: " ")).first { $0 != $1 }
            Issue.record("seed \(seed): \(difference.map { "\($0.0) is not \($0.1)" } ?? "lengths differ")")
        }
        #expect(try batched.imbalance(records) == 0, "seed \(seed)")
        #expect(counted.values.reduce(0, +) == records.count, "each record is counted once; seed \(seed)")
        #expect(Set(counted.keys) == Set(Outcome.allCases), "the traffic shows every outcome; seed \(seed)")
    }
}
