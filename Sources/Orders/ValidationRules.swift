public import OrderEvents

/// What a destination keeps and orders refer to.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum MasterKind: UInt8, CaseIterable, Sendable {
    case customer = 1
    case product = 2
    case tax = 3
    case carrier = 4

    /// The word of `validation.check`.
    public var name: String {
        switch self {
        case .customer: "customer"
        case .product: "products"
        case .tax: "taxes"
        case .carrier: "carriers"
        }
    }

    /// The kind that `name` stands for, or nil.
    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// One thing that an order refers to in the destination.
public struct MasterCode: Hashable, Comparable, Sendable {
    /// What it is.
    public var kind: MasterKind
    /// Its code there: the `ref` of a customer (personal data), the article of a product, the name of a tax or carrier.
    public var code: String

    /// A code; see the properties.
    public init(_ kind: MasterKind, _ code: String) {
        self.kind = kind
        self.code = code
    }

    /// By kind, then by code.
    public static func < (a: MasterCode, b: MasterCode) -> Bool {
        (a.kind.rawValue, a.code) < (b.kind.rawValue, b.code)
    }
}

/// What the destination has of a code.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum MasterAnswer: UInt8, Sendable {
    /// Nothing.
    case absent = 0
    /// One record that the legal entity's company may use.
    case found = 1
    /// Several, so that it cannot be told which one is meant.
    case several = 2
}

/// How a legal entity's orders are validated: `validation` of its file.
public struct ValidationRules: Equatable, Sendable {
    /// Whose word is the verdict.
    public enum By: String, CaseIterable, Sendable {
        /// An owner's word `validated`, or any later state of the path.
        case channel
        /// Sluice's own: a channel's word is only noted.
        case sluice
    }

    /// Whose word is the verdict.
    public var by: By
    /// How far an order's total may differ from what its lines come to, in the order's currency.
    public var priceTolerance: ExactDecimal
    /// The channel's tax code -> name of the tax in the destination; nil: codes are not checked.
    public var taxes: [String: String]?
    /// What is looked up in the destination; empty: nothing.
    public var check: Set<MasterKind>

    /// Rules; see the properties.
    public init(
        by: By = .channel, priceTolerance: ExactDecimal = .zero, taxes: [String: String]? = nil,
        check: Set<MasterKind> = []
    ) {
        self.by = by
        self.priceTolerance = priceTolerance
        self.taxes = taxes
        self.check = check
    }
}
