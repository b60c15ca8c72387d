internal import CLibrdkafka

/// A failure that librdkafka or a broker reported.
///
/// Carries what failed and the library's code. Its texts name topics, partitions, brokers and configuration keys; they
/// never hold record content or credentials.
public struct KafkaError: Error, Equatable, Sendable {
    /// An error code of librdkafka: negative values are its own, positive ones are the Kafka protocol's.
    ///
    /// Open, so that a code that this version has no name for can still be matched.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number as librdkafka gives it.
        public let rawValue: Int32

        /// The code with this number.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// No error.
        public static let none = Code(rawValue: 0)
        /// A batch could not be decompressed.
        public static let badCompression = Code(rawValue: -198)
        /// A batch or record could not be parsed.
        public static let badMessage = Code(rawValue: -199)
        /// There is nothing more in a partition for now.
        public static let partitionEnd = Code(rawValue: -191)
        /// Connection to a broker failed.
        public static let transport = Code(rawValue: -195)
        /// A bounded wait ended without an answer.
        public static let timedOut = Code(rawValue: -185)
        /// The producer's queue is full: serve delivery reports, then try again.
        public static let queueFull = Code(rawValue: -184)
        /// No broker can be reached.
        public static let allBrokersDown = Code(rawValue: -187)
        /// The client's own settings are wrong.
        public static let invalidArgument = Code(rawValue: -186)
        /// The client found no such topic.
        public static let unknownTopicLocally = Code(rawValue: -188)
        /// The client found no such partition.
        public static let unknownPartitionLocally = Code(rawValue: -190)
        /// Nothing to commit.
        public static let noOffset = Code(rawValue: -168)
        /// Authentication failed.
        public static let authentication = Code(rawValue: -169)
        /// The operation does not fit the client's state, for example a commit in the middle of a rebalance.
        public static let state = Code(rawValue: -172)
        /// The time between two polls exceeded `max.poll.interval.ms`.
        public static let maximumPollExceeded = Code(rawValue: -147)
        /// The client can go no further and must be replaced.
        public static let fatal = Code(rawValue: -150)
        /// The consumer's position had to be reset, because its offset is outside the log.
        public static let autoOffsetReset = Code(rawValue: -140)
        /// The broker says that the offset is outside the log.
        public static let offsetOutOfRange = Code(rawValue: 1)
        /// The broker says that a batch failed its checksum.
        public static let invalidMessage = Code(rawValue: 2)
        /// The broker knows no such topic or partition.
        public static let unknownTopicOrPartition = Code(rawValue: 3)
        /// A record is larger than the broker takes.
        public static let messageTooLarge = Code(rawValue: 10)
        /// The group's generation has moved on.
        public static let illegalGeneration = Code(rawValue: 22)
        /// The group no longer knows this member.
        public static let unknownMember = Code(rawValue: 25)
        /// The group is rebalancing.
        public static let rebalanceInProgress = Code(rawValue: 27)
        /// No right to the topic.
        public static let topicAuthorization = Code(rawValue: 29)
        /// No right to the group.
        public static let groupAuthorization = Code(rawValue: 30)
        /// The topic exists already.
        public static let topicAlreadyExists = Code(rawValue: 36)
        /// Another member took this `group.instance.id`.
        public static let fencedInstance = Code(rawValue: 82)
    }

    /// What went wrong.
    public let code: Code
    /// What was being done, for example `committing offsets`.
    public let context: String
    /// The library's own words, or empty.
    public let detail: String
    /// Whether the client can go no further.
    public let isFatal: Bool

    /// An error with `code`, met while doing `context`.
    public init(_ code: Code, _ context: String, detail: String = "", isFatal: Bool = false) {
        self.code = code
        self.context = context
        self.detail = detail
        self.isFatal = isFatal
    }

    init(_ code: rd_kafka_resp_err_t, _ context: String, detail: String = "", isFatal: Bool = false) {
        self.init(Code(rawValue: code.rawValue), context, detail: detail, isFatal: isFatal)
    }

    /// Whether the client hung up on a broker, because an answer was larger than `receive.message.max.bytes` or made no
    /// sense; the library asks the same again.
    public var isAnswerRefused: Bool { code == .badMessage }

    /// Whether the same call may succeed later without anybody changing anything.
    public var isRetriable: Bool {
        switch code {
        case .transport, .timedOut, .queueFull, .allBrokersDown, .state, .rebalanceInProgress, .illegalGeneration,
            .unknownMember, .unknownTopicOrPartition, .unknownTopicLocally, .unknownPartitionLocally:
            true
        default:
            // Leader, replica and coordinator elections (5, 6, 7, 9, 13, 14, 15, 16).
            [5, 6, 7, 9, 13, 14, 15, 16].contains(code.rawValue)
        }
    }
}

extension KafkaError.Code: CustomStringConvertible {
    /// The library's name of the code, such as `_TRANSPORT` or `OFFSET_OUT_OF_RANGE`.
    public var description: String {
        guard let name = unsafe rd_kafka_err2name(rd_kafka_resp_err_t(rawValue)) else { return "\(rawValue)" }
        return unsafe String(cString: name)
    }
}

extension KafkaError: CustomStringConvertible {
    /// What failed and why, in one line.
    public var description: String {
        detail.isEmpty ? "kafka: \(context): \(code)" : "kafka: \(context): \(code): \(detail)"
    }
}

/// Takes an error object of librdkafka and frees it; nil when there is none.
///
/// "The returned error object must be destroyed with rd_kafka_error_destroy": this does so, once.
func consumeError(_ error: OpaquePointer?, _ context: String) -> KafkaError? {
    guard let error = unsafe error else { return nil }
    defer { unsafe rd_kafka_error_destroy(error) }
    let detail = unsafe rd_kafka_error_string(error).map { unsafe String(cString: $0) } ?? ""
    return unsafe KafkaError(
        rd_kafka_error_code(error), context, detail: detail, isFatal: rd_kafka_error_is_fatal(error) != 0)
}
