import OrderEvents
import Orders
import Partitioner

// Identity within a batch: names that find their orders, that are learned, that are waited for.
//
// An event that names its order by a reference goes, in the batch's sequence, to the order that has the name by the
// store or by an earlier event of the batch; where nobody has it, it waits. Who learns a name frees what waits for it:
// what this batch parked at once, what the store has when the name is settled with it (`ReferenceWriting`).

extension BatchPlan {
    // MARK: - Asking by a name

    /// An event that names its order by a reference only.
    mutating func applyNamed(_ event: OrderEvent, _ entry: BatchEntry, _ warehouse: String) {
        guard let reference = event.reference else {
            wait(event, entry, warehouse, for: nil)
            return
        }
        let key = ReferenceKey(event, reference)
        switch book.meaning(of: key) {
        case .order(let index): apply(event, entry, to: index, isNamedOtherwise: true, warehouse)
        case .unknown: wait(event, entry, warehouse, for: key)
        case .ambiguous:
            let detail = "several orders go by this \(key.name.kind.name): the event has to name its order otherwise"
            refuse(entry.item, event, .referenceCollision, detail)
            raise(ExceptionKey(entity: event.entity, ref: key.subject, code: .referenceCollision), detail)
        }
    }

    /// Its order is not known: it waits until a name tells, however long that takes.
    private mutating func wait(
        _ event: OrderEvent, _ entry: BatchEntry, _ warehouse: String, for key: ReferenceKey?
    ) {
        if let refusal = event.refusal {
            refuse(entry.item, event, refusal.code, refusal.detail)
            raise(ExceptionKey(entity: event.entity, ref: "", code: refusal.code), refusal.detail)
            return
        }
        guard let key else {
            refuse(entry.item, event, .unknownReference, "the event names no order")
            return
        }
        if isForgotten(event) {
            take(entry)
            journal.append(
                JournalRow(item: entry.item, evaluation: .forgotten(at: nil), orderVersion: 0, warehouse: warehouse))
            return
        }
        let isFull = full.contains(event.entity)
        if isFull || book.countWaiting(for: key) >= bounds.perReference {
            refuse(isFull ? .legalEntity : .reference(key), event, entry.item)
            return
        }
        take(entry)
        journal.append(
            JournalRow(
                item: entry.item, evaluation: .waiting(for: .unknownReference), orderVersion: 0, warehouse: warehouse))
        book.wait(
            ParkedEvent(
                event: event, code: .unknownReference, warehouse: warehouse, dueAt: Int64.max, isNew: true,
                arrival: entry.item), for: key)
        raise(
            ExceptionKey(entity: event.entity, ref: key.subject, code: .unknownReference),
            "events wait for the order that goes by this \(key.name.kind.name)")
    }

    /// Adds the rows of events that wait for a name.
    mutating func addWaitingRows() {
        for (key, events) in book.waiting {
            for event in events {
                parked.append(ParkedRow(order: -1, parked: event, releasedOutcome: nil, name: key.name))
            }
        }
    }

    // MARK: - Bounds

    /// Why no further event may wait.
    enum Fullness {
        case order(Int)
        case reference(ReferenceKey)
        case legalEntity
    }

    /// Why no further event of the order may wait; nil: it may.
    func fullness(of index: Int) -> Fullness? {
        if orders[index].order.parked >= bounds.perOrder { return .order(index) }
        return !full.isEmpty && full.contains(orders[index].entity) ? .legalEntity : nil
    }

    /// Refuses an event that would have to wait.
    mutating func refuse(_ fullness: Fullness, _ event: OrderEvent, _ item: Int, otherOrder: Int = -1) {
        let (ref, detail) =
            switch fullness {
            case .order(let index): (orders[index].ref, "\(bounds.perOrder) events of this order wait already")
            case .reference(let key): (key.subject, "\(bounds.perReference) events wait for this name already")
            case .legalEntity: ("", "about \(bounds.perEntity) events of this legal entity wait already")
            }
        refuse(item, event, .parkingFull, detail + ": send it again when they have gone on", otherOrder: otherOrder)
        raise(ExceptionKey(entity: event.entity, ref: ref, code: .parkingFull), detail)
    }

    // MARK: - Learning names

    /// Takes the names that an event told of its order.
    mutating func learnNames(of index: Int, from event: OrderEvent, _ evaluation: Evaluation) {
        let entity = Int(orders[index].entity)
        if !settings.entities[entity].asked.isEmpty, let facts = event.facts,
            evaluation.outcome == .applied || evaluation.outcome == .stale
        {
            let channel = settings.channelName(event.channel)
            for name in settings.entities[entity].names(in: facts, of: event, channel)
            where !orders[index].order.names.contains(name) {
                orders[index].order.names.append(name)
                orders[index].isDirty = true
            }
        }
        if orders[index].order.names.count > orders[index].knownNames { learnNames(of: index) }
    }

    private mutating func learnNames(of index: Int) {
        while orders[index].knownNames < orders[index].order.names.count {
            let name = orders[index].order.names[orders[index].knownNames]
            let key = ReferenceKey(entity: orders[index].entity, name: name)
            guard !isTaken(key, by: index) else {
                refuseName(name, of: index)
                continue
            }
            orders[index].knownNames += 1
            if name.kind == .order, name.qualified == orders[index].ref { continue }
            let waited = book.learn(key, order: index)
            if !waited.isEmpty { free(waited, key, index) }
        }
    }

    /// Whether only another order may go by the name, as far as is known so far; makes aliases of rows of the batch.
    private mutating func isTaken(_ key: ReferenceKey, by index: Int) -> Bool {
        guard !key.name.kind.isShared else { return false }
        if book.otherOrder(with: key, than: index) { return true }
        guard key.name.kind == .order else { return false }
        if self.index == nil { self.index = OrderIndex(orders) }
        guard let alias = self.index?.find(key.entity, key.name.qualified) else { return false }
        return !becomesAlias(alias, of: index)
    }

    /// A name that another order has: it is not learned, and somebody has to look.
    mutating func refuseName(_ name: Order.OtherName, of index: Int) {
        if let place = orders[index].order.names.firstIndex(of: name) {
            orders[index].order.names.remove(at: place)
            if place < orders[index].knownNames { orders[index].knownNames -= 1 }
        }
        raise(
            ExceptionKey(entity: orders[index].entity, ref: orders[index].ref, code: .referenceCollision),
            "the \(name.kind.name) that it claims is another order's, so the name was not learned")
    }

    /// Lets events go on that waited for a name of the order at `index`.
    mutating func free(_ waited: [ParkedEvent], _ key: ReferenceKey, _ index: Int) {
        resolved.insert(ExceptionKey(entity: key.entity, ref: key.subject, code: .unknownReference))
        for parked in waited { move(parked, to: index) }
    }

    private mutating func move(_ parked: ParkedEvent, to index: Int) {
        let freed = FreedEvent(order: index, parked: parked)
        book.freed.append(freed)
        if parked.isNew, !isJournalPrepared, let row = journal.lastIndex(where: { $0.item == parked.arrival }) {
            journal[row].otherOrder = index
        } else {
            book.renamed.append(freed)
        }
    }

    // MARK: - Aliases

    /// The row at `alias` stands for the order at `index` from now on; false: it is an order of its own, or another's.
    mutating func becomesAlias(_ alias: Int, of index: Int) -> Bool {
        let present = canonical(alias)
        guard present != index else { return true }
        guard present == alias, orders[alias].order.state == nil else { return false }
        let row = orders[alias]
        for code in row.order.open { resolved.insert(ExceptionKey(entity: row.entity, ref: row.ref, code: code)) }
        for parked in row.parked { move(parked, to: index) }
        // What cannot be read moves as it is.
        orders[index].order.parked += max(0, row.order.parked - Int32(row.parked.count))
        if row.order.parked > 0 { book.moved.append((alias, index)) }
        orders[alias].order = Order()
        orders[alias].order.revision = row.order.revision
        orders[alias].parked = []
        orders[alias].aliasOf = index
        orders[alias].isDirty = true
        return true
    }

    // MARK: - Going on

    /// Applies the events that were freed, and those that they free.
    ///
    /// Not called from where they are freed: a chain of names would be as deep as it is long.
    mutating func admitFreed() {
        while !book.freed.isEmpty {
            let freed = book.freed
            book.freed = []
            for event in freed { admit(event) }
        }
    }

    private mutating func admit(_ freed: FreedEvent) {
        let index = canonical(freed.order)
        var parked = freed.parked
        let evaluation = judge(parked.event, index, parked.warehouse)
        orders[index].isDirty = true
        note(evaluation, index, detail: parked.event.refusal?.detail)
        if evaluation.outcome == .parked, let code = evaluation.code {
            // At its order it waits as any other event: behind a gap of its channel, say.
            parked.code = code
            parked.dueAt = dueAt(code, orders[index].entity)
            parked.isMoved = !parked.isNew
            orders[index].parked.append(parked)
        } else {
            goesOn(parked, evaluation, index)
        }
        learnNames(of: index, from: parked.event, evaluation)
        if evaluation.releasesParked, !orders[index].parked.isEmpty { release(index, timeIsUp: false) }
    }
}

extension EntityRules {
    /// Names of the order that its facts imply, of the kinds by which somebody asks; from channels whose word counts.
    func names(in facts: Facts, of event: OrderEvent, _ channel: String) -> [Order.OtherName] {
        var names: [Order.OtherName] = []
        for asked in asked
        where rules.owners.rank(of: channel, in: asked.kind == .invoice ? .invoice : .shipment) != nil {
            guard let value = asked.value(in: facts, of: event), !value.isEmpty else { continue }
            names.append(Order.OtherName(kind: asked.kind, issuer: asked.issuer, value: event.text(value)))
        }
        return names
    }
}

extension AskedReference {
    fileprivate func value(in facts: Facts, of event: OrderEvent) -> Slice? {
        switch kind {
        case .shipment: facts.shipment?.ref
        case .invoice: facts.invoice?.ref
        case .tracking: facts.shipment.flatMap { isCarrier($0.carrier, event) ? $0.tracking : nil }
        case .order, .purchaseOrder, .wmsOrder, .odoo: nil
        }
    }

    /// Whether a parcel of this carrier goes by the issuer's numbers; a carrier that is not told may be any.
    private func isCarrier(_ carrier: Slice, _ event: OrderEvent) -> Bool {
        guard !carrier.isEmpty, !issuer.isEmpty else { return true }
        let told = event.bytes[Int(carrier.start)..<Int(carrier.start) + Int(carrier.count)]
        return told.elementsEqual(issuer.utf8) { Self.lowercased($0) == Self.lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
