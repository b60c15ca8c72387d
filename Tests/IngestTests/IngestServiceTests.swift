import Embedded
import Foundation
import Ingest
import Kafka
import Metrics
import OrderEvents
import Partitioner
import TestSupport
import Testing

@Suite struct IngestServiceTests {
    private func events(_ topic: String, _ count: Int, partition: Int32 = 0, entity: Int = 1) -> [OutgoingRecord] {
        (0..<count).map { _ in OutgoingRecord(topic: topic, partition: partition, value: Array("e\(entity)".utf8)) }
    }

    /// Goal: an offset is committed only when everything up to it is done and ledgered, whatever is done behind it.
    ///
    /// Method: partition 1 moves on, over several commits, while the first record of partition 0 waits.
    @Test(arguments: BrokerKinds.all)
    func offsetsAreCommittedOnlyBehindDoneWork(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("commit"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        try broker.produce(events(topic, 20, partition: 0, entity: 3) + events(topic, 1, partition: 1))
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == 21 })
        let held = fixture.sink.taken.first {
            $0.source.offset == 0 && store.sources[$0.source.partition]?.partition == 0
        }
        let first = try #require(held?.source)
        fixture.sink.complete(always: true) { $0 != first }
        let (zero, one) = (TopicPartition(topic, 0), TopicPartition(topic, 1))
        for round in 1...3 {
            try broker.produce(events(topic, 1, partition: 1))
            #expect(try eventually { try broker.committed(group, [zero, one]) == [nil, Int64(round + 1)] })
        }
        #expect(store.next(SourcePartition(topic: topic, partition: 0)) == nil)
        fixture.sink.complete()
        #expect(try eventually { try broker.committed(group, [zero]) == [20] })
        let rows = store.rows.filter { $0.partition == first.partition }
        #expect(rows.map(\.records) == [20])
        #expect(rows.first?.byEntity == [.init(entity: 3, count: 20)])
        #expect(fixture.metric("sluice_ingest_records_total{topic=\"\(topic)\",partition=\"0\"}") == 20)
        let lag = "{topic=\"\(topic)\",partition=\"0\",consumergroup=\"\(group)\"}"
        #expect(eventually { fixture.metric("sluice_consumer_lag_records" + lag) == 0 })
        #expect(eventually { fixture.metric("sluice_consumer_lag_seconds" + lag) == 0 })
        #expect(fixture.service.stop())
    }

    @Test(arguments: BrokerKinds.all)
    func whatCannotBeReadIsADeadLetterAndThePartitionGoesOn(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("dead"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 1)
        let values: [[UInt8]?] = [Array("e2".utf8), Array("bad".utf8), nil, [0xFF, 0], Array("e2".utf8)]
        try broker.produce(values.map { OutgoingRecord(topic: topic, key: [7], value: $0) })
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(try eventually { try broker.committed(group, [TopicPartition(topic, 0)]) == [5] })
        #expect(fixture.sink.offsets == Array(0..<5))
        let letters = fixture.sink.taken.compactMap { if case .deadLetter(let letter) = $0 { letter } else { nil } }
        #expect(letters.map(\.reason) == [.notJSON, .tombstone, .notJSON])
        #expect(letters.map(\.key) == [[7], [7], [7]])
        var counts: [Int32: Int] = [:]
        for count in store.rows.flatMap(\.byEntity) { counts[count.entity, default: 0] += count.count }
        #expect(counts == [-1: 3, 2: 2])
        #expect(fixture.service.stop())
    }

    /// Goal: a record's header `traceparent` goes with it; one that cannot be read is counted and otherwise nothing.
    @Test(arguments: BrokerKinds.all)
    func theTraceOfARecordGoesWithIt(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("traced"), BrokerKinds.uniqueName("group"))
        try broker.createTopic(topic, partitions: 1)
        let (first, last) = (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        )
        let headers: [[(String, String?)]] = [
            [], [("traceparent", last)], [("other", "x"), ("Traceparent", first)], [("traceparent", "00-1")],
            [("traceparent", first), ("tracestate", "a=b"), ("traceparent", last)], [("traceparent", nil)],
            [("traceparent", String(repeating: "f", count: 100_000))],
        ]
        let values = ["e1", "e1", "e1", "e1", "bad", "e1", "e1"]
        try broker.produce(
            zip(values, headers).map { value, headers in
                OutgoingRecord(
                    topic: topic, value: Array(value.utf8),
                    headers: headers.map { RecordHeader($0.0, $0.1.map { Array($0.utf8) }) })
            })
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: MemoryLedgerStore())
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == values.count })
        #expect(
            fixture.sink.taken.map { $0.source.trace?.traceparent } == [nil, last, nil, nil, last, nil, nil])
        #expect(fixture.metric("sluice_ingest_traces_refused_total{topic=\"\(topic)\"}") == 3)
        #expect(fixture.service.stop())
    }

    /// Goal: a partition that is given to another member is drained and committed first, so that nothing of it is read
    /// twice.
    @Test(arguments: BrokerKinds.all)
    func aRevokedPartitionIsDrainedBeforeItIsGivenBack(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("revoke"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        try broker.produce(events(topic, 50, partition: 0) + events(topic, 50, partition: 1))
        let first = IngestFixture(broker, topics: [topic], group: group, store: store) {
            $0.drainDeadline = .seconds(60)
        }
        try first.service.start()
        #expect(eventually { first.sink.taken.count == 100 })
        let second = IngestFixture(broker, topics: [topic], group: group, store: store)
        second.sink.complete(always: true)
        try second.service.start()
        // The group asks for one partition back; the work in flight of it is 50 records.
        #expect(eventually { first.log.has("partition.revoking") })
        #expect(second.sink.taken.isEmpty)
        #expect(second.service.status.assignedPartitions == 0)
        first.sink.complete(always: true)
        #expect(eventually { second.service.status.assignedPartitions == 1 })
        #expect(eventually { first.service.status.assignedPartitions == 1 })
        try broker.produce(events(topic, 1, partition: 0) + events(topic, 1, partition: 1))
        #expect(
            eventually { first.sink.taken.count == 101 && second.sink.taken.count == 1 },
            "\(first.log.text)\n--\n\(second.log.text)")
        #expect(second.sink.offsets == [50])
        #expect(!first.log.has("partition.revoked_undrained"))
        #expect(second.service.stop())
        #expect(first.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 102)
    }

    @Test(arguments: BrokerKinds.all)
    func stoppingDrainsAndCommits(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("stop"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 1)
        try broker.produce(events(topic, 30))
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store) {
            $0.commitInterval = .seconds(3600)
            $0.drainDeadline = .seconds(60)
        }
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == 30 })
        #expect(try broker.committed(group, [TopicPartition(topic, 0)]) == [nil])
        // A thread of its own: the threads of tasks may all be busy with tests that block.
        Thread.detachNewThread { [sink = fixture.sink] in
            for offset: Int64 in 0..<30 { sink.complete { $0.offset == 29 - offset } }
        }
        #expect(fixture.service.stop())
        #expect(try broker.committed(group, [TopicPartition(topic, 0)]) == [30])
        #expect(store.rows.reduce(0) { $0 + $1.records } == 30)
    }

    @Test(arguments: BrokerKinds.all)
    func workThatDoesNotDrainInTimeIsReadAgain(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("again"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 1)
        try broker.produce(events(topic, 10))
        let first = IngestFixture(broker, topics: [topic], group: group, store: store) {
            $0.drainDeadline = .milliseconds(100)
        }
        try first.service.start()
        #expect(eventually { first.sink.taken.count == 10 })
        first.sink.complete { $0.offset < 4 || $0.offset > 6 }
        #expect(!first.service.stop())
        #expect(try broker.committed(group, [TopicPartition(topic, 0)]) == [4])
        // What completes after the end has no effect.
        first.sink.complete()
        let second = IngestFixture(broker, topics: [topic], group: group, store: store)
        second.sink.complete(always: true)
        try second.service.start()
        #expect(eventually { second.sink.taken.count == 6 })
        #expect(second.sink.offsets == Array(4..<10))
        #expect(second.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 10)
    }

    @Test(arguments: BrokerKinds.all)
    func readingBeginsBehindTheLedger(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("ledger"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        try broker.produce(events(topic, 10, partition: 0) + events(topic, 10, partition: 1))
        store.setNext(SourcePartition(topic: topic, partition: 0), 6)
        // Of a log that was longer: not believed.
        store.setNext(SourcePartition(topic: topic, partition: 1), 1_000_000)
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == 14 })
        var offsets: [Int32: [Int64]] = [:]
        for taken in fixture.sink.taken {
            let partition = store.sources[taken.source.partition]?.partition ?? -1
            offsets[partition, default: []].append(taken.source.offset)
        }
        #expect(offsets == [0: Array(6..<10), 1: Array(0..<10)])
        #expect(fixture.log.has("ledger.ahead_of_log"))
        // The ledger was ahead of the commit: it is committed without a new record.
        #expect(try eventually { try broker.committed(group, [TopicPartition(topic, 0)]) == [6] })
        fixture.sink.complete(always: true)
        _ = fixture.service.stop()
    }

    @Test(arguments: BrokerKinds.all)
    func pressurePausesAndNothingIsLostOrRepeated(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("pressure"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store) { $0.burstRecords = 50 }
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.service.status.assignedPartitions == 2 })
        for round in 0..<10 {
            fixture.sink.setPressure(round % 2 == 0 ? Pressure(everything: true) : Pressure(partitions: [0]))
            try broker.produce(events(topic, 100, partition: 0) + events(topic, 100, partition: 1))
            if round % 2 == 0 { fixture.sink.setPressure(.none) }
        }
        fixture.sink.setPressure(.none)
        #expect(eventually { fixture.sink.taken.count >= 2000 })
        #expect(fixture.service.stop())
        for index: Int32 in 0...1 {
            let offsets = fixture.sink.taken.filter { $0.source.partition == index }.map(\.source.offset)
            #expect(offsets == Array(0..<1000))
        }
    }

    @Test(arguments: BrokerKinds.all)
    func aPausedPartitionGivesNothingWhileOthersGoOn(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("paused"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        let paused = store.sources.index(of: SourcePartition(topic: topic, partition: 0))
        fixture.sink.complete(always: true)
        fixture.sink.setPressure(Pressure(partitions: [paused]))
        try fixture.service.start()
        let status = "sluice_consumer_partition_status{topic=\"\(topic)\",partition=\"0\""
        #expect(eventually { fixture.metric(status + ",sluice_consumer_partition_status=\"paused\"}") == 1 })
        try broker.produce(events(topic, 5, partition: 0) + events(topic, 5, partition: 1))
        #expect(eventually { fixture.sink.taken.count == 5 })
        #expect(fixture.sink.taken.allSatisfy { $0.source.partition != paused })
        fixture.sink.setPressure(.none)
        #expect(eventually { fixture.sink.taken.count == 10 })
        #expect(fixture.service.stop())
    }

    /// Goal: lanes that are full for a moment cost nothing: no partition is paused, and everything comes in sequence.
    @Test(arguments: BrokerKinds.all)
    func fullLanesHoldThePollThreadBeforeTheyPauseIt(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("hold"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 2)
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        let indexes = (0..<2).map { store.sources.index(of: SourcePartition(topic: topic, partition: $0)) }
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.service.status.assignedPartitions == 2 })
        // Lanes that every partition feeds are full: there is nothing that could be polled.
        fixture.sink.setPressure(Pressure(partitions: Set(indexes)))
        #expect(eventually { fixture.sink.waits > 0 })
        let taken = fixture.sink.taken.count
        try broker.produce(events(topic, 50, partition: 0) + events(topic, 50, partition: 1))
        let paused =
            "sluice_consumer_partition_status{topic=\"\(topic)\",partition=\"0\","
            + "sluice_consumer_partition_status=\"paused\"}"
        #expect(fixture.metric(paused) != 1)
        #expect(fixture.sink.taken.count == taken)
        // Nothing gets room: the group must not wait for that.
        #expect(eventually { fixture.metric(paused) == 1 })
        #expect(fixture.sink.taken.count == taken)
        fixture.sink.setPressure(.none)
        #expect(eventually { fixture.sink.taken.count == 100 })
        #expect(eventually { fixture.metric(paused) == 0 })
        for index in indexes {
            let offsets = fixture.sink.taken.filter { $0.source.partition == index }.map(\.source.offset)
            #expect(offsets == Array(0..<50))
        }
        #expect(fixture.service.stop())
    }

    /// Goal: what the library fetches ahead does not bound how fast records come.
    ///
    /// Method: each batch fills the library's queue, after which it would sleep for a second; there are 40 of them.
    @Test(arguments: BrokerKinds.all)
    func aFullLocalQueueDoesNotSlowTheReading(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("wake"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 1)
        let value = Array("e1".utf8) + [UInt8](repeating: UInt8(ascii: " "), count: 3000)
        for _ in 0..<40 { try broker.produce([OutgoingRecord(topic: topic, partition: 0, value: value)]) }
        let fixture = IngestFixture(
            broker, topics: [topic], group: group, store: store,
            options: [("queued.max.messages.kbytes", "1"), ("fetch.message.max.bytes", "1000")])
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { !fixture.sink.taken.isEmpty })
        let start = ContinuousClock.now
        #expect(eventually { fixture.sink.taken.count == 40 })
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(fixture.service.stop())
    }
}
