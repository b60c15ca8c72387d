import OrderEvents

// Facts: what an event tells besides its word. Each has an identity, so that the same shipment, invoice or payment told
// twice, by whomever, is one; of two versions the later counts. Nothing here looks at the state.

extension Order {
    /// Takes the event's facts.
    mutating func merge(_ telling: Telling, _ warehouse: String) -> News {
        let event = telling.event
        var news = News()
        if !warehouse.isEmpty, !warehouses.contains(warehouse) {
            warehouses.append(warehouse)
            news.isTouched = true
        }
        if !event.lines.isEmpty, !telling.isBefore(linesAt) {
            let told = linesTold(by: event)
            if told != lines {
                lines = told
                news.isNew = true
            }
            news.isTouched = news.isTouched || linesAt != telling.at
            linesAt = telling.at
        }
        news.add(mergeTerms(telling))
        if let facts = event.facts { news.add(merge(facts, telling)) }
        return news
    }

    /// What is told about the order as a whole: the latest telling of each counts, and another value is news.
    private mutating func mergeTerms(_ telling: Telling) -> News {
        let event = telling.event
        var news = News()
        if !event.currency.isEmpty, !telling.isBefore(termsAt.currency) {
            let told = event.text(event.currency)
            news.note(isNew: told != currency, isTouched: termsAt.currency != telling.at)
            currency = told
            termsAt.currency = telling.at
        }
        if let told = event.total, !telling.isBefore(termsAt.total) {
            news.note(isNew: told != total, isTouched: termsAt.total != telling.at)
            total = told
            termsAt.total = telling.at
        }
        if !event.customerRef.isEmpty, !telling.isBefore(termsAt.customer) {
            let told = event.text(event.customerRef)
            news.note(isNew: told != customerRef, isTouched: termsAt.customer != telling.at)
            customerRef = told
            termsAt.customer = telling.at
        }
        if !event.customerName.isEmpty, !telling.isBefore(termsAt.customerName) {
            let told = event.text(event.customerName)
            news.note(isNew: told != customerName, isTouched: termsAt.customerName != telling.at)
            customerName = told
            termsAt.customerName = telling.at
        }
        return news
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

    private mutating func merge(_ facts: Facts, _ telling: Telling) -> News {
        let event = telling.event
        var news = News()
        for reference in facts.references {
            let name = OtherName(
                kind: reference.kind, issuer: event.text(reference.issuer), value: event.text(reference.value))
            if !names.contains(name) {
                names.append(name)
                news.isNew = true
            }
        }
        if let shipment = facts.shipment {
            let tracking = event.text(shipment.tracking)
            let document = Document(
                ref: shipment.ref.isEmpty ? tracking : event.text(shipment.ref), carrier: event.text(shipment.carrier),
                tracking: tracking, lines: amounts(shipment.lines, event), at: telling.at)
            news.add(Self.take(document, telling, into: &shipments))
        }
        if let invoice = facts.invoice {
            let document = Document(
                ref: event.text(invoice.ref), carrier: "", tracking: "", lines: amounts(invoice.lines, event),
                at: telling.at)
            news.add(Self.take(document, telling, into: &invoices))
        }
        if let payment = facts.payment { news.add(take(payment, telling)) }
        if !facts.allocation.isEmpty {
            let totals = Totals(lines: amounts(facts.allocation, event), reason: "", at: telling.at)
            news.add(Self.take(totals, telling, into: &allocation))
        }
        if let told = facts.cancellation {
            let totals = Totals(lines: amounts(told.lines, event), reason: event.text(told.reason), at: telling.at)
            news.add(Self.take(totals, telling, into: &cancellation))
        }
        return news
    }

    private func amounts(_ lines: [LineQuantity], _ event: OrderEvent) -> [LineAmount] {
        lines.map {
            LineAmount(
                line: event.text($0.line), sku: event.text($0.sku), quantity: $0.quantity,
                backordered: $0.backordered, expected: event.text($0.expected))
        }
    }

    /// Of two versions the later counts, but what it leaves out it does not take back: a carrier tells a shipment's
    /// tracking number and not its lines.
    private static func take(_ document: Document, _ telling: Telling, into documents: inout [Document]) -> News {
        guard let index = documents.firstIndex(where: { isSame($0, document) }) else {
            documents.append(document)
            return News(isNew: true, isTouched: true)
        }
        let known = documents[index]
        let isOlder = telling.isBefore(known.at)
        var merged = isOlder ? known : document
        let other = isOlder ? document : known
        // A reference of its own beats the tracking number that stood in for it.
        if merged.ref == merged.tracking { merged.ref = other.ref }
        if merged.carrier.isEmpty { merged.carrier = other.carrier }
        if merged.tracking.isEmpty { merged.tracking = other.tracking }
        if merged.lines.isEmpty { merged.lines = other.lines }
        let isTouched = merged != known
        documents[index] = merged
        merged.at = known.at
        return News(isNew: merged != known, isTouched: isTouched)
    }

    /// The same reference, or the same tracking number where one of the two has no reference of its own.
    private static func isSame(_ a: Document, _ b: Document) -> Bool {
        if a.ref == b.ref { return true }
        guard !a.tracking.isEmpty, a.tracking == b.tracking else { return false }
        return a.ref == a.tracking || b.ref == b.tracking
    }

    private static func take(_ totals: Totals, _ telling: Telling, into known: inout Totals?) -> News {
        guard let before = known else {
            known = totals
            return News(isNew: true, isTouched: true)
        }
        guard !telling.isBefore(before.at) else { return News() }
        known = totals
        return News(
            isNew: before.lines != totals.lines || before.reason != totals.reason, isTouched: before.at != totals.at)
    }

    private mutating func take(_ told: Facts.Payment, _ telling: Telling) -> News {
        let payment = Payment(
            ref: telling.event.text(told.ref), status: told.status, amount: told.amount, at: telling.at)
        guard let index = payments.firstIndex(where: { $0.ref == payment.ref }) else {
            payments.append(payment)
            return News(isNew: true, isTouched: true)
        }
        let known = payments[index]
        guard !telling.isBefore(known.at) else { return News() }
        payments[index] = payment
        // A later version without an amount does not take it back.
        if payment.amount == nil { payments[index].amount = known.amount }
        return News(
            isNew: payments[index].status != known.status || payments[index].amount != known.amount,
            isTouched: payment.at != known.at)
    }
}

extension News {
    fileprivate mutating func note(isNew: Bool, isTouched: Bool) {
        self.isNew = self.isNew || isNew
        self.isTouched = self.isTouched || isTouched
    }
}
