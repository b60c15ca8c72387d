internal import CLibrdkafka

/// A partition of a topic.
public struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
    /// Name of the topic.
    public var topic: String
    /// Number of the partition.
    public var partition: Int32

    /// The partition `partition` of `topic`.
    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// `topic[partition]`.
    public var description: String { "\(topic)[\(partition)]" }
}

/// A partition with an offset in it.
public struct PartitionOffset: Hashable, Sendable {
    /// The partition.
    public var source: TopicPartition
    /// The offset: of the next record to read, where it stands for a position.
    ///
    /// Negative values are librdkafka's logical offsets; see the constants.
    public var offset: Int64

    /// `offset` in `source`.
    public init(_ source: TopicPartition, _ offset: Int64) {
        self.source = source
        self.offset = offset
    }

    /// Where the group last committed, else `auto.offset.reset`.
    public static let committed: Int64 = -1000
    /// The oldest record that the log keeps.
    public static let beginning: Int64 = -2
    /// Behind the newest record.
    public static let end: Int64 = -1
    /// No offset is known.
    public static let invalid: Int64 = -1001
}

/// Owner of one librdkafka list of partitions: freed once, at the end of its life.
@safe struct TopicPartitionList: ~Copyable {
    let list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ sources: some Collection<TopicPartition>) {
        unsafe list = rd_kafka_topic_partition_list_new(Int32(sources.count))
        for source in sources {
            _ = unsafe rd_kafka_topic_partition_list_add(list, source.topic, source.partition)
        }
    }

    init(offsets: some Collection<PartitionOffset>) {
        unsafe list = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        for entry in offsets {
            let element = unsafe rd_kafka_topic_partition_list_add(list, entry.source.topic, entry.source.partition)
            unsafe element?.pointee.offset = entry.offset
        }
    }

    init(topics: [String]) {
        unsafe list = rd_kafka_topic_partition_list_new(Int32(topics.count))
        for topic in topics {
            // RD_KAFKA_PARTITION_UA (-1): any partition, as a subscription wants it.
            _ = unsafe rd_kafka_topic_partition_list_add(list, topic, -1)
        }
    }

    deinit { unsafe rd_kafka_topic_partition_list_destroy(list) }

    var offsets: [PartitionOffset] { unsafe Self.offsets(in: list) }

    /// The first error of an element, or nil.
    var firstError: rd_kafka_resp_err_t? {
        for index in 0..<Int(unsafe list.pointee.cnt) {
            let error = unsafe list.pointee.elems[index].err
            if error != RD_KAFKA_RESP_ERR_NO_ERROR { return error }
        }
        return nil
    }

    /// Copies the elements of a list that somebody else owns.
    static func offsets(in list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> [PartitionOffset] {
        guard let list = unsafe list else { return [] }
        return (0..<Int(unsafe list.pointee.cnt)).map { index in
            let element = unsafe list.pointee.elems[index]
            let topic = unsafe String(cString: element.topic)
            return unsafe PartitionOffset(TopicPartition(topic, element.partition), element.offset)
        }
    }
}
