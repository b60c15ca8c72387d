public import OrderEvents

/// What a record was made to be.
public enum TrafficKind: Hashable, Sendable {
    /// An event in its place.
    case clean
    /// The bytes of an earlier record again.
    case duplicate
    /// An event that comes long after its time.
    case late
    /// An event that changed places with its channel's next one.
    case reordered
    /// A number that was missing for a while: what its channel told behind it had to wait.
    case gap
    /// A word that the order has left behind, under a new event id and without news.
    case outdated
    /// The event id of an earlier record with other content.
    case reusedKey
    /// A status that the channel's table does not know.
    case unknownStatus
    /// A warehouse that the legal entity does not have.
    case unknownWarehouse
    /// A legal entity that is not configured.
    case unknownLegalEntity
    /// No event at all.
    case garbage(Garbage)

    /// Ways to be no event.
    public enum Garbage: CaseIterable, Hashable, Sendable {
        /// Random bytes.
        case binary
        /// A value of no bytes.
        case empty
        /// No value.
        case tombstone
        /// An event that ends in the middle.
        case truncated
        /// An event with numbers, lists and objects where text belongs.
        case wrongTypes
        /// Text that is not UTF-8.
        case brokenEncoding
        /// The same key twice in one object.
        case duplicateKey
        /// Deeper than any event.
        case tooDeep
        /// JSON, but no object.
        case noObject
        /// An identifier of up to 512 KiB.
        case giant
    }

    /// The outcome that a record of this kind usually has; nil where it depends on what came before.
    public var usualOutcome: Outcome? {
        switch self {
        case .clean, .late, .reordered, .gap: nil
        case .duplicate: .duplicate
        case .outdated: .stale
        case .reusedKey, .unknownStatus, .unknownWarehouse: .rejected
        case .unknownLegalEntity, .garbage: .deadLettered
        }
    }
}

/// One record of generated traffic.
public struct TrafficRecord: Sendable {
    /// A header of a record.
    public struct Header: Equatable, Sendable {
        /// Name.
        public var name: String
        /// Content.
        public var value: [UInt8]
        /// A header; see the properties.
        public init(name: String, value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// Kafka topic.
    public var topic: String
    /// Kafka key: all records of an order within a topic have the same, so they keep their sequence.
    public var key: [UInt8]
    /// Kafka value; nil is a tombstone.
    public var value: [UInt8]?
    /// Kafka headers.
    public var headers: [Header]
    /// When the channel sent it, by the generator's clock.
    ///
    /// Never runs backwards.
    public var timestamp: Timestamp
    /// What the record was made to be.
    public var kind: TrafficKind
}

/// What the generator believes of an order whose last event it has emitted.
public struct ExpectedOrder: Hashable, Sendable {
    /// Legal entity.
    public var legalEntity: String
    /// Canonical reference: `ISSUER/VALUE` for the marketplace's orders.
    public var orderRef: String
    /// The state that all its events lead to, in whatever sequence the topics are read; nil when an event was withheld
    /// for good.
    public var finalState: CanonicalState?
    /// The channel that it began at.
    public var channel: String
    /// Whether it was made to fail validation: by an article that nobody has, or by its total.
    public var isInvalid: Bool
}

/// What a generator has emitted so far.
public struct TrafficCounts: Equatable, Sendable {
    /// Records by kind.
    public internal(set) var records: [TrafficKind: Int] = [:]
    /// Sequenced events that were withheld for good.
    public internal(set) var withheld = 0
    /// Orders whose first event was emitted.
    public internal(set) var orders = 0

    /// All records.
    public var total: Int { records.values.reduce(0, +) }
    /// Records that are no event at all.
    public var garbage: Int {
        records.reduce(0) { sum, entry in if case .garbage = entry.key { sum + entry.value } else { sum } }
    }

    /// Records of one kind.
    public func count(_ kind: TrafficKind) -> Int { records[kind] ?? 0 }
}
