import Embedded
import Ingest
import Kafka
import Metrics
import OrderEvents
import Partitioner
import TestSupport
import Testing

@Suite struct IngestFaultTests {
    private func events(_ topic: String, _ count: Int) -> [OutgoingRecord] {
        (0..<count).map { _ in OutgoingRecord(topic: topic, partition: 0, value: Array("e1".utf8)) }
    }

    /// Goal: without the store nothing is read from an unknown place and nothing is committed; when it is back all
    /// goes on.
    @Test(arguments: BrokerKinds.all)
    func aStoreThatIsAwayHoldsBackAndComesBack(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("away"), BrokerKinds.uniqueName("group"))
        let source = TopicPartition(topic, 0)
        let store = MemoryLedgerStore()
        store.setAway(true)
        try broker.createTopic(topic, partitions: 1)
        try broker.produce(events(topic, 10))
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.log.has("partition.assigned") && store.calls >= 3 })
        #expect(fixture.sink.taken.isEmpty)
        #expect(fixture.service.status.isLedgerStoreAway)
        store.setAway(false)
        #expect(try eventually { try broker.committed(group, [source]) == [10] })
        #expect(!fixture.service.status.isLedgerStoreAway)

        store.setAway(true)
        let calls = store.calls
        try broker.produce(events(topic, 10))
        #expect(eventually { fixture.sink.taken.count == 20 && store.calls >= calls + 3 })
        #expect(try broker.committed(group, [source]) == [10])
        store.setAway(false)
        #expect(try eventually { try broker.committed(group, [source]) == [20] })
        #expect(store.rows.reduce(0) { $0 + $1.records } == 20)
        #expect(fixture.service.stop())
    }

    /// Goal: an owner whose stretch was ledgered by somebody else begins again behind it, and counts nothing twice.
    @Test(arguments: BrokerKinds.all)
    func anOvertakenOwnerBeginsAgainBehindTheLedger(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("overtaken"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 1)
        try broker.produce(events(topic, 10))
        let fixture = IngestFixture(broker, topics: [topic], group: group, store: store)
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == 10 })
        // Another member ledgered the first six meanwhile.
        store.setNext(SourcePartition(topic: topic, partition: 0), 6)
        fixture.sink.complete(always: true)
        #expect(try eventually { try broker.committed(group, [TopicPartition(topic, 0)]) == [10] })
        #expect(fixture.sink.offsets == Array(0..<10) + Array(6..<10))
        #expect(store.rows.map(\.records) == [4])
        #expect(fixture.log.has("ledger.overtaken"))
        #expect(fixture.service.stop())
    }

    @Test func failedCommitsAreMadeAgain() throws {
        let broker = try BrokerKinds.broker(.mock)
        let cluster = try #require(broker.mock)
        let store = MemoryLedgerStore()
        try broker.createTopic("t", partitions: 1)
        try broker.produce(events("t", 3))
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        // Not a leader or coordinator error, which the library would retry by itself.
        cluster.pushErrors(.offsetCommit, .messageTooLarge, count: 2)
        try fixture.service.start()
        #expect(try eventually { try broker.committed("g", [TopicPartition("t", 0)]) == [3] })
        #expect(fixture.metric("sluice_ingest_commit_failures_total") == 2)
        #expect(fixture.service.stop())
    }

    @Test func brokersThatGoAwayAndComeBackAreTold() throws {
        let broker = try BrokerKinds.broker(.mock)
        let cluster = try #require(broker.mock)
        let store = MemoryLedgerStore()
        try broker.createTopic("t", partitions: 1)
        try broker.produce(events("t", 3))
        cluster.setDown(broker: 1)
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.service.status.areBrokersAway })
        cluster.setUp(broker: 1)
        #expect(try eventually { try broker.committed("g", [TopicPartition("t", 0)]) == [3] })
        #expect(!fixture.service.status.areBrokersAway)
        cluster.setDown(broker: 1)
        #expect(eventually { fixture.service.status.areBrokersAway })
        cluster.setUp(broker: 1)
        try broker.produce(events("t", 3))
        #expect(eventually { fixture.sink.taken.count >= 6 })
        #expect(fixture.sink.offsets == Array(0..<6))
        #expect(fixture.log.has("brokers.away"))
        #expect(fixture.log.has("brokers.back"))
        #expect(fixture.service.stop())
    }

    /// On a real Kafka only: the mock creates every topic that is asked for.
    @Test(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
    func aTopicThatComesLaterIsFound() throws {
        let broker = try BrokerKinds.broker(BrokerKinds.kafka)
        let (there, later) = (BrokerKinds.uniqueName("there"), BrokerKinds.uniqueName("later"))
        try broker.createTopic(there, partitions: 1)
        try broker.produce(events(there, 2))
        let fixture = IngestFixture(
            broker, topics: [there, later], group: BrokerKinds.uniqueName("group"), store: MemoryLedgerStore(),
            options: [("topic.metadata.refresh.interval.ms", "500")])
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(eventually { fixture.sink.taken.count == 2 && fixture.log.has("partition.unavailable") })
        try broker.createTopic(later, partitions: 1)
        try broker.produce(events(later, 3))
        #expect(eventually { fixture.sink.taken.count == 5 })
        #expect(fixture.service.stop())
    }

    /// Goal: a batch that the library cannot open does not stop its partition.
    ///
    /// Method: zeros compressed by zstd that are larger, opened, than the consumer takes.
    @Test func anUnreadableBatchIsADeadLetterAndThePartitionGoesOn() throws {
        let broker = try BrokerKinds.broker(.mock)
        let store = MemoryLedgerStore()
        try broker.createTopic("t", partitions: 1)
        try broker.produce(events("t", 2))
        try broker.produce(
            [OutgoingRecord(topic: "t", partition: 0, value: [UInt8](repeating: 0, count: 3_000_000))],
            settings: ["compression.type": "zstd", "message.max.bytes": "10000000"])
        try broker.produce(events("t", 2))
        let fixture = IngestFixture(
            broker, topics: ["t"], group: "g", store: store,
            options: [
                ("receive.message.max.bytes", "1048576"), ("fetch.max.bytes", "1000000"),
                ("message.max.bytes", "1000000"),
            ])
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(try eventually { try broker.committed("g", [TopicPartition("t", 0)]) == [5] })
        #expect(fixture.sink.offsets == Array(0..<5))
        let letters = fixture.sink.taken.compactMap { if case .deadLetter(let letter) = $0 { letter } else { nil } }
        #expect(letters.map(\.reason) == [.brokerError])
        #expect(letters.map(\.source.offset) == [2])
        #expect(fixture.service.stop())
    }

    @Test func aRefusedSettingIsThrownAtTheStart() throws {
        let broker = try BrokerKinds.broker(.mock)
        let fixture = IngestFixture(
            broker, topics: ["t"], group: "g", store: MemoryLedgerStore(), options: [("no.such.setting", "1")])
        do {
            try fixture.service.start()
            Issue.record("the setting was taken")
        } catch {
            #expect(error.description.contains("no.such.setting"))
        }
        #expect(fixture.service.stop())
    }

    @Test(arguments: BrokerKinds.all)
    func deadLettersCarryConnectsHeaders(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("letters")
        try broker.createTopic(topic, partitions: 1)
        let producer = try DeadLetterProducer(brokers: broker.bootstrapServers, topic: topic)
        let letters = [
            DeadLetterRecord(
                source: SourcePartition(topic: "orders", partition: 3), offset: 42,
                loggedAt: Timestamp(microseconds: 1_700_000_000_123_000), channel: "amazon-eu", reason: .notJSON,
                detail: "byte 17: unexpected end", key: [1, 2], value: [3],
                trace: TraceContext(high: 1, low: 2, parent: 3, flags: 1)),
            DeadLetterRecord(
                source: SourcePartition(topic: "orders", partition: 0), offset: 7, loggedAt: nil, channel: "",
                reason: .unknownLegalEntity, detail: "/legal_entity: not configured", key: nil, value: nil),
        ]
        #expect(producer.produce(letters, within: patience) == DeadLetterAnswer(acknowledged: [true, true]))

        var consumer = try Consumer(
            broker.clientSettings([
                "group.id": BrokerKinds.uniqueName("reader"), "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": "false",
            ]))
        try consumer.subscribe([topic])
        var got: [(key: [UInt8]?, value: [UInt8]?, headers: [String: String])] = []
        _ = try eventually {
            _ = consumer.poll(PollBound(wait: .milliseconds(20), count: 10, bytes: 1 << 20)) { message in
                let headers = message.headers().map { ($0.name, String(decoding: $0.value ?? [], as: UTF8.self)) }
                got.append((message.key(), message.value(), Dictionary(headers) { first, _ in first }))
            }
            for event in consumer.takeEvents() {
                if case .assigned(let sources) = event { try consumer.assign(sources.map { PartitionOffset($0, 0) }) }
            }
            return got.count == 2
        }
        try #require(got.count == 2)
        #expect(got[0].key == [1, 2] && got[0].value == [3])
        #expect(got[1].key == nil && got[1].value == nil)
        let headers = got[0].headers
        #expect(headers["__connect.errors.topic"] == "orders")
        #expect(headers["__connect.errors.partition"] == "3")
        #expect(headers["__connect.errors.offset"] == "42")
        #expect(headers["__connect.errors.connector.name"] == "sluice")
        #expect(headers["__connect.errors.task.id"] == "0")
        #expect(headers["__connect.errors.stage"] == "VALUE_CONVERTER")
        #expect(headers["__connect.errors.exception.message"] == "byte 17: unexpected end")
        #expect(headers["__connect.errors.exception.stacktrace"] == "")
        #expect(headers["__connect.errors.class.name"] != nil)
        #expect(headers["__connect.errors.exception.class.name"] == "sluice.not_json")
        #expect(headers["traceparent"] == "00-00000000000000010000000000000002-0000000000000003-01")
        #expect(got[1].headers["__connect.errors.stage"] == "TRANSFORMATION")
        #expect(got[1].headers["traceparent"] == nil)
    }

    @Test func aDeadLetterThatIsTooLargeIsCutAndOneWithoutABrokerIsNotAcknowledged() throws {
        let broker = try BrokerKinds.broker(.mock)
        try broker.createTopic("letters", partitions: 1)
        let large = DeadLetterRecord(
            source: SourcePartition(topic: "orders", partition: 0), offset: 1, loggedAt: nil, channel: "",
            reason: .tooLarge, detail: "2000000 bytes", key: nil, value: [UInt8](repeating: 1, count: 2_000_000))
        let producer = try DeadLetterProducer(brokers: broker.bootstrapServers, topic: "letters")
        #expect(producer.produce([large], within: patience) == DeadLetterAnswer(acknowledged: [true]))
        let nowhere = try DeadLetterProducer(brokers: ["127.0.0.1:1"], topic: "letters")
        let answer = nowhere.produce([large], within: .milliseconds(300))
        #expect(answer.acknowledged == [false] && !answer.refusals.isEmpty && !answer.isSpent, "\(answer)")
    }
}
