public import OrderEvents

/// A source of events: its topics, its number spaces and, unless it speaks the canonical event, its vocabulary.
public struct ChannelSettings: Equatable, Sendable {
    /// How its records are written.
    public enum Format: String, CaseIterable, Sendable {
        /// JSON: the canonical event, or with `fields` its own.
        case json
        /// CloudEvents 1.0.
        case cloudevents
    }

    /// The channel's name, part of every idempotency key: once in use it never changes.
    public var name: String
    /// The Kafka topics that this channel alone writes; at least one, in the order of the file.
    public var topics: [String]
    /// How its records are written.
    public var format: Format = .json
    /// What its `order_ref` names.
    public var orderKind: ReferenceKind = .order
    /// Whose numbers its `order_ref` are, or nil: the legal entity's common number space.
    public var issuer: String?
    /// The first sequence number of an order, where numbers count by one; nil: a missing number is no gap.
    public var sequenceFrom: Int64?
    /// Where the fields are, or nil: by the names of the canonical event.
    public var mapping: Mapping?
    /// How urgent its events are among those of their legal entity.
    public var priority = Priority.normal
    /// The rules that give legal entity, warehouse, priority and tags.
    public var routes: [RouteRule] = []

    /// What the decoder needs of it; `index` is the channel's in the running configuration.
    public func channelFormat(index: Int32) -> ChannelFormat {
        let kind: ChannelFormat.Kind =
            switch format {
            case .cloudevents: .cloudEvents(mapping ?? Mapping())
            case .json: mapping.map { .mapped($0) } ?? .canonical
            }
        return ChannelFormat(
            name: name, index: index, kind: kind, orderKind: orderKind, issuer: issuer, routes: routes)
    }
}
