/// Where a field comes from.
public struct FieldSource: Equatable, Sendable {
    /// Where it stands in the record, relative to its element within an array; nil: it is a constant.
    public var at: JSONPointer?
    /// The constant, or what stands for an absent value.
    ///
    /// Already canonical: no look-up table is asked.
    public var otherwise: String?
    /// The look-up table that translates it; nil: the one that has the field's name, where there is one.
    public var values: String?
    /// How it is written; nil: as in the canonical event.
    public var format: FieldFormat?

    /// A source; see the properties.
    public init(at: JSONPointer?, otherwise: String? = nil, values: String? = nil, format: FieldFormat? = nil) {
        self.at = at
        self.otherwise = otherwise
        self.values = values
        self.format = format
    }

    /// From the record.
    public static func at(_ pointer: JSONPointer) -> FieldSource { FieldSource(at: pointer) }

    /// The same for every record of the channel.
    public static func constant(_ text: String) -> FieldSource { FieldSource(at: nil, otherwise: text) }
}

/// Where a channel's JSON has the fields of an order event, and what its words mean.
public struct Mapping: Equatable, Sendable {
    /// Where the fields of one group stand.
    public struct Group: Equatable, Sendable {
        /// The array whose elements have the fields; an object there counts as an array of one.
        ///
        /// Nil: the fields stand once, in the surrounding element or the document.
        public var at: JSONPointer?
        /// The fields.
        public var fields: [MappedField: FieldSource]

        /// A group; see the properties.
        public init(at: JSONPointer? = nil, fields: [MappedField: FieldSource] = [:]) {
            self.at = at
            self.fields = fields
        }
    }

    /// The groups that the channel's documents have, but for `references`.
    public var groups: [MappedGroup: Group]
    /// Other names of the order: each a kind of its own, once or from an array.
    public var references: [Group]
    /// Canonical statuses of the channel's words.
    public var statuses: [String: StatusWord]
    /// Milestones of the channel's words; a word may have both.
    public var milestones: [String: Milestone]
    /// Look-up tables: the channel's word, and what it stands for.
    ///
    /// A word that ends in `*` stands for all that begin with it; a `*` at the end of what it stands for is the rest.
    /// Whole words count before beginnings, longer beginnings before shorter ones.
    public var values: [String: [String: String]]

    /// Most words that `statuses`, `milestones` or a look-up table may have; the configuration refuses more.
    public static let maximumWords = WordTable.maximumWords
    /// Most other names that stand once in a document.
    public static let maximumReferences = 16

    /// A mapping; see the properties.
    public init(
        groups: [MappedGroup: Group] = [:], references: [Group] = [], statuses: [String: StatusWord] = [:],
        milestones: [String: Milestone] = [:], values: [String: [String: String]] = [:]
    ) {
        self.groups = groups
        self.references = references
        self.statuses = statuses
        self.milestones = milestones
        self.values = values
    }

    /// Where a field comes from.
    public subscript(group: MappedGroup, field: MappedField) -> FieldSource? {
        get { groups[group]?.fields[field] }
        set { groups[group, default: Group()].fields[field] = newValue }
    }

    /// The mapping with what `other` says laid over it.
    ///
    /// A group with an array replaces the whole group.
    public func overlaid(by other: Mapping) -> Mapping {
        var result = other
        for (name, group) in groups {
            guard let over = other.groups[name], over.at == nil, group.at == nil else {
                if other.groups[name] == nil { result.groups[name] = group }
                continue
            }
            result.groups[name]?.fields = group.fields.merging(over.fields) { $1 }
        }
        if other.references.isEmpty { result.references = references }
        return result
    }
}
