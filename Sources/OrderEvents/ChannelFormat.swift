// What a channel's records look like: the part of a channel's configuration that the decoder needs.

/// A channel's format, as the configuration gives it.
///
/// `EventDecoder` compiles it.
public struct ChannelFormat: Sendable {
    /// How the channel writes.
    public enum Kind: Sendable {
        /// The canonical event.
        case canonical
        /// JSON of its own shape.
        case mapped(Mapping)
    }

    /// Name of the channel; appears in dead letters and refusals.
    public var name: String
    /// Index of the channel in the running configuration; every event carries it.
    public var index: Int32
    /// How the channel writes.
    public var kind: Kind
    /// What the channel's order reference names.
    ///
    /// For other kinds than `order` the events find their order by reference.
    public var orderKind: ReferenceKind
    /// Who numbers the channel's order references; nil: the legal entity's common number space.
    ///
    /// 1-64 bytes of printable ASCII without space and slash, which `isIssuer` checks.
    public var issuer: String?
    /// Largest record value that is read, in bytes; larger ones are dead letters.
    ///
    /// 1 MiB, and never above 64 MiB.
    public var maximumValueBytes: Int

    /// A channel's format; see the properties.
    public init(
        name: String, index: Int32, kind: Kind, orderKind: ReferenceKind = .order, issuer: String? = nil,
        maximumValueBytes: Int = 1 << 20
    ) {
        self.name = name
        self.index = index
        self.kind = kind
        self.orderKind = orderKind
        self.issuer = issuer
        self.maximumValueBytes = maximumValueBytes
    }

    /// Longest name of an issuer, in bytes.
    public static let maximumIssuerBytes = 64

    /// Whether `text` may name an issuer: 1-64 bytes of printable ASCII without space and slash.
    public static func isIssuer(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...maximumIssuerBytes).contains(bytes.count)
            && bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x2F }
    }
}

/// Where a field comes from.
public enum FieldSource: Equatable, Sendable {
    /// From the record.
    case pointer(JSONPointer)
    /// The same for every record of the channel.
    case constant(String)
}

/// Where a channel's JSON has the fields of an order event, and what its words mean.
public struct Mapping: Sendable {
    /// The array of order lines, and the fields within each element.
    public struct Lines: Sendable {
        /// The array.
        public var at: JSONPointer
        /// Line number, relative to the element, like all below.
        public var line: JSONPointer?
        /// Article.
        public var sku: JSONPointer?
        /// Ordered quantity.
        public var quantity: JSONPointer?
        /// Price of one.
        public var unitPrice: JSONPointer?
        /// The channel's tax code.
        public var tax: JSONPointer?

        /// Lines in the array `at`, without fields yet.
        public init(at: JSONPointer) { self.at = at }
    }

    /// The channel's identity of the event.
    public var eventID: JSONPointer
    /// The order reference.
    public var orderRef: JSONPointer
    /// The legal entity.
    public var legalEntity: FieldSource
    /// The warehouse.
    public var warehouse: FieldSource?
    /// The channel's word for what happened, looked up in `statuses` and `milestones`.
    public var status: JSONPointer
    /// When it happened, RFC 3339.
    public var occurredAt: JSONPointer
    /// The channel's number of the event within its order.
    public var sequence: JSONPointer?
    /// Currency of all amounts.
    public var currency: JSONPointer?
    /// Total of the order.
    public var total: JSONPointer?
    /// The customer's identity.
    public var customerRef: JSONPointer?
    /// The customer's name.
    public var customerName: JSONPointer?
    /// Order lines.
    public var lines: Lines?
    /// Canonical statuses of the channel's words.
    public var statuses: [String: StatusWord]
    /// Milestones of the channel's words; a word may have both.
    public var milestones: [String: Milestone]

    /// Most words that `statuses` or `milestones` may have; the configuration refuses more.
    public static let maximumWords = WordTable.maximumWords

    /// A mapping of the required fields; the others are set afterwards.
    public init(
        eventID: JSONPointer, orderRef: JSONPointer, legalEntity: FieldSource, status: JSONPointer,
        occurredAt: JSONPointer, statuses: [String: StatusWord], milestones: [String: Milestone] = [:]
    ) {
        self.eventID = eventID
        self.orderRef = orderRef
        self.legalEntity = legalEntity
        self.status = status
        self.occurredAt = occurredAt
        self.statuses = statuses
        self.milestones = milestones
    }
}
