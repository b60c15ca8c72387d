internal import CLibrdkafka

/// Tries what can be read of partitions, one offset at a time, without a group and without keeping anything.
///
/// Owned by one thread. Holds one answer of a broker at most, which `receive.message.max.bytes` bounds.
@safe public struct PartitionReader: ~Copyable {
    /// What lies at an offset.
    public enum Reading: Equatable, Sendable {
        /// A record, at the offset or, where the log has a gap, at the next one that it has.
        case record(Int64)
        /// Nothing yet: the end of the log.
        case end
        /// A batch that cannot be opened.
        case unreadable(KafkaError)
        /// An answer larger than `receive.message.max.bytes`: the batch there is.
        case tooLarge
        /// No answer within the bound.
        case nothing
    }

    private let handle: OpaquePointer
    private let events: ClientEvents
    private let settings: ClientSettings
    /// Whether this client has refused an answer.
    private var hasRefused = false

    /// Creates the client; connects in the background.
    ///
    /// Of `settings`, what concerns groups has no effect.
    public init(_ settings: ClientSettings) throws(KafkaError) {
        let events = ClientEvents()
        self.settings = settings
        var own = settings
        // With a group this kind of reading would commit offsets for it.
        own.remove("group.id")
        own.remove("group.instance.id")
        // One batch, and hardly a pause after the broker was hung up on for an answer that is too large.
        own.set("queued.min.messages", "1")
        own.set("fetch.message.max.bytes", "1")
        own.set("reconnect.backoff.ms", "10")
        own.set("reconnect.backoff.max.ms", "50")
        own.set("enable.partition.eof", "true")
        unsafe handle = try makeClient(RD_KAFKA_CONSUMER, own) { conf in unsafe events.register(in: conf) }
        self.events = events
    }

    deinit { unsafe rd_kafka_destroy_flags(handle, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)) }

    /// Reads at `offset`, waiting at most `bound`.
    public mutating func read(_ source: TopicPartition, at offset: Int64, within bound: Duration) -> Reading {
        if hasRefused {
            // The library tells the same trouble with a broker once in 30 s: this client would keep it to itself.
            do throws(KafkaError) { self = try PartitionReader(settings) } catch { return .nothing }
        }
        guard let topic = unsafe rd_kafka_topic_new(handle, source.topic, nil) else { return .nothing }
        defer { unsafe rd_kafka_topic_destroy(topic) }
        // What is left of the try before belongs to another partition.
        _ = events.takeEvents()
        guard unsafe rd_kafka_consume_start(topic, source.partition, offset) == 0 else { return .nothing }
        defer { _ = unsafe rd_kafka_consume_stop(topic, source.partition) }
        let end = ContinuousClock.now.advanced(by: bound)
        repeat {
            _ = unsafe rd_kafka_poll(handle, 0)
            if isTooLarge() {
                hasRefused = true
                return .tooLarge
            }
            guard let message = unsafe rd_kafka_consume(topic, source.partition, 10) else { continue }
            defer { unsafe rd_kafka_message_destroy(message) }
            let code = unsafe KafkaError.Code(rawValue: message.pointee.err.rawValue)
            switch code {
            case .none:
                if unsafe message.pointee.offset >= offset { return .record(unsafe message.pointee.offset) }
            case .partitionEnd: return .end
            case .badCompression, .badMessage, .invalidMessage, .messageTooLarge:
                return .unreadable(KafkaError(code, "reading \(source)"))
            default: continue
            }
        } while ContinuousClock.now < end
        return .nothing
    }

    /// The oldest offset of each log and the one behind its last record that can be read.
    ///
    /// Waits at most twice `bound`.
    /// - Returns: empty without an answer.
    public func logs(
        of sources: [TopicPartition], within bound: Duration
    ) -> [(source: TopicPartition, start: Int64, end: Int64)] {
        guard let starts = offsets(of: sources, at: PartitionOffset.beginning, bound),
            let ends = offsets(of: sources, at: PartitionOffset.end, bound)
        else { return [] }
        return zip(starts, ends).compactMap { start, end in
            start.source == end.source && start.offset >= 0 && end.offset >= start.offset
                ? (start.source, start.offset, end.offset) : nil
        }
    }

    private func offsets(of sources: [TopicPartition], at place: Int64, _ bound: Duration) -> [PartitionOffset]? {
        let list = TopicPartitionList(offsets: sources.map { PartitionOffset($0, place) })
        let code = unsafe rd_kafka_offsets_for_times(handle, list.list, milliseconds(bound))
        // An element with an error keeps the place that was asked for, which is negative.
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? list.offsets : nil
    }

    /// Whether the client hung up on an answer: the library tells it of the client as a whole only.
    private func isTooLarge() -> Bool {
        events.takeEvents().contains { event in
            if case .clientFailed(let error) = event { error.isAnswerRefused } else { false }
        }
    }
}
