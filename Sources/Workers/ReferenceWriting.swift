import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// Names of a batch become durable, within its transaction, before its orders do (`ReferenceStatements` says why nobody
// misses anybody). What waits in the store for a name that the batch teaches goes on here, under the lock of that name:
// in the transaction that teaches it, and in sequence.

extension BatchWriter {
    /// Settles the plan's names with the store.
    ///
    /// - Throws: `.conflict` when the plan rests on what is not true any more.
    func settleNames(
        _ plan: inout BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws {
        guard !plan.book.isSettled else { return }
        // What goes on may teach further names; each round settles some that no round before did.
        while !plan.book.isSettled {
            var (learned, awaited) = plan.book.takeUnsettled()
            try meetAliases(&learned, &plan, settings, &connection)
            let missed = plan.book.missed.map { NameRow(key: $0.key, order: $0.order, waiting: 0) }
            plan.book.missed = []
            let released = try take(learned, awaited, &plan, settings, now, &connection)
            try free(missed + released, &plan, settings, &connection)
            plan.admitFreed()
        }
        try nameJournal(plan, settings, &connection)
        try moveUnreadable(plan, settings, now, &connection)
    }

    /// A name of kind `order` is a row of `orders`: an alias, unless an order has begun under it.
    private func meetAliases(
        _ learned: inout [(order: Int, name: Order.OtherName)], _ plan: inout BatchPlan, _ settings: ApplySettings,
        _ connection: inout Connection
    ) throws {
        let names = learned.filter { $0.name.kind == .order }
        guard !names.isEmpty else { return }
        var index = plan.index ?? OrderIndex(plan.orders)
        let known = plan.orders.count
        let rows = names.map { told in
            index.find(plan.orders[told.order].entity, told.name.qualified, addTo: &plan.orders, settings)
        }
        plan.index = index
        let added = Array(known..<plan.orders.count)
        try BatchReading.loadOrders(added, &plan.orders, settings, &connection)
        // The order of an alias that is there already is not needed: whether it is ours is.
        for row in added where !plan.orders[row].aliasRef.isEmpty {
            plan.orders[row].aliasOf = index.find(
                plan.orders[row].entity, plan.orders[row].aliasRef, addTo: &plan.orders, settings)
        }
        plan.index = index
        try BatchReading.loadParked(added, &plan.orders, settings, &connection)
        for (told, row) in zip(names, rows) where !plan.becomesAlias(row, of: told.order) {
            plan.refuseName(told.name, of: told.order)
            learned.removeAll { $0 == told }
        }
    }

    /// Takes the rows of names; gives the orders whose names events wait for.
    private func take(
        _ learned: [(order: Int, name: Order.OtherName)], _ awaited: Set<ReferenceKey>, _ plan: inout BatchPlan,
        _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws -> [NameRow] {
        var first: [ReferenceKey: NameRow] = [:]
        var shared: [NameRow] = []
        for (order, name) in learned {
            let key = ReferenceKey(entity: plan.orders[order].entity, name: name)
            let row = NameRow(key: key, order: order, waiting: 0)
            if first[key] == nil { first[key] = row } else { shared.append(row) }
        }
        var rows = Self.inKeyOrder(Array(first.values))
        if !rows.isEmpty {
            let parameters = Self.parameters(rows, plan, settings, now)
            if try connection.query(ReferenceStatements.learn, parameters).affected == rows.count { rows = [] }
        }
        rows += awaited.map { NameRow(key: $0, order: -1, waiting: Int32(plan.book.waiting[$0]?.count ?? 0)) }
        var released: [NameRow] = []
        if !rows.isEmpty {
            rows = Self.inKeyOrder(rows)
            var parameters = Self.parameters(rows, plan, settings, now)
            parameters.int32s(rows.map(\.waiting))
            let met = try connection.query(ReferenceStatements.take, parameters)
            var settled: Int64 = 0
            for row in 0..<met.count {
                let number = met.int64(row, 1)
                switch met.int32(row, 0) {
                case 1:
                    settled += 1
                    try meet(rows[Int(number) - 1], of: met.text(row, 2), &plan, &shared)
                case 2: released.append(rows[Int(number) - 1])
                default: settled += number
                }
            }
            if settled != Int64(rows.count) { throw ApplyError.conflict }
        }
        if !shared.isEmpty {
            let parameters = Self.parameters(Self.inKeyOrder(shared), plan, settings, now)
            _ = try connection.query(ReferenceStatements.share, parameters)
        }
        return Self.inKeyOrder(released)
    }

    /// A name is `owner`'s already.
    private func meet(
        _ row: NameRow, of owner: String, _ plan: inout BatchPlan, _ shared: inout [NameRow]
    ) throws {
        // Taught since it was asked for: then it is that order's event.
        guard row.order >= 0 else { throw ApplyError.conflict }
        guard owner != plan.orders[row.order].ref else { return }
        // An event of the batch found its order by this name, which is not so.
        guard !plan.book.reliedOn.contains(row.key) else { throw ApplyError.conflict }
        if row.key.name.kind.isShared {
            shared.append(row)
        } else {
            plan.refuseName(row.key.name, of: row.order)
        }
    }

    /// Loads what waits for names that have their orders now, and lets it go on.
    private func free(
        _ names: [NameRow], _ plan: inout BatchPlan, _ settings: ApplySettings, _ connection: inout Connection
    ) throws {
        guard !names.isEmpty else { return }
        let parameters = BatchReading.parameters(names.map(\.key), settings)
        let rows = try connection.query(ReferenceStatements.loadWaiting, parameters)
        var waited = [[ParkedEvent]](repeating: [], count: names.count)
        for row in 0..<rows.count {
            let number = Int(rows.int64(row, 0)) - 1
            if let parked = BatchReading.parkedEvent(rows, row, settings) {
                waited[number].append(parked)
            } else {
                let order = names[number].order
                plan.orders[order].order.parked += 1
                plan.orders[order].isDirty = true
                plan.book.unreadable.append(
                    UnreadableEvent(order: order, channel: rows.text(row, 1), eventID: rows.text(row, 2)))
            }
        }
        for (name, events) in zip(names, waited) { plan.free(events, name.key, name.order) }
    }

    private func nameJournal(
        _ plan: BatchPlan, _ settings: ApplySettings, _ connection: inout Connection
    ) throws {
        guard !plan.book.renamed.isEmpty else { return }
        let rows = plan.book.renamed
        var parameters = Parameters()
        parameters.texts(rows.map { settings.entityName($0.parked.event.entity) })
        parameters.texts(rows.map { settings.channelName($0.parked.event.channel) })
        parameters.texts(rows.map { $0.parked.event.text($0.parked.event.eventID) })
        parameters.texts(rows.map { plan.orders[plan.canonical($0.order)].ref })
        _ = try connection.query(ReferenceStatements.nameJournal, parameters)
    }

    /// Moves what cannot be read to its order, where the sweep comes back to it.
    private func moveUnreadable(
        _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws {
        if !plan.book.unreadable.isEmpty {
            let rows = plan.book.unreadable
            var parameters = Parameters()
            parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
            parameters.texts(rows.map { settings.entityName(plan.orders[$0.order].entity) })
            parameters.texts(rows.map(\.channel))
            parameters.texts(rows.map(\.eventID))
            parameters.texts(rows.map { plan.orders[plan.canonical($0.order)].ref })
            _ = try connection.query(ReferenceStatements.moveWaiting, parameters)
        }
        if !plan.book.moved.isEmpty {
            let rows = plan.book.moved
            var parameters = Parameters()
            parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
            parameters.texts(rows.map { settings.entityName(plan.orders[$0.alias].entity) })
            parameters.texts(rows.map { plan.orders[$0.alias].ref })
            parameters.texts(rows.map { plan.orders[plan.canonical($0.order)].ref })
            _ = try connection.query(ReferenceStatements.moveParked, parameters)
        }
    }

    /// The same sequence for all transactions, so that they do not wait for each other in a circle.
    private static func inKeyOrder(_ rows: [NameRow]) -> [NameRow] {
        rows.sorted {
            ($0.key.entity, $0.key.name.kind.rawValue, $0.key.name.issuer, $0.key.name.value, $0.order)
                < ($1.key.entity, $1.key.name.kind.rawValue, $1.key.name.issuer, $1.key.name.value, $1.order)
        }
    }

    private static func parameters(
        _ rows: [NameRow], _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp
    ) -> Parameters {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.int16s(rows.map { Int16($0.key.name.kind.rawValue) })
        parameters.texts(rows.map { settings.entityName($0.key.entity) })
        parameters.texts(rows.map(\.key.name.issuer))
        parameters.texts(rows.map(\.key.name.value))
        parameters.texts(rows.map { $0.order < 0 ? "" : plan.orders[$0.order].ref })
        return parameters
    }
}

/// A row of `order_references` to be taken.
private struct NameRow {
    var key: ReferenceKey
    /// Index of the order; -1: events wait for it.
    var order: Int
    /// How many.
    var waiting: Int32
}
