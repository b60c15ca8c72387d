import Embedded
import Ingest
import Kafka
import OrderEvents
import Partitioner
import TestSupport
import Testing

/// What the metrics say of a partition is what the log and the group say.
@Suite struct IngestLagTests {
    private func events(_ topic: String, _ count: Int, bytes: Int = 2, partition: Int32 = 0) -> [OutgoingRecord] {
        let value = Array("e1".utf8) + [UInt8](repeating: UInt8(ascii: " "), count: bytes - 2)
        return (0..<count).map { _ in OutgoingRecord(topic: topic, partition: partition, value: value) }
    }

    /// One partition of a topic and what is told of it.
    private struct Watched {
        let fixture: IngestFixture
        let topic: String
        let group: String
        var partition = 0

        private var labels: String { "topic=\"\(topic)\",partition=\"\(partition)\"" }
        var records: Double? {
            fixture.metric("sluice_consumer_lag_records{\(labels),consumergroup=\"\(group)\"}")
        }
        var seconds: Double? {
            fixture.metric("sluice_consumer_lag_seconds{\(labels),consumergroup=\"\(group)\"}")
        }
        var expired: Double? { fixture.metric("sluice_ingest_expired_offsets_total{\(labels)}") }
        func isStatus(_ word: String) -> Bool {
            let name = "sluice_consumer_partition_status"
            return fixture.metric("\(name){\(labels),\(name)=\"\(word)\"}") == 1
        }
    }

    private func watched(
        _ broker: EmbeddedBroker, partitions: Int = 1, store: MemoryLedgerStore = MemoryLedgerStore(),
        change: (inout IngestSettings) -> Void = { _ in }
    ) throws -> Watched {
        let (topic, group) = (BrokerKinds.uniqueName("lag"), BrokerKinds.uniqueName("group"))
        try broker.createTopic(topic, partitions: partitions)
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store) {
            $0.stallAfter = .seconds(3)
            change(&$0)
        }
        return Watched(fixture: fixture, topic: topic, group: group)
    }

    @Test(arguments: BrokerKinds.all)
    func workThatStandsStillIsAStallAndHasAnAge(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let one = try watched(broker)
        try broker.produce(events(one.topic, 7))
        try one.fixture.service.start()
        #expect(eventually { one.isStatus("stall") })
        #expect(one.records == 7)
        // The records are older than the time for which nothing moved.
        #expect((one.seconds ?? 0) >= 3)
        one.fixture.sink.complete(always: true)
        #expect(eventually { one.isStatus("ok") && one.records == 0 && one.seconds == 0 })
        #expect(one.fixture.service.stop())
    }

    /// Goal: records that cannot be fetched count, though no fetch tells of them.
    @Test func readingThatStandsStillIsAStop() throws {
        let broker = try BrokerKinds.broker(.mock)
        let cluster = try #require(broker.mock)
        let one = try watched(broker)
        one.fixture.sink.complete(always: true)
        try broker.produce(events(one.topic, 3))
        try one.fixture.service.start()
        #expect(eventually { one.isStatus("ok") && one.records == 0 && one.fixture.sink.taken.count == 3 })
        cluster.pushErrors(.fetch, KafkaError.Code(rawValue: 56), count: 10_000)  // KAFKA_STORAGE_ERROR
        try broker.produce(events(one.topic, 4))
        #expect(eventually { one.isStatus("stop") })
        #expect(one.records == 4)
        #expect(one.fixture.sink.taken.count == 3)
        cluster.clearErrors(.fetch)
        #expect(eventually { one.isStatus("ok") && one.records == 0 && one.fixture.sink.taken.count == 7 })
        #expect(one.fixture.service.stop())
    }

    /// Goal: without brokers nobody says that all is well; with them again, where nothing happens, all is.
    @Test func brokersThatAreAwayAreAStop() throws {
        let broker = try BrokerKinds.broker(.mock)
        let cluster = try #require(broker.mock)
        let one = try watched(broker)
        one.fixture.sink.complete(always: true)
        try broker.produce(events(one.topic, 3))
        try one.fixture.service.start()
        #expect(eventually { one.isStatus("ok") && one.fixture.sink.taken.count == 3 && one.records == 0 })
        cluster.setDown(broker: 1)
        #expect(eventually { one.isStatus("stop") })
        cluster.setUp(broker: 1)
        #expect(eventually { one.isStatus("ok") && !one.fixture.service.status.areBrokersAway })
        #expect(one.fixture.service.stop())
    }

    @Test(arguments: BrokerKinds.all)
    func aPausedPartitionIsToldWithWhatCameMeanwhile(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let store = MemoryLedgerStore()
        var one = try watched(broker, partitions: 2, store: store)
        one.partition = 1
        let paused = store.sources.index(of: SourcePartition(topic: one.topic, partition: 1))
        one.fixture.sink.complete(always: true)
        try one.fixture.service.start()
        #expect(eventually { one.fixture.service.status.assignedPartitions == 2 })
        one.fixture.sink.setPressure(Pressure(partitions: [paused]))
        #expect(eventually { one.isStatus("paused") })
        try broker.produce(events(one.topic, 6, partition: 1))
        #expect(eventually { one.records == 6 && one.isStatus("paused") && (one.seconds ?? 0) > 0 })
        one.fixture.sink.setPressure(.none)
        #expect(eventually { one.records == 0 && one.isStatus("ok") })
        #expect(one.fixture.service.stop())
    }

    @Test(arguments: BrokerKinds.all)
    func aPartitionThatWasGivenBackIsRevokedAndHasNoLag(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let one = try watched(broker, partitions: 2)
        try broker.produce(events(one.topic, 5, partition: 0) + events(one.topic, 5, partition: 1))
        one.fixture.sink.complete(always: true)
        try one.fixture.service.start()
        #expect(eventually { one.fixture.service.status.assignedPartitions == 2 })
        let second = IngestFixture(broker, topics: [one.topic], group: one.group, store: MemoryLedgerStore())
        second.sink.complete(always: true)
        try second.service.start()
        #expect(eventually { second.service.status.assignedPartitions == 1 })
        let both = (0...1).map { Watched(fixture: one.fixture, topic: one.topic, group: one.group, partition: $0) }
        #expect(eventually { both.filter { $0.isStatus("revoked") }.count == 1 })
        let gone = try #require(both.first { $0.isStatus("revoked") })
        #expect(gone.records == nil && gone.seconds == nil)
        #expect(eventually { both.filter { $0.isStatus("ok") && $0.records == 0 }.count == 1 })
        #expect(second.service.stop())
        #expect(one.fixture.service.stop())
        #expect(both.allSatisfy { $0.isStatus("revoked") && $0.records == nil })
    }

    /// Removes the records in front of `offset`, the way that the broker has.
    ///
    /// The mock keeps 5 MB a partition, so it is given more than that.
    private func trim(_ broker: EmbeddedBroker, _ topic: String, before offset: Int64) throws {
        guard broker.mock == nil else { return try broker.produce(events(topic, 8, bytes: 900_000)) }
        let admin = try Admin(broker.clientSettings())
        try admin.deleteRecords(of: TopicPartition(topic, 0), before: offset, within: patience)
    }

    /// Goal: what retention removed before it was read is counted, told, and no lag.
    @Test(arguments: BrokerKinds.all)
    func whatRetentionRemovedIsCountedAndNoLag(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let store = MemoryLedgerStore()
        let one = try watched(broker, store: store)
        let source = SourcePartition(topic: one.topic, partition: 0)
        let paused = store.sources.index(of: source)
        one.fixture.sink.complete(always: true)
        try broker.produce(events(one.topic, 10))
        store.setNext(source, 2)
        try trim(broker, one.topic, before: 6)
        // Removed while nobody read.
        try one.fixture.service.start()
        #expect(eventually { (one.fixture.sink.offsets.last ?? 0) >= 9 && one.records == 0 })
        let first = try #require(one.fixture.sink.offsets.first)
        #expect(first >= 6)
        #expect(eventually { one.expired == Double(first - 2) })
        #expect(one.fixture.log.has("log.expired_unread"))
        #expect(eventually { one.isStatus("ok") })

        // Removed while the partition is paused.
        one.fixture.sink.setPressure(Pressure(partitions: [paused]))
        #expect(eventually { one.isStatus("paused") })
        let last = try #require(one.fixture.sink.offsets.last)
        try broker.produce(events(one.topic, 10))
        try trim(broker, one.topic, before: last + 7)
        one.fixture.sink.setPressure(.none)
        #expect(eventually { (one.fixture.sink.offsets.last ?? 0) >= last + 10 && one.records == 0 })
        let next = try #require(one.fixture.sink.offsets.first { $0 > last })
        #expect(next >= last + 7)
        #expect(eventually { one.expired == Double(first - 2 + next - last - 1) })
        #expect(one.fixture.service.stop())
        // The books have the records that there were, not the offsets.
        #expect(store.rows.reduce(0) { $0 + $1.records } == one.fixture.sink.taken.count)
    }

    /// Goal: markers and aborted records are no lag, and neither is what nobody may read yet.
    @Test(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
    func transactionsLeaveNoLagBehind() throws {
        let broker = try BrokerKinds.broker(BrokerKinds.kafka)
        let one = try watched(broker)
        one.fixture.sink.complete(always: true)
        let producer = try Producer(
            broker.clientSettings(["transactional.id": BrokerKinds.uniqueName("writer"), "linger.ms": "0"]))
        let bound = Duration.seconds(30)
        try producer.initTransactions(within: bound)
        func write(_ count: Int) throws {
            for record in events(one.topic, count) { try producer.produce(record) }
            let isFlushed = producer.flush(within: bound)
            #expect(isFlushed)
        }
        try producer.beginTransaction()
        try write(3)
        try producer.commitTransaction(within: bound)
        try producer.beginTransaction()
        try write(2)
        try producer.abortTransaction(within: bound)
        try one.fixture.service.start()
        // 0, 1, 2, a marker; two aborted, a marker: the log ends at 7.
        #expect(try eventually { try broker.committed(one.group, [TopicPartition(one.topic, 0)]) == [7] })
        #expect(eventually { one.records == 0 && one.isStatus("ok") })
        #expect(one.fixture.sink.offsets == [0, 1, 2])

        // Nobody may read what is in an open transaction, nor what is behind it.
        try producer.beginTransaction()
        try write(2)
        try broker.produce(events(one.topic, 1))
        #expect(eventually { one.isStatus("ok") && one.records == 0 && one.fixture.sink.taken.count == 3 })
        try producer.commitTransaction(within: bound)
        #expect(eventually { one.fixture.sink.offsets == [0, 1, 2, 7, 8, 9] && one.records == 0 })
        #expect(one.isStatus("ok"))
        #expect(one.expired == nil || one.expired == 0)
        #expect(one.fixture.service.stop())
    }
}
