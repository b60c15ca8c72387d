public import OrderEvents

// What only time shows. An order is in a flow from the moment that begins it until the one that ends it; a legal entity
// promises times for flows (`sla`), and who stays in one for longer is a business exception.

/// A stretch of an order's life for which a legal entity may promise a time.
public enum Flow: UInt8, CaseIterable, Sendable {
    /// From received until it is valid.
    case validation
    /// From its beginning until Odoo has it.
    case acceptance
    /// From validated until it is allocated.
    case allocation
    /// From allocated until all goods have left; from an invoice without goods until they leave.
    case dispatch
    /// From goods that left until Odoo knows.
    case delivery
    /// From cancelled until Odoo knows.
    case cancellation
    /// From shipped until it is invoiced.
    case invoice
    /// From invoiced until the money has come.
    case payment

    /// The word that configuration and people use.
    public var name: String {
        switch self {
        case .validation: "validation"
        case .acceptance: "acceptance"
        case .allocation: "allocation"
        case .dispatch: "dispatch"
        case .delivery: "delivery"
        case .cancellation: "cancellation"
        case .invoice: "invoice"
        case .payment: "payment"
        }
    }

    /// The flow that `name` stands for, or nil.
    public init?(name: String) {
        guard let flow = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = flow
    }

    /// Whether it ends in Odoo, which the order itself does not see.
    public var endsInOdoo: Bool {
        switch self {
        case .acceptance, .delivery, .cancellation: true
        case .validation, .allocation, .dispatch, .invoice, .payment: false
        }
    }

    /// What it means to people, for the page that prints it.
    public var span: String {
        switch self {
        case .validation: "received until validated"
        case .acceptance: "begun until Odoo has it"
        case .allocation: "validated until allocated"
        case .dispatch: "allocated until all has left"
        case .delivery: "goods left until Odoo knows"
        case .cancellation: "cancelled until Odoo knows"
        case .invoice: "shipped until invoiced"
        case .payment: "invoiced until paid"
        }
    }
}

extension Flow {
    /// The flow that an order leaves when its state changes, and the state whose time began it; nil: none, or one that
    /// ends otherwise.
    ///
    /// A cancellation ends a flow without keeping or breaking a promise.
    public static func left(from: CanonicalState, to: CanonicalState) -> (flow: Flow, began: CanonicalState)? {
        switch (from, to) {
        case (.received, .validated), (.received, .allocated), (.received, .partiallyFulfilled), (.received, .shipped),
            (.received, .invoiced), (.received, .closed):
            (.validation, .received)
        case (.validated, .allocated), (.validated, .partiallyFulfilled), (.validated, .shipped),
            (.validated, .invoiced), (.validated, .closed):
            (.allocation, .validated)
        case (.allocated, .shipped), (.allocated, .invoiced), (.allocated, .closed), (.partiallyFulfilled, .shipped),
            (.partiallyFulfilled, .invoiced), (.partiallyFulfilled, .closed):
            (.dispatch, .allocated)
        case (.shipped, .invoiced), (.shipped, .closed): (.invoice, .shipped)
        default: nil
        }
    }
}

/// One value for each flow: the times that a legal entity promises, or since when an order is in them.
public struct FlowTimes: Equatable, Sendable {
    private var values: InlineArray<8, Int64> = .init(repeating: .max)

    /// No flow.
    public init() {}

    /// Microseconds; nil: not set.
    public subscript(flow: Flow) -> Int64? {
        get {
            let value = values[Int(flow.rawValue)]
            return value == .max ? nil : value
        }
        set { values[Int(flow.rawValue)] = newValue ?? .max }
    }

    /// Whether no flow is set.
    public var isEmpty: Bool { Flow.allCases.allSatisfy { self[$0] == nil } }

    /// Whether both have the same times.
    public static func == (a: Self, b: Self) -> Bool { Flow.allCases.allSatisfy { a[$0] == b[$0] } }

    /// When the time of `flow` is up for an order that is in it since `since`; nil: never.
    func end(of flow: Flow, since: FlowTimes) -> Int64? {
        guard let limit = self[flow], let start = since[flow] else { return nil }
        let (end, overflow) = start.addingReportingOverflow(limit)
        return overflow ? nil : end
    }

    /// The first moment after `moment` at which the time of a flow is up; nil: there is none.
    ///
    /// `self`: what is promised.
    public func nextEnd(after moment: Int64, since: FlowTimes) -> Int64? {
        var next: Int64?
        for flow in Flow.allCases {
            guard let end = end(of: flow, since: since), end > moment else { continue }
            next = min(next ?? end, end)
        }
        return next
    }

    /// When to look at an order whose flows were `before` and are `since` now, because of what changed: the first end
    /// of a flow that was entered, even one that lies in the past; nil: no flow with a promise was entered.
    ///
    /// `self`: what is promised.
    public func firstEnd(entered since: FlowTimes, before: FlowTimes) -> Int64? {
        var first: Int64?
        for flow in Flow.allCases where since[flow] != before[flow] {
            guard let end = end(of: flow, since: since) else { continue }
            first = min(first ?? end, end)
        }
        return first
    }
}
