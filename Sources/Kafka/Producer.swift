internal import CLibrdkafka
internal import Synchronization

/// A record to be produced.
public struct OutgoingRecord: Sendable {
    /// Topic to write to.
    public var topic: String
    /// Partition, or nil: chosen by the hash of the key.
    public var partition: Int32?
    /// Key, or nil for none.
    public var key: [UInt8]?
    /// Value, or nil for a tombstone.
    public var value: [UInt8]?
    /// Headers in their sequence.
    public var headers: [RecordHeader]
    /// Milliseconds since the Unix epoch, or nil for the time of producing.
    public var timestamp: Int64?

    /// A record; see the properties.
    public init(
        topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]?, headers: [RecordHeader] = [],
        timestamp: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }
}

/// What became of one produced record.
public struct DeliveryReport: Equatable, Sendable {
    /// The number that `produce` was given.
    public let token: Int
    /// Partition that the record is in; -1 when it failed before one was chosen.
    public let partition: Int32
    /// Its offset; negative when unknown.
    public let offset: Int64
    /// Why it failed, or nil when the brokers acknowledged it.
    public let error: KafkaError?
}

/// A producer of records, owned by one thread.
@safe public struct Producer: ~Copyable {
    let handle: OpaquePointer
    private let events: ClientEvents
    /// Found by the delivery callback through a table, because `events` has the client's one opaque slot.
    private let deliveries: Deliveries

    /// Creates the client; connects in the background.
    ///
    /// With `reports` a report of each record is kept for `takeReports`; without, they are only counted.
    public init(_ settings: ClientSettings, reports: Bool = false) throws(KafkaError) {
        let events = ClientEvents()
        let deliveries = Deliveries(keeping: reports)
        events.deliveries.withLock { $0 = deliveries }
        unsafe handle = try makeClient(RD_KAFKA_PRODUCER, settings) { conf in
            unsafe events.register(in: conf)
            unsafe rd_kafka_conf_set_dr_msg_cb(conf) { _, message, opaque in
                guard let message = unsafe message, let events = unsafe clientEvents(opaque) else { return }
                events.deliveries.withLock { unsafe $0?.note(message) }
            }
        }
        self.events = events
        self.deliveries = deliveries
    }

    deinit { unsafe rd_kafka_destroy(handle) }

    /// Puts a record into the producer's queue; copies it.
    ///
    /// `token`, which is not negative, comes back in the record's report.
    /// - Throws: `queueFull` when the queue is full: `serve`, then try again. `messageTooLarge` for what no broker
    ///   takes.
    public func produce(_ record: OutgoingRecord, token: Int = 0) throws(KafkaError) {
        var values = unsafe [rd_kafka_vu_t]()
        // The pointers live until the end of the scopes below; the library copies (RD_KAFKA_MSG_F_COPY).
        let error = unsafe record.topic.withCString { topic -> OpaquePointer? in
            unsafe Self.lend(record.value) { value, valueCount in
                unsafe Self.lend(record.key) { key, keyCount in
                    unsafe values.append(vu(RD_KAFKA_VTYPE_TOPIC) { unsafe $0.cstr = topic })
                    unsafe values.append(vu(RD_KAFKA_VTYPE_MSGFLAGS) { unsafe $0.i = RD_KAFKA_MSG_F_COPY })
                    unsafe values.append(vu(RD_KAFKA_VTYPE_PARTITION) { unsafe $0.i32 = record.partition ?? -1 })
                    unsafe values.append(
                        vu(RD_KAFKA_VTYPE_VALUE) { unsafe $0.mem = .init(ptr: value, size: valueCount) })
                    unsafe values.append(vu(RD_KAFKA_VTYPE_KEY) { unsafe $0.mem = .init(ptr: key, size: keyCount) })
                    // A token, not a pointer: never followed. One more than it, so that 0 is not nil.
                    let tag = unsafe UnsafeMutableRawPointer(bitPattern: token &+ 1)
                    unsafe values.append(vu(RD_KAFKA_VTYPE_OPAQUE) { unsafe $0.ptr = tag })
                    if let timestamp = record.timestamp {
                        unsafe values.append(vu(RD_KAFKA_VTYPE_TIMESTAMP) { unsafe $0.i64 = timestamp })
                    }
                    if !record.headers.isEmpty {
                        let headers = unsafe Self.makeHeaders(record.headers)
                        unsafe values.append(vu(RD_KAFKA_VTYPE_HEADERS) { unsafe $0.headers = headers })
                        let error = unsafe rd_kafka_produceva(handle, &values, values.count)
                        // "ownership of headers is assumed on success only".
                        if unsafe error != nil { unsafe rd_kafka_headers_destroy(headers) }
                        return unsafe error
                    }
                    return unsafe rd_kafka_produceva(handle, &values, values.count)
                }
            }
        }
        if let problem = unsafe consumeError(error, "producing to \(record.topic)") { throw problem }
    }

    /// Serves delivery reports for at most `bound`; returns early when there are some.
    public func serve(within bound: Duration = .zero) { _ = unsafe rd_kafka_poll(handle, milliseconds(bound)) }

    /// Waits until every record has a report, at most `bound`.
    ///
    /// - Returns: whether none is left.
    public func flush(within bound: Duration) -> Bool {
        unsafe rd_kafka_flush(handle, milliseconds(bound)) == RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Gives up every record that has no report yet, in the queue and under way; they are reported as failed.
    public func purge() {
        _ = unsafe rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        serve()
    }

    /// Why the client can go no further and must be replaced; nil: it can.
    public var fatalError: KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let code = unsafe rd_kafka_fatal_error(handle, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(code, "producing", detail: words(text), isFatal: true)
    }

    /// Records acknowledged by the brokers so far.
    public var delivered: Int { deliveries.counts.withLock { $0.delivered } }
    /// Records that failed for good so far.
    public var failed: Int { deliveries.counts.withLock { $0.failed } }
    /// Records without a report yet.
    public var waiting: Int { Int(unsafe rd_kafka_outq_len(handle)) }

    /// The reports since the last call, when they are kept.
    public func takeReports() -> [DeliveryReport] {
        deliveries.counts.withLock { counts in
            defer { counts.reports = [] }
            return counts.reports
        }
    }

    /// Troubles of the client since the last call.
    public func takeErrors() -> [KafkaError] {
        events.takeEvents().compactMap { if case .clientFailed(let error) = $0 { error } else { nil } }
    }

    /// Lines of the library's log since the last call, and how many did not fit into its bound.
    public func takeLogLines() -> (lines: [ClientLogLine], dropped: Int) { events.takeLines() }

    private static func lend<R>(_ bytes: [UInt8]?, _ body: (UnsafeMutableRawPointer?, Int) -> R) -> R {
        guard let bytes else { return body(nil, 0) }
        return unsafe bytes.withUnsafeBytes { buffer in
            // An empty array may have no address, which would read as "none": any address will do, as nothing is read.
            let start = unsafe buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 16)
            return unsafe body(UnsafeMutableRawPointer(mutating: start), buffer.count)
        }
    }

    private static func makeHeaders(_ headers: [RecordHeader]) -> OpaquePointer? {
        let list = unsafe rd_kafka_headers_new(headers.count)
        for header in headers {
            unsafe lend(header.value) { value, count in
                _ = unsafe rd_kafka_header_add(list, header.name, -1, value, count)
            }
        }
        return unsafe list
    }
}

private typealias Content = rd_kafka_vu_s.__Unnamed_union_u

private func vu(_ type: rd_kafka_vtype_t, _ fill: (inout Content) -> Void) -> rd_kafka_vu_t {
    var value = unsafe rd_kafka_vu_t()
    unsafe value.vtype = type
    unsafe fill(&value.u)
    return unsafe value
}

/// Counts and, if wanted, keeps what became of produced records.
final class Deliveries: Sendable {
    struct Counts {
        var delivered = 0
        var failed = 0
        var reports: [DeliveryReport] = []
    }

    let counts = Mutex(Counts())
    private let keeping: Bool

    init(keeping: Bool) { self.keeping = keeping }

    /// Notes the report of one record; the message is lent by the library.
    func note(_ message: UnsafePointer<rd_kafka_message_t>) {
        let code = unsafe message.pointee.err
        let report = unsafe DeliveryReport(
            token: Int(bitPattern: message.pointee._private) &- 1, partition: message.pointee.partition,
            offset: message.pointee.offset,
            error: code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code, "producing"))
        counts.withLock { counts in
            if report.error == nil { counts.delivered += 1 } else { counts.failed += 1 }
            if keeping { counts.reports.append(report) }
        }
    }
}
