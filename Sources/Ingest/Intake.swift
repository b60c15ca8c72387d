import Glibc
import Kafka
import Metrics
import OrderEvents
import Partitioner

/// What the poll thread does with each record of a burst: number it, decode it, count it, hand the burst on.
///
/// A class only so that the closure of `Consumer.poll` can change it; never leaves the poll thread.
final class Intake {
    /// A partition that records are taken from.
    private struct Lane {
        var epoch: UInt32
        /// The offset that comes next, or a later one where the log has gaps; nil before the first record when reading
        /// began at the oldest.
        var expected: Int64?
        /// False while the partition is being given up: its records are left for the next owner.
        var isOpen: Bool
        /// Whether the first record was seen.
        var hasBegun = false
        var clock = LogClock()
        /// Records since the last `finishBurst`.
        var fresh = 0
        let handles: IngestMetrics.Handles
    }

    private let decoder: any RecordDecoding
    private let sink: any LaneSink
    private let ledger: SharedLedger
    private let metrics: IngestMetrics
    /// Index of the source partition by topic index and partition; -1: never assigned.
    private var indexes: [[Int32]] = []
    /// By index of the source partition; nil while not assigned.
    private var lanes: [Lane?] = []
    private var records: [LedgerRecord] = []
    private var burst: [Taken] = []
    private var touched: [Int32] = []
    /// Partitions that gave a record again that was taken before, with the lowest such offset.
    private(set) var rewound: [Int32: Int64] = [:]
    /// Partitions whose first record came later than expected: index, expected offset, offset that came.
    private(set) var skipped: [(partition: Int32, expected: Int64, found: Int64)] = []

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
        while indexes.count <= Int(topic) { indexes.append([]) }
        while indexes[Int(topic)].count <= Int(partition) { indexes[Int(topic)].append(-1) }
        indexes[Int(topic)][Int(partition)] = index
        while lanes.count <= Int(index) { lanes.append(nil) }
        lanes[Int(index)] = Lane(epoch: epoch, expected: offset, isOpen: true, handles: handles)
    }

    /// Takes no more records of a partition that is being given up.
    func shut(_ index: Int32) {
        if lanes.indices.contains(Int(index)) { lanes[Int(index)]?.isOpen = false }
    }

    /// Forgets a partition.
    func close(_ index: Int32) {
        if lanes.indices.contains(Int(index)) { lanes[Int(index)] = nil }
        rewound[index] = nil
    }

    /// The offset behind the newest record taken, or where reading began.
    func expected(_ index: Int32) -> Int64? {
        lanes.indices.contains(Int(index)) ? lanes[Int(index)]?.expected : nil
    }

    /// Seconds since the record at `next` was appended, as far as it is known.
    func age(_ index: Int32, of next: Int64, now: Timestamp) -> Double? {
        guard lanes.indices.contains(Int(index)) else { return nil }
        lanes[Int(index)]?.clock.drop(before: next)
        return lanes[Int(index)]?.clock.age(of: next, now: now)
    }

    /// Takes one record.
    ///
    /// It is counted before it is decoded.
    func take(_ message: borrowing Message) {
        let index = index(topic: message.topic, partition: message.partition)
        guard index >= 0, let epoch = admit(index, offset: message.offset) else { return }
        let logged = message.timestamp.map { Timestamp(microseconds: $0.milliseconds * 1000) }
        let source = SourcePosition(
            partition: index, epoch: epoch, offset: message.offset, loggedAt: logged, polledAt: wallClock())
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

    /// Takes an offset that the consumer cannot read as a dead letter.
    ///
    /// - Returns: the offset to go on with; nil when the partition is not being read.
    func takeUnreadable(topic: Int32, partition: Int32, offset: Int64, error: KafkaError) -> Int64? {
        let index = index(topic: topic, partition: partition)
        // The library names the first offset of the whole batch, which may lie behind us already.
        let place = max(offset, expected(index) ?? offset)
        guard index >= 0, let epoch = admit(index, offset: place) else { return nil }
        let source = SourcePosition(
            partition: index, epoch: epoch, offset: place, loggedAt: nil, polledAt: wallClock())
        count(source)
        burst.append(
            .deadLetter(
                DeadLetter(
                    source: source, reason: .brokerError, detail: "the record cannot be read: \(error.code)",
                    channel: "", key: nil, payload: nil, payloadCount: 0)))
        return place + 1
    }

    /// Counts the burst in the ledger, then offers it to the lanes.
    ///
    /// - Returns: records of the burst.
    func finishBurst() -> Int {
        if burst.isEmpty { return 0 }
        // In one step with the ledger before anybody else can see a record.
        let refused = ledger.polled(records)
        for place in refused.reversed() { burst.remove(at: place) }
        for index in touched {
            lanes[Int(index)]?.handles.records.add(lanes[Int(index)]?.fresh ?? 0)
            lanes[Int(index)]?.fresh = 0
        }
        let count = burst.count
        metrics.burstRecords.observe(Double(count))
        sink.offer(burst)
        burst.removeAll(keepingCapacity: true)
        records.removeAll(keepingCapacity: true)
        touched.removeAll(keepingCapacity: true)
        return count
    }

    /// Takes the oddities noted since the last call.
    func takeOddities() -> (rewound: [Int32: Int64], skipped: [(partition: Int32, expected: Int64, found: Int64)]) {
        defer {
            if !rewound.isEmpty { rewound = [:] }
            if !skipped.isEmpty { skipped = [] }
        }
        return (rewound, skipped)
    }

    private func index(topic: Int32, partition: Int32) -> Int32 {
        guard indexes.indices.contains(Int(topic)), indexes[Int(topic)].indices.contains(Int(partition)) else {
            return -1
        }
        return indexes[Int(topic)][Int(partition)]
    }

    /// The epoch under which the record is taken; nil when it is not.
    private func admit(_ index: Int32, offset: Int64) -> UInt32? {
        let place = Int(index)
        guard lanes[place]?.isOpen == true else { return nil }
        if let expected = lanes[place]?.expected {
            if offset < expected {
                rewound[index] = min(offset, rewound[index] ?? offset)
                return nil
            }
            if offset > expected, lanes[place]?.hasBegun == false { skipped.append((index, expected, offset)) }
        }
        lanes[place]?.hasBegun = true
        return lanes[place]?.epoch
    }

    private func count(_ source: SourcePosition) {
        let place = Int(source.partition)
        records.append(LedgerRecord(partition: source.partition, entity: -1, offset: source.offset))
        if lanes[place]?.fresh == 0 {
            touched.append(source.partition)
            if let at = source.loggedAt { lanes[place]?.clock.note(source.offset, at: at) }
        }
        lanes[place]?.fresh += 1
        lanes[place]?.expected = source.offset + 1
    }
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
