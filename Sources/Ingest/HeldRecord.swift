import Kafka
import OrderEvents

/// A record that was polled and is kept as it is until it may be looked at.
struct HeldRecord {
    let source: SourcePosition
    private let topic: Int32
    private let value: [UInt8]?
    private let key: [UInt8]?
    private let headers: [PolledHeader]

    /// A copy of `message`, which was read at `source`.
    init(_ message: borrowing Message, _ source: SourcePosition) {
        self.source = source
        topic = message.topic
        value = message.value()
        key = message.key()
        headers = message.headers(limit: IngestSettings.maximumHeaders).map { PolledHeader($0.name, $0.value) }
    }

    func decode(_ decoder: any RecordDecoding) -> Taken {
        decoder.decode(topic: topic, value: value, key: { key }, headers: { headers }, source: source)
    }

    /// The dead letter of a record that ended its readers.
    var givenUp: DeadLetter {
        DeadLetter(
            source: source, reason: .crashed,
            detail: "the process ended \(Caution.suspectEnds) times while it had this record alone in hand",
            channel: "", key: key.map { Array($0.prefix(DeadLetter.maximumKeptBytes)) },
            payload: value.map { Array($0.prefix(DeadLetter.maximumKeptBytes)) }, payloadCount: value?.count ?? 0)
    }
}
