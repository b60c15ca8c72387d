public import OrderEvents

/// Turns a polled record into what waits in a lane.
///
/// Pure, and called on the poll thread for every record: no I/O, no locks that somebody else holds for long. Every
/// record gives a `Taken`, so that none is dropped without being counted: what cannot be read is a dead letter.
public protocol RecordDecoding: Sendable {
    /// Decodes and routes one record.
    ///
    /// - Parameters:
    ///   - topic: index of the topic in `IngestSettings.topics`.
    ///   - value: the record's value, owned by the caller from now on; nil for a tombstone.
    ///   - key: copies the record's key; nil where it has none. Only valid during the call.
    ///   - headers: copies the record's headers, at most `IngestSettings.maximumHeaders`. Only valid during the call.
    ///   - source: where and when the record was read.
    /// - Returns: an event, whose `entity` is set where it is known, or a dead letter; both with this `source`.
    func decode(
        topic: Int32, value: [UInt8]?, key: () -> [UInt8]?, headers: () -> [PolledHeader], source: SourcePosition
    ) -> Taken
}
