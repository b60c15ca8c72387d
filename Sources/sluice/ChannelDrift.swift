import Metrics
import OrderEvents
import Synchronization

/// How the channels' records drift from their configuration: `sluice_channel_drift_total`.
struct DriftMetrics {
    private let drift: CounterFamily
    private let log: Log

    init(_ registry: Registry, log: Log) {
        drift = registry.counter(
            "sluice_channel_drift_total",
            help:
                "Signs that a channel changed: unknown fields (of some records), unmapped words, other types.",
            labels: ["channel", "kind"])
        self.log = log
    }

    /// The watch over one channel.
    func watch(_ format: ChannelFormat) -> ChannelDrift {
        ChannelDrift(
            channel: format.name, known: format.knownPlaces,
            counters: DriftKind.allCases.map { drift.with(format.name, $0.rawValue) }, log: log)
    }
}

/// Watches the records of one channel.
///
/// Unmapped words and refused types are counted one by one. Whole documents are looked at now and then: one of 16 while
/// the table learns, then one of 256, chosen by offset, so that a usual record costs a comparison.
final class ChannelDrift: Sendable {
    private static let learningMask: Int64 = 15
    private static let watchingMask: Int64 = 255

    private let channel: String
    private let counters: [Counter]
    private let log: Log
    private let table: Mutex<DriftTable>
    private let mask = Atomic(learningMask)

    init(channel: String, known: [String], counters: [Counter], log: Log) {
        self.channel = channel
        self.counters = counters
        self.log = log
        table = Mutex(DriftTable(known: known))
    }

    /// Looks at what became of a record.
    func look(at taken: Taken, _ decoder: EventDecoder) {
        switch taken {
        case .event(let event):
            if event.refusal?.code == .unknownStatus { met(.unmappedWord, at: decoder.statusPointer) }
            if event.unmappedTable >= 0 { metUnmapped(event.unmappedTable, decoder) }
            guard event.source.offset & mask.load(ordering: .relaxed) == 0 else { return }
            judge(event)
        case .deadLetter(let letter):
            guard letter.reason == .wrongType else { return }
            met(.changedType, at: String(letter.detail.prefix { $0 != ":" }))
        }
    }

    private func judge(_ event: OrderEvent) {
        let (findings, isLearning) = table.withLock { table in
            let payload = event.bytes.span.extracting(0..<event.payloadCount)
            return (table.look(at: payload), table.isLearning)
        }
        if !isLearning { mask.store(Self.watchingMask, ordering: .relaxed) }
        for finding in findings { tell(finding) }
    }

    private func metUnmapped(_ index: Int16, _ decoder: EventDecoder) {
        let tables = decoder.tables
        guard tables.indices.contains(Int(index)) else { return }
        met(.unmappedWord, at: "values." + tables[Int(index)])
    }

    private func met(_ kind: DriftKind, at place: String) { tell(table.withLock { $0.met(kind, at: place) }) }

    /// Counts a finding; its place goes to the log the first time.
    private func tell(_ finding: DriftTable.Finding) {
        if let index = DriftKind.allCases.firstIndex(of: finding.kind) { counters[index].add() }
        guard finding.isNew else { return }
        log.warning(
            "channel.drift",
            [
                ("channel", .text(channel)), ("kind", .text(finding.kind.rawValue)),
                ("pointer", .text(finding.pointer)), ("remedy", "mend the channel's mapping, or leave it"),
            ])
    }
}
