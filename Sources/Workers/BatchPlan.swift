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
    /// Names that the batch asks by, learns and waits for.
    var book = ReferenceBook()
    var raised: [ExceptionKey: RaisedException] = [:]
    var resolved: Set<ExceptionKey> = []
    var transitions: [TransitionKey: Int] = [:]
    var stages: [StageTime] = []
    var released: [Int32: Int] = [:]
    /// Verdicts of Sluice's own that changed.
    var verdicts: [VerdictRow] = []
    /// Orders whose destination has to be looked at.
    var unchecked: [Int] = []
    var orders: [WorkingOrder]
    /// Rows of `journal` in key order; set by `prepareJournal`.
    private(set) var journalOrder: [Int] = []
    /// The journal's rows are as they will be written, or have been.
    private(set) var isJournalPrepared = false
    /// Orders that are written, in key order; set by `finish`.
    private(set) var written: [Int] = []

    let settings: ApplySettings
    let items: [Taken]
    let now: Timestamp
    let bounds: WaitingBounds
    /// Legal entities of which no further event may wait.
    let full: Set<Int32>
    /// The orders by name; made when a name is learned that could be another row of `orders`.
    var index: OrderIndex?
    /// Keys that earlier events of this batch took: hash of the key, or the next free one after it -> item.
    private var taken: [UInt64: Int] = [:]
    /// Positions of this batch's records that claim no key.
    private var keyless: Set<SourcePlace> = []

    init(
        items: [Taken], orders: consuming [WorkingOrder], settings: ApplySettings, now: Timestamp,
        waiting: WaitingCounts, book: ReferenceBook = ReferenceBook()
    ) {
        self.items = items
        self.book = book
        bounds = waiting.bounds
        full = waiting.full
        self.orders = orders
        for index in self.orders.indices {
            self.orders[index].knownNames = self.orders[index].order.names.count
            if settings.entities[Int(self.orders[index].entity)].hasPromises {
                self.orders[index].flowsBefore = self.orders[index].order.flowTimes
            }
        }
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
                    meet(key, event, entry, partitionIDs[event.source.partition] ?? -1)
                } else if let first = earlier(event, entry) {
                    if SourcePlace(first.source) == SourcePlace(event.source) {
                        redelivered.append(entry.item)
                    } else {
                        repeated(event, entry, sameContent: first.contentHash == event.contentHash)
                    }
                } else {
                    apply(event, entry)
                }
            }
        }
    }

    private mutating func meet(_ key: KnownKey, _ event: OrderEvent, _ entry: BatchEntry, _ partition: Int32) {
        if key.partition == partition, key.offset == event.source.offset {
            redelivered.append(entry.item)
        } else {
            repeated(event, entry, sameContent: key.contentHash == event.contentHash)
        }
    }

    private mutating func repeated(_ event: OrderEvent, _ entry: BatchEntry, sameContent: Bool) {
        guard !sameContent else {
            keyless.insert(SourcePlace(event.source))
            duplicates.append(entry.item)
            return
        }
        let detail =
            "the event id was used before with other content: the channel must give each event an id of its own"
        let order = entry.order < 0 ? -1 : canonical(entry.order)
        refuse(entry.item, event, .keyReused, detail, otherOrder: order == entry.order ? -1 : order)
        let ref = order < 0 ? "" : orders[order].ref
        raise(ExceptionKey(entity: event.entity, ref: ref, code: .keyReused), detail)
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

    mutating func take(_ entry: BatchEntry) {
        var hash = entry.keyHash
        while taken[hash] != nil { hash &+= 1 }
        taken[hash] = entry.item
    }

    mutating func refuse(
        _ item: Int, _ event: OrderEvent, _ code: ExceptionCode, _ detail: String, otherOrder: Int = -1
    ) {
        keyless.insert(SourcePlace(event.source))
        rejected.append(RejectedRow(item: item, code: code, detail: detail, otherOrder: otherOrder))
    }

    mutating func raise(_ key: ExceptionKey, _ detail: String) {
        raised[key, default: RaisedException(detail: detail)].met(detail)
        resolved.remove(key)
    }

    private mutating func apply(_ event: OrderEvent, _ entry: BatchEntry) {
        let warehouse = settings.lanes[Int(event.lane)].warehouseCode
        if entry.order >= 0 {
            let order = canonical(entry.order)
            apply(event, entry, to: order, isNamedOtherwise: order != entry.order, warehouse)
        } else {
            applyNamed(event, entry, warehouse)
        }
        if !book.freed.isEmpty { admitFreed() }
    }

    /// The order that the one at `index` is an alias of, or itself.
    func canonical(_ index: Int) -> Int {
        var index = index
        while orders[index].aliasOf >= 0 { index = orders[index].aliasOf }
        return index
    }

    /// Applies an event to the order at `index`.
    ///
    /// `isNamedOtherwise`: the event does not name it by its canonical reference.
    mutating func apply(
        _ event: OrderEvent, _ entry: BatchEntry, to index: Int, isNamedOtherwise: Bool, _ warehouse: String
    ) {
        let other = isNamedOtherwise ? index : -1
        let fullness = fullness(of: index)
        let before = fullness == nil ? nil : orders[index].order
        let evaluation = judge(event, index, warehouse)
        if evaluation.outcome == .parked, let fullness, let before {
            orders[index].order = before
            refuse(fullness, event, entry.item, otherOrder: other)
            return
        }
        // Whatever was decided, was decided by this state of the order: the row is written, so that its revision tells
        // when another instance changed it meanwhile, or when a memory was out of date.
        orders[index].isDirty = true
        if evaluation.outcome == .rejected {
            let code = evaluation.code ?? .illegalTransition
            let detail = event.refusal?.detail ?? refusal(event, evaluation)
            note(evaluation, index, detail: detail)
            refuse(entry.item, event, code, detail, otherOrder: other)
        } else {
            note(evaluation, index)
            take(entry)
            journal.append(
                JournalRow(
                    item: entry.item, evaluation: evaluation, orderVersion: orders[index].order.version,
                    warehouse: warehouse, otherOrder: other))
        }
        if evaluation.outcome == .parked, let code = evaluation.code {
            orders[index].parked.append(
                ParkedEvent(
                    event: event, code: code, warehouse: warehouse, dueAt: dueAt(code, event.entity), isNew: true,
                    arrival: entry.item))
        }
        learnNames(of: index, from: event, evaluation)
        if evaluation.releasesParked, !orders[index].parked.isEmpty { release(index, timeIsUp: false) }
    }

    /// When an event that waits for `code` takes its fallback.
    func dueAt(_ code: ExceptionCode, _ entity: Int32) -> Int64 {
        code == .orderNotBegun ? Int64.max : now.microseconds + settings.entities[Int(entity)].parkTimeout
    }

    /// Older than everything that is kept: nobody can tell whether it was applied before, so it never is (again).
    func isForgotten(_ event: OrderEvent) -> Bool {
        event.occurredAt.microseconds < now.microseconds - settings.journalRetention
    }

    mutating func judge(_ event: OrderEvent, _ index: Int, _ warehouse: String) -> Evaluation {
        if isForgotten(event) { return .forgotten(at: orders[index].order.state) }
        return orders[index].order.apply(
            event, channel: settings.channels[Int(event.channel)], warehouse: warehouse,
            rules: settings.entities[Int(event.entity)].rules)
    }

    private func refusal(_ event: OrderEvent, _ evaluation: Evaluation) -> String {
        let word = event.status?.name ?? event.milestone?.name ?? "event"
        return "\(word) may not follow \(evaluation.from?.name ?? "an order that has not begun")"
    }

    mutating func note(_ evaluation: Evaluation, _ index: Int, detail: String? = nil) {
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
        if evaluation.outcome == .applied, let from = evaluation.from, let to = evaluation.to, from != to {
            noteStage(orders[index].order, entity, from, to)
        }
    }

    /// Nothing where a time is not known, or what is told late goes back behind it.
    private mutating func noteStage(_ order: Order, _ entity: Int32, _ from: CanonicalState, _ to: CanonicalState) {
        guard let began = order.time(of: from), let ended = order.time(of: to), ended >= began else { return }
        var stage = StageTime(entity: entity, from: from, to: to, seconds: ended.seconds(since: began))
        if settings.entities[Int(entity)].hasPromises, let (flow, state) = Flow.left(from: from, to: to),
            let entered = order.time(of: state) ?? order.time(of: from), ended >= entered
        {
            stage.left = (flow, ended.microseconds - entered.microseconds)
        }
        stages.append(stage)
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
            var left: [ParkedEvent] = []
            for parked in waiting {
                let due = timeIsUp && parked.dueAt <= now.microseconds
                guard
                    let evaluation = orders[index].order.applyParked(
                        parked.event, channel: settings.channels[Int(parked.event.channel)],
                        warehouse: parked.warehouse, rules: rules.rules, waited: due)
                else {
                    left.append(parked)
                    continue
                }
                note(evaluation, index)
                goesOn(parked, evaluation, index)
                learnNames(of: index, from: parked.event, evaluation)
                progressed = true
            }
            orders[index].parked = left
        }
    }

    /// Notes that a parked event of the order at `index` has its outcome.
    mutating func goesOn(_ parked: ParkedEvent, _ evaluation: Evaluation, _ index: Int) {
        released[orders[index].entity, default: 0] += 1
        self.parked.append(ParkedRow(order: index, parked: parked, releasedOutcome: evaluation.outcome))
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

    /// Sorts the journal's rows in key order.
    ///
    /// To be called once, when all items are evaluated.
    mutating func prepareJournal() {
        isJournalPrepared = true
        journalOrder = KeyRank.sorted(
            journal.indices.map { row in
                guard case .event(let event) = items[journal[row].item] else { return KeyRank(entity: -1, index: row) }
                let start = Int(event.eventID.start)
                return KeyRank(
                    entity: event.entity, index: row,
                    event.bytes.span.extracting(start..<start + Int(event.eventID.count)))
            })
    }

    /// Adds the rows of what still waits, and sorts the orders in key order.
    ///
    /// To be called once, last.
    mutating func finish() {
        for index in orders.indices {
            for parked in orders[index].parked where parked.isNew || parked.isMoved {
                self.parked.append(ParkedRow(order: index, parked: parked, releasedOutcome: nil))
            }
            if orders[index].isDirty { orders[index].order.revision += 1 }
        }
        addWaitingRows()
        written = KeyRank.sorted(
            orders.indices.compactMap { index in
                guard orders[index].isDirty else { return nil }
                let ref = orders[index].ref.utf8.span
                return KeyRank(entity: orders[index].entity, index: index, ref)
            })
    }
}

extension Evaluation {
    /// Of an event that is older than everything that is kept.
    static func forgotten(at state: CanonicalState?) -> Evaluation {
        var old = Evaluation.waiting(for: .orderNotBegun)
        (old.outcome, old.disposition, old.from, old.to, old.code) = (.stale, .behind, state, state, nil)
        return old
    }
}
