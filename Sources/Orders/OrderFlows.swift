public import OrderEvents

// Where an order stands in its flows: derived from what it knows, so that any sequence of arrival gives the same.

/// What Odoo has of an order, as far as flows care.
public struct ShownInOdoo: Equatable, Sendable {
    /// Whether there is a sales order.
    public var exists = false
    /// The version that was last delivered in full; 0: none.
    public var version: Int64 = 0
    /// The canonical state of that version.
    public var state: CanonicalState?

    /// Nothing.
    public init() {}

    /// What Odoo has; see the properties.
    public init(exists: Bool, version: Int64, state: CanonicalState?) {
        self.exists = exists
        self.version = version
        self.state = state
    }
}

extension Order {
    /// Since when the order is in each flow, by event time.
    ///
    /// Flows that end in Odoo have no end here: `overdue` asks what Odoo has. An order on hold is in none of those that
    /// the hold keeps it from leaving: the hold says why it waits.
    public var flowTimes: FlowTimes {
        var times = FlowTimes()
        guard let path else { return times }
        func since(_ state: CanonicalState) -> Int64? { time(of: state)?.microseconds }
        let isStopped = isHeld
        switch path {
        case .received: if !isStopped { times[.validation] = since(.received) }
        case .validated: if !isStopped { times[.allocation] = since(.validated) }
        case .allocated, .partiallyFulfilled:
            if !isStopped { times[.dispatch] = since(.allocated) ?? since(path) }
        case .shipped: times[.invoice] = since(.shipped)
        case .invoiced, .closed, .onHold, .cancelled: break
        }
        if path != .cancelled, path != .closed {
            for state in Flow.pathStates {
                guard let reached = since(state) else { continue }
                times[.acceptance] = min(times[.acceptance] ?? reached, reached)
            }
        }
        if path == .invoiced || path == .closed, let invoiced = since(.invoiced) {
            if goodsLeftAt == nil, path == .invoiced { times[.dispatch] = invoiced }
            if !isPaid { times[.payment] = invoiced }
        }
        if path != .cancelled, let left = goodsLeftAt { times[.delivery] = left.microseconds }
        if path == .cancelled { times[.cancellation] = since(.cancelled) }
        return times
    }

    /// When all goods, or else the first of them, left; nil: none did.
    private var goodsLeftAt: Timestamp? { time(of: .shipped) ?? time(of: .partiallyFulfilled) }

    /// Whether the money has come: what was captured makes up the total, or, where no total or amount was told,
    /// anything was captured.
    ///
    /// A refund was captured before. An order worth nothing is paid.
    private var isPaid: Bool {
        if let total, total.isZero { return true }
        var sum = ExactDecimal.zero
        var hasCaptured = false
        for payment in payments where payment.status == .captured || payment.status == .refunded {
            hasCaptured = true
            guard let amount = payment.amount, let more = sum + amount else { return true }
            sum = more
        }
        return hasCaptured && total.map { !(sum < $0) } ?? true
    }

    /// The exceptions of time that the order deserves at `now`, given what is promised and what Odoo has.
    public func overdue(at now: Int64, promised: FlowTimes, odoo: ShownInOdoo) -> [(code: ExceptionCode, flow: Flow)] {
        let since = flowTimes
        var overdue: [(code: ExceptionCode, flow: Flow)] = []
        for flow in Flow.allCases {
            guard let end = promised.end(of: flow, since: since), end <= now, !hasEnded(flow, odoo) else { continue }
            overdue.append((code(of: flow), flow))
        }
        return overdue
    }

    private func hasEnded(_ flow: Flow, _ odoo: ShownInOdoo) -> Bool {
        switch flow {
        case .validation, .allocation, .dispatch, .invoice, .payment: return false
        case .acceptance: return odoo.exists
        case .cancellation: return odoo.version >= version || odoo.state == .cancelled
        case .delivery:
            guard odoo.exists else { return false }
            if odoo.version >= version { return true }
            switch odoo.state {
            case .shipped, .invoiced, .closed: return true
            case .partiallyFulfilled: return path == .partiallyFulfilled
            case .received, .validated, .allocated, .onHold, .cancelled, nil: return false
            }
        }
    }

    private func code(of flow: Flow) -> ExceptionCode {
        switch flow {
        case .validation: .stuckInValidation
        case .acceptance: .orderNotInOdoo
        case .allocation: .stuckInAllocation
        case .dispatch: path == .invoiced ? .invoiceWithoutDispatch : .stuckInDispatch
        case .delivery: .shipmentNotInOdoo
        case .cancellation: .cancellationNotInOdoo
        case .invoice: .shippedNotInvoiced
        case .payment: .paymentMissing
        }
    }
}

extension Flow {
    /// The states that an order can begin in.
    fileprivate static let pathStates: [CanonicalState] = [
        .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed,
    ]

    /// Every exception that the passing of time raises for an order.
    public static let codes: [ExceptionCode] = [
        .stuckInValidation, .orderNotInOdoo, .stuckInAllocation, .stuckInDispatch, .invoiceWithoutDispatch,
        .shipmentNotInOdoo, .cancellationNotInOdoo, .shippedNotInvoiced, .paymentMissing,
    ]
}
