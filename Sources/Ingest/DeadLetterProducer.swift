internal import Kafka
public import OrderEvents

/// A dead letter as it goes to the dead-letter topic.
public struct DeadLetterRecord: Equatable, Sendable {
    /// Where the record was read.
    public var source: SourcePartition
    /// Its offset there.
    public var offset: Int64
    /// Its timestamp in the log, or nil.
    public var loggedAt: Timestamp?
    /// Name of the channel, or empty.
    public var channel: String
    /// Why it could not be read.
    public var reason: DeadLetter.Reason
    /// What is wrong, with its place in the record; no values of the payload.
    public var detail: String
    /// Its key, or nil.
    public var key: [UInt8]?
    /// Its value, or nil for a tombstone.
    public var value: [UInt8]?
    /// The trace that it named, or nil.
    public var trace: TraceContext?

    /// A record; see the properties.
    public init(
        source: SourcePartition, offset: Int64, loggedAt: Timestamp?, channel: String, reason: DeadLetter.Reason,
        detail: String, key: [UInt8]?, value: [UInt8]?, trace: TraceContext? = nil
    ) {
        self.source = source
        self.offset = offset
        self.loggedAt = loggedAt
        self.channel = channel
        self.reason = reason
        self.detail = detail
        self.key = key
        self.value = value
        self.trace = trace
    }
}

/// What became of dead letters that were produced.
public struct DeadLetterAnswer: Equatable, Sendable {
    /// Of each record whether the brokers acknowledged it; the others may be produced again.
    public var acknowledged: [Bool]
    /// Why not, in words: at most three that differ.
    public var refusals: [String]
    /// Whether the producer can go no further and must be replaced, as after it was refused the right to write: it
    /// would not notice that it has got it.
    public var isSpent: Bool

    /// An answer; see the properties.
    public init(acknowledged: [Bool], refusals: [String] = [], isSpent: Bool = false) {
        self.acknowledged = acknowledged
        self.refusals = refusals
        self.isSpent = isSpent
    }
}

/// Writes dead letters to their topic, with the headers that Kafka Connect gives its own, so that the same tools read
/// both.
///
/// Owned by one thread. A dead letter may be written twice when an acknowledgement is lost; its origin tells.
public struct DeadLetterProducer: ~Copyable {
    /// How much of a value is kept when the topic refuses the whole: 16 KiB.
    static let cutValueBytes = 16 << 10

    private let producer: Producer
    private let topic: String

    /// A producer for `topic`; connects in the background.
    ///
    /// - Throws: `IngestError` when a setting is refused.
    public init(
        brokers: [String], topic: String, options: [(name: String, value: String)] = []
    ) throws(IngestError) {
        var settings = ClientSettings([
            "client.id": "sluice-dead-letters", "compression.type": "lz4", "linger.ms": "20",
            // Room for one batch of the largest dead letters.
            "queue.buffering.max.kbytes": "65536",
        ])
        for option in options where !Self.consumerOnly(option.name) { settings.set(option.name, option.value) }
        settings.set("bootstrap.servers", brokers.joined(separator: ","))
        settings.set("acks", "all")
        settings.set("enable.idempotence", "true")
        do {
            producer = try Producer(settings, reports: true)
        } catch {
            throw IngestError(error.description)
        }
        self.topic = topic
    }

    /// Produces `records` and waits for their acknowledgements, at most `bound`.
    ///
    /// A value that is too large for the topic is cut to its beginning, which the header `sluice.value.bytes` tells.
    public func produce(_ records: [DeadLetterRecord], within bound: Duration) -> DeadLetterAnswer {
        var acknowledged = [Bool](repeating: false, count: records.count)
        var failures: [KafkaError] = []
        let end = ContinuousClock.now.advanced(by: bound)
        let tooLarge = attempt(records, Array(records.indices), cut: false, until: end, &acknowledged, &failures)
        if !tooLarge.isEmpty {
            _ = attempt(records, tooLarge, cut: true, until: end, &acknowledged, &failures)
        }
        let fatal = producer.fatalError
        let troubles = producer.takeErrors()
        var refusals: [String] = []
        if acknowledged.contains(false) {
            // What the client says of itself explains more than that a record was given up.
            for error in [fatal].compactMap(\.self) + troubles + failures where refusals.count < 3 {
                if !refusals.contains(error.description) { refusals.append(error.description) }
            }
        }
        return DeadLetterAnswer(acknowledged: acknowledged, refusals: refusals, isSpent: fatal != nil)
    }

    /// Produces the records at `indexes`; returns those that are too large.
    private func attempt(
        _ records: [DeadLetterRecord], _ indexes: [Int], cut: Bool, until end: ContinuousClock.Instant,
        _ acknowledged: inout [Bool], _ failures: inout [KafkaError]
    ) -> [Int] {
        var tooLarge: [Int] = []
        func failed(_ index: Int, _ error: KafkaError) {
            if !cut, error.code == .messageTooLarge { tooLarge.append(index) } else { failures.append(error) }
        }
        for index in indexes {
            let record = Self.outgoing(records[index], topic: topic, cut: cut)
            sending: while true {
                do throws(KafkaError) {
                    try producer.produce(record, token: index)
                    break sending
                } catch {
                    guard error.code == .queueFull, ContinuousClock.now < end else {
                        failed(index, error)
                        break sending
                    }
                    producer.serve(within: .milliseconds(20))
                }
            }
        }
        // What has no answer by the end is given up here, so that no report of it comes in a later call.
        if !producer.flush(within: max(.zero, end - ContinuousClock.now)) { producer.purge() }
        for report in producer.takeReports() where acknowledged.indices.contains(report.token) {
            if let error = report.error {
                failed(report.token, error)
            } else {
                acknowledged[report.token] = true
            }
        }
        return tooLarge
    }

    /// The record with its headers.
    static func outgoing(_ letter: DeadLetterRecord, topic: String, cut: Bool) -> OutgoingRecord {
        var headers = [
            RecordHeader("__connect.errors.topic", text: letter.source.topic),
            RecordHeader("__connect.errors.partition", text: String(letter.source.partition)),
            RecordHeader("__connect.errors.offset", text: String(letter.offset)),
            RecordHeader("__connect.errors.connector.name", text: "sluice"),
            RecordHeader("__connect.errors.task.id", text: "0"),
            RecordHeader("__connect.errors.stage", text: stage(letter.reason)),
            RecordHeader("__connect.errors.class.name", text: "sluice.Ingest"),
            RecordHeader("__connect.errors.exception.class.name", text: "sluice.\(letter.reason.rawValue)"),
            RecordHeader("__connect.errors.exception.message", text: letter.detail),
            RecordHeader("__connect.errors.exception.stacktrace", text: ""),
            RecordHeader("sluice.reason", text: letter.reason.rawValue),
        ]
        if !letter.channel.isEmpty { headers.append(RecordHeader("sluice.channel", text: letter.channel)) }
        if let loggedAt = letter.loggedAt {
            headers.append(RecordHeader("sluice.timestamp.ms", text: String(loggedAt.microseconds / 1000)))
        }
        // As it came: whoever mends the record finds the trace in which it was sent.
        if let trace = letter.trace { headers.append(RecordHeader("traceparent", text: trace.traceparent)) }
        var record = OutgoingRecord(topic: topic, key: letter.key, value: letter.value)
        if cut {
            headers.append(RecordHeader("sluice.value.bytes", text: String(letter.value?.count ?? 0)))
            record.value = letter.value.map { Array($0.prefix(cutValueBytes)) }
            record.key = letter.key.map { Array($0.prefix(cutValueBytes)) }
        }
        record.headers = headers
        return record
    }

    /// Connect's name of the stage at which the record failed.
    private static func stage(_ reason: DeadLetter.Reason) -> String {
        switch reason {
        case .tombstone, .empty, .tooLarge, .notUTF8, .notJSON, .missingField, .wrongType, .invalidValue,
            .unsupportedVersion, .brokerError, .crashed:
            "VALUE_CONVERTER"
        case .unknownLegalEntity, .unknownTopic:
            "TRANSFORMATION"
        }
    }

    /// Settings that a consumer and a producer do not share.
    private static func consumerOnly(_ name: String) -> Bool {
        [
            "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "group.instance.id",
            "fetch.max.bytes", "fetch.message.max.bytes", "max.partition.fetch.bytes", "fetch.wait.max.ms",
            "fetch.min.bytes", "fetch.error.backoff.ms", "queued.max.messages.kbytes", "queued.min.messages",
            "isolation.level", "check.crcs", "auto.offset.reset", "partition.assignment.strategy",
        ].contains(name)
    }
}
