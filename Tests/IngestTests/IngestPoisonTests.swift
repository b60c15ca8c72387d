import Embedded
import Ingest
import Kafka
import OrderEvents
import Partitioner
import TestSupport
import Testing

/// What cannot be read stops no partition, and every offset of it is in the books.
@Suite struct IngestPoisonTests {
    private func events(_ topic: String, _ count: Int, partition: Int32 = 0) -> [OutgoingRecord] {
        (0..<count).map { _ in OutgoingRecord(topic: topic, partition: partition, value: Array("e1".utf8)) }
    }

    private func letters(_ fixture: IngestFixture) -> [DeadLetter] {
        fixture.sink.taken.compactMap { if case .deadLetter(let letter) = $0 { letter } else { nil } }
    }

    private func offsets(_ fixture: IngestFixture, _ store: MemoryLedgerStore, partition: Int32) -> [Int64] {
        fixture.sink.taken.map(\.source).filter { store.sources[$0.partition]?.partition == partition }.map(\.offset)
    }

    /// With them a record above a megabyte is a giant.
    private static let smallAnswers = [
        ("receive.message.max.bytes", "1048576"), ("fetch.max.bytes", "1000000"), ("message.max.bytes", "1000000"),
        ("fetch.message.max.bytes", "100000"),
    ]

    /// Goal: a damaged batch, with records behind it and without, becomes one dead letter an offset, and no more.
    @Test(arguments: RawProduce.Damage.allCases)
    func aBatchThatDoesNotOpenIsSteppedOver(damage: RawProduce.Damage) throws {
        let broker = try BrokerKinds.broker(.mock)
        let store = MemoryLedgerStore()
        try broker.createTopic("t", partitions: 2)
        let address = try #require(broker.bootstrapServers.first)
        try broker.produce(events("t", 2))
        try RawProduce.send(damage, to: "t", at: address)
        try broker.produce(events("t", 2))
        try RawProduce.send(damage, to: "t", at: address)
        try RawProduce.send(damage, to: "t", at: address)
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        let sources = [TopicPartition("t", 0)]
        #expect(try eventually { try broker.committed("g", sources) == [13] }, "\(fixture.log.text)")
        // Nothing lay behind the last two when they were found.
        try broker.produce(events("t", 2) + events("t", 3, partition: 1))
        #expect(try eventually { try broker.committed("g", sources) == [15] }, "\(fixture.log.text)")
        #expect(offsets(fixture, store, partition: 0) == Array(0..<15))
        #expect(offsets(fixture, store, partition: 1) == Array(0..<3))
        #expect(letters(fixture).map(\.source.offset) == Array(2..<5) + Array(7..<13))
        #expect(letters(fixture).allSatisfy { $0.reason == .brokerError })
        #expect(fixture.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 18)
        let metric = fixture.metric("sluice_consumer_lag_records{topic=\"t\",partition=\"0\",consumergroup=\"g\"}")
        #expect(metric == nil)
    }

    /// Goal: a record larger than the consumer takes is found, though nothing says where it is, and every partition of
    /// its broker goes on.
    @Test(arguments: BrokerKinds.all)
    func aRecordThatIsTooLargeToBeReceivedIsSteppedOver(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("giant"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 3, settings: ["max.message.bytes": "10000000"])
        let giant = OutgoingRecord(topic: topic, partition: 0, value: [UInt8](repeating: 65, count: 1_500_000))
        for partition: Int32 in 0...2 { try broker.produce(events(topic, 2, partition: partition)) }
        let large: KeyValuePairs = ["message.max.bytes": "10000000"]
        try broker.produce([giant], settings: large)
        for partition: Int32 in 0...2 { try broker.produce(events(topic, 2, partition: partition)) }
        let fixture = IngestFixture(
            broker, topics: [topic], group: group, store: store,
            options: Self.smallAnswers)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        let sources = (0...2).map { TopicPartition(topic, $0) }
        // Beside other tests the library takes its time to connect again.
        func reaches(_ offsets: [Int64]) throws -> Bool {
            try eventually { try broker.committed(group, sources) == offsets }
        }
        #expect(try reaches([5, 4, 4]), "\(fixture.log.text)")
        // While all of it is running, one at the end of its log.
        try broker.produce([giant], settings: large)
        #expect(try reaches([6, 4, 4]), "\(fixture.log.text)")
        for partition: Int32 in 0...2 { try broker.produce(events(topic, 2, partition: partition)) }
        #expect(try reaches([8, 6, 6]), "\(fixture.log.text)")
        #expect(offsets(fixture, store, partition: 0) == Array(0..<8))
        #expect(letters(fixture).map(\.source.offset) == [2, 5])
        #expect(letters(fixture).map(\.reason) == [.tooLarge, .tooLarge])
        #expect(fixture.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 20)
    }

    /// Goal: giants of one size, one after the other, are each found under load, though the library tells of the first
    /// ones only.
    ///
    /// Prints how long each took.
    @Test(arguments: BrokerKinds.all)
    func oneGiantAfterTheOtherIsSteppedOverUnderLoad(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let (topic, group) = (BrokerKinds.uniqueName("giants"), BrokerKinds.uniqueName("group"))
        let store = MemoryLedgerStore()
        try broker.createTopic(topic, partitions: 3, settings: ["max.message.bytes": "10000000"])
        let giant = OutgoingRecord(topic: topic, partition: 0, value: [UInt8](repeating: 65, count: 1_200_000))
        let fixture = IngestFixture(
            broker, topics: [topic], group: group, store: store,
            options: Self.smallAnswers)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        let load = try Producer(broker.clientSettings())
        /// Traffic beside, a little at each look.
        func produce() throws {
            for partition: Int32 in 0...2 {
                for event in events(topic, 10, partition: partition) { try load.produce(event) }
            }
        }
        try produce()
        #expect(eventually { fixture.sink.taken.count >= 30 }, "\(fixture.log.text)")
        var took: [Int] = []
        for count in 1...5 {
            let start = ContinuousClock.now
            try broker.produce([giant], settings: ["message.max.bytes": "10000000"])
            let isFound = try eventually {
                try produce()
                return letters(fixture).count == count
            }
            #expect(isFound, "\(fixture.log.text)")
            took.append(Int((ContinuousClock.now - start) / .milliseconds(1)))
            let seen = fixture.sink.taken.count
            try produce()
            #expect(eventually { fixture.sink.taken.count > seen })
        }
        print("giants (\(kind.name)): stepped over after \(took) ms")
        let isFlushed = load.flush(within: patience)
        #expect(isFlushed)
        #expect(letters(fixture).allSatisfy { $0.reason == .tooLarge })
        #expect(Set(letters(fixture).map(\.source.partition)).count == 1)
        #expect(fixture.service.stop())
    }

    /// What was open when `store` was left behind, a reading that ended a few times before and had `suspect` in hand.
    private func crashed(_ topic: String, ends: Int, suspect: (offset: Int64, ends: Int)?) -> MemoryLedgerStore {
        let store = MemoryLedgerStore()
        let source = SourcePartition(topic: topic, partition: 0)
        store.setReading(
            source, .init(reader: -1, uncleanEnds: ends - 1, suspect: suspect, isInHand: false))
        return store
    }

    /// Goal: after an end with records in hand they are taken alone, and what is in hand at the third is known.
    @Test func recordsAreTakenAloneWhereReadersEndWithoutAWord() throws {
        let broker = try BrokerKinds.broker(.mock)
        try broker.createTopic("t", partitions: 1)
        let source = SourcePartition(topic: "t", partition: 0)
        try broker.produce(events("t", 10))
        let store = crashed("t", ends: 2, suspect: (0, 1))
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store) {
            $0.drainDeadline = .milliseconds(100)
        }
        try fixture.service.start()
        for offset: Int64 in 0..<4 {
            #expect(eventually { fixture.sink.offsets == Array(0...offset) }, "\(fixture.log.text)")
            // Noted before it was taken.
            #expect(store.reading(source)?.suspect?.offset == offset)
            fixture.sink.complete()
        }
        #expect(eventually { fixture.sink.offsets == Array(0...4) && store.next(source) == 4 })
        let after = MemoryLedgerStore(after: store)
        let opening = try #require(try after.open([source]).first)
        #expect(opening.uncleanEnds == 3)
        #expect(opening.suspect?.offset == 4 && opening.suspect?.ends == 1)
        // Who ends in good order is no crash.
        _ = fixture.service.stop()
        #expect(try MemoryLedgerStore(after: store).open([source]).first?.uncleanEnds == 0)
    }

    /// Goal: a record that ended three readings alone in hand is a dead letter that nobody looked at; all others pass.
    @Test func aRecordThatEndsItsReadersIsGivenUp() throws {
        let broker = try BrokerKinds.broker(.mock)
        try broker.createTopic("t", partitions: 1)
        try broker.produce(events("t", 10))
        let store = crashed("t", ends: 5, suspect: (4, 3))
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(try eventually { try broker.committed("g", [TopicPartition("t", 0)]) == [10] }, "\(fixture.log.text)")
        #expect(fixture.sink.offsets == Array(0..<10))
        #expect(letters(fixture).map(\.source.offset) == [4])
        #expect(letters(fixture).first?.reason == .crashed)
        #expect(letters(fixture).first?.payload == Array("e1".utf8))
        #expect(fixture.log.has("record.given_up"))
        #expect(fixture.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 10)
    }

    /// Goal: caution ends, and what came meanwhile is taken in sequence.
    @Test func cautionEndsAfterManyGoodRecords() throws {
        let broker = try BrokerKinds.broker(.mock)
        try broker.createTopic("t", partitions: 1)
        try broker.produce(events("t", 3000))
        let store = crashed("t", ends: 4, suspect: nil)
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        #expect(
            try eventually { try broker.committed("g", [TopicPartition("t", 0)]) == [3000] })
        #expect(fixture.sink.offsets == Array(0..<3000))
        #expect(fixture.service.stop())
    }

    /// Goal: a partition whose stretch needs a store that is away waits alone.
    @Test func aStoreThatIsAwayHoldsUpOnlyThePartitionsThatNeedIt() throws {
        let broker = try BrokerKinds.broker(.mock)
        let store = MemoryLedgerStore()
        try broker.createTopic("t", partitions: 2)
        store.setWaiting(SourcePartition(topic: "t", partition: 0), true)
        let fixture = IngestFixture(broker, topics: ["t"], group: "g", store: store)
        fixture.sink.complete(always: true)
        try fixture.service.start()
        let sources = [TopicPartition("t", 0), TopicPartition("t", 1)]
        for round: Int64 in 1...3 {
            try broker.produce(events("t", 5) + events("t", 5, partition: 1))
            #expect(try eventually { try broker.committed("g", sources) == [nil, 5 * round] })
        }
        store.setWaiting(SourcePartition(topic: "t", partition: 0), false)
        #expect(try eventually { try broker.committed("g", sources) == [15, 15] })
        #expect(fixture.service.stop())
        #expect(store.rows.reduce(0) { $0 + $1.records } == 30)
    }
}
