import Embedded
import Kafka
import TestSupport
import Testing

@Suite struct ConsumerTests {
    private func consumer(_ broker: EmbeddedBroker, _ group: String, _ topics: [String]) throws -> Consumer {
        var consumer = try Consumer(
            broker.clientSettings([
                "group.id": group, "enable.auto.commit": "false", "enable.auto.offset.store": "false",
                "auto.offset.reset": "earliest", "partition.assignment.strategy": "cooperative-sticky",
                "enable.partition.eof": "true", "session.timeout.ms": "6000", "heartbeat.interval.ms": "200",
                // A fetch that was sent before a pause is waited for before the next is sent.
                "fetch.wait.max.ms": "20",
            ]))
        try consumer.subscribe(topics)
        return consumer
    }

    private let bound = PollBound(wait: .milliseconds(50), count: 500, bytes: 1 << 20)

    private static func last(_ name: String, _ message: borrowing Message) -> [UInt8]? {
        message.withLastHeader(name) { bytes in
            var copy: [UInt8] = []
            for index in 0..<bytes.count { copy.append(bytes[index]) }
            return copy
        }
    }

    /// Takes every new assignment from the beginning until `count` partitions are held.
    private func join(_ consumer: inout Consumer, _ count: Int) throws {
        let end = ContinuousClock.now + patience
        while consumer.assigned.count < count, ContinuousClock.now < end {
            _ = consumer.poll(bound) { _ in }
            for event in consumer.takeEvents() {
                if case .assigned(let sources) = event {
                    try consumer.assign(sources.map { PartitionOffset($0, PartitionOffset.beginning) })
                }
            }
        }
        #expect(consumer.assigned.count == count)
    }

    @Test(arguments: BrokerKinds.all)
    func recordsComeBackAsTheyWereProduced(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("round-trip")
        let other = BrokerKinds.uniqueName("other")
        try broker.createTopic(other, partitions: 1)
        try broker.createTopic(topic, partitions: 1)
        let sent = [
            OutgoingRecord(topic: topic, key: [1, 0, 2], value: [0, 255, 7], timestamp: 1_700_000_000_123),
            OutgoingRecord(topic: topic, key: nil, value: [1]),
            OutgoingRecord(topic: topic, key: [9], value: nil),
            OutgoingRecord(topic: topic, key: nil, value: []),
            OutgoingRecord(topic: topic, key: [], value: nil),
            OutgoingRecord(
                topic: topic, value: [2],
                headers: [
                    RecordHeader("a", text: "1"), RecordHeader("a", text: "2"), RecordHeader("none", nil),
                    RecordHeader("empty", []),
                ]),
        ]
        try broker.produce(sent)
        var consumer = try consumer(broker, BrokerKinds.uniqueName("group"), [other, topic])
        try join(&consumer, 2)
        var got: [OutgoingRecord] = []
        var lasts: [[UInt8]?] = []
        var offsets: [Int64] = []
        var ends: [PartitionOffset] = []
        let end = ContinuousClock.now + patience
        while got.count < sent.count || ends.count < 2, ContinuousClock.now < end {
            _ = consumer.poll(bound) { message in
                #expect(message.topic == 1)
                for name in ["a", "none", "empty", "A"] { lasts.append(Self.last(name, message)) }
                offsets.append(message.offset)
                got.append(
                    OutgoingRecord(
                        topic: topic, key: message.key(), value: message.value(), headers: message.headers(),
                        timestamp: message.timestamp?.milliseconds))
            }
            for event in consumer.takeEvents() { if case .reachedEnd(let place) = event { ends.append(place) } }
        }
        #expect(offsets == Array(0..<6))
        #expect(got.map(\.key) == sent.map(\.key))
        #expect(got.map(\.value) == sent.map(\.value))
        #expect(got.map(\.headers) == sent.map(\.headers))
        #expect(lasts == Array(repeating: nil, count: 20) + [[0x32], [], [], nil])
        #expect(got.first?.timestamp == 1_700_000_000_123)
        #expect(Set(ends.map(\.offset)).isSuperset(of: [0, 6]))
        #expect(consumer.highWatermark(TopicPartition(topic, 0)) == 6)
        let position = try consumer.positions([TopicPartition(topic, 0)])
        #expect(position.map(\.offset) == [6])
        let isLeft = consumer.close(within: patience)
        #expect(isLeft)
    }

    @Test(arguments: BrokerKinds.all)
    func commitsAndOffsetsAreAnswered(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("commits")
        let group = BrokerKinds.uniqueName("group")
        let source = TopicPartition(topic, 0)
        try broker.createTopic(topic, partitions: 1)
        try broker.produce((0..<5).map { OutgoingRecord(topic: topic, value: [$0]) })
        var consumer = try consumer(broker, group, [topic])
        try join(&consumer, 1)
        #expect(try consumer.committed([source], within: patience).map(\.offset) == [PartitionOffset.invalid])
        #expect(try consumer.endOffsets([source], within: patience).map(\.offset) == [5])
        try consumer.commit([PartitionOffset(source, 3)], within: patience)
        #expect(try consumer.committed([source], within: patience).map(\.offset) == [3])
        try consumer.commit([PartitionOffset(source, 4)])
        var answer: [PartitionOffset] = []
        let end = ContinuousClock.now + patience
        while answer.last?.offset != 4, ContinuousClock.now < end {
            _ = consumer.poll(bound) { _ in }
            for event in consumer.takeEvents() {
                if case .committed(let offsets, let error) = event {
                    #expect(error == nil)
                    answer = offsets
                }
            }
        }
        #expect(answer == [PartitionOffset(source, 4)])
        #expect(try broker.committed(group, [source]) == [4])
        _ = consumer.close(within: patience)
    }

    @Test(arguments: BrokerKinds.all)
    func pausingAndSeekingLoseAndRepeatNothing(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("pause")
        let source = TopicPartition(topic, 0)
        try broker.createTopic(topic, partitions: 1)
        try broker.produce((0..<2000).map { OutgoingRecord(topic: topic, value: [UInt8($0 % 251)]) })
        var consumer = try consumer(broker, BrokerKinds.uniqueName("group"), [topic])
        try join(&consumer, 1)
        var offsets: [Int64] = []
        let small = PollBound(wait: .milliseconds(50), count: 100, bytes: 1 << 20)
        var end = ContinuousClock.now + patience
        while offsets.last ?? 0 < 1499, ContinuousClock.now < end {
            _ = consumer.poll(small) { offsets.append($0.offset) }
            try consumer.setPaused([source])
            try consumer.setPaused([source])
            #expect(consumer.poll(PollBound(wait: .milliseconds(1), count: 100, bytes: 1 << 20)) { _ in } == 0)
            try consumer.setPaused([])
        }
        #expect(offsets == Array(0..<Int64(offsets.count)) && offsets.count >= 1500)
        try consumer.seek(topic: 0, partition: 0, to: 1990)
        var after: [Int64] = []
        end = ContinuousClock.now + patience
        while after.last != 1999, ContinuousClock.now < end {
            _ = consumer.poll(small) { after.append($0.offset) }
        }
        #expect(after == Array(1990..<2000))
        _ = consumer.close(within: patience)
    }

    /// Goal: a revoked partition stays ours until we give it back, however often we poll meanwhile.
    ///
    /// The library itself holds back records of all partitions until the answer.
    @Test(arguments: BrokerKinds.all)
    func aRevocationWaitsForItsAnswer(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("revoke")
        let group = BrokerKinds.uniqueName("group")
        try broker.createTopic(topic, partitions: 2)
        var first = try consumer(broker, group, [topic])
        try join(&first, 2)
        var second = try consumer(broker, group, [topic])
        var revoked: [TopicPartition] = []
        var end = ContinuousClock.now + patience
        while revoked.isEmpty, ContinuousClock.now < end {
            revoked = try round(&first)
            _ = try round(&second)
        }
        try #require(revoked.count == 1)
        for _ in 0..<20 {
            #expect(try round(&first) == [])
            _ = try round(&second)
        }
        #expect(second.assigned.isEmpty)
        #expect(first.assigned.count == 2)
        do {
            try first.commit([PartitionOffset(revoked[0], 0)], within: patience)
        } catch {
            // A group may take no commits at such a time: what was read is read again by the next.
            #expect(error.code == .rebalanceInProgress)
        }
        try first.unassign(revoked)
        end = ContinuousClock.now + patience
        while second.assigned.isEmpty, ContinuousClock.now < end {
            _ = try round(&first)
            _ = try round(&second)
        }
        #expect(second.assigned == Set(revoked))
        #expect(first.assigned.count == 1)
        #expect(second.close(within: patience) == true)
        #expect(first.close(within: patience) == true)
    }

    /// Polls once and takes what is assigned; returns what is revoked.
    private func round(_ consumer: inout Consumer) throws -> [TopicPartition] {
        _ = consumer.poll(PollBound(wait: .milliseconds(20), count: 100, bytes: 1 << 20)) { _ in }
        var revoked: [TopicPartition] = []
        for event in consumer.takeEvents() {
            switch event {
            case .assigned(let sources): try consumer.assign(sources.map { PartitionOffset($0, 0) })
            case .revoked(let sources): revoked += sources
            default: break
            }
        }
        return revoked
    }

    @Test func closingBeforeTheFirstAssignmentEnds() throws {
        let broker = try BrokerKinds.broker(.mock)
        for _ in 0..<5 {
            var consumer = try consumer(broker, BrokerKinds.uniqueName("group"), ["nothing-here"])
            _ = consumer.poll(PollBound(wait: .milliseconds(1), count: 1, bytes: 1)) { _ in }
            #expect(consumer.close(within: patience) == true)
        }
    }

    @Test func brokersThatAreAwayAreTold() throws {
        var consumer = try Consumer(
            ClientSettings(["bootstrap.servers": "127.0.0.1:1", "group.id": "g", "reconnect.backoff.ms": "10"]))
        try consumer.subscribe(["t"])
        var codes: Set<KafkaError.Code> = []
        let end = ContinuousClock.now + patience
        while !codes.contains(.allBrokersDown), ContinuousClock.now < end {
            _ = consumer.poll(PollBound(wait: .milliseconds(20), count: 10, bytes: 10)) { _ in }
            for event in consumer.takeEvents() { if case .clientFailed(let error) = event { codes.insert(error.code) } }
        }
        #expect(codes.contains(.allBrokersDown))
    }

    @Test func refusedSettingsAreNamedWithoutTheirValues() throws {
        let problem = try #require(ClientSettings.problem(with: "sasl.passwordd", "hunter2"))
        #expect(problem.code == .invalidArgument)
        #expect(problem.description.contains("sasl.passwordd"))
        let refused = try #require(ClientSettings.problem(with: "security.protocol", "hunter2"))
        #expect(!refused.description.contains("hunter2"))
        #expect(ClientSettings.problem(with: "client.id", "x") == nil)
    }
}
