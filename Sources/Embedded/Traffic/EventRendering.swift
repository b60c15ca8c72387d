import OrderEvents

/// A step written out as its channel writes it. The same step gives the same bytes, which is what makes a duplicate.
extension OrderStory {
    /// The record's value; nil for a tombstone.
    func value(of step: Step) -> [UInt8]? {
        switch step.kind {
        case .garbage(let kind): garbage(kind, instead: step)
        default: event(step)
        }
    }

    /// The event, well-formed.
    func event(_ step: Step) -> [UInt8] {
        step.channel == .marketplace ? mapped(step) : canonical(step)
    }

    private func eventID(_ step: Step) -> String { "\(step.channel.name)-\(tag)-\(step.number)" }

    private func entityName(_ step: Step) -> String {
        step.kind == .unknownLegalEntity ? "GHOST-\(entity.name)" : entity.name
    }

    // MARK: - The marketplace's own format

    private func mapped(_ step: Step) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.text("notificationId", eventID(step))
        json.text("notificationType", "ORDER_CHANGE")
        json.beginObject("payload")
        json.text("orderId", ownRef)
        json.text("merchant", entityName(step))
        json.beginObject("fulfilment")
        json.text("node", step.kind == .unknownWarehouse ? "XX9" : warehouse)
        json.endObject()
        json.text("status", step.kind == .unknownStatus ? "AwaitingDrone" : Self.marketplaceWord(step.tale))
        json.time("updatedAt", step.occurredAt)
        if let sequence = step.sequence { json.number("revision", sequence) }
        if step.tale == .received {
            json.text("currency", entity.currency)
            json.cents("total", toldCents)
            json.beginObject("buyer")
            json.text("id", customer.ref)
            json.text("name", customer.name)
            json.endObject()
            mappedItems(&json)
        }
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func mappedItems(_ json: inout JSONText) {
        json.beginList("items")
        for (position, line) in lines.enumerated() {
            json.beginObject()
            json.text("position", String(position + 1))
            json.text("sku", toldArticle(position))
            json.number("qty", line.quantity)
            json.beginObject("price")
            json.cents("amount", line.product.priceCents)
            json.text("currency", entity.currency)
            json.endObject()
            json.endObject()
        }
        json.endList()
    }

    private static func marketplaceWord(_ tale: Tale) -> String {
        switch tale {
        case .received: "Pending"
        case .partiallyFulfilled: "PartiallyShipped"
        case .shipped: "Shipped"
        case .cancelled, .restCancelled: "Canceled"
        case .delivered: "Delivered"
        case .accepted, .validated, .onHold, .release, .allocationMilestone, .allocated, .tracking, .inTransit,
            .deliveryFailed, .invoiced, .paymentAuthorized, .paymentCaptured, .refunded, .closed:
            "Unshipped"
        }
    }

    // MARK: - The canonical event

    private func canonical(_ step: Step) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.number("version", 1)
        json.text("event_id", eventID(step))
        json.text("legal_entity", entityName(step))
        // The carrier and accounting know no warehouses: their events travel in the entity's own lane.
        if step.kind == .unknownWarehouse {
            json.text("warehouse", "XX9")
        } else if step.channel == .portal || step.channel == .wms {
            json.text("warehouse", warehouse)
        }
        json.text("order_ref", canonicalRef)
        if step.kind == .unknownStatus {
            json.text("status", "handed_to_neighbour")
        } else {
            let word = Self.canonicalWord(step.tale)
            if let status = word.status { json.text("status", status.name) }
            if let milestone = word.milestone { json.text("milestone", milestone.name) }
        }
        json.time("occurred_at", step.occurredAt)
        // A word that the order has left behind brings nothing new.
        if step.kind != .outdated { facts(of: step, &json) }
        json.endObject()
        return json.bytes
    }

    private struct Word {
        var status: StatusWord?
        var milestone: Milestone?
    }

    private static func canonicalWord(_ tale: Tale) -> Word {
        switch tale {
        case .received, .accepted: Word(status: .state(.received))
        case .validated: Word(status: .state(.validated))
        case .onHold: Word(status: .state(.onHold))
        case .release: Word(status: .release)
        case .cancelled, .restCancelled: Word(status: .state(.cancelled))
        case .allocated: Word(status: .state(.allocated))
        case .partiallyFulfilled: Word(status: .state(.partiallyFulfilled))
        case .shipped: Word(status: .state(.shipped))
        case .invoiced: Word(status: .state(.invoiced))
        case .closed: Word(status: .state(.closed))
        case .allocationMilestone: Word(milestone: .allocation)
        case .tracking: Word(milestone: .tracking)
        case .inTransit: Word(milestone: .inTransit)
        case .delivered: Word(milestone: .delivered)
        case .deliveryFailed: Word(milestone: .deliveryFailed)
        case .paymentAuthorized, .paymentCaptured: Word(milestone: .payment)
        case .refunded: Word(milestone: .refund)
        }
    }

    private func facts(of step: Step, _ json: inout JSONText) {
        switch step.tale {
        case .received, .accepted: orderFacts(&json)
        case .onHold, .release:
            json.beginObject("hold")
            json.text("reason", ["credit", "fraud", "payment", "stock", "address", "manual"][index % 6])
            json.endObject()
        case .cancelled, .restCancelled: cancellation(step, &json)
        case .allocationMilestone, .allocated: allocation(step, &json)
        case .partiallyFulfilled: shipment("S-\(tag)-1", &json) { $0.first }
        case .shipped where course.isPartial: shipment("S-\(tag)-2", &json) { $0.quantity - $0.first }
        case .shipped: shipment("S-\(tag)-1", &json) { $0.quantity }
        case .tracking: references("tracking", issuer: "dhl", trackingNumber, &json)
        case .invoiced:
            json.beginObject("invoice")
            json.text("ref", "INV-\(tag)")
            quantities(&json) { $0.quantity }
            json.endObject()
        case .paymentAuthorized: payment(.authorized, &json)
        case .paymentCaptured: payment(.captured, &json)
        case .refunded: payment(.refunded, &json)
        case .validated, .inTransit, .delivered, .deliveryFailed, .closed: break
        }
    }

    private func orderFacts(_ json: inout JSONText) {
        json.text("currency", entity.currency)
        json.cents("total", toldCents)
        json.beginObject("customer")
        json.text("ref", customer.ref)
        json.text("name", customer.name)
        json.endObject()
        references("purchase_order", issuer: nil, "PO-\(index / 2 + 1)", &json)
        json.beginList("lines")
        for (position, line) in lines.enumerated() {
            json.beginObject()
            json.text("line", String(position + 1))
            json.text("sku", toldArticle(position))
            json.text("quantity", String(line.quantity))
            json.cents("unit_price", line.product.priceCents)
            json.text("tax", entity.tax)
            json.endObject()
        }
        json.endList()
    }

    private func references(_ kind: String, issuer: String?, _ value: String, _ json: inout JSONText) {
        json.beginList("references")
        json.beginObject()
        json.text("kind", kind)
        if let issuer { json.text("issuer", issuer) }
        json.text("value", value)
        json.endObject()
        json.endList()
    }

    private func allocation(_ step: Step, _ json: inout JSONText) {
        if step.tale == .allocated { references("wms_order", issuer: nil, "W-\(tag)", &json) }
        guard step.tale == .allocationMilestone || !course.isPartial else { return }
        json.beginObject("allocation")
        json.beginList("lines")
        for (position, line) in lines.enumerated() {
            json.beginObject()
            json.text("line", String(position + 1))
            json.text("quantity", String(line.first))
            if line.first < line.quantity {
                json.text("backordered", String(line.quantity - line.first))
                json.text("expected", "2026-12-01")
            }
            json.endObject()
        }
        json.endList()
        json.endObject()
    }

    private func cancellation(_ step: Step, _ json: inout JSONText) {
        json.beginObject("cancellation")
        if step.tale == .restCancelled { quantities(&json) { $0.quantity - $0.first } }
        json.text("reason", step.tale == .restCancelled ? "stock" : "customer")
        json.endObject()
    }

    private func shipment(_ ref: String, _ json: inout JSONText, quantity: (Line) -> Int) {
        json.beginObject("shipment")
        json.text("ref", ref)
        json.text("carrier", "DHL")
        json.text("tracking", ref.hasSuffix("-2") ? "\(trackingNumber)2" : trackingNumber)
        quantities(&json, quantity)
        json.endObject()
    }

    private func payment(_ status: PaymentStatus, _ json: inout JSONText) {
        json.beginObject("payment")
        json.text("ref", "PAY-\(tag)")
        json.text("status", status.name)
        json.cents("amount", totalCents)
        json.endObject()
    }

    /// The lines of which there is something, by number.
    private func quantities(_ json: inout JSONText, _ quantity: (Line) -> Int) {
        json.beginList("lines")
        for (position, line) in lines.enumerated() where quantity(line) > 0 {
            json.beginObject()
            json.text("line", String(position + 1))
            json.text("quantity", String(quantity(line)))
            json.endObject()
        }
        json.endList()
    }
}
