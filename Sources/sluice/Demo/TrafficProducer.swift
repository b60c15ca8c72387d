import Embedded
import Foundation
import Kafka
import OrderEvents

/// Where records to be sent come from.
enum TrafficSource: Sendable {
    /// The demo's traffic.
    case realistic(TrafficGenerator)
    /// The reference load.
    case reference(ReferenceTraffic)

    /// Up to `limit` records more; none at the end.
    mutating func next(upTo limit: Int) -> [TrafficRecord] {
        switch self {
        case .realistic(var generator):
            defer { self = .realistic(generator) }
            return generator.next(upTo: limit)
        case .reference(var traffic):
            var records: [TrafficRecord] = []
            while records.count < limit, let record = traffic.next() { records.append(record) }
            self = .reference(traffic)
            return records
        }
    }

    /// What was sent so far, where that is known.
    var generator: TrafficGenerator? { if case .realistic(let generator) = self { generator } else { nil } }
}

/// Produces generated traffic, paced by what has been consumed: the mock cluster forgets what nobody has read.
final class TrafficProducer: Sendable {
    /// Records that may be produced and not yet consumed.
    static let lead = 4000

    private let brokers: [String]
    private let source: TrafficSource
    private let recordsPerSecond: Int

    init(brokers: [String], source: TrafficSource, recordsPerSecond: Int) {
        self.brokers = brokers
        self.source = source
        self.recordsPerSecond = recordsPerSecond
    }

    /// What was produced.
    struct Result {
        var orders: Int
        var expectations: [ExpectedOrder]
        var acknowledged: Int
        var failed: Int
    }

    /// Produces everything; `consumed` says how many records have been polled so far.
    ///
    /// Blocks.
    func run(consumed: () -> Int, isStopping: () -> Bool) throws(CommandFailure) -> Result {
        do throws(KafkaError) {
            let producer = try Producer(
                ClientSettings([
                    "bootstrap.servers": brokers.joined(separator: ","), "client.id": "sluice-traffic",
                    "linger.ms": "5",
                    "acks": "all", "enable.idempotence": "true",
                ]))
            var source = source
            let start = ContinuousClock.now
            var produced = 0
            while !isStopping() {
                let records = source.next(upTo: 100)
                if records.isEmpty { break }
                for record in records { try Self.produce(record, producer) }
                produced += records.count
                producer.serve()
                // Wait for the pace, and for the consumer.
                let due = start + .seconds(Double(produced) / Double(recordsPerSecond))
                while ContinuousClock.now < due || produced - consumed() > Self.lead, !isStopping() {
                    producer.serve(within: .milliseconds(10))
                }
            }
            _ = producer.flush(within: .seconds(30))
            return Result(
                orders: source.generator?.counts.orders ?? 0,
                expectations: source.generator?.expectations ?? [], acknowledged: producer.delivered,
                failed: producer.failed)
        } catch {
            throw CommandFailure(code: .unavailable, message: "traffic cannot be produced: \(error.description)")
        }
    }

    private static func produce(_ record: TrafficRecord, _ producer: borrowing Producer) throws(KafkaError) {
        let outgoing = OutgoingRecord(
            topic: record.topic, key: record.key, value: record.value,
            headers: record.headers.map { RecordHeader($0.name, $0.value) },
            timestamp: record.timestamp.microseconds / 1000)
        while true {
            do throws(KafkaError) {
                return try producer.produce(outgoing)
            } catch {
                // The library's queue is full: let it send.
                guard error.code == .queueFull else { throw error }
                producer.serve(within: .milliseconds(20))
            }
        }
    }
}
