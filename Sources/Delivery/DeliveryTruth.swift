internal import OrderEvents
internal import Orders

extension DeliveryOrder {
    /// What delivery needs to know of an order as the store has it.
    ///
    /// `warehouses`: Odoo's codes of the canonical ones. `verdict`: nil where a channel's word is the verdict.
    init(
        _ order: Order, legalEntity: String, orderRef: String, warehouses: [String: String], verdict: ValidationVerdict?
    ) {
        var reached: [Reached] = []
        for state in CanonicalState.allCases {
            guard let at = order.time(of: state) else { continue }
            let latestHold = order.holds.map(\.since).max()
            reached.append(Reached(state, at: state == .onHold ? latestHold ?? at : at))
        }
        self.init(
            legalEntity: legalEntity, orderRef: orderRef, version: order.version, state: order.state ?? .received,
            reached: reached,
            lines: order.lines.map {
                Line(
                    line: $0.line, sku: $0.sku, quantity: $0.quantity?.description,
                    unitPrice: $0.unitPrice?.description)
            },
            customerRef: order.customerRef, customerName: order.customerName,
            warehouse: order.warehouses.first.flatMap { warehouses[$0.code] },
            holds: order.holds.filter { $0.endedAt == nil }.map(\.reason), verdict: verdict)
    }
}
