/// A record that could not be read, or that belongs to no configured legal entity.
///
/// Claims no key.
public struct DeadLetter: Sendable {
    /// Why a record ended as a dead letter.
    ///
    /// The names are label values of `sluice_dead_letters_total`.
    public enum Reason: String, CaseIterable, Sendable {
        case tombstone
        case empty
        case tooLarge = "too_large"
        case notUTF8 = "not_utf8"
        case notJSON = "not_json"
        case missingField = "missing_field"
        case wrongType = "wrong_type"
        case invalidValue = "invalid_value"
        case unsupportedVersion = "unsupported_version"
        case unknownLegalEntity = "unknown_legal_entity"
        case unknownTopic = "unknown_topic"
        case brokerError = "broker_error"
        /// It ended the process again and again, so it is not looked at any more.
        case crashed
    }

    /// Where the record was read.
    public var source: SourcePosition
    /// Why.
    public var reason: Reason
    /// What is wrong, with its place in the record (`/lines/1/quantity: …`, `byte 17: …`).
    ///
    /// No values of the payload.
    public var detail: String
    /// Name of the channel, or empty.
    public var channel: String
    /// The record's key, cut to `maximumKeptBytes`.
    public var key: [UInt8]?
    /// The record's value, cut to `maximumKeptBytes`; nil for a tombstone.
    public var payload: [UInt8]?
    /// Size of the whole value.
    public var payloadCount: Int

    /// How much of a key or value a dead letter keeps in the store: 1 MiB.
    public static let maximumKeptBytes = 1 << 20

    /// A dead letter; see the properties.
    public init(
        source: SourcePosition, reason: Reason, detail: String, channel: String, key: [UInt8]?, payload: [UInt8]?,
        payloadCount: Int
    ) {
        self.source = source
        self.reason = reason
        self.detail = detail
        self.channel = channel
        self.key = key
        self.payload = payload
        self.payloadCount = payloadCount
    }

    /// Bytes of memory that the dead letter holds, for budgets.
    public var cost: Int { (payload?.count ?? 0) + (key?.count ?? 0) + MemoryLayout<DeadLetter>.stride }
}

/// What became of a polled record after decoding and routing: the unit that waits in a lane.
///
/// As small as an event; a dead letter, which is rare, lies behind a reference.
public enum Taken: Sendable {
    case event(OrderEvent)
    indirect case deadLetter(DeadLetter)

    /// Where the record was read.
    public var source: SourcePosition {
        switch self {
        case .event(let event): event.source
        case .deadLetter(let letter): letter.source
        }
    }

    /// Bytes of memory that it holds, for budgets.
    public var cost: Int {
        switch self {
        case .event(let event): event.cost
        case .deadLetter(let letter): letter.cost
        }
    }
}
