import OrderEvents
import Orders
import Partitioner

// What one batch does, decided in Swift before anything is written: pure, given the keys and states that were read.
// `ApplyTransaction` writes it. The events of one order are in their sequence; orders do not know of each other.

/// The writes of one batch.
struct BatchPlan: Sendable {
    var journal: [JournalRow] = []
    var duplicates: [Int] = []
    var rejected: [RejectedRow] = []
    var deadLetters: [Int] = []
    /// Items whose position has its row already.
    var redelivered: [Int] = []
    var parked: [ParkedRow] = []
    var references: [(order: Int, name: Order.OtherName)] = []
    var raised: [ExceptionKey: RaisedException] = [:]
    var resolved: Set<ExceptionKey> = []
    var transitions: [TransitionKey: Int] = [:]
    var released: [Int32: Int] = [:]
    var orders: [WorkingOrder]
    /// Rows of `journal` in key order; set by `finish`.
    private(set) var journalOrder: [Int] = []
    /// Orders that are written, in key order; set by `finish`.
    private(set) var written: [Int] = []

    private let settings: ApplySettings
    private let items: [Taken]
    private let now: Timestamp
    /// Keys that earlier events of this batch took: hash of the key, or the next free one after it -> item.
    private var taken: [UInt64: Int] = [:]
    /// Positions of this batch's records that claim no key.
    private var keyless: Set<SourcePlace> = []

    init(items: [Taken], orders: consuming [WorkingOrder], settings: ApplySettings, now: Timestamp) {
        self.items = items
        self.orders = orders
        for index in self.orders.indices { self.orders[index].knownNames = self.orders[index].order.names.count }
        self.settings = settings
        self.now = now
        journal.reserveCapacity(items.count)
        taken.reserveCapacity(items.count)
    }

    /// Decides about every item.
    ///
    /// `entries` say for each event its order (index into `orders`, -1: named by a reference only) and key hash;
    /// `known` the keys that the store has, `stored` the positions that have a row without a key, both by item;
    /// `partitionIDs` the store's number of each source partition.
    mutating func evaluate(
        entries: [BatchEntry], known: [Int: KnownKey], stored: [Int: Outcome], partitionIDs: [Int32: Int32]
    ) {
        for entry in entries {
            if stored[entry.item] != nil {
                redelivered.append(entry.item)
                continue
            }
            if !keyless.isEmpty, keyless.contains(SourcePlace(items[entry.item].source)) {
                redelivered.append(entry.item)
                continue
            }
            switch items[entry.item] {
            case .deadLetter(let letter):
                keyless.insert(SourcePlace(letter.source))
                deadLetters.append(entry.item)
            case .event(let event):
                if let key = known[entry.item] {
                    meet(key, event, entry.item, partitionIDs[event.source.partition] ?? -1)
                } else if let first = earlier(event, entry) {
                    if SourcePlace(first.source) == SourcePlace(event.source) {
                        redelivered.append(entry.item)
                    } else {
                        repeated(event, entry.item, sameContent: first.contentHash == event.contentHash)
                    }
                } else {
                    apply(event, entry)
                }
            }
        }
    }

    private mutating func meet(_ key: KnownKey, _ event: OrderEvent, _ item: Int, _ partition: Int32) {
        if key.partition == partition, key.offset == event.source.offset {
            redelivered.append(item)
        } else {
            repeated(event, item, sameContent: key.contentHash == event.contentHash)
        }
    }

    private mutating func repeated(_ event: OrderEvent, _ item: Int, sameContent: Bool) {
        guard !sameContent else {
            keyless.insert(SourcePlace(event.source))
            duplicates.append(item)
            return
        }
        let detail =
            "the event id was used before with other content: the channel must give each event an id of its own"
        refuse(item, event, .keyReused, detail)
        raise(ExceptionKey(entity: event.entity, ref: event.text(event.orderRef), code: .keyReused), detail)
    }

    /// The earlier event of this batch that took the same key.
    private func earlier(_ event: OrderEvent, _ entry: BatchEntry) -> OrderEvent? {
        var hash = entry.keyHash
        while let item = taken[hash] {
            if case .event(let other) = items[item], other.entity == event.entity, other.channel == event.channel,
                event.sameBytes(event.eventID, other, other.eventID)
            {
                return other
            }
            hash &+= 1
        }
        return nil
    }

    private mutating func take(_ entry: BatchEntry) {
        var hash = entry.keyHash
        while taken[hash] != nil { hash &+= 1 }
        taken[hash] = entry.item
    }

    private mutating func refuse(_ item: Int, _ event: OrderEvent, _ code: ExceptionCode, _ detail: String) {
        keyless.insert(SourcePlace(event.source))
        rejected.append(RejectedRow(item: item, code: code, detail: detail))
    }

    private mutating func raise(_ key: ExceptionKey, _ detail: String) {
        raised[key, default: RaisedException(detail: detail)].met(detail)
        resolved.remove(key)
    }

    private mutating func apply(_ event: OrderEvent, _ entry: BatchEntry) {
        let warehouse = settings.lanes[Int(event.lane)].warehouseCode
        guard entry.order >= 0 else {
            named(event, entry, warehouse)
            return
        }
        let evaluation = judge(event, entry.order, warehouse)
        // Whatever was decided, was decided by this state of the order: the row is written, so that its revision tells
        // when another instance changed it meanwhile, or when a memory was out of date.
        orders[entry.order].isDirty = true
        if evaluation.outcome == .rejected {
            let code = evaluation.code ?? .illegalTransition
            let detail = event.refusal?.detail ?? refusal(event, evaluation)
            note(evaluation, entry.order, detail: detail)
            refuse(entry.item, event, code, detail)
        } else {
            note(evaluation, entry.order)
            take(entry)
            journal.append(
                JournalRow(
                    item: entry.item, evaluation: evaluation, orderVersion: orders[entry.order].order.version,
                    warehouse: warehouse))
        }
        if evaluation.outcome == .parked, let code = evaluation.code {
            let timeout = settings.entities[Int(event.entity)].parkTimeout
            let waits = code == .orderNotBegun ? Int64.max : now.microseconds + timeout
            orders[entry.order].parked.append(
                ParkedEvent(
                    event: event, code: code, warehouse: warehouse, dueAt: waits, isNew: true,
                    arrival: entry.item))
        }
        if evaluation.releasesParked, !orders[entry.order].parked.isEmpty {
            release(entry.order, timeIsUp: false)
        }
    }

    private mutating func judge(_ event: OrderEvent, _ index: Int, _ warehouse: String) -> Evaluation {
        // Older than everything that is kept: nobody can tell whether it was applied before, so it never is (again).
        if event.occurredAt.microseconds < now.microseconds - settings.journalRetention {
            let state = orders[index].order.state
            var old = Evaluation.waiting(for: .orderNotBegun)
            (old.outcome, old.disposition, old.from, old.to, old.code) = (.stale, .behind, state, state, nil)
            return old
        }
        return orders[index].order.apply(
            event, channel: settings.channels[Int(event.channel)], warehouse: warehouse,
            rules: settings.entities[Int(event.entity)].rules)
    }

    /// An event that names its order by a reference only: it waits until the reference is known.
    private mutating func named(_ event: OrderEvent, _ entry: BatchEntry, _ warehouse: String) {
        if let refusal = event.refusal {
            refuse(entry.item, event, refusal.code, refusal.detail)
            raise(ExceptionKey(entity: event.entity, ref: "", code: refusal.code), refusal.detail)
            return
        }
        let evaluation = Evaluation.waiting(for: .unknownReference)
        take(entry)
        journal.append(JournalRow(item: entry.item, evaluation: evaluation, orderVersion: 0, warehouse: warehouse))
        let waiting = ParkedEvent(
            event: event, code: .unknownReference, warehouse: warehouse, dueAt: Int64.max, isNew: true,
            arrival: entry.item)
        parked.append(ParkedRow(order: -1, parked: waiting, releasedOutcome: nil))
        raise(
            ExceptionKey(entity: event.entity, ref: "", code: .unknownReference),
            "events wait for an order that names their reference")
    }

    private func refusal(_ event: OrderEvent, _ evaluation: Evaluation) -> String {
        let word = event.status?.name ?? event.milestone?.name ?? "event"
        return "\(word) may not follow \(evaluation.from?.name ?? "an order that has not begun")"
    }

    private mutating func note(_ evaluation: Evaluation, _ index: Int, detail: String? = nil) {
        if evaluation.changed { orders[index].isDirty = true }
        if evaluation.outcome == .applied { orders[index].delivers = true }
        let entity = orders[index].entity
        for code in evaluation.raised {
            raise(
                ExceptionKey(entity: entity, ref: orders[index].ref, code: code),
                detail ?? "order at \(evaluation.to?.name ?? "not begun")")
        }
        for code in evaluation.resolved {
            resolved.insert(ExceptionKey(entity: entity, ref: orders[index].ref, code: code))
        }
        let isTransition =
            switch evaluation.outcome {
            case .applied: evaluation.from != evaluation.to || evaluation.disposition == .flag
            case .parked, .rejected: true
            case .stale, .duplicate, .deadLettered: false
            }
        guard isTransition else { return }
        let key = TransitionKey(
            entity: entity, from: evaluation.from, to: evaluation.to, disposition: evaluation.disposition)
        transitions[key, default: 0] += 1
    }

    /// Lets the order's parked events go on, in sequence, until none can.
    ///
    /// `timeIsUp`: those that are due take their fallback.
    mutating func release(_ index: Int, timeIsUp: Bool) {
        let rules = settings.entities[Int(orders[index].entity)]
        var progressed = true
        // Each round lets at least one go on, so the rounds are bounded by the events that wait.
        while progressed, !orders[index].parked.isEmpty {
            progressed = false
            let waiting = orders[index].parked.sorted(by: Self.goesFirst)
            for parked in waiting {
                let due = timeIsUp && parked.dueAt <= now.microseconds
                guard
                    let evaluation = orders[index].order.applyParked(
                        parked.event, channel: settings.channels[Int(parked.event.channel)],
                        warehouse: parked.warehouse, rules: rules.rules, waited: due)
                else { continue }
                note(evaluation, index)
                released[orders[index].entity, default: 0] += 1
                self.parked.append(ParkedRow(order: index, parked: parked, releasedOutcome: evaluation.outcome))
                orders[index].parked.removeAll { $0.event.source == parked.event.source }
                progressed = true
                break
            }
        }
    }

    private static func goesFirst(_ a: ParkedEvent, _ b: ParkedEvent) -> Bool {
        if a.event.channel != b.event.channel { return a.event.channel < b.event.channel }
        let first = a.event.sequence ?? Int64.max
        let second = b.event.sequence ?? Int64.max
        if first != second { return first < second }
        // No numbers: as they came. What was loaded came before this batch.
        if a.isNew != b.isNew { return b.isNew }
        return a.arrival < b.arrival
    }

    /// Gives the orders away, so that whoever works on them next has them alone.
    mutating func takeOrders() -> [WorkingOrder] {
        var taken: [WorkingOrder] = []
        swap(&taken, &orders)
        return taken
    }

    /// Adds the rows of what still waits, and sorts what is written in key order.
    ///
    /// To be called once, last.
    mutating func finish() {
        for index in orders.indices {
            for parked in orders[index].parked where parked.isNew {
                self.parked.append(ParkedRow(order: index, parked: parked, releasedOutcome: nil))
            }
            guard orders[index].isDirty else { continue }
            orders[index].order.revision += 1
            // Most events name what is known; an order's names are only ever added to.
            for name in orders[index].order.names.dropFirst(orders[index].knownNames) {
                references.append((index, name))
            }
        }
        journalOrder = KeyRank.sorted(
            journal.indices.map { row in
                guard case .event(let event) = items[journal[row].item] else { return KeyRank(entity: -1, index: row) }
                let start = Int(event.eventID.start)
                return KeyRank(
                    entity: event.entity, channel: event.channel, index: row,
                    event.bytes.span.extracting(start..<start + Int(event.eventID.count)))
            })
        written = KeyRank.sorted(
            orders.indices.compactMap { index in
                guard orders[index].isDirty else { return nil }
                let ref = orders[index].ref.utf8.span
                return KeyRank(entity: orders[index].entity, channel: 0, index: index, ref)
            })
    }
}
