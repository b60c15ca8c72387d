internal import OrderEvents
internal import Orders

extension DeliveryOrder {
    /// What delivery needs to know of an order as the store has it.
    ///
    /// `warehouses`: Odoo's codes of the canonical ones. `taxes`: Odoo's names of the channels' codes. `verdict`: nil
    /// where a channel's word is the verdict.
    init(
        _ order: Order, legalEntity: String, orderRef: String, warehouses: [String: String],
        taxes: [String: String] = [:], verdict: ValidationVerdict?
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
                    unitPrice: $0.unitPrice?.description, tax: taxes[$0.tax])
            },
            customerRef: order.customerRef, customerName: order.customerName,
            warehouse: order.warehouses.first.flatMap { warehouses[$0.code] },
            holds: order.holds.filter { $0.endedAt == nil }.map(\.reason), verdict: verdict)
        facts = Facts(order)
    }
}

extension DeliveryOrder.Facts {
    /// Longest text that goes into Odoo's source of an order.
    private static let originBytes = 200

    init(_ order: Order) {
        self.init()
        shipments = order.shipments.sorted { ($0.at, $0.ref) < ($1.at, $1.ref) }.map { shipment in
            DeliveryOrder.Shipment(
                ref: shipment.ref, carrier: shipment.carrier, tracking: shipment.tracking,
                amounts: shipment.lines.map { amount in
                    let sku = amount.line.isEmpty ? amount.sku : order.lines.first { $0.line == amount.line }?.sku
                    return DeliveryOrder.Amount(sku: sku ?? amount.sku, quantity: amount.quantity.millionths)
                })
        }
        invoices = order.invoices.sorted { ($0.at, $0.ref) < ($1.at, $1.ref) }.map(\.ref)
        payments = order.payments.sorted { ($0.at, $0.ref) < ($1.at, $1.ref) }.map {
            DeliveryOrder.Payment(ref: $0.ref, status: $0.status.name, amount: $0.amount?.description, at: $0.at)
        }
        delivered = order.time(of: .delivered)
        deliveryFailed = order.time(of: .deliveryFailed)
        allocated = [order.time(of: .allocation), order.time(of: .allocated)].compactMap { $0 }.max()
        let names = order.names.map { "\($0.kind.name) " + ($0.issuer.isEmpty ? "" : $0.issuer + "/") + $0.value }
        let channels = order.channels.first.map { [$0.channel] } ?? []
        origin = String(
            decoding: (channels + names).joined(separator: ", ").utf8.prefix(Self.originBytes), as: UTF8.self)
    }
}

extension ExactDecimal {
    /// In millionths, what is beyond them cut off; no more than a million million of ones.
    var millionths: Int {
        let bound: Int64 = 1_000_000_000_000_000_000
        var value = mantissa
        if scale > 6 {
            for _ in 6..<scale { value /= 10 }
        } else {
            for _ in scale..<6 {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                if overflow { return Int(value < 0 ? -bound : bound) }
                value = product
            }
        }
        return Int(min(max(value, -bound), bound))
    }
}
