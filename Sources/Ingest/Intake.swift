import Glibc
import Kafka
import Metrics
import OrderEvents
import Partitioner

/// What the poll thread does with each record of a burst: number it, decode it, count it, hand the burst on.
///
/// A class only so that the closure of `Consumer.poll` can change it; never leaves the poll thread.
final class Intake {
    /// What a record changes, in one piece: each access to a variable of a class is checked for being the only one.
    private struct State {
        var partitions = IntakePartitions()
        var records: [LedgerRecord] = []
        var burst: [Taken] = []
        /// Records of partitions that are read with care, which wait to be taken; at most a burst.
        var waiting: [Int32: [HeldRecord]] = [:]

        mutating func take(_ message: borrowing Message, _ decoder: any RecordDecoding) {
            let index = partitions.index(topic: message.topic, partition: message.partition)
            guard let epoch = partitions.admit(index, offset: message.offset) else { return }
            let logged = message.timestamp.map { Timestamp(microseconds: $0.milliseconds * 1000) }
            let source = SourcePosition(
                partition: index, epoch: epoch, offset: message.offset, loggedAt: logged, polledAt: wallClock(),
                trace: trace(of: message, index))
            if !waiting.isEmpty, waiting[index] != nil {
                // Neither counted nor looked at.
                waiting[index]?.append(HeldRecord(message, source))
                partitions.pass(index, offset: message.offset)
                return
            }
            count(source)
            // Keys and headers are copied only if the decoder asks: most records need neither.
            let taken = decoder.decode(
                topic: message.topic, value: message.value(), key: { message.key() },
                headers: {
                    message.headers(limit: IngestSettings.maximumHeaders).map { PolledHeader($0.name, $0.value) }
                }, source: source)
            if case .event(let event) = taken { records[records.count - 1].entity = event.entity }
            burst.append(taken)
        }

        /// The trace that the record's header names: as elsewhere with Kafka, the last of several headers.
        private func trace(of message: borrowing Message, _ index: Int32) -> TraceContext? {
            guard let found = message.withLastHeader("traceparent", { TraceContext(traceparent: $0) }) else {
                return nil
            }
            if found == nil { partitions.refuseTrace(index) }
            return found
        }

        /// Takes the first of the records that wait, `unseen` as a dead letter.
        mutating func takeHeld(_ index: Int32, _ limit: Int, unseen: Bool, _ decoder: any RecordDecoding) {
            guard let held = waiting[index] else { return }
            for record in held.prefix(limit) {
                count(record.source)
                let taken = unseen ? .deadLetter(record.givenUp) : record.decode(decoder)
                if case .event(let event) = taken { records[records.count - 1].entity = event.entity }
                burst.append(taken)
            }
            waiting[index] = Array(held.dropFirst(limit))
        }

        mutating func count(_ source: SourcePosition) {
            records.append(LedgerRecord(partition: source.partition, entity: -1, offset: source.offset))
            partitions.count(source)
        }
    }

    private let decoder: any RecordDecoding
    private let sink: any LaneSink
    private let ledger: SharedLedger
    private let metrics: IngestMetrics
    private var state = State()

    init(decoder: any RecordDecoding, sink: any LaneSink, ledger: SharedLedger, metrics: IngestMetrics) {
        self.decoder = decoder
        self.sink = sink
        self.ledger = ledger
        self.metrics = metrics
    }

    /// Begins to take records of a partition.
    func open(
        _ index: Int32, topic: Int32, partition: Int32, epoch: UInt32, from offset: Int64?,
        handles: IngestMetrics.Handles
    ) {
        state.partitions.open(
            index, topic: topic, partition: partition, epoch: epoch, from: offset, handles: handles)
    }

    /// Takes no more records of a partition that is being given up.
    func shut(_ index: Int32) { state.partitions.shut(index) }

    /// Forgets a partition.
    func close(_ index: Int32) {
        state.partitions.close(index)
        state.waiting[index] = nil
    }

    /// Keeps the records of a partition from now on, until they are taken one by one.
    func beginHolding(_ index: Int32) { state.waiting[index] = [] }
    func endHolding(_ index: Int32) { state.waiting[index] = nil }

    /// Whether records wait to be taken one by one.
    func isHolding(_ index: Int32) -> Bool { firstHeld(index) != nil }

    /// Offset of the first record that waits.
    func firstHeld(_ index: Int32) -> Int64? { state.waiting[index]?.first?.source.offset }

    /// The trace that it names.
    func firstHeldTrace(_ index: Int32) -> TraceContext? { state.waiting[index]?.first?.source.trace }

    /// Takes the first `limit` of the records that wait; `unseen` ones become dead letters without being looked at.
    func takeHeld(_ index: Int32, _ limit: Int, unseen: Bool) {
        state.takeHeld(index, limit, unseen: unseen, decoder)
    }

    /// The offset behind the newest record taken, or where reading began.
    func expected(_ index: Int32) -> Int64? { state.partitions.expected(index) }

    /// Seconds since the record at `next` was appended, as far as it is known.
    func age(_ index: Int32, of next: Int64, now: Timestamp) -> Double? {
        state.partitions.age(index, of: next, now: now)
    }

    /// Takes one record.
    ///
    /// It is counted before it is decoded.
    func take(_ message: borrowing Message) { state.take(message, decoder) }

    /// Takes offsets that cannot be read as dead letters, where the partition is being read.
    func takeUnreadable(_ index: Int32, _ range: Range<Int64>, reason: DeadLetter.Reason, detail: String) {
        for offset in range {
            guard let epoch = state.partitions.admit(index, offset: offset) else { continue }
            let source = SourcePosition(
                partition: index, epoch: epoch, offset: offset, loggedAt: nil, polledAt: wallClock())
            state.count(source)
            state.burst.append(
                .deadLetter(
                    DeadLetter(
                        source: source, reason: reason, detail: detail, channel: "", key: nil, payload: nil,
                        payloadCount: 0)))
        }
    }

    /// Counts the burst in the ledger, then offers it to the lanes.
    ///
    /// - Returns: records of the burst.
    func finishBurst() -> Int {
        if state.burst.isEmpty { return 0 }
        // In one step with the ledger before anybody else can see a record.
        let refused = ledger.polled(state.records)
        for place in refused.reversed() { state.burst.remove(at: place) }
        state.partitions.endBurst()
        let count = state.burst.count
        metrics.burstRecords.observe(Double(count))
        sink.offer(state.burst)
        state.burst.removeAll(keepingCapacity: true)
        state.records.removeAll(keepingCapacity: true)
        return count
    }

    /// Takes the partitions that gave a record again since the last call, with the lowest such offset.
    func takeRewound() -> [Int32: Int64] { state.partitions.takeRewound() }

    /// Takes the widest gap of each partition since the last call.
    func takeGaps() -> [Int32: Range<Int64>] { state.partitions.takeGaps() }
}

/// The wall clock in microseconds since the Unix epoch.
func wallClock() -> Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
}

/// Seconds of a clock that is never set.
func monotonicSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
}
