public import Store

/// What somebody may do, in rising sequence.
public enum Role: String, Comparable, CaseIterable, Sendable {
    /// Reads.
    case viewer
    /// Reads, and changes what operations change.
    case `operator`
    /// All that, and who did what.
    case admin

    /// Whether `a` may do less than `b`.
    public static func < (a: Role, b: Role) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .operator: 1
        case .admin: 2
        }
    }
}

/// Who asks.
public struct Caller: Hashable, Sendable {
    /// The name of the token, or `loopback`.
    public var name: String
    /// What the caller may do.
    public var role: Role
    /// Whose data the caller may see.
    public var scope: ReaderSession.Sight

    /// A caller; see the properties.
    public init(name: String, role: Role, scope: ReaderSession.Sight) {
        self.name = name
        self.role = role
        self.scope = scope
    }

    /// Whoever asks on loopback where no tokens are configured.
    public static let loopback = Caller(name: "loopback", role: .admin, scope: .everything)

    /// Whether the caller may see data of `legalEntity`.
    public func sees(_ legalEntity: String) -> Bool {
        switch scope {
        case .everything: true
        case .legalEntities(let names): names.contains(legalEntity)
        }
    }
}
