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
        /// CloudEvents 1.0, structured and binary; the mapping is laid over `Mapping.cloudEvents`.
        case cloudEvents(Mapping)
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
    /// Rules that give legal entity, warehouse and tags; the first that holds counts.
    ///
    /// At most `RouteRule.maximumRules`, about at most `RouteRule.maximumSubjects` things.
    public var routes: [RouteRule]
    /// Largest record value that is read, in bytes; larger ones are dead letters.
    ///
    /// 1 MiB, and never above 64 MiB.
    public var maximumValueBytes: Int

    /// A channel's format; see the properties.
    public init(
        name: String, index: Int32, kind: Kind, orderKind: ReferenceKind = .order, issuer: String? = nil,
        routes: [RouteRule] = [], maximumValueBytes: Int = 1 << 20
    ) {
        self.name = name
        self.index = index
        self.kind = kind
        self.orderKind = orderKind
        self.issuer = issuer
        self.routes = routes
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
