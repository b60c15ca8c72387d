/// How urgent a channel's events are among those of their legal entity.
///
/// The raw value is its rank, the most urgent first.
public enum Priority: Int, CaseIterable, Sendable {
    case critical
    case normal
    case bulk

    /// The word of the configuration.
    public var name: String { String(describing: self) }

    /// The priority with this name, or nil.
    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
