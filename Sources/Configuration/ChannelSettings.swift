public import OrderEvents

/// A source of events: its topics, its number spaces and, unless it speaks the canonical event, its vocabulary.
public struct ChannelSettings: Equatable, Sendable {
    /// The channel's name, part of every idempotency key: once in use it never changes.
    public var name: String
    /// The Kafka topics that this channel alone writes; at least one, in the order of the file.
    public var topics: [String]
    /// Whose numbers its `order_ref` are, or nil: the legal entity's common number space.
    public var issuer: String?
    /// The first sequence number of an order, where numbers count by one; nil: a missing number is no gap.
    public var sequenceFrom: Int64?
    /// Where the fields are, or nil: the channel speaks the canonical event.
    public var mapping: MappingSettings?
}

/// How a channel's own JSON is read.
///
/// Pointers are RFC 6901, none of them empty.
public struct MappingSettings: Equatable, Sendable {
    /// Where the event's identity is.
    public var eventID: String
    /// Where the order's number is.
    public var orderRef: String
    /// Where the legal entity's code is.
    public var legalEntity: String
    /// Where the warehouse's code or alias is, or nil: events without a warehouse.
    public var warehouse: String?
    /// Where the channel's word is that `statuses` and `milestones` translate.
    public var status: String
    /// Where the event's time is.
    public var occurredAt: String
    /// Where the sequence number is, or nil.
    public var sequence: String?
    /// Where the currency is, or nil.
    public var currency: String?
    /// Where the order's total is, or nil.
    public var total: String?
    /// Where the customer's identity is, or nil.
    public var customerRef: String?
    /// Where the customer's name is, or nil.
    public var customerName: String?
    /// The order's lines, or nil.
    public var lines: LineMappingSettings?
    /// The channel's words for canonical states and `release`, sorted by word.
    public var statuses: [StatusEntry]
    /// The channel's words for milestones, sorted by word.
    ///
    /// A word may stand in both tables.
    public var milestones: [MilestoneEntry]

    /// One row of the status table.
    public struct StatusEntry: Equatable, Sendable {
        /// The channel's word, compared byte by byte.
        public var word: String
        /// What it means.
        public var status: StatusWord
    }

    /// One row of the milestone table.
    public struct MilestoneEntry: Equatable, Sendable {
        /// The channel's word, compared byte by byte.
        public var word: String
        /// What it means.
        public var milestone: Milestone
    }
}

/// Where an order's lines are: one array, and what each of its elements holds.
public struct LineMappingSettings: Equatable, Sendable {
    /// Where the array is.
    public var at: String
    /// Within an element, where the line's number is, or nil: its position, from 1.
    public var line: String?
    /// Within an element, where the article is.
    public var sku: String
    /// Within an element, where the ordered quantity is.
    public var quantity: String
    /// Within an element, where the price of one is, or nil.
    public var unitPrice: String?
    /// Within an element, where the tax code is, or nil.
    public var tax: String?
}
