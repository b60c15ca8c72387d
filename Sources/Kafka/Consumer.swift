internal import CLibrdkafka

/// How much one burst may take and how long its first poll may wait.
public struct PollBound: Sendable {
    /// How long to wait for the first record; the others are only taken when they are there already.
    public var wait: Duration
    /// Records and consumer errors at most.
    public var count: Int
    /// Bytes of keys and values after which the burst ends; the record that crosses it is still in the burst.
    public var bytes: Int

    /// A bound; see the properties.
    public init(wait: Duration, count: Int, bytes: Int) {
        self.wait = wait
        self.count = count
        self.bytes = bytes
    }
}

/// A member of a consumer group.
///
/// Owned by one thread: neither copyable nor `Sendable`, so a second poller does not compile. Rebalances are told as
/// events and answered later (`assign`, `unassign`); until then the group waits and polling may go on. The library's
/// batch-consume calls are not used: in 2.0 they skip records when partitions are paused or sought meanwhile.
@safe public struct Consumer: ~Copyable {
    let handle: OpaquePointer
    /// Held by librdkafka unretained; outlives `handle`, which deinit destroys first.
    let events: ClientEvents
    /// One reference to each subscribed topic, so that the pointers in messages stay valid as keys.
    private var topics: [TopicHandle] = []
    private var lastTopic: TopicHandle?
    private var lastIndex: Int32 = -1
    /// Paused by us.
    ///
    /// The library may rewind (2.0) a partition that is resumed without being paused.
    public private(set) var paused: Set<TopicPartition> = []
    /// Partitions being read.
    public private(set) var assigned: Set<TopicPartition> = []
    /// Records that the library may have fetched ahead, at most.
    private static let mostFetched = 10_000_000
    private var isClosed = false
    private var hasSubscribed = false

    /// Creates the client; connects in the background.
    ///
    /// - Throws: `KafkaError` when a setting is refused.
    public init(_ settings: ClientSettings) throws(KafkaError) {
        let events = ClientEvents()
        unsafe handle = try makeClient(RD_KAFKA_CONSUMER, settings) { conf in
            unsafe events.register(in: conf)
            unsafe registerConsumerCallbacks(in: conf)
        }
        self.events = events
        // All events are then served by the consumer's poll.
        _ = unsafe rd_kafka_poll_set_consumer(handle)
    }

    deinit {
        for topic in topics { topic.destroy() }
        if !isClosed {
            // Leaving was not possible within its bound: the group finds out by the session time-out.
            events.beginClosing()
        }
        if hasSubscribed, !events.hasBeenAssigned {
            // librdkafka 2.0 aborts the process when a client that joined with cooperative-sticky is destroyed before
            // its first assignment (mended in 2.3). The client is left behind instead, with what its callbacks write
            // to.
            _ = unsafe Unmanaged.passRetained(events)
            return
        }
        unsafe rd_kafka_destroy_flags(handle, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
    }

    /// Subscribes to `names`, replacing what was subscribed; a message's `topic` is the index in this list.
    public mutating func subscribe(_ names: [String]) throws(KafkaError) {
        var opened: [TopicHandle] = []
        for name in names {
            guard let topic = unsafe rd_kafka_topic_new(handle, name, nil) else {
                for topic in opened { topic.destroy() }
                throw KafkaError(rd_kafka_last_error(), "opening topic \(name)")
            }
            opened.append(unsafe TopicHandle(pointer: topic))
        }
        for topic in topics { topic.destroy() }
        topics = opened
        lastTopic = nil
        lastIndex = -1
        hasSubscribed = true
        let list = TopicPartitionList(topics: names)
        let code = unsafe rd_kafka_subscribe(handle, list.list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "subscribing") }
    }

    /// Takes what is there, up to the bound, and lends each record to `body`; ends early at a rebalance event and at
    /// what cannot be read, so that nothing behind that is lent before the owner has answered.
    ///
    /// Must be called at least every `max.poll.interval.ms`, whatever is paused.
    /// - Returns: how many records were lent.
    public mutating func poll(_ bound: PollBound, _ body: (borrowing Message) -> Void) -> Int {
        var wait = milliseconds(bound.wait)
        var seen = 0
        var lent = 0
        var bytes = 0
        while seen < bound.count, bytes < bound.bytes {
            guard let message = unsafe rd_kafka_consumer_poll(handle, wait) else { break }
            defer { unsafe rd_kafka_message_destroy(message) }
            wait = 0
            seen += 1
            guard unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                if unsafe note(message) { break }
                continue
            }
            lent += 1
            bytes += unsafe message.pointee.len + message.pointee.key_len
            unsafe body(Message(message, topic: index(of: message.pointee.rkt)))
        }
        return lent
    }

    /// What happened beside records since the last call.
    public func takeEvents() -> [ConsumerEvent] { events.takeEvents() }

    /// Lines of the library's log since the last call, and how many did not fit into its bound.
    public func takeLogLines() -> (lines: [ClientLogLine], dropped: Int) { events.takeLines() }

    /// Begins to read `partitions` from their offsets; answers `assigned`.
    ///
    /// The first call after the event tells the group that the assignment was taken and may be empty; further calls may
    /// add its partitions when their offsets are known.
    public mutating func assign(_ partitions: [PartitionOffset]) throws(KafkaError) {
        let list = TopicPartitionList(offsets: partitions)
        if let error = unsafe consumeError(rd_kafka_incremental_assign(handle, list.list), "taking partitions") {
            throw error
        }
        assigned.formUnion(partitions.map(\.source))
    }

    /// Stops reading `partitions`; answers `revoked` and `lost`.
    ///
    /// Partitions that are not being read are left out.
    public mutating func unassign(_ partitions: [TopicPartition]) throws(KafkaError) {
        let held = partitions.filter { assigned.contains($0) }
        // The library keeps a pause over the end of an assignment: the partition would stand still when it comes back.
        try setPaused(paused.subtracting(held))
        let list = TopicPartitionList(held)
        assigned.subtract(held)
        if let error = unsafe consumeError(rd_kafka_incremental_unassign(handle, list.list), "giving up partitions") {
            throw error
        }
    }

    /// Makes `wanted` the set of paused partitions: each is paused or resumed once.
    ///
    /// Others than assigned are ignored.
    public mutating func setPaused(_ wanted: Set<TopicPartition>) throws(KafkaError) {
        let target = wanted.intersection(assigned)
        let stop = target.subtracting(paused)
        let go = paused.subtracting(target).intersection(assigned)
        paused = target
        if !stop.isEmpty {
            let list = TopicPartitionList(stop)
            let code = unsafe rd_kafka_pause_partitions(handle, list.list)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "pausing partitions") }
        }
        if !go.isEmpty {
            let list = TopicPartitionList(go)
            let code = unsafe rd_kafka_resume_partitions(handle, list.list)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "resuming partitions") }
        }
    }

    /// Moves reading of the subscribed topic `topic` (its index) to `offset`, without waiting for it to have happened.
    ///
    /// Records that were fetched before are dropped by the library; one that slips through has an offset below.
    public mutating func seek(topic: Int32, partition: Int32, to offset: Int64) throws(KafkaError) {
        guard topics.indices.contains(Int(topic)) else {
            throw KafkaError(.unknownTopicLocally, "seeking")
        }
        let code = unsafe rd_kafka_seek(topics[Int(topic)].pointer, partition, offset, 0)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "seeking") }
    }

    /// Leaves the group, giving back every partition, and waits at most `bound` for it.
    ///
    /// - Returns: whether the group was left within the bound. The consumer must not be polled again.
    public mutating func close(within bound: Duration) -> Bool {
        events.beginClosing()
        dropFetched()
        let queue = unsafe rd_kafka_queue_new(handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        if unsafe consumeError(rd_kafka_consumer_close_queue(handle, queue), "leaving the group") != nil {
            return false
        }
        let end = ContinuousClock.now.advanced(by: bound)
        while unsafe rd_kafka_consumer_closed(handle) == 0, ContinuousClock.now < end {
            // Serves the last revocation, which the callback answers itself while closing.
            _ = unsafe rd_kafka_queue_poll_callback(queue, 20)
        }
        isClosed = unsafe rd_kafka_consumer_closed(handle) != 0
        assigned = []
        paused = []
        return isClosed
    }

    /// Takes what was fetched ahead out of the library's queue.
    ///
    /// Serving the close of a group, 2.0 aborts the process when it meets a record.
    private mutating func dropFetched() {
        try? setPaused(assigned)
        for _ in 0..<Self.mostFetched {
            guard let message = unsafe rd_kafka_consumer_poll(handle, 0) else { return }
            unsafe rd_kafka_message_destroy(message)
        }
    }

    private mutating func index(of topic: OpaquePointer?) -> Int32 {
        if let lastTopic, unsafe topic == lastTopic.pointer { return lastIndex }
        lastTopic = unsafe TopicHandle(pointer: topic)
        lastIndex = topics.firstIndex { unsafe $0.pointer == topic }.map(Int32.init) ?? -1
        return lastIndex
    }

    /// Notes what is no record; true when it is a place that cannot be read.
    private func note(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Bool {
        let code = KafkaError.Code(rawValue: unsafe message.pointee.err.rawValue)
        guard let topic = unsafe message.pointee.rkt, let name = unsafe rd_kafka_topic_name(topic) else {
            let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) } ?? ""
            events.append(.clientFailed(KafkaError(code, "consuming", detail: text, isFatal: code == .fatal)))
            return false
        }
        let source = unsafe TopicPartition(String(cString: name), message.pointee.partition)
        let place = unsafe PartitionOffset(source, message.pointee.offset)
        if unsafe message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF {
            events.append(.reachedEnd(place))
            return false
        }
        let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) } ?? ""
        let error = KafkaError(code, "consuming \(source)", detail: text)
        switch code {
        case .badCompression, .badMessage, .invalidMessage, .messageTooLarge:
            if place.offset >= 0 {
                events.append(.unreadable(place, error))
                return true
            }
            events.append(.partitionFailed(source, error))
        default:
            events.append(.partitionFailed(source, error))
        }
        return false
    }
}

/// A reference to a topic object of the client.
@safe struct TopicHandle {
    let pointer: OpaquePointer?

    /// Gives the reference back; once.
    func destroy() { unsafe rd_kafka_topic_destroy(pointer) }
}

/// A duration as the library's milliseconds: at least 1 for what is not zero.
func milliseconds(_ duration: Duration) -> Int32 {
    let (seconds, attoseconds) = duration.components
    if seconds <= 0, attoseconds <= 0 { return 0 }
    let value = min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000
    return Int32(max(1, value))
}
