import OrderEvents

// Facts: what an event tells besides its word. Each has an identity, so that the same shipment, invoice or payment told
// twice, by whomever, is one; of two versions the later counts. Nothing here looks at the state.

extension Order {
    /// Takes the event's facts. Returns whether any was new.
    mutating func merge(_ event: OrderEvent, _ at: Timestamp, _ warehouse: String) -> Bool {
        var new = false
        if !warehouse.isEmpty, !warehouses.contains(warehouse) {
            warehouses.append(warehouse)
        }
        if !event.lines.isEmpty, at >= linesAt {
            let told = linesTold(by: event)
            if told != lines {
                lines = told
                new = true
            }
            linesAt = at
        }
        // What is told about the order as a whole is filled in once and does not count as news by itself.
        if currency.isEmpty, !event.currency.isEmpty { currency = event.text(event.currency) }
        if total == nil || at >= linesAt, let told = event.total { total = told }
        if customerRef.isEmpty, !event.customerRef.isEmpty { customerRef = event.text(event.customerRef) }
        if customerName.isEmpty, !event.customerName.isEmpty { customerName = event.text(event.customerName) }
        if let facts = event.facts, merge(facts, event, at) { new = true }
        return new
    }

    private func linesTold(by event: OrderEvent) -> [Line] {
        var told: [Line] = []
        told.reserveCapacity(event.lines.count)
        for (index, line) in event.lines.enumerated() {
            told.append(
                Line(
                    line: line.line.isEmpty ? String(index + 1) : event.text(line.line), sku: event.text(line.sku),
                    quantity: line.quantity, unitPrice: line.unitPrice, tax: event.text(line.tax)))
        }
        return told
    }

    private mutating func merge(_ facts: Facts, _ event: OrderEvent, _ at: Timestamp) -> Bool {
        var new = false
        for reference in facts.references {
            let name = OtherName(
                kind: reference.kind, issuer: event.text(reference.issuer), value: event.text(reference.value))
            if !names.contains(name) {
                names.append(name)
                new = true
            }
        }
        if let shipment = facts.shipment {
            let tracking = event.text(shipment.tracking)
            let document = Document(
                ref: shipment.ref.isEmpty ? tracking : event.text(shipment.ref), carrier: event.text(shipment.carrier),
                tracking: tracking, lines: amounts(shipment.lines, event), at: at)
            if Self.take(document, into: &shipments) { new = true }
        }
        if let invoice = facts.invoice {
            let document = Document(
                ref: event.text(invoice.ref), carrier: "", tracking: "", lines: amounts(invoice.lines, event), at: at)
            if Self.take(document, into: &invoices) { new = true }
        }
        if let payment = facts.payment, take(payment, event, at) { new = true }
        if !facts.allocation.isEmpty {
            let totals = Totals(lines: amounts(facts.allocation, event), reason: "", at: at)
            if Self.take(totals, into: &allocation) { new = true }
        }
        if let told = facts.cancellation {
            let totals = Totals(lines: amounts(told.lines, event), reason: event.text(told.reason), at: at)
            if Self.take(totals, into: &cancellation) { new = true }
        }
        return new
    }

    private func amounts(_ lines: [LineQuantity], _ event: OrderEvent) -> [LineAmount] {
        lines.map {
            LineAmount(
                line: event.text($0.line), sku: event.text($0.sku), quantity: $0.quantity,
                backordered: $0.backordered, expected: event.text($0.expected))
        }
    }

    private static func take(_ document: Document, into documents: inout [Document]) -> Bool {
        guard let index = documents.firstIndex(where: { $0.ref == document.ref }) else {
            documents.append(document)
            return true
        }
        guard document.at > documents[index].at else { return false }
        var known = documents[index]
        known.at = document.at
        let new = known != document
        documents[index] = document
        return new
    }

    private static func take(_ totals: Totals, into known: inout Totals?) -> Bool {
        guard let before = known else {
            known = totals
            return true
        }
        guard totals.at > before.at else { return false }
        known = totals
        return before.lines != totals.lines || before.reason != totals.reason
    }

    private mutating func take(_ told: Facts.Payment, _ event: OrderEvent, _ at: Timestamp) -> Bool {
        let payment = Payment(ref: event.text(told.ref), status: told.status, amount: told.amount, at: at)
        guard let index = payments.firstIndex(where: { $0.ref == payment.ref }) else {
            payments.append(payment)
            return true
        }
        guard payment.at > payments[index].at else { return false }
        let new = payments[index].status != payment.status || payments[index].amount != payment.amount
        payments[index] = payment
        return new
    }
}
