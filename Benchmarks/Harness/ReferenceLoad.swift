import Embedded
import Foundation
import Kafka
import OrderEvents

/// Records of the reference load, and what becomes of them.
struct ReferenceLoad: Sendable {
    var settings: ReferenceTraffic.Settings

    /// The load of design §11 with this many orders; its events happened within the last minutes.
    ///
    /// `seed` tells loads of one topic or database apart.
    init(orders: Int, legalEntities: Int = 20, seed: Int = 1) {
        var settings = ReferenceTraffic.Settings()
        settings.orders = orders
        settings.legalEntities = legalEntities
        settings.seed = seed
        settings.window = min(settings.window, orders)
        // Not in the future, and well within the retention of keys.
        let span = Int64(orders * 6) * settings.microsecondsBetweenEvents
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        settings.startingAt = Timestamp(microseconds: (now - span - 60_000_000) / 1000 * 1000)
        self.settings = settings
    }

    /// All records, duplicates included.
    var records: Int { ReferenceTraffic(settings).totalRecords }
    /// Records that are applied.
    var events: Int { settings.orders * ReferenceTraffic.lifecycle.count }
    /// Records whose key was taken before.
    var duplicates: Int { records - events }
    var orders: Int { settings.orders }

    /// Where a record of the load goes.
    struct Target {
        var brokers: String
        var topic: String
        /// Keyed by event instead of by order.
        var isKeyedByEvent = false
        /// After how many records `mayGoOn` is asked.
        var recordsPerStep = 200
    }

    /// Produces the load, waits until the broker has it and gives how many records there were.
    ///
    /// `mayGoOn` is asked after every step with the count so far; it may wait, and serves the producer meanwhile.
    func produce(
        to target: Target, mayGoOn: (_ produced: Int, _ serve: () -> Void) throws -> Void = { _, _ in }
    ) throws -> Int {
        let producer = try Self.producer(target.brokers)
        var traffic = ReferenceTraffic(settings)
        guard var record = traffic.next() else { return 0 }
        var produced = 0
        repeat {
            let key = target.isKeyedByEvent ? Self.eventID(record.value ?? []) : record.key
            try Self.send(OutgoingRecord(topic: target.topic, key: key, value: record.value), producer)
            produced += 1
            if produced % target.recordsPerStep == 0 {
                producer.serve()
                try mayGoOn(produced) { producer.serve(within: .milliseconds(1)) }
            }
        } while traffic.next(into: &record)
        guard producer.flush(within: .seconds(120)), producer.failed == 0, producer.delivered == produced else {
            throw BenchError("the broker took \(producer.delivered) of \(produced) records")
        }
        return produced
    }

    /// A producer that loses nothing and doubles nothing.
    static func producer(_ brokers: String) throws(KafkaError) -> Producer {
        try Producer(
            ClientSettings([
                "bootstrap.servers": brokers, "acks": "all", "enable.idempotence": "true", "linger.ms": "5",
                "queue.buffering.max.messages": "200000", "queue.buffering.max.kbytes": "262144",
                "batch.num.messages": "10000", "message.timeout.ms": "120000",
            ]))
    }

    /// Puts a record into the producer's queue, waiting for room.
    static func send(_ record: OutgoingRecord, _ producer: borrowing Producer) throws(KafkaError) {
        while true {
            do throws(KafkaError) {
                return try producer.produce(record)
            } catch {
                guard error.code == .queueFull else { throw error }
                producer.serve(within: .milliseconds(10))
            }
        }
    }

    /// The event id of a reference record: it is the second field, at a fixed place.
    static func eventID(_ value: [UInt8]) -> [UInt8] {
        let prefix = #"{"version":1,"event_id":""#.utf8.count
        return Array(value.dropFirst(prefix).prefix { $0 != 0x22 })
    }
}
