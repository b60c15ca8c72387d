// An event as the canonical event's members, to be compared and shown: not for the data path.

extension OrderEvent {
    /// What the event says, as pointers into the canonical event and texts, in the canonical sequence.
    ///
    /// Decimals and times are written in one way, whatever the channel wrote. Holds customers' data.
    public var listing: [(pointer: String, text: String)] {
        var list: [(pointer: String, text: String)] = []
        func add(_ pointer: String, _ text: String?) {
            if let text, !text.isEmpty { list.append((pointer, text)) }
        }
        add("/event_id", text(eventID))
        add("/legal_entity", text(legalEntity))
        add("/warehouse", text(warehouse))
        add("/order_ref", text(orderRef))
        if let reference { list += listing(of: reference, at: "/reference") }
        add("/status", status?.name)
        add("/milestone", milestone?.name)
        add("/occurred_at", occurredAt.rfc3339)
        add("/sequence", sequence.map { String($0) })
        add("/currency", text(currency))
        add("/total", total?.description)
        add("/customer/ref", text(customerRef))
        add("/customer/name", text(customerName))
        add("/customer/group", text(customerGroup))
        for (index, line) in lines.enumerated() {
            let place = "/lines/\(index)"
            add(place + "/line", text(line.line))
            add(place + "/sku", text(line.sku))
            add(place + "/quantity", line.quantity?.description)
            add(place + "/unit_price", line.unitPrice?.description)
            add(place + "/tax", text(line.tax))
        }
        if let facts { list += listing(of: facts) }
        return list
    }

    private func listing(of reference: Reference, at place: String) -> [(pointer: String, text: String)] {
        var list = [(pointer: place + "/kind", text: reference.kind.name)]
        if !reference.issuer.isEmpty { list.append((place + "/issuer", text(reference.issuer))) }
        list.append((place + "/value", text(reference.value)))
        return list
    }

    private func listing(of quantities: [LineQuantity], at place: String) -> [(pointer: String, text: String)] {
        quantities.enumerated().flatMap { index, line -> [(pointer: String, text: String)] in
            let place = "\(place)/\(index)"
            let members = [
                ("line", text(line.line)), ("sku", text(line.sku)), ("quantity", line.quantity.description),
                ("backordered", line.backordered?.description ?? ""), ("expected", text(line.expected)),
            ]
            return members.filter { !$0.1.isEmpty }.map { (place + "/" + $0.0, $0.1) }
        }
    }

    /// Where there are several shipments, invoices or payments, they are numbered: `/shipment/1/ref`.
    private func listing(of facts: Facts) -> [(pointer: String, text: String)] {
        var list: [(pointer: String, text: String)] = []
        func place(_ name: String, _ index: Int) -> String { index == 0 ? "/\(name)" : "/\(name)/\(index)" }
        func add(_ pointer: String, _ text: String) { if !text.isEmpty { list.append((pointer, text)) } }
        for (index, reference) in facts.references.enumerated() {
            list += listing(of: reference, at: "/references/\(index)")
        }
        list += listing(of: facts.allocation, at: "/allocation/lines")
        for (index, shipment) in facts.shipments.enumerated() {
            let at = place("shipment", index)
            add(at + "/ref", text(shipment.ref))
            add(at + "/carrier", text(shipment.carrier))
            add(at + "/tracking", text(shipment.tracking))
            list += listing(of: shipment.lines, at: at + "/lines")
        }
        for (index, invoice) in facts.invoices.enumerated() {
            let at = place("invoice", index)
            add(at + "/ref", text(invoice.ref))
            list += listing(of: invoice.lines, at: at + "/lines")
        }
        for (index, payment) in facts.payments.enumerated() {
            let at = place("payment", index)
            add(at + "/ref", text(payment.ref))
            add(at + "/status", payment.status.name)
            add(at + "/amount", payment.amount?.description ?? "")
        }
        if let cancellation = facts.cancellation {
            list += listing(of: cancellation.lines, at: "/cancellation/lines")
            add("/cancellation/reason", text(cancellation.reason))
        }
        if let hold = facts.hold { add("/hold/reason", text(hold.reason)) }
        return list
    }
}
