internal import CLibrdkafka

/// What a record's timestamp stands for.
public enum TimestampKind: Sendable {
    /// The broker's time of appending.
    case logAppend
    /// The producer's time of creating.
    case create
}

/// A header of a record.
public struct RecordHeader: Equatable, Sendable {
    /// Name; not necessarily unique in a record.
    public var name: String
    /// Value; nil for a header without one.
    public var value: [UInt8]?

    /// A header; see the properties.
    public init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    /// A header with a text as value.
    public init(_ name: String, text: String) {
        self.init(name, Array(text.utf8))
    }
}

/// A consumed record, lent for the length of a closure: its memory belongs to librdkafka and is given back after.
@safe public struct Message: ~Copyable {
    private let message: UnsafeMutablePointer<rd_kafka_message_t>
    /// Index of the topic in the list that was subscribed to; -1 for a topic that is not in it.
    public let topic: Int32

    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>, topic: Int32) {
        unsafe self.message = message
        self.topic = topic
    }

    /// Number of the partition.
    public var partition: Int32 { unsafe message.pointee.partition }
    /// Offset in the partition.
    public var offset: Int64 { unsafe message.pointee.offset }
    /// Bytes of the value; 0 for a tombstone too.
    public var valueCount: Int { unsafe message.pointee.len }
    /// Bytes of the key; 0 for a record without one too.
    public var keyCount: Int { unsafe message.pointee.key_len }

    /// A copy of the value, or nil for a tombstone.
    ///
    /// One allocation.
    public func value() -> [UInt8]? {
        unsafe Self.copy(message.pointee.payload, message.pointee.len)
    }

    /// A copy of the key, or nil where the record has none.
    ///
    /// One allocation.
    public func key() -> [UInt8]? {
        unsafe Self.copy(message.pointee.key, message.pointee.key_len)
    }

    /// The record's time in milliseconds since the Unix epoch and what it stands for; nil when the log has none.
    public var timestamp: (milliseconds: Int64, kind: TimestampKind)? {
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = unsafe rd_kafka_message_timestamp(message, &kind)
        guard milliseconds >= 0 else { return nil }
        switch kind {
        case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME: return (milliseconds, .logAppend)
        case RD_KAFKA_TIMESTAMP_CREATE_TIME: return (milliseconds, .create)
        default: return nil
        }
    }

    /// The record's headers in their sequence.
    ///
    /// Parses and copies; at most `limit` of them.
    public func headers(limit: Int = 64) -> [RecordHeader] {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [] }
        var headers: [RecordHeader] = []
        while headers.count < limit {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var count = 0
            let code = unsafe rd_kafka_header_get_all(list, headers.count, &name, &value, &count)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = unsafe name else { break }
            headers.append(unsafe RecordHeader(String(cString: found), Self.copy(value, count)))
        }
        return headers
    }

    /// Lends the value of the last header of this name to `body`; nil: the record has none.
    ///
    /// Copies nothing; of a record without headers librdkafka needs 0.2 µs to know it. A header without a value has no
    /// bytes.
    public func withLastHeader<Result>(_ name: String, _ body: (Span<UInt8>) -> Result) -> Result? {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        var value: UnsafeRawPointer?
        var count = 0
        guard unsafe rd_kafka_header_get_last(list, name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR else {
            return nil
        }
        let bytes = unsafe UnsafeBufferPointer(
            start: value?.assumingMemoryBound(to: UInt8.self), count: value == nil ? 0 : count)
        return unsafe body(bytes.span)
    }

    private static func copy(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
        guard let start = unsafe start else { return nil }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}
