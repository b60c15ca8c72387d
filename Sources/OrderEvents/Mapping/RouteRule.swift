/// A rule that gives an event its legal entity, its warehouse, its priority and its tags.
///
/// Of a channel's rules the first that holds counts, and no other.
public struct RouteRule: Equatable, Sendable {
    /// What a condition looks at.
    public enum Subject: Hashable, Sendable {
        /// A value of the record.
        case pointer(JSONPointer)
        /// A field of the order event, after look-up tables, constants and defaults.
        case field(MappedField)
        /// A header of the record: its last value.
        case header(String)
        /// The topic.
        case topic
    }

    /// What has to be so.
    public struct Condition: Equatable, Sendable {
        /// What is looked at.
        public var subject: Subject
        /// It has to be one of these; nil: it may be absent.
        public var values: [String?]

        /// A condition; see the properties.
        public init(_ subject: Subject, _ values: [String?]) {
            self.subject = subject
            self.values = values
        }
    }

    /// Its name in the journal.
    public var name: String
    /// All of them have to hold; none: the rule holds always.
    public var when: [Condition]
    /// The legal entity that it gives; nil: that of the fields.
    public var legalEntity: String?
    /// The warehouse that it gives; nil: that of the fields.
    public var warehouse: String?
    /// Words for the journal, by which people find what the rule took.
    public var tags: [String]
    /// The priority that it gives; nil: that of the channel.
    public var priority: Priority?

    /// A rule; see the properties.
    public init(
        name: String, when: [Condition] = [], legalEntity: String? = nil, warehouse: String? = nil, tags: [String] = [],
        priority: Priority? = nil
    ) {
        self.name = name
        self.when = when
        self.legalEntity = legalEntity
        self.warehouse = warehouse
        self.tags = tags
        self.priority = priority
    }

    /// The fields that a condition may name.
    public static let fields: [MappedField] = [
        .legalEntity, .warehouse, .orderRef, .status, .milestone, .currency, .customerRef, .customerGroup,
    ]
    /// Most things that the rules of one channel may look at together.
    public static let maximumSubjects = 16
    /// Most rules of one channel.
    public static let maximumRules = 250
}
