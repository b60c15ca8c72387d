public import OrderEvents
public import Orders
public import Partitioner
public import Store

/// A kind of name by which some channel of a legal entity names its orders.
public struct AskedReference: Hashable, Sendable {
    /// What is named.
    public var kind: ReferenceKind
    /// Who numbers; empty: the legal entity's common number space.
    public var issuer: String

    /// A kind of name; see the properties.
    public init(kind: ReferenceKind, issuer: String) {
        self.kind = kind
        self.issuer = issuer
    }
}

/// A legal entity, as far as applying its events cares.
public struct EntityRules: Sendable {
    /// Its name.
    public var name: String
    /// How long an event waits for what is missing, in microseconds.
    public var parkTimeout: Int64
    /// Whether it has a destination, so that its orders go to the backlog.
    public var delivers: Bool
    /// What it decides about its orders.
    public var rules: OrderRules
    /// Names that orders get from facts, because some channel asks by them.
    public var asked: [AskedReference]
    /// How long its orders may be in a flow, in microseconds.
    public let promised: FlowTimes
    /// Whether it promises anything.
    let hasPromises: Bool

    /// How its orders are validated.
    var validation: ValidationRules { rules.validation }

    /// A legal entity; see the properties.
    public init(
        name: String, parkTimeout: Int64, delivers: Bool, rules: OrderRules = .standard,
        asked: [AskedReference] = [], promised: FlowTimes = FlowTimes()
    ) {
        self.name = name
        self.parkTimeout = parkTimeout
        self.delivers = delivers
        self.rules = rules
        self.asked = asked
        self.promised = promised
        hasPromises = !promised.isEmpty
    }
}

/// Reads an event's payload again when its turn comes: (name of the channel, of the legal entity, payload, position)
/// -> event.
public typealias ParkedDecoding = @Sendable (String, String, [UInt8], SourcePosition) -> OrderEvent?

/// A routing rule of a channel, as the journal names it.
public struct RouteLabel: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// What it says of the events that it takes; without commas.
    public var tags: [String]

    /// A label; see the properties.
    public init(name: String, tags: [String]) {
        self.name = name
        self.tags = tags
    }
}

/// What workers need to know of the configuration.
///
/// Immutable and shared.
public struct ApplySettings: Sendable {
    /// Lanes; an event's `lane` is an index into it.
    public var lanes: [Lane]
    /// Channels; an event's `channel` is an index into it.
    public var channels: [ChannelRules]
    /// Legal entities; an event's `entity` is an index into it.
    public var entities: [EntityRules]
    /// How long keys are kept, in microseconds: events that happened earlier may have left the journal.
    public var keyRetention: Int64
    /// How long the journal is kept, in microseconds: an event that happened earlier is stale without a look, because
    /// nobody could tell whether it was applied before.
    ///
    /// The same value as the retention's, or a longer one is a hole.
    public var journalRetention: Int64
    /// Channels that must be heard.
    public var feeds: HeardFeeds
    /// Decodes and routes a parked payload.
    public var decodeParked: ParkedDecoding
    /// Routing rules by channel; an event's `rule` is an index into its channel's.
    public var routes: [[RouteLabel]] = []
    /// Whether a channel has rules, or tells groups of customers: only then events are asked for what they say of it.
    public var routesEvents = false

    /// Settings; see the properties.
    public init(
        lanes: [Lane], channels: [ChannelRules], entities: [EntityRules], keyRetention: Int64,
        journalRetention: Int64 = 730 * 86_400_000_000, feeds: HeardFeeds = HeardFeeds(),
        decodeParked: @escaping ParkedDecoding
    ) {
        self.lanes = lanes
        self.channels = channels
        self.entities = entities
        self.keyRetention = keyRetention
        self.journalRetention = journalRetention
        self.feeds = feeds
        self.decodeParked = decodeParked
    }

    /// Whether one of the batch's events has something for the journal's columns that are usually empty: how it was
    /// routed, or its trace.
    func fillsAllColumns(_ plan: BatchPlan, _ items: [Taken]) -> Bool {
        plan.journal.contains { row in
            guard case .event(let event) = items[row.item] else { return false }
            return event.source.trace != nil || (routesEvents && (event.rule >= 0 || !event.customerGroup.isEmpty))
        }
    }

    /// What the journal says of how the event was routed; nil: no rule took it, and its customer has no group.
    func route(of event: OrderEvent) -> (rule: String?, tags: String?)? {
        guard event.rule >= 0 || !event.customerGroup.isEmpty else { return nil }
        let channel = Int(event.channel)
        let labels = routes.indices.contains(channel) ? routes[channel] : []
        let label = labels.indices.contains(Int(event.rule)) ? labels[Int(event.rule)] : nil
        var tags = label?.tags ?? []
        if !event.customerGroup.isEmpty { tags.append(event.text(event.customerGroup)) }
        return (label?.name, tags.isEmpty ? nil : tags.joined(separator: ","))
    }

    /// Indexes of the legal entities by name, made anew each time: for who has many names to look up.
    func entityIndexes() -> [String: Int32] {
        Dictionary(entities.enumerated().map { ($1.name, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Name of the legal entity, `unknown` for dead letters.
    func entityName(_ index: Int32) -> String {
        entities.indices.contains(Int(index)) ? entities[Int(index)].name : "unknown"
    }

    /// Name of the channel.
    func channelName(_ index: Int32) -> String {
        channels.indices.contains(Int(index)) ? channels[Int(index)].name : ""
    }
}
