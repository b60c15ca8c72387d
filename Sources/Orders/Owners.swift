public import OrderEvents

/// A group of facts that has owners: channels whose word counts for it.
public enum FactGroup: UInt8, CaseIterable, Sendable {
    case order
    case validation
    case allocation
    case shipment
    case invoice
    case payment
    case hold
    case cancellation

    /// The word that configuration and people use.
    public var name: String {
        switch self {
        case .order: "order"
        case .validation: "validation"
        case .allocation: "allocation"
        case .shipment: "shipment"
        case .invoice: "invoice"
        case .payment: "payment"
        case .hold: "hold"
        case .cancellation: "cancellation"
        }
    }

    /// The group that `name` stands for, or nil.
    public init?(name: String) {
        guard let group = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = group
    }

    /// The group that a status word belongs to.
    public init(of word: StatusWord) {
        switch word {
        case .state(.received), .state(.closed): self = .order
        case .state(.validated): self = .validation
        case .state(.allocated): self = .allocation
        case .state(.partiallyFulfilled), .state(.shipped): self = .shipment
        case .state(.invoiced): self = .invoice
        case .state(.onHold), .release: self = .hold
        case .state(.cancelled): self = .cancellation
        }
    }

    /// The group that a milestone belongs to.
    public init(of milestone: Milestone) {
        switch milestone {
        case .allocation: self = .allocation
        case .payment, .refund: self = .payment
        case .tracking, .inTransit, .delivered, .deliveryFailed: self = .shipment
        }
    }
}

/// Whose word counts for which group of facts, by rank.
public struct Owners: Equatable, Sendable {
    /// By raw value of the group; nil: every channel of the legal entity, all of one rank.
    private var ranked: [[String]?]
    /// Whether no group is listed, so that nothing has to be looked up.
    public let isOpen: Bool

    /// Owners of the groups in `ranked`, the first winning a contradiction; a group that is missing is everybody's.
    public init(_ ranked: [FactGroup: [String]] = [:]) {
        self.ranked = FactGroup.allCases.map { ranked[$0] }
        isOpen = ranked.isEmpty
    }

    /// The channels that own `group`, the first winning; nil: every channel.
    public func listed(_ group: FactGroup) -> [String]? { ranked[Int(group.rawValue)] }

    /// Place of `channel` among the owners of `group`, 0 winning; nil: its word does not count.
    public func rank(of channel: String, in group: FactGroup) -> Int? {
        guard !isOpen, let owners = ranked[Int(group.rawValue)] else { return 0 }
        return owners.firstIndex(of: channel)
    }
}

/// What a legal entity decides about its orders.
public struct OrderRules: Sendable {
    /// What may follow what.
    public var lifecycle: Lifecycle
    /// Whose word counts.
    public var owners: Owners
    /// Who says whether an order is valid, and how.
    public var validation: ValidationRules

    /// Rules; see the properties.
    public init(
        lifecycle: Lifecycle = .standard, owners: Owners = Owners(), validation: ValidationRules = ValidationRules()
    ) {
        self.lifecycle = lifecycle
        self.owners = owners
        self.validation = validation
    }

    /// The canonical lifecycle, and everybody's word counts.
    public static let standard = OrderRules()
}
