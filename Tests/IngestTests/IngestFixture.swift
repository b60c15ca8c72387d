import Embedded
import Ingest
import Kafka
import Metrics
import OrderEvents
import Partitioner
import Synchronization
import TestSupport

/// One process's worth of Ingest around a broker, with a sink that the test works off by hand.
struct IngestFixture {
    let service: IngestService
    let sink: RecordingSink
    let ledger: SharedLedger
    let registry: Registry
    let log: LogRecorder

    init(
        _ broker: EmbeddedBroker, topics: [String], group: String, store: MemoryLedgerStore,
        options: [(name: String, value: String)] = [], change: (inout IngestSettings) -> Void = { _ in }
    ) {
        var settings = IngestSettings(
            brokers: broker.bootstrapServers, group: group, topics: topics,
            options: [
                ("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "200"), ("reconnect.backoff.max.ms", "300"),
            ] + options)
        settings.commitInterval = .milliseconds(20)
        settings.pollWait = .milliseconds(20)
        change(&settings)
        registry = Registry()
        log = LogRecorder()
        let ledger = SharedLedger()
        self.ledger = ledger
        sink = RecordingSink(ledger: ledger)
        service = IngestService(
            settings: settings, decoder: StubDecoder(), sink: sink, ledger: ledger, sources: store.sources,
            store: store, metrics: IngestMetrics(registry, group: group), log: log.log)
    }

    /// The value of one series of the exposition, such as `name{a="1"}`; nil when it is not there.
    func metric(_ series: String) -> Double? {
        let text = String(decoding: registry.textExposition(), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix(series + " ") {
            return Double(line.dropFirst(series.count + 1))
        }
        return nil
    }
}

/// `e7` is an event of the entity 7; `bad` cannot be read.
struct StubDecoder: RecordDecoding {
    func decode(
        topic: Int32, value: [UInt8]?, key: () -> [UInt8]?, headers: () -> [PolledHeader], source: SourcePosition
    ) -> Taken {
        guard let value else { return letter(.tombstone, nil, key(), source) }
        guard value.first == UInt8(ascii: "e"), let entity = Int32(String(decoding: value.dropFirst(), as: UTF8.self))
        else { return letter(.notJSON, value, key(), source) }
        var event = OrderEvent(
            source: source, bytes: value, payloadCount: value.count, contentHash: 0, channel: topic)
        event.entity = entity
        return .event(event)
    }

    private func letter(
        _ reason: DeadLetter.Reason, _ value: [UInt8]?, _ key: [UInt8]?, _ source: SourcePosition
    ) -> Taken {
        .deadLetter(
            DeadLetter(
                source: source, reason: reason, detail: "byte 0", channel: "stub", key: key, payload: value,
                payloadCount: value?.count ?? 0))
    }
}

/// Keeps what is offered until the test says that it is done.
final class RecordingSink: LaneSink {
    private struct State {
        var taken: [Taken] = []
        var waiting: [SourcePosition] = []
        var pressure = Pressure.none
        var completesAtOnce = false
        /// Partitions of which nothing more will be done.
        var heldUp: Set<Int32> = []
        var waits = 0
    }

    private let state = Monitor(State())
    private let ledger: SharedLedger

    init(ledger: SharedLedger) { self.ledger = ledger }

    func offer(_ burst: [Taken]) {
        let done = state.withLock { state -> [SourcePosition] in
            state.taken += burst
            if state.completesAtOnce { return burst.map(\.source) }
            state.waiting += burst.map(\.source)
            return []
        }
        ledger.completed(done)
    }

    func pressure() -> Pressure { state.withLock { $0.pressure } }

    func waitForChange(of pressure: Pressure, within bound: Duration) {
        state.change { $0.waits += 1 }
        _ = state.wait(within: bound) { $0.pressure != pressure }
    }

    func setPressure(_ pressure: Pressure) { state.change { $0.pressure = pressure } }

    func heldUp(of partitions: Set<Int32>) -> HeldUp {
        state.withLock { state in
            var heldUp = HeldUp()
            let stuck = partitions.intersection(state.heldUp)
            heldUp.waiting = state.waiting.count { stuck.contains($0.partition) }
            return heldUp
        }
    }

    /// What waits of these partitions waits for whoever may not go on.
    func setHeldUp(_ partitions: Set<Int32>) { state.change { $0.heldUp = partitions } }

    /// How often the poll thread waited for room.
    var waits: Int { state.withLock { $0.waits } }

    /// Everything offered so far.
    var taken: [Taken] { state.withLock { $0.taken } }

    var offsets: [Int64] { taken.map(\.source.offset) }

    /// Completes what waits and matches, and with `always` whatever comes later too.
    func complete(always: Bool = false, where matches: (SourcePosition) -> Bool = { _ in true }) {
        let done = state.withLock { state -> [SourcePosition] in
            state.completesAtOnce = state.completesAtOnce || always
            defer { state.waiting.removeAll(where: matches) }
            return state.waiting.filter(matches)
        }
        ledger.completed(done)
    }
}

/// A partition ledger in memory, which can be away and can refuse, by the rules of the one in PostgreSQL.
final class MemoryLedgerStore: PartitionLedgerStore {
    struct Away: Error {}

    /// Who reads a partition: nil when the reading ended in good order.
    struct Reading: Sendable {
        var began: Int64 = 0
        var reader: Int?
        var uncleanEnds = 0
        var suspect: (offset: Int64, ends: Int)?
        var isInHand = false
    }

    private struct State {
        var rows: [LedgerAdvance] = []
        var next: [SourcePartition: Int64] = [:]
        var readings: [SourcePartition: Reading] = [:]
        var waiting: Set<SourcePartition> = []
        var isAway = false
        var calls = 0
    }

    let sources: SourcePartitions
    private let reader: Int
    private let state: Mutex<State>

    init(sources: SourcePartitions = SourcePartitions()) {
        self.sources = sources
        reader = 0
        state = Mutex(State())
    }

    /// What the next process finds when the one that uses `other` ends at this moment, without a word.
    init(after other: MemoryLedgerStore) {
        sources = other.sources
        reader = other.reader + 1
        state = Mutex(other.state.withLock { $0 })
    }

    func open(_ partitions: [SourcePartition]) throws -> [PartitionOpening] {
        try call { state in
            partitions.map { partition in
                let next = state.next[partition]
                var reading = state.readings[partition] ?? Reading()
                if reading.reader == nil {
                    reading = Reading()
                } else if reading.reader != reader {
                    reading.uncleanEnds += 1
                    if let suspect = reading.suspect, suspect.offset < next ?? 0 {
                        reading.suspect = nil
                    } else if reading.isInHand {
                        reading.suspect?.ends += 1
                    }
                }
                reading.isInHand = false
                reading.began = next ?? 0
                reading.reader = reader
                state.readings[partition] = reading
                return PartitionOpening(
                    nextOffset: next, uncleanEnds: reading.uncleanEnds, suspect: reading.suspect)
            }
        }
    }

    func close(_ partitions: [SourcePartition]) throws {
        try call { state in
            for partition in partitions where state.readings[partition]?.reader == reader {
                state.readings[partition]?.reader = nil
            }
        }
    }

    func take(_ records: [(partition: SourcePartition, offset: Int64)]) throws {
        try call { state in
            for record in records {
                let ends = state.readings[record.partition]?.suspect.flatMap {
                    $0.offset == record.offset ? $0.ends : nil
                }
                state.readings[record.partition]?.suspect = (record.offset, ends ?? 0)
                state.readings[record.partition]?.isInHand = true
            }
        }
    }

    func append(_ advances: [LedgerAdvance]) throws -> (refused: [Int32], waiting: [Int32]) {
        try call { state in
            var answer: (refused: [Int32], waiting: [Int32]) = ([], [])
            for advance in advances {
                guard let source = sources[advance.partition] else { continue }
                if let next = state.next[source], advance.firstOffset < next {
                    answer.refused.append(advance.partition)
                } else if state.waiting.contains(source) {
                    answer.waiting.append(advance.partition)
                } else {
                    state.rows.append(advance)
                    state.next[source] = advance.nextOffset
                }
            }
            return answer
        }
    }

    private func call<R>(_ body: (inout State) throws -> R) throws -> R {
        try state.withLock { state in
            state.calls += 1
            if state.isAway { throw Away() }
            return try body(&state)
        }
    }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
    /// Makes stretches of a partition need a store that is away.
    func setWaiting(_ source: SourcePartition, _ isWaiting: Bool) {
        state.withLock { if isWaiting { $0.waiting.insert(source) } else { $0.waiting.remove(source) } }
    }
    func setNext(_ source: SourcePartition, _ offset: Int64) { state.withLock { $0.next[source] = offset } }
    func setReading(_ source: SourcePartition, _ reading: Reading) {
        state.withLock { $0.readings[source] = reading }
    }
    func next(_ source: SourcePartition) -> Int64? { state.withLock { $0.next[source] } }
    func reading(_ source: SourcePartition) -> Reading? { state.withLock { $0.readings[source] } }
    var rows: [LedgerAdvance] { state.withLock { $0.rows } }
    var calls: Int { state.withLock { $0.calls } }
}

/// Keeps the lines of a log.
final class LogRecorder: Sendable {
    private let lines = Mutex<[String]>([])

    var log: Log {
        Log { [self] line in
            lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            return true
        }
    }

    func has(_ event: String) -> Bool { lines.withLock { $0.contains { $0.contains("\"\(event)\"") } } }

    var text: String { lines.withLock { $0.joined() } }
}
