// CloudEvents 1.0. The attributes give identity, order, time and word; the data gives the rest, by the names of the
// canonical event. A channel's own mapping is laid over this one and points into the structured form.

extension Mapping {
    /// Where a structured CloudEvent has the fields, without any mapping of a channel's own.
    ///
    /// The event's identity is `source` and `id` together, which the standard makes unique. The word is `type`, or its
    /// part behind the last dot; where that means nothing, `status` and `milestone` of the data.
    public static let cloudEvents: Mapping = {
        func at(_ text: String) -> FieldSource { FieldSource(at: try? JSONPointer(text)) }
        func group(_ at: String?, _ fields: [MappedField: String]) -> Group {
            Group(
                at: at.flatMap { try? JSONPointer($0) },
                fields: fields.mapValues { FieldSource(at: try? JSONPointer($0)) })
        }
        let line: [MappedField: String] = [.line: "/line", .sku: "/sku", .quantity: "/quantity"]
        var mapping = Mapping()
        mapping.groups[.event] = group(
            nil,
            [
                .eventID: "/id", .orderRef: "/subject", .legalEntity: "/legalentity", .warehouse: "/warehouse",
                .status: "/type", .occurredAt: "/time", .sequence: "/data/sequence", .currency: "/data/currency",
                .total: "/data/total", .customerRef: "/data/customer/ref", .customerName: "/data/customer/name",
                .customerGroup: "/data/customer/group",
            ])
        mapping.groups[.reference] = group(
            nil,
            [.kind: "/data/reference/kind", .issuer: "/data/reference/issuer", .value: "/data/reference/value"])
        mapping.groups[.lines] = group(
            "/data/lines", line.merging([.unitPrice: "/unit_price", .tax: "/tax"]) { $1 })
        mapping.groups[.allocation] = group(
            "/data/allocation/lines", line.merging([.backordered: "/backordered", .expected: "/expected"]) { $1 })
        mapping.groups[.shipment] = group(
            "/data/shipment", [.ref: "/ref", .carrier: "/carrier", .tracking: "/tracking"])
        mapping.groups[.shipmentLines] = group("/lines", line)
        mapping.groups[.invoice] = group("/data/invoice", [.ref: "/ref"])
        mapping.groups[.invoiceLines] = group("/lines", line)
        mapping.groups[.payment] = group("/data/payment", [.ref: "/ref", .status: "/status", .amount: "/amount"])
        mapping.groups[.cancellation] = group(nil, [.reason: "/data/cancellation/reason"])
        mapping.groups[.cancellationLines] = group("/data/cancellation/lines", line)
        mapping.groups[.hold] = group(nil, [.reason: "/data/hold/reason"])
        mapping.references = [
            group("/data/references", [.kind: "/kind", .issuer: "/issuer", .value: "/value"])
        ]
        return mapping
    }()
}
