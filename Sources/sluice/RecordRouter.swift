import Configuration
import Ingest
import OrderEvents
import Partitioner
import Synchronization

/// Decodes by the topic's channel, routes, and watches for drift.
final class RecordRouter: RecordDecoding {
    /// Records polled since the start.
    let polled = Atomic(0)
    private let decoders: [EventDecoder]
    private let channels: [String]
    private let laneMap: LaneMap
    private let drifts: [ChannelDrift]
    private let failpoint = Failpoint()

    /// `topics` of IngestSettings in the same sequence: topic -> channel.
    init(_ wiring: Wiring, drift: DriftMetrics) {
        var decoders: [EventDecoder] = []
        var channels: [String] = []
        var drifts: [ChannelDrift] = []
        for (channel, format) in zip(wiring.configuration.channels, wiring.formats) {
            let watch = drift.watch(format)
            for topic in channel.topics {
                decoders.append(EventDecoder(format, topic: topic))
                channels.append(channel.name)
                drifts.append(watch)
            }
        }
        self.decoders = decoders
        self.channels = channels
        self.drifts = drifts
        self.laneMap = wiring.laneMap
    }

    func decode(
        topic: Int32, value: [UInt8]?, key: () -> [UInt8]?, headers: () -> [PolledHeader], source: SourcePosition
    ) -> Taken {
        polled.add(1, ordering: .relaxed)
        failpoint.meet(value)
        let index = Int(topic)
        let decoded = decoders[index].decode(value: value, key: nil, source: source, headers: headers)
        drifts[index].look(at: decoded, decoders[index])
        let taken = laneMap.route(decoded, channelName: channels[index])
        guard case .deadLetter(var letter) = taken else { return taken }
        letter.key = key().map { Array($0.prefix(DeadLetter.maximumKeptBytes)) }
        return .deadLetter(letter)
    }
}
