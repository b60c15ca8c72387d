import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// One batch, from records to committed rows.
//
// The usual batch asks the store nothing: its keys are tried without a look-up, its orders are remembered or begin with
// this batch, and the primary key and the orders' revisions tell when that was wrong. Then, and after an unknown
// commit, the batch is done again the careful way: every key looked up, every order loaded.

/// What became of a batch.
struct AppliedBatch: Sendable {
    var plan: BatchPlan
    var written: WriteResult
    /// Outcome of each item; nil: its position had its row before.
    var outcomes: [Outcome?]
}

/// Applies the batches of one worker.
struct BatchApplier: Sendable {
    /// How a batch is gone about.
    enum Manner: Sendable {
        /// Trust the memories.
        case quick
        /// Look everything up.
        case careful
        /// As careful; what is there already at the batch's own positions was written by an attempt of this very batch
        /// whose answer was lost.
        case redo
    }

    let settings: ApplySettings
    let orders: OrderMemory
    let keys: KeyMemory
    let waiting: WaitingCounts
    let sourceName: @Sendable (Int32) -> SourceName?
    var numbers = PartitionNumbers()
    private var redeliveries = Redeliveries()
    var writer = BatchWriter()

    init(
        settings: ApplySettings, orders: OrderMemory, keys: KeyMemory, waiting: WaitingCounts = WaitingCounts(),
        sourceName: @escaping @Sendable (Int32) -> SourceName?
    ) {
        self.settings = settings
        self.orders = orders
        self.keys = keys
        self.waiting = waiting
        self.sourceName = sourceName
    }

    /// A new connection may lead to another database: what was learned of the last one is forgotten.
    mutating func connectionChanged() {
        numbers = PartitionNumbers()
        redeliveries = Redeliveries()
    }

    /// Applies the items in one transaction.
    ///
    /// - Throws: `.conflict`: go about it carefully; `.postgres`: see its retry class; `.document`: an order is broken.
    mutating func apply(
        _ items: [Taken], manner: Manner, now: Timestamp, _ connection: inout Connection
    ) throws(ApplyError) -> AppliedBatch {
        var working: [WorkingOrder] = []
        let entries = gather(items, into: &working)
        var known: [Int: KnownKey] = [:]
        var stored: [Int: Outcome] = [:]
        var old: [BatchEntry] = []
        var book = ReferenceBook()
        do throws(PostgresError) {
            try numbers.learn(items, name: sourceName, &connection)
            stored = try redeliveries.find(
                items, numbers.numbers, everywhere: manner != .quick, now: now, &connection)
            let events = entries.filter { $0.keyHash != 0 }
            let asked = manner == .quick ? keys.suspects(events).map { events[$0] } : events
            try BatchReading.findKeys(asked, items, settings, into: &known, &connection)
            old = events.filter { known[$0.item] == nil && isOld(items[$0.item], now) }
            try BatchReading.findArchivedKeys(old, items, settings, into: &known, &connection)
            book = try BatchReading.findReferences(entries, items, settings, &working, &connection)
        } catch { throw .postgres(error) }
        if manner == .quick { orders.recall(&working) }
        let unknown = working.indices.filter {
            if working[$0].isLoaded { return false }
            let first = working[$0].firstItem
            return manner != .quick || first < 0 || !begins(items[first])
        }
        try BatchReading.loadOrders(unknown, &working, settings, &connection)
        try BatchReading.followAliases(&working, settings, &connection)
        do throws(PostgresError) {
            try BatchReading.loadParked(working.indices, &working, settings, &connection)
        } catch { throw .postgres(error) }
        var plan = BatchPlan(
            items: items, orders: consume working, settings: settings, now: now, waiting: waiting, book: book)
        plan.evaluate(entries: entries, known: known, stored: stored, partitionIDs: numbers.numbers)
        if manner == .quick { try checkRefused(plan, entries, items, known, &connection) }
        let written: WriteResult
        do throws(ApplyError) {
            // What moves to the archive between the look above and the claim is in neither table when it is asked for.
            old.removeAll { known[$0.item] != nil }
            written = try writer.write(
                &plan, items, numbers.numbers, settings, now: now, lookAgain: old, &connection)
        } catch {
            orders.forget(plan.orders)
            throw error
        }
        orders.remember(plan.takeOrders())
        keys.remember(entries)
        waiting.add(plan)
        let outcomes = outcomes(plan, items, known, stored, written, isRedo: manner == .redo)
        return AppliedBatch(plan: plan, written: written, outcomes: outcomes)
    }

    /// The batch's entries and the orders that they touch.
    private func gather(_ items: [Taken], into orders: inout [WorkingOrder]) -> [BatchEntry] {
        var entries: [BatchEntry] = []
        entries.reserveCapacity(items.count)
        orders.reserveCapacity(items.count)
        var index: [UInt64: Int] = [:]
        index.reserveCapacity(items.count)
        for (item, taken) in items.enumerated() {
            guard case .event(let event) = taken else {
                entries.append(BatchEntry(item: item, order: -1, keyHash: 0))
                continue
            }
            var order = -1
            if !event.orderRef.isEmpty {
                var hash = event.orderHash
                while let found = index[hash] {
                    if isSame(orders[found].entity, orders[found].ref, event) {
                        order = found
                        break
                    }
                    hash &+= 1
                }
                if order < 0 {
                    order = orders.count
                    index[hash] = order
                    orders.append(
                        WorkingOrder(
                            entity: event.entity, ref: event.text(event.orderRef), hash: event.orderHash,
                            firstItem: item))
                }
            }
            entries.append(BatchEntry(item: item, order: order, keyHash: keyHash(event)))
        }
        return entries
    }

    private func isSame(_ entity: Int32, _ ref: String, _ event: OrderEvent) -> Bool {
        let known = ref.utf8.span
        guard entity == event.entity, known.count == Int(event.orderRef.count) else { return false }
        let start = Int(event.orderRef.start)
        for index in known.indices where known[index] != event.bytes[start + index] { return false }
        return true
    }

    private func keyHash(_ event: OrderEvent) -> UInt64 {
        let seed = UInt64(truncatingIfNeeded: event.entity) &<< 32 | UInt64(truncatingIfNeeded: event.channel)
        let start = Int(event.eventID.start)
        return max(
            1, StableHash.hash(event.bytes.span.extracting(start..<start + Int(event.eventID.count)), seed: seed))
    }

    /// Whether the event may have left the journal for the archive.
    private func isOld(_ taken: Taken, _ now: Timestamp) -> Bool {
        guard case .event(let event) = taken else { return false }
        return event.occurredAt.microseconds < now.microseconds - settings.keyRetention
    }

    /// Whether the order's first event of the batch looks like its very first, so that looking it up can be spared.
    private func begins(_ first: Taken) -> Bool {
        guard case .event(let event) = first else { return false }
        guard event.status == .state(.received), event.refusal == nil else { return false }
        let start = settings.channels[Int(event.channel)].sequenceFrom ?? 1
        return event.sequence.map { $0 <= start } ?? true
    }

    /// A refused event claims no key, so the primary key cannot tell that it was an old one told again: look.
    private func checkRefused(
        _ plan: BatchPlan, _ entries: [BatchEntry], _ items: [Taken], _ known: [Int: KnownKey],
        _ connection: inout Connection
    ) throws(ApplyError) {
        guard !plan.rejected.isEmpty else { return }
        let refused = Set(plan.rejected.map(\.item))
        let asked = entries.filter { refused.contains($0.item) && known[$0.item] == nil }
        var found: [Int: KnownKey] = [:]
        do throws(PostgresError) {
            try BatchReading.findKeys(asked, items, settings, into: &found, &connection)
        } catch { throw .postgres(error) }
        if !found.isEmpty { throw .conflict }
    }

    private func outcomes(
        _ plan: BatchPlan, _ items: [Taken], _ known: [Int: KnownKey], _ stored: [Int: Outcome], _ written: WriteResult,
        isRedo: Bool
    ) -> [Outcome?] {
        var outcomes = [Outcome?](repeating: nil, count: items.count)
        for row in plan.journal { outcomes[row.item] = row.evaluation.outcome }
        func isNew(_ item: Int) -> Bool {
            let source = items[item].source
            let position = StoredPosition(partition: numbers.numbers[source.partition] ?? -1, offset: source.offset)
            return written.newPositions.contains(position)
        }
        for item in plan.duplicates where isNew(item) { outcomes[item] = .duplicate }
        for row in plan.rejected where isNew(row.item) { outcomes[row.item] = .rejected }
        for item in plan.deadLetters where isNew(item) { outcomes[item] = .deadLettered }
        if isRedo { for item in plan.redelivered { outcomes[item] = stored[item] ?? known[item]?.outcome } }
        return outcomes
    }
}
