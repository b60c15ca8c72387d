import Allocations
import Embedded
import Foundation
import Metrics
import OrderEvents
import Orders

/// `micro`: single steps of the hot path, by the clock and by the allocator's count.
struct MicroPart {
    let options: Options

    func measure(_ figures: inout Figures) throws {
        let values = Self.records(options.isSmoke ? 200 : 20_000)
        let rounds = options.isSmoke ? 1 : 5
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        let path = HotPath(legalEntities: 20)
        var ours: [Double] = [], theirs: [Double] = []
        var observe: [Double] = [], shared: [Double] = []
        for _ in 0..<max(options.runs, 1) {
            ours.append(Self.nanoseconds(values.count * rounds) { decode(values, rounds, path, now) })
            theirs.append(try Self.nanoseconds(values.count) { try decodeByFoundation(values) })
            observe.append(collected())
            shared.append(observation())
        }
        figures.add("decode_ns", ours, unit: "ns", note: "canonical event of \(values[0].count) bytes")
        figures.add("decode_ratio", zip(ours, theirs).map { $0 / $1 }, note: "÷ Foundation's JSONDecoder; aim 0.06")
        figures.add("foundation_decode_ns", theirs, unit: "ns")
        figures.add(
            "observe_ns", observe, unit: "ns", note: "one observation, collected in batches of 500; bar 10, aim 5")
        figures.add("observe_shared_ns", shared, unit: "ns", note: "the same by itself: three atomic instructions")
        try allocations(values, path, now, &figures)
    }

    /// The first records of the reference load.
    static func records(_ count: Int) -> [[UInt8]] {
        var traffic = ReferenceTraffic(ReferenceLoad(orders: max(20, count / 5)).settings)
        var values: [[UInt8]] = []
        while values.count < count, let record = traffic.next() { values.append(record.value ?? []) }
        return values
    }

    /// Time of one of `count` steps.
    static func nanoseconds(_ count: Int, _ body: () throws -> Int) rethrows -> Double {
        let start = ContinuousClock.now
        let sum = try body()
        let (seconds, attoseconds) = start.duration(to: .now).components
        // The sum depends on every step, so none can be left out.
        precondition(sum > 0, "nothing was done")
        return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count)
    }

    private func decode(_ values: [[UInt8]], _ rounds: Int, _ path: HotPath, _ now: Timestamp) -> Int {
        var sum = 0
        for _ in 0..<rounds {
            for (offset, value) in values.enumerated() {
                if case .event(let event) = path.decode(value, at: Int64(offset), now) { sum += event.lines.count }
            }
        }
        return sum
    }

    /// The fields of a reference record, for Foundation's decoder.
    private struct Event: Decodable {
        enum CodingKeys: String, CodingKey {
            case version, warehouse, status, sequence, currency, total, customer, references, lines
            case eventID = "event_id"
            case legalEntity = "legal_entity"
            case orderRef = "order_ref"
            case occurredAt = "occurred_at"
        }

        struct Customer: Decodable { var ref: String }
        struct Reference: Decodable { var kind: String, value: String }
        struct Line: Decodable {
            enum CodingKeys: String, CodingKey {
                case line, sku, quantity
                case unitPrice = "unit_price"
            }

            var line: String, sku: String, quantity: String, unitPrice: String
        }

        var version: Int, eventID: String, legalEntity: String, warehouse: String, orderRef: String, status: String
        var occurredAt: String, sequence: Int, currency: String, total: String
        var customer: Customer
        var references: [Reference]
        var lines: [Line]
    }

    private func decodeByFoundation(_ values: [[UInt8]]) throws -> Int {
        let decoder = JSONDecoder()
        var sum = 0
        for value in values { sum += try decoder.decode(Event.self, from: Data(value)).lines.count }
        return sum
    }

    /// As the hot path observes: each event of a batch, and the batch at once.
    private func collected() -> Double {
        let histogram = Registry(processMetrics: false).eventLatency().with("A", "process")
        var observations = Observations(for: histogram)
        let count = options.isSmoke ? 1000 : 2_000_000
        return Self.nanoseconds(count) {
            for index in 0..<count {
                observations.observe(Double(index & 1023) * 0.001)
                if index % 500 == 499 { histogram.add(&observations) }
            }
            return count
        }
    }

    private func observation() -> Double {
        let histogram = Registry().histogram(
            "bench_seconds", help: "Bench.", buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
        ).with()
        let count = options.isSmoke ? 1000 : 2_000_000
        return Self.nanoseconds(count) {
            for index in 0..<count { histogram.observe(Double(index & 1023) * 0.001) }
            return count
        }
    }

    /// Allocations an event, of decoding alone and of the whole hot path; counted, so they repeat exactly.
    private func allocations(
        _ values: [[UInt8]], _ path: HotPath, _ now: Timestamp, _ figures: inout Figures
    ) throws {
        let before = allocations_of_this_thread()
        _ = decode(values, 1, path, now)
        let decoded = allocations_of_this_thread() - before
        var path = path
        var document: [UInt8] = []
        let start = allocations_of_this_thread()
        for value in values {
            let step = try path.take(value, now)
            document.removeAll(keepingCapacity: true)
            path.orders[step.order].writeDocument(to: &document)
        }
        let applied = allocations_of_this_thread() - start
        figures.add("decode_allocations", [Double(decoded) / Double(values.count)], note: "an event")
        figures.add(
            "hot_path_allocations", [Double(applied) / Double(values.count)],
            note: "an event: decode, route, apply, write the document")
    }
}
