internal import CLibrdkafka

/// A topic as the brokers know it.
public struct TopicMetadata: Equatable, Sendable {
    /// Name.
    public let name: String
    /// Number of partitions; 0 when the topic has an error.
    public let partitions: Int
    /// Whether every partition has a leader.
    public let isReady: Bool
}

/// Looks at and changes a cluster: which brokers and topics there are, new topics.
@safe public struct Admin: ~Copyable {
    let handle: OpaquePointer
    private let events: ClientEvents

    /// Creates the client; connects in the background.
    public init(_ settings: ClientSettings) throws(KafkaError) {
        let events = ClientEvents()
        unsafe handle = try makeClient(RD_KAFKA_PRODUCER, settings) { conf in unsafe events.register(in: conf) }
        self.events = events
    }

    deinit { unsafe rd_kafka_destroy(handle) }

    /// The topics of the cluster, waiting at most `bound` for a broker.
    public func topics(within bound: Duration) throws(KafkaError) -> [TopicMetadata] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(handle, 1, nil, &metadata, milliseconds(bound))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = unsafe metadata else {
            throw KafkaError(code, "asking for the topics")
        }
        defer { unsafe rd_kafka_metadata_destroy(found) }
        return (0..<Int(unsafe found.pointee.topic_cnt)).map { index in
            let topic = unsafe found.pointee.topics[index]
            let count = unsafe Int(topic.partition_cnt)
            let name = unsafe String(cString: topic.topic)
            let led = (0..<count).allSatisfy { unsafe topic.partitions[$0].leader >= 0 }
            return unsafe TopicMetadata(
                name: name, partitions: count, isReady: topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0 && led)
        }
    }

    /// Asks until the cluster answers, at most `bound`.
    ///
    /// Each question waits for half a second at most.
    ///
    /// - Returns: whether it answered.
    public func waitForBrokers(within bound: Duration) -> Bool {
        let end = ContinuousClock.now.advanced(by: bound)
        while ContinuousClock.now < end {
            if (try? topics(within: .milliseconds(500))) != nil { return true }
            _ = unsafe rd_kafka_poll(handle, 50)
        }
        return false
    }

    /// Waits until every topic of `names` has leaders for all of its partitions, at most `bound`.
    ///
    /// - Returns: whether they do.
    public func waitForTopics(_ names: [String], within bound: Duration) -> Bool {
        let end = ContinuousClock.now.advanced(by: bound)
        while ContinuousClock.now < end {
            if let topics = try? topics(within: .milliseconds(500)) {
                let ready = Set(topics.filter(\.isReady).map(\.name))
                if names.allSatisfy({ ready.contains($0) }) { return true }
            }
            _ = unsafe rd_kafka_poll(handle, 50)
        }
        return false
    }

    /// Creates a topic and waits for the answer; one that is there already is no error.
    ///
    /// `settings` are the topic's, by Kafka's names, such as `message.timestamp.type`.
    public func createTopic(
        _ name: String, partitions: Int, replicas: Int = 1, settings: KeyValuePairs<String, String> = [:],
        within bound: Duration
    ) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 256)
        var topic = unsafe rd_kafka_NewTopic_new(name, Int32(partitions), Int32(replicas), &text, text.count)
        guard unsafe topic != nil else { throw KafkaError(.invalidArgument, "creating topic \(name)") }
        defer { unsafe rd_kafka_NewTopic_destroy(topic) }
        for (key, value) in settings {
            let code = unsafe rd_kafka_NewTopic_set_config(topic, key, value)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "setting \(key) of topic \(name)") }
        }
        let options = unsafe rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds(bound), &text, text.count)
        let queue = unsafe rd_kafka_queue_new(handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        unsafe rd_kafka_CreateTopics(handle, &topic, 1, options, queue)
        guard let event = unsafe rd_kafka_queue_poll(queue, milliseconds(bound)) else {
            throw KafkaError(.timedOut, "creating topic \(name)")
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        let whole = unsafe rd_kafka_event_error(event)
        if whole != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(whole, "creating topic \(name)") }
        var count = 0
        let results = unsafe rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        for index in 0..<count {
            let code = unsafe rd_kafka_topic_result_error(results?[index])
            if code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS {
                throw KafkaError(code, "creating topic \(name)")
            }
        }
    }
}
