import Embedded
import Ingest
import Kafka
import OrderEvents
import Partitioner
import TestSupport
import Testing

@Suite struct IngestRebalanceTests {
    private func events(_ topic: String, _ count: Int) -> [OutgoingRecord] {
        (0..<count).flatMap { _ in
            (0...1).map { OutgoingRecord(topic: topic, partition: $0, value: Array("e1".utf8)) }
        }
    }

    /// Goal: a bound that is reached holds over a rebalance, for whoever gets the partition.
    @Test(arguments: BrokerKinds.all)
    func whatIsPausedStaysPausedOverARebalance(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("hold"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        let indexes = (0..<2).map { store.sources.index(of: SourcePartition(topic: topic, partition: $0)) }
        let full = Pressure(partitions: Set(indexes))
        let first = IngestFixture(broker, topics: [topic], group: group, store: store)
        let second = IngestFixture(broker, topics: [topic], group: group, store: store)
        for one in [first, second] {
            one.sink.complete(always: true)
            one.sink.setPressure(full)
        }
        try broker.produce(events(topic, 5))
        try first.service.start()
        #expect(eventually { first.service.status.assignedPartitions == 2 })
        try second.service.start()
        #expect(eventually { second.service.status.assignedPartitions == 1 })
        #expect(eventually { first.service.status.assignedPartitions == 1 })
        #expect(second.service.stop())
        #expect(eventually { first.service.status.assignedPartitions == 2 })
        let name = "sluice_consumer_partition_status"
        for partition in 0...1 {
            let series = "\(name){topic=\"\(topic)\",partition=\"\(partition)\",\(name)=\"paused\"}"
            #expect(eventually { first.metric(series) == 1 })
        }
        #expect(first.sink.taken.isEmpty && second.sink.taken.isEmpty)
        first.sink.setPressure(.none)
        #expect(eventually { first.sink.taken.count == 10 })
        #expect(first.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 10)
    }

    /// Goal: a revocation waits for work, and not for what nobody may go on with.
    @Test(arguments: BrokerKinds.all)
    func whatIsHeldUpHoldsUpNoRevocation(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("stuck"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        let sources = (0..<2).map { SourcePartition(topic: topic, partition: $0) }
        let indexes = sources.map { store.sources.index(of: $0) }
        // Longer than the test waits.
        let patience: (inout IngestSettings) -> Void = { $0.drainDeadline = .seconds(300) }
        let first = IngestFixture(broker, topics: [topic], group: group, store: store, change: patience)
        first.sink.setHeldUp(Set(indexes))
        try broker.produce(events(topic, 6))
        try first.service.start()
        #expect(eventually { first.sink.taken.count == 12 })
        // The second record of each is the one that cannot go on.
        first.sink.complete { $0.offset != 1 }
        let second = IngestFixture(broker, topics: [topic], group: group, store: store, change: patience)
        second.sink.complete(always: true)
        try second.service.start()
        #expect(eventually { second.sink.taken.count == 5 }, "\(first.log.text)")
        #expect(first.log.has("partition.revoked_undrained"), "\(first.log.text)")
        // Its own end does not wait for it either.
        #expect(!first.service.stop(), "\(first.log.text)")
        #expect(eventually { second.sink.taken.count == 10 }, "\(second.log.text)")
        for source in sources {
            #expect(try eventually { try broker.committed(group, [TopicPartition(topic, source.partition)]) == [6] })
        }
        #expect(second.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 12)
    }

    /// Goal: with an `instance_id` a restart within the session's time moves no partition.
    @Test(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
    func aStaticMemberThatComesBackMovesNoPartition() throws {
        let broker = try BrokerKinds.broker(BrokerKinds.kafka)
        let (topic, group) = (BrokerKinds.uniqueName("static"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        func member(_ name: String) -> IngestFixture {
            let fixture = IngestFixture(
                broker, topics: [topic], group: group, store: store, options: [("session.timeout.ms", "30000")]
            ) { $0.instanceID = name }
            fixture.sink.complete(always: true)
            return fixture
        }
        let first = member("a")
        try first.service.start()
        #expect(eventually { first.service.status.assignedPartitions == 2 })
        let second = member("b")
        try second.service.start()
        #expect(eventually { second.service.status.assignedPartitions == 1 })
        #expect(eventually { first.service.status.assignedPartitions == 1 })
        let changes = ["assigned", "revoked", "lost"].map { "sluice_ingest_partition_changes_total{change=\"\($0)\"}" }
        let before = changes.map { first.metric($0) ?? 0 }
        #expect(second.service.stop())
        let again = member("b")
        try again.service.start()
        #expect(eventually { again.service.status.assignedPartitions == 1 })
        try broker.produce(events(topic, 3))
        #expect(eventually { first.sink.taken.count == 3 && again.sink.taken.count == 3 })
        #expect(changes.map { first.metric($0) ?? 0 } == before)
        #expect(again.service.stop())
        #expect(first.service.stop())
    }
}
