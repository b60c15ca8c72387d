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

/// A partition ledger in memory, which can be away and can refuse.
final class MemoryLedgerStore: PartitionLedgerStore {
    struct Away: Error {}

    private struct State {
        var rows: [LedgerAdvance] = []
        var next: [SourcePartition: Int64] = [:]
        var isAway = false
        var calls = 0
    }

    let sources: SourcePartitions
    private let state = Mutex(State())

    init(sources: SourcePartitions = SourcePartitions()) { self.sources = sources }

    func nextOffsets(of partitions: [SourcePartition]) throws -> [Int64?] {
        try state.withLock { state in
            state.calls += 1
            if state.isAway { throw Away() }
            return partitions.map { state.next[$0] }
        }
    }

    func append(_ advances: [LedgerAdvance]) throws -> [Int32] {
        try state.withLock { state in
            state.calls += 1
            if state.isAway { throw Away() }
            var refused: [Int32] = []
            for advance in advances {
                guard let source = sources[advance.partition] else { continue }
                if let next = state.next[source], advance.firstOffset < next {
                    refused.append(advance.partition)
                    continue
                }
                state.rows.append(advance)
                state.next[source] = advance.nextOffset
            }
            return refused
        }
    }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
    func setNext(_ source: SourcePartition, _ offset: Int64) { state.withLock { $0.next[source] = offset } }
    func next(_ source: SourcePartition) -> Int64? { state.withLock { $0.next[source] } }
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
