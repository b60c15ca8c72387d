import OrderEvents

// Facts: what an event tells besides its word. Each has an identity, so that the same shipment, invoice or payment told
// twice, by whomever, is one; part by part the higher owner counts, then the later. Nothing here looks at the state.

extension Order {
    /// Takes the event's facts.
    mutating func merge(_ telling: Telling, _ channel: Int16, _ warehouse: String, _ owners: Owners) -> News {
        let event = telling.event
        let teller = Teller(telling: telling, channel: channel, owners: owners)
        var news = News()
        if !warehouse.isEmpty { news.add(note(warehouse, telling.at.microseconds)) }
        if let by = teller.origin(.order) {
            news.add(takeLines(event, by))
            news.add(takeTerms(event, by))
        } else {
            news.add(claimOrder(event, teller))
        }
        if let facts = event.facts { news.add(merge(facts, event, teller, warehouse)) }
        return news
    }

    /// A warehouse that took part, also in what was refused.
    mutating func note(_ code: String, _ at: Int64) -> News {
        if let index = warehouses.firstIndex(where: { $0.code == code }) {
            guard at < warehouses[index].since else { return News() }
            warehouses[index].since = at
        } else {
            warehouses.append(Warehouse(code: code, since: at))
        }
        if warehouses.count > 1 { warehouses.sort { ($0.since, $0.code) < ($1.since, $1.code) } }
        return .touched
    }

    /// The lines of a cancellation that is refused; of what has left, none are cancelled.
    mutating func keepCancellation(_ telling: Telling, _ channel: Int16, _ owners: Owners) -> News {
        guard telling.event.status == .state(.cancelled), let told = telling.event.facts?.cancellation else {
            return News()
        }
        return take(told, telling.event, Teller(telling: telling, channel: channel, owners: owners))
    }

    // MARK: - The order as a whole

    private mutating func takeLines(_ event: OrderEvent, _ by: Origin) -> News {
        guard !event.lines.isEmpty, supersedes(by, linesBy) else { return News() }
        let isSame = tellsSameLines(event)
        let isTouched = linesBy != by
        linesBy = by
        if isSame { return News(isNew: false, isTouched: isTouched) }
        lines = linesTold(by: event)
        return .new
    }

    /// Whether the event tells the lines that are known, without making texts of them.
    private func tellsSameLines(_ event: OrderEvent) -> Bool {
        guard event.lines.count == lines.count else { return false }
        for (index, told) in event.lines.enumerated() {
            guard told.quantity == lines[index].quantity, told.unitPrice == lines[index].unitPrice else { return false }
            guard event.says(told.sku, lines[index].sku), event.says(told.tax, lines[index].tax) else { return false }
            if told.line.isEmpty {
                guard lines[index].line == String(index + 1) else { return false }
            } else if !event.says(told.line, lines[index].line) {
                return false
            }
        }
        return true
    }

    func linesTold(by event: OrderEvent) -> [Line] {
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

    /// What is told about the order as a whole: another value is news.
    private mutating func takeTerms(_ event: OrderEvent, _ by: Origin) -> News {
        var news = News()
        if !event.currency.isEmpty, supersedes(by, termsBy.currency) {
            news.add(News(isNew: !event.says(event.currency, currency), isTouched: termsBy.currency != by))
            if news.isNew { currency = event.text(event.currency) }
            termsBy.currency = by
        }
        if let told = event.total, supersedes(by, termsBy.total) {
            news.add(News(isNew: told != total, isTouched: termsBy.total != by))
            total = told
            termsBy.total = by
        }
        if !event.customerRef.isEmpty, supersedes(by, termsBy.customer) {
            let isSame = event.says(event.customerRef, customerRef)
            news.add(News(isNew: !isSame, isTouched: termsBy.customer != by))
            if !isSame { customerRef = event.text(event.customerRef) }
            termsBy.customer = by
        }
        if !event.customerName.isEmpty, supersedes(by, termsBy.customerName) {
            let isSame = event.says(event.customerName, customerName)
            news.add(News(isNew: !isSame, isTouched: termsBy.customerName != by))
            if !isSame { customerName = event.text(event.customerName) }
            termsBy.customerName = by
        }
        return news
    }

    // MARK: - Facts with an identity

    private mutating func merge(
        _ facts: Facts, _ event: OrderEvent, _ teller: Teller, _ warehouse: String
    ) -> News {
        var news = News()
        for reference in facts.references where !isKnown(reference, event) {
            names.append(
                OtherName(
                    kind: reference.kind, issuer: event.text(reference.issuer), value: event.text(reference.value)))
            news.add(.new)
        }
        if let told = facts.shipment { news.add(take(told, event, teller, warehouse)) }
        if let told = facts.invoice { news.add(take(told, event, teller)) }
        if let told = facts.payment { news.add(take(told, event, teller)) }
        for told in facts.moreShipments { news.add(take(told, event, teller, warehouse)) }
        for told in facts.moreInvoices { news.add(take(told, event, teller)) }
        for told in facts.morePayments { news.add(take(told, event, teller)) }
        if !facts.allocation.isEmpty { news.add(takeAllocation(facts.allocation, event, teller, warehouse)) }
        if let told = facts.cancellation { news.add(take(told, event, teller)) }
        return news
    }

    private func isKnown(_ reference: Reference, _ event: OrderEvent) -> Bool {
        names.contains {
            $0.kind == reference.kind && event.says(reference.value, $0.value)
                && event.says(reference.issuer, $0.issuer)
        }
    }

    private static func amounts(_ lines: [LineQuantity], _ event: OrderEvent) -> [LineAmount] {
        lines.map { LineAmount(line: event.text($0.line), sku: event.text($0.sku), quantity: $0.quantity) }
    }

    private mutating func take(
        _ told: Facts.Shipment, _ event: OrderEvent, _ teller: Teller, _ warehouse: String
    ) -> News {
        let tracking = event.text(told.tracking)
        let ref = told.ref.isEmpty ? tracking : event.text(told.ref)
        guard let by = teller.origin(.shipment) else { return claim(.shipment, ref, teller) }
        let isByTracking = told.ref.isEmpty
        var news = News()
        var index = toldShipments.firstIndex { $0.ref == ref && $0.isByTracking == isByTracking }
        if index == nil {
            toldShipments.append(Shipment(ref: ref, isByTracking: isByTracking, at: teller.telling.at))
            toldShipments.sort { ($0.ref, $0.isByTracking ? 1 : 0) < ($1.ref, $1.isByTracking ? 1 : 0) }
            index = toldShipments.firstIndex { $0.ref == ref && $0.isByTracking == isByTracking }
            news = .new
        }
        guard let index else { return news }
        var known = toldShipments[index]
        if teller.telling.at < known.at {
            known.at = teller.telling.at
            news.add(.touched)
        }
        news.add(register(event.text(told.carrier), by, &known.carrier, &known.by.carrier))
        news.add(register(tracking, by, &known.tracking, &known.by.tracking))
        news.add(register(warehouse, by, &known.warehouse, &known.by.warehouse))
        news.add(register(Self.amounts(told.lines, event), by, &known.lines, &known.by.lines))
        toldShipments[index] = known
        return news
    }

    private mutating func take(_ told: Facts.Invoice, _ event: OrderEvent, _ teller: Teller) -> News {
        let ref = event.text(told.ref)
        guard let by = teller.origin(.invoice) else { return claim(.invoice, ref, teller) }
        var news = News()
        var index = invoices.firstIndex { $0.ref == ref }
        if index == nil {
            invoices.append(Invoice(ref: ref, at: teller.telling.at))
            invoices.sort { $0.ref < $1.ref }
            index = invoices.firstIndex { $0.ref == ref }
            news = .new
        }
        guard let index else { return news }
        var known = invoices[index]
        if teller.telling.at < known.at {
            known.at = teller.telling.at
            news.add(.touched)
        }
        news.add(register(Self.amounts(told.lines, event), by, &known.lines, &known.linesBy))
        invoices[index] = known
        return news
    }

    private mutating func take(_ told: Facts.Payment, _ event: OrderEvent, _ teller: Teller) -> News {
        let ref = event.text(told.ref)
        guard let by = teller.origin(.payment) else { return claim(.payment, "\(ref) \(told.status.name)", teller) }
        var news = News()
        var index = payments.firstIndex { $0.ref == ref }
        if index == nil {
            payments.append(Payment(ref: ref, status: told.status))
            payments.sort { $0.ref < $1.ref }
            index = payments.firstIndex { $0.ref == ref }
            news = .new
        }
        guard let index else { return news }
        var known = payments[index]
        if supersedes(by, known.statusBy) {
            news.add(News(isNew: known.status != told.status, isTouched: known.statusBy != by))
            known.status = told.status
            known.statusBy = by
        }
        // A later version without an amount does not take it back.
        if let amount = told.amount, supersedes(by, known.amountBy) {
            news.add(News(isNew: known.amount != amount, isTouched: known.amountBy != by))
            known.amount = amount
            known.amountBy = by
        }
        payments[index] = known
        return news
    }

    private mutating func takeAllocation(
        _ told: [LineQuantity], _ event: OrderEvent, _ teller: Teller, _ warehouse: String
    ) -> News {
        guard let by = teller.origin(.allocation) else {
            return claim(.allocation, Self.digest(told, event, warehouse), teller)
        }
        var news = News()
        for one in told {
            let value = Allocation(
                warehouse: warehouse, line: event.text(one.line), sku: event.text(one.sku), quantity: one.quantity,
                backordered: one.backordered, expected: event.text(one.expected), by: by)
            let index = allocations.firstIndex {
                $0.warehouse == value.warehouse && $0.line == value.line && (!value.line.isEmpty || $0.sku == value.sku)
            }
            guard let index else {
                allocations.append(value)
                allocations.sort { ($0.warehouse, $0.line, $0.sku) < ($1.warehouse, $1.line, $1.sku) }
                news.add(.new)
                continue
            }
            guard supersedes(by, allocations[index].by) else { continue }
            var known = allocations[index]
            known.by = by
            news.add(News(isNew: known != value, isTouched: allocations[index].by != by))
            allocations[index] = value
        }
        return news
    }

    private mutating func take(_ told: Facts.Cancellation, _ event: OrderEvent, _ teller: Teller) -> News {
        guard let by = teller.origin(.cancellation) else {
            return claim(.cancellation, Self.digest(told.lines, event, ""), teller)
        }
        let reason = event.text(told.reason)
        var values = told.lines.map {
            Cancellation(
                line: event.text($0.line), sku: event.text($0.sku), quantity: $0.quantity, reason: reason, by: by)
        }
        if values.isEmpty {
            guard !reason.isEmpty else { return News() }
            values = [Cancellation(line: "", sku: "", quantity: .zero, reason: reason, by: by)]
        }
        var news = News()
        for value in values {
            let index = cancellations.firstIndex {
                $0.line == value.line && (!value.line.isEmpty || $0.sku == value.sku)
            }
            guard let index else {
                cancellations.append(value)
                cancellations.sort { ($0.line, $0.sku) < ($1.line, $1.sku) }
                news.add(.new)
                continue
            }
            guard supersedes(by, cancellations[index].by) else { continue }
            var known = cancellations[index]
            known.by = by
            news.add(News(isNew: known != value, isTouched: cancellations[index].by != by))
            cancellations[index] = value
        }
        return news
    }

    /// A part of a fact: of two tellings one counts, and what a telling leaves out it does not take back.
    private func register<Value: Equatable & Collection>(
        _ told: Value, _ by: Origin, _ value: inout Value, _ known: inout Origin
    ) -> News {
        guard !told.isEmpty, supersedes(by, known) else { return News() }
        let news = News(isNew: told != value, isTouched: known != by)
        value = told
        known = by
        return news
    }
}

/// Who tells, and for which groups of facts that counts.
struct Teller {
    let telling: Telling
    let channel: Int16
    let owners: Owners

    /// Who told it, for a value of `group`; nil: the channel's word does not count there.
    func origin(_ group: FactGroup) -> Origin? {
        guard let rank = owners.rank(of: telling.channel.name, in: group) else { return nil }
        return Origin(
            at: telling.at.microseconds, sequence: telling.event.sequence ?? 0, channel: channel,
            rank: UInt8(clamping: rank))
    }
}

extension OrderEvent {
    /// Whether the slice is this text, without making one of it.
    func says(_ slice: Slice, _ text: String) -> Bool {
        let known = text.utf8
        guard known.count == Int(slice.count) else { return false }
        var index = Int(slice.start)
        for byte in known {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
        }
        return true
    }
}
