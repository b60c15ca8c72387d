import Embedded
import Kafka
import TestSupport
import Testing

@Suite struct ProducerTests {
    @Test func everyRecordIsReportedWithItsToken() throws {
        let broker = try BrokerKinds.broker(.mock)
        try broker.createTopic("reports", partitions: 1)
        let producer = try Producer(broker.clientSettings(), reports: true)
        for token in 0..<10 { try producer.produce(OutgoingRecord(topic: "reports", value: [1]), token: token) }
        #expect(producer.flush(within: patience) == true)
        #expect(producer.takeReports().sorted { $0.token < $1.token }.map(\.offset) == Array(0..<10))
        #expect(producer.delivered == 10)
        #expect(producer.failed == 0)
    }

    @Test func aRecordThatCannotBeDeliveredIsReportedAsFailed() throws {
        let producer = try Producer(
            ClientSettings(["bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": "50"]), reports: true)
        try producer.produce(OutgoingRecord(topic: "t", value: [1]), token: 4)
        #expect(producer.flush(within: patience) == true)
        let reports = producer.takeReports()
        #expect(reports.map(\.token) == [4])
        #expect(reports.first?.error != nil)
        #expect(producer.failed == 1)
    }

    @Test func aFullQueueAndATooLargeRecordAreTold() throws {
        let producer = try Producer(
            ClientSettings(["bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": "1"]))
        try producer.produce(OutgoingRecord(topic: "t", value: [1]))
        do {
            try producer.produce(OutgoingRecord(topic: "t", value: [1]))
            Issue.record("a second record was taken")
        } catch {
            #expect(error.code == .queueFull)
            #expect(error.isRetriable)
        }
        producer.purge()
        #expect(producer.failed == 1)
        do {
            try producer.produce(OutgoingRecord(topic: "t", value: [UInt8](repeating: 0, count: 2_000_000)))
            Issue.record("a record of 2 MB was taken")
        } catch {
            #expect(error.code == .messageTooLarge)
        }
    }

    @Test(arguments: BrokerKinds.all)
    func createdTopicsAreSeen(kind: EmbeddedBroker.Kind) throws {
        let broker = try BrokerKinds.broker(kind)
        let topic = BrokerKinds.uniqueName("created")
        try broker.createTopic(topic, partitions: 3, settings: ["message.timestamp.type": "LogAppendTime"])
        try broker.createTopic(topic, partitions: 3)
        let admin = try Admin(broker.clientSettings())
        #expect(admin.waitForTopics([topic], within: patience) == true)
        #expect(try admin.topics(within: patience).first { $0.name == topic }?.partitions == 3)
    }
}
