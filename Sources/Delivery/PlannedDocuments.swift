internal import OrderEvents

// The steps on an order's deliveries and invoices, and what is stored of them.

extension DeliveryPlan {
    static func shipmentKey(_ shipment: DeliveryOrder.Shipment) -> String { "shipment:\(shipment.ref)" }
    private static func trackingKey(_ shipment: DeliveryOrder.Shipment) -> String {
        "tracking:\(shipment.ref):\(shipment.tracking)"
    }
    private static func invoiceKey(_ ref: String) -> String { "invoice:\(ref)" }
    static func paymentKey(_ status: String) -> String { paymentPrefix + status }
    private static let paymentPrefix = "payment_tag:"
    private static let assignedKey = "assigned:"
    /// The rest was delivered or cancelled, or there was none.
    private static let restKey = "rest"

    static func isToAssign(_ order: DeliveryOrder, _ delivered: DeliveredState) -> Bool {
        guard let at = order.facts.allocated, order.reachedAt(.shipped) == nil else { return false }
        return !delivered.told.contains(assignedKey + String(at.microseconds))
    }

    static func documentSteps(
        _ order: DeliveryOrder, _ delivered: DeliveredState, _ documents: OdooDocuments
    ) -> [Step] {
        var steps: [Step] = []
        if documents.contains(.shipments) {
            // What a shipment without amounts took is only known with the rest.
            let untold = order.facts.shipments.filter {
                !$0.amounts.isEmpty && !delivered.told.contains(shipmentKey($0))
            }
            let rest = delivered.told.contains(restKey) ? .waits : rest(order)
            if !untold.isEmpty || rest != .waits { steps.append(.ship(untold, rest: rest)) }
            // Shipments without amounts leave with the rest, whose delivery has no number of its own yet.
            let isLate = order.facts.shipments.contains {
                !$0.tracking.isEmpty && !delivered.told.contains(trackingKey($0))
                    && (delivered.told.contains(shipmentKey($0)) || (rest != .waits && $0.amounts.isEmpty))
            }
            if isLate { steps.append(.track) }
        }
        if documents.contains(.invoices), isToInvoice(order, delivered) { steps.append(.invoice) }
        if documents.contains(.locks), order.state == .closed, !delivered.locked { steps.append(.lock) }
        return steps
    }

    /// What becomes of the goods that no shipment names.
    ///
    /// Shipped, though some line or shipment does not say how much: all has left. Else what has not left never will.
    private static func rest(_ order: DeliveryOrder) -> Rest {
        guard order.reachedAt(.shipped) != nil else { return .waits }
        let shipments = order.facts.shipments
        let isKnown =
            !shipments.isEmpty && shipments.allSatisfy { !$0.amounts.isEmpty }
            && order.lines.allSatisfy { $0.quantity != nil }
        return isKnown ? .dropped : .left
    }

    private static func isToInvoice(_ order: DeliveryOrder, _ delivered: DeliveredState) -> Bool {
        // Nothing can be invoiced before something has left.
        guard order.reachedAt(.shipped) ?? order.reachedAt(.partiallyFulfilled) != nil else { return false }
        return invoices(order).contains { !delivered.told.contains(invoiceKey($0)) }
    }

    /// Identities of what was invoiced; the word alone is one without a name.
    private static func invoices(_ order: DeliveryOrder) -> [String] {
        if !order.facts.invoices.isEmpty { return order.facts.invoices }
        return order.reachedAt(.invoiced) == nil ? [] : [""]
    }

    /// What is known once `step` of `order` was taken.
    ///
    /// Of `create` and `look` the id is the visit's to record.
    static func done(_ step: Step, _ order: DeliveryOrder, _ before: DeliveredState) -> DeliveredState {
        var delivered = before
        switch step {
        case .look, .create, .raise: break
        case .release: delivered.held = false
        case .confirm:
            delivered.confirmed = true
            delivered.assigned(order)
        case .assign: delivered.assigned(order)
        case .hold: delivered.held = true
        case .ship(let shipments, let rest):
            let all = rest == .waits ? shipments : order.facts.shipments
            for shipment in all {
                delivered.told.insert(shipmentKey(shipment))
                if !shipment.tracking.isEmpty, shipments.contains(shipment) {
                    delivered.told.insert(trackingKey(shipment))
                }
            }
            if rest != .waits { delivered.told.insert(restKey) }
        case .track:
            for shipment in order.facts.shipments where !shipment.tracking.isEmpty {
                delivered.told.insert(trackingKey(shipment))
            }
        case .invoice: for ref in invoices(order) { delivered.told.insert(invoiceKey(ref)) }
        case .markPayment(let status):
            delivered.told = delivered.told.filter { !$0.hasPrefix(paymentPrefix) }
            delivered.told.insert(paymentKey(status))
        case .lock: delivered.locked = true
        case .cancel: delivered.cancelled = true
        case .note(let remarks, _): delivered.told = told(delivered.told, adding: remarks)
        }
        return delivered
    }
}

extension DeliveredState {
    /// What a warehouse has for the order was told with it.
    fileprivate mutating func assigned(_ order: DeliveryOrder) {
        told = told.filter { !$0.hasPrefix("assigned:") }
        if let at = order.facts.allocated { told.insert("assigned:" + String(at.microseconds)) }
    }
}

extension DeliveryPlan.Step {
    /// The step in a few words, for tests and for people.
    public var words: String {
        switch self {
        case .look: "look"
        case .create: "create"
        case .release: "release"
        case .confirm: "confirm"
        case .assign: "assign"
        case .hold: "hold"
        case .ship(let shipments, let rest):
            "ship "
                + (shipments.map(\.ref)
                + (rest == .waits ? [] : [rest == .left ? "the rest" : "and drop the rest"]))
                .joined(separator: ", ")
        case .track: "track"
        case .invoice: "invoice"
        case .markPayment(let status): "mark payment \(status)"
        case .lock: "lock"
        case .cancel: "cancel"
        case .note(let remarks, _): "note " + remarks.map(\.key).joined(separator: ", ")
        case .raise(let code, _): "raise \(code.rawValue)"
        }
    }
}
