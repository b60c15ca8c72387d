import Embedded
import Foundation
import Kafka
import Synchronization

/// Records of one legal entity at a steady rate, produced on a thread of its own until it is stopped.
final class PacedTraffic: Sendable {
    /// What was produced, and acknowledged.
    struct Sent: Sendable {
        var records = 0
        /// Orders that have begun.
        var orders = 0
    }

    private let isStopping = Atomic(false)
    private let result = Mutex<Result<Sent, any Error>?>(nil)

    /// Begins; `load` has to have more records than will be sent, and no duplicates.
    init(_ load: ReferenceLoad, to target: ReferenceLoad.Target, recordsPerSecond: Double) {
        let thread = Thread { [self] in
            let sent = Result { try produce(load, target, recordsPerSecond) }
            result.withLock { $0 = sent }
        }
        thread.name = "paced-traffic"
        thread.start()
    }

    /// The legal entity at `index` with short lives of its orders, and no duplicates.
    static func load(legalEntity index: Int, seed: Int) -> ReferenceLoad {
        var load = ReferenceLoad(orders: 200_000, legalEntities: 1, seed: seed)
        load.settings.firstLegalEntity = index
        load.settings.window = 50
        load.settings.duplicatesPerThousand = 0
        return load
    }

    /// Ends it, and waits until the broker has everything.
    func stop() throws -> Sent {
        isStopping.store(true, ordering: .relaxed)
        let end = ContinuousClock.now + .seconds(130)
        while ContinuousClock.now < end {
            if let sent = result.withLock({ $0 }) { return try sent.get() }
            usleep(1000)
        }
        throw BenchError("the producer does not end")
    }

    private func produce(
        _ load: ReferenceLoad, _ target: ReferenceLoad.Target, _ recordsPerSecond: Double
    ) throws -> Sent {
        let producer = try ReferenceLoad.producer(target.brokers)
        var traffic = ReferenceTraffic(load.settings)
        var keys: Set<[UInt8]> = []
        var sent = Sent()
        let start = ContinuousClock.now
        while !isStopping.load(ordering: .relaxed), let record = traffic.next() {
            try ReferenceLoad.send(OutgoingRecord(topic: target.topic, key: record.key, value: record.value), producer)
            keys.insert(record.key)
            sent.records += 1
            let due = start + .seconds(Double(sent.records) / recordsPerSecond)
            while ContinuousClock.now < due { producer.serve(within: .milliseconds(1)) }
        }
        guard producer.flush(within: .seconds(60)), producer.failed == 0, producer.delivered == sent.records else {
            throw BenchError("the broker took \(producer.delivered) of \(sent.records) records")
        }
        sent.orders = keys.count
        return sent
    }
}

extension ReferenceLoad {
    /// Produces the load with one record that nobody can read after every `gap`, and gives how many of these there are.
    func produceWithPoison(every gap: Int, to target: Target) throws -> Int {
        let producer = try Self.producer(target.brokers)
        var traffic = ReferenceTraffic(settings)
        var clean = 0
        var poison = 0
        while let record = traffic.next() {
            try Self.send(OutgoingRecord(topic: target.topic, key: record.key, value: record.value), producer)
            clean += 1
            guard clean % gap == 0 else { continue }
            // Cut off in the middle: what a producer with a bug writes.
            let value = record.value.map { Array($0.prefix($0.count / 2)) }
            try Self.send(OutgoingRecord(topic: target.topic, key: record.key, value: value), producer)
            poison += 1
        }
        guard producer.flush(within: .seconds(120)), producer.failed == 0, producer.delivered == clean + poison else {
            throw BenchError("the broker took \(producer.delivered) of \(clean + poison) records")
        }
        return poison
    }
}
