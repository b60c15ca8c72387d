import OrderEvents
import Orders
internal import Postgres
internal import Store

// What is looked for now and then, because no event comes to bring it: parked events whose time is up, and events that
// wait for a name which has its order.

extension BatchApplier {
    /// Applies the fallback of parked events whose time is up; also gives how many orders were looked at.
    ///
    /// Nil: nothing is due.
    mutating func sweepParked(
        now: Timestamp, limit: Int, _ connection: inout Connection
    ) throws(ApplyError) -> (AppliedBatch, Int)? {
        var working: [WorkingOrder] = []
        do throws(PostgresError) { working = try dueOrders(now, limit, &connection) } catch { throw .postgres(error) }
        guard !working.isEmpty else { return nil }
        try BatchReading.loadOrders(Array(working.indices), &working, settings, &connection)
        do throws(PostgresError) {
            try BatchReading.loadParked(working.indices, &working, settings, &connection)
        } catch { throw .postgres(error) }
        var plan = BatchPlan(items: [], orders: working, settings: settings, now: now, waiting: waiting)
        for index in working.indices { plan.release(index, timeIsUp: true) }
        plan.admitFreed()
        let swept = try write(&plan, now, &connection)
        do throws(PostgresError) { try postpone(plan.orders, now, &connection) } catch { throw .postgres(error) }
        return (swept, working.count)
    }

    private mutating func write(
        _ plan: inout BatchPlan, _ now: Timestamp, _ connection: inout Connection
    ) throws(ApplyError) -> AppliedBatch {
        // The workers' memory must not hold what is changed behind its back, whatever comes of the write.
        orders.forget(plan.orders)
        let written = try writer.write(&plan, [], numbers.numbers, settings, now: now, &connection)
        orders.forget(plan.orders)
        waiting.add(plan)
        return AppliedBatch(plan: plan, written: written, outcomes: [])
    }

    private func dueOrders(
        _ now: Timestamp, _ limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> [WorkingOrder] {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.int64(Int64(limit))
        parameters.texts(settings.entities.map(\.name))
        let rows = try connection.query(ApplyStatements.dueParked, parameters)
        var due: [WorkingOrder] = []
        let indexes = rows.count == 0 ? [:] : settings.entityIndexes()
        for row in 0..<rows.count {
            guard let entity = indexes[rows.text(row, 0)] else { continue }
            due.append(WorkingOrder(entity: entity, ref: rows.text(row, 1), settings))
        }
        return due
    }

    /// What is due and waits even so (its channel is not configured any more, say) is looked at again later, so that it
    /// does not keep the sweep from what comes after it.
    private func postpone(
        _ orders: [WorkingOrder], _ now: Timestamp, _ connection: inout Connection
    ) throws(PostgresError) {
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds + Self.nextLook)
        parameters.texts(orders.map { settings.entityName($0.entity) })
        parameters.texts(orders.map(\.ref))
        _ = try connection.query(ApplyStatements.postponeParked, parameters)
    }

    /// When the sweep looks again at what could not go on: after 15 minutes.
    private static let nextLook: Int64 = 900_000_000

    /// Lets events go on that wait for a name although it is one order's; also gives how many names were looked at.
    ///
    /// Nil: there are none, as who waits and who teaches do not miss each other; a store that an older program filled
    /// has some.
    mutating func sweepMissed(
        now: Timestamp, limit: Int, _ connection: inout Connection
    ) throws(ApplyError) -> (AppliedBatch, Int)? {
        var working: [WorkingOrder] = []
        var book = ReferenceBook()
        do throws(PostgresError) {
            book.missed = try missedNames(limit, &working, &connection)
        } catch { throw .postgres(error) }
        guard !book.missed.isEmpty else { return nil }
        let count = book.missed.count
        try BatchReading.loadOrders(Array(working.indices), &working, settings, &connection)
        do throws(PostgresError) {
            try BatchReading.loadParked(working.indices, &working, settings, &connection)
        } catch { throw .postgres(error) }
        var plan = BatchPlan(
            items: [], orders: working, settings: settings, now: now, waiting: waiting, book: book)
        return (try write(&plan, now, &connection), count)
    }

    private func missedNames(
        _ limit: Int, _ orders: inout [WorkingOrder], _ connection: inout Connection
    ) throws(PostgresError) -> [(key: ReferenceKey, order: Int)] {
        var parameters = Parameters()
        parameters.texts(settings.entities.map(\.name))
        parameters.int64(Int64(limit))
        let rows = try connection.query(ReferenceStatements.findMissed, parameters)
        var index = OrderIndex(orders)
        var missed: [(key: ReferenceKey, order: Int)] = []
        let indexes = rows.count == 0 ? [:] : settings.entityIndexes()
        for row in 0..<rows.count {
            guard let entity = indexes[rows.text(row, 0)],
                let kind = ReferenceKind(rawValue: UInt8(clamping: rows.int16(row, 1)))
            else { continue }
            let key = ReferenceKey(
                entity: entity,
                name: Order.OtherName(kind: kind, issuer: rows.text(row, 2), value: rows.text(row, 3)))
            missed.append((key, index.find(key.entity, rows.text(row, 4), addTo: &orders, settings)))
        }
        return missed
    }
}
