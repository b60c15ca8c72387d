import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// The one transaction of a batch. Rows are written table by table: journal (keys), references, orders, then what
// belongs to the orders; within a table in key order. So two transactions never wait for each other in a circle but for
// rare cases, which the server ends as deadlocks and the worker retries. The plan is complete when its names are
// settled.

/// What a committed batch changed, beyond its plan.
struct WriteResult: Sendable {
    /// Positions (store's partition number, offset) of duplicates, rejected and dead letters that had no row before.
    var newPositions: Set<StoredPosition> = []
    /// Exceptions that were opened: (legal entity, code).
    var opened: [(entity: String, code: String)] = []
    /// Exceptions that ended: (legal entity, code, seconds open).
    var ended: [(entity: String, code: String, seconds: Double)] = []
}

/// A position by the store's number of its partition.
struct StoredPosition: Hashable, Sendable {
    var partition: Int32
    var offset: Int64
}

/// Writes the plans of one worker; keeps its buffers between batches.
struct BatchWriter: Sendable {
    var journal = CopyBuffer(capacity: 1 << 20)
    private var orders = OrderRows()
    private var parameters = Parameters()
    /// What the batch's orders took in `parameters`.
    private var writtenBytes = 0
    /// Orders up to this size leave their memory to the next batch: about twice what the usual batch writes.
    private static let keptBytes = 4 << 20

    /// Writes the plan in one transaction and commits it.
    ///
    /// - Throws: `.conflict` when another instance was faster; `.postgres` otherwise. The transaction has then been
    ///   rolled back, unless the outcome is unknown or the connection is gone.
    mutating func write(
        _ plan: inout BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ settings: ApplySettings, now: Timestamp,
        lookAgain: [BatchEntry] = [], _ connection: inout Connection
    ) throws(ApplyError) -> WriteResult {
        defer { giveBack() }
        do {
            // The transaction begins with its first statement.
            if plan.journal.isEmpty { _ = try connection.execute("BEGIN") }
            let result = try writeRows(&plan, items, numbers, settings, now, lookAgain, &connection)
            _ = try connection.execute("COMMIT")
            return result
        } catch let error as PostgresError {
            if !error.isConnectionLost { _ = try? connection.execute("ROLLBACK") }
            if error.sqlState == .uniqueViolation, error.table == "journal" { throw .conflict }
            throw .postgres(error)
        } catch {
            _ = try? connection.execute("ROLLBACK")
            throw error as? ApplyError ?? .conflict
        }
    }

    /// Gives memory back that was needed by an unusual batch.
    private mutating func giveBack() {
        if writtenBytes > Self.keptBytes {
            orders = OrderRows()
            parameters = Parameters()
        }
        writtenBytes = 0
    }

    private mutating func writeRows(
        _ plan: inout BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ settings: ApplySettings,
        _ now: Timestamp, _ lookAgain: [BatchEntry], _ connection: inout Connection
    ) throws -> WriteResult {
        var result = WriteResult()
        plan.prepareJournal()
        // What waits for names may go on below, and change verdicts: then they are told behind it.
        let isSettled = plan.book.isSettled
        let begins = !plan.journal.isEmpty
        if isSettled { plan.noteVerdicts() }
        if !plan.journal.isEmpty || !plan.verdicts.isEmpty {
            let isFull = settings.fillsAllColumns(plan, items)
            fillJournal(plan, items, numbers, settings, now, isFull: isFull)
            fillVerdicts(plan, settings, now, isFull: isFull)
            let statement = isFull ? ApplyStatements.copyJournalInFull : ApplyStatements.copyJournal
            _ = try connection.copyIn(statement, &journal, beginning: begins)
        }
        if !lookAgain.isEmpty {
            // Behind the claim, so that a row cannot leave the journal unseen any more: if it did, it is there now.
            var moved: [Int: KnownKey] = [:]
            try BatchReading.findArchivedKeys(lookAgain, items, settings, into: &moved, &connection)
            if !moved.isEmpty { throw ApplyError.conflict }
        }
        try writeDuplicates(plan, items, numbers, settings, now, &result, &connection)
        try writeRejected(plan, items, numbers, settings, now, &result, &connection)
        try writeDeadLetters(plan, items, numbers, now, &result, &connection)
        try settleNames(&plan, settings, now, &connection)
        if !isSettled {
            plan.noteVerdicts()
            if !plan.verdicts.isEmpty {
                fillVerdicts(plan, settings, now)
                _ = try connection.copyIn(ApplyStatements.copyJournal, &journal)
            }
        }
        plan.finish()
        let behind = try writeOrders(plan, settings, now, &connection)
        try writeParked(plan, settings, now, &connection)
        try writeExceptions(plan, settings, now, &result, &connection)
        try markBacklog(behind, plan, settings, now, &connection)
        try markUnchecked(plan, settings, &connection)
        return result
    }

    private mutating func fillJournal(
        _ plan: BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ settings: ApplySettings, _ now: Timestamp,
        isFull: Bool
    ) {
        journal.reset()
        for index in plan.journalOrder {
            let row = plan.journal[index]
            guard case .event(let event) = items[row.item] else { continue }
            let evaluation = row.evaluation
            journal.beginRow(columns: isFull ? ApplyStatements.allJournalColumns : ApplyStatements.journalColumns)
            journal.int64(event.source.offset)
            journal.timestamp(microsecondsSinceUnixEpoch: event.occurredAt.microseconds)
            if let logged = event.source.storableLoggedAt {
                journal.timestamp(microsecondsSinceUnixEpoch: logged.microseconds)
            } else {
                journal.null()
            }
            journal.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
            journal.int64(Int64(bitPattern: event.contentHash))
            if let sequence = event.sequence { journal.int64(sequence) } else { journal.null() }
            journal.int64(row.orderVersion)
            journal.int32(numbers[event.source.partition] ?? -1)
            journal.int16(Int16(evaluation.outcome.rawValue))
            journal.int16(Int16(evaluation.disposition.rawValue))
            journal.int16(event.status.storedValue)
            journal.int16(Int16(event.milestone?.rawValue ?? 0))
            journal.int16(Int16(evaluation.from?.rawValue ?? 0))
            journal.int16(Int16(evaluation.to?.rawValue ?? 0))
            journal.text(settings.entityName(event.entity))
            journal.text(settings.channelName(event.channel))
            journal.text(event.bytes, Int(event.eventID.start), Int(event.eventID.count))
            if row.otherOrder < 0 {
                journal.text(event.bytes, Int(event.orderRef.start), Int(event.orderRef.count))
            } else {
                journal.text(plan.orders[row.otherOrder].ref)
            }
            journal.text(row.warehouse)
            if let code = evaluation.code { journal.text(code.rawValue) } else { journal.null() }
            journal.bytea(event.bytes, 0, event.payloadCount)
            guard isFull else { continue }
            let route = settings.route(of: event)
            journal.text(route?.rule)
            journal.text(route?.tags)
            if let trace = event.source.trace { journal.bytea(trace.stored) } else { journal.null() }
        }
    }

    /// Gives the rows, places in `plan.written`, that the backlog has to be told of.
    private mutating func writeOrders(
        _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws -> [Int] {
        guard !plan.written.isEmpty else { return [] }
        orders.removeAll()
        for index in plan.written {
            plan.orders[index].cell.append(
                to: &orders, entity: settings.entityName(plan.orders[index].entity), ref: plan.orders[index].ref,
                delivers: delivers(index, plan, settings))
        }
        orders.fill(&parameters, now)
        var statement = ApplyStatements.writeOrders
        let isInFull = plan.written.contains {
            plan.orders[$0].aliasOf >= 0 || settings.entities[Int(plan.orders[$0].entity)].hasPromises
        }
        if isInFull {
            statement = ApplyStatements.writeOrdersInFull
            appendRest(of: plan, settings)
        }
        writtenBytes = parameters.byteCount
        let rows = try connection.query(statement, parameters)
        if rows.count != plan.written.count { throw ApplyError.conflict }
        let behind = (0..<rows.count).filter { !rows.isNull($0, 0) }
        // A server answers in the sequence that it was given. Should one ever not, all are told: in vain for most.
        let isInSequence = behind.allSatisfy { rows.text($0, 0) == plan.orders[plan.written[$0]].ref }
        return isInSequence ? behind : plan.written.indices.filter { delivers(plan.written[$0], plan, settings) }
    }

    private func delivers(_ index: Int, _ plan: BatchPlan, _ settings: ApplySettings) -> Bool {
        plan.orders[index].delivers && settings.entities[Int(plan.orders[index].entity)].delivers
    }

    /// What most batches have no need of: of which order a row is an alias, and when to look at it because of the flows
    /// that the batch took it into.
    private mutating func appendRest(of plan: BatchPlan, _ settings: ApplySettings) {
        var aliases = TextArray()
        var looks = TimestampArray()
        for index in plan.written {
            let order = plan.canonical(index)
            if order == index { aliases.appendNull() } else { aliases.append(plan.orders[order].ref) }
            let rules = settings.entities[Int(plan.orders[index].entity)]
            if rules.hasPromises,
                let end = rules.promised.firstEnd(
                    entered: plan.orders[index].order.flowTimes, before: plan.orders[index].flowsBefore)
            {
                looks.append(microsecondsSinceUnixEpoch: min(end, Self.never))
            } else {
                looks.appendNull()
            }
        }
        parameters.array(aliases)
        parameters.array(looks)
    }

    private func writeParked(
        _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws {
        guard !plan.parked.isEmpty else { return }
        var due = TimestampArray(), released = TimestampArray()
        var sequences = Int64Array()
        var outcomes = Int16Array(), kinds = Int16Array()
        var issuers = TextArray(), values = TextArray()
        var entities = TextArray(), refs = TextArray(), channels = TextArray(), ids = TextArray()
        var warehouses = TextArray(), codes = TextArray()
        for row in plan.parked {
            let event = row.parked.event
            due.append(microsecondsSinceUnixEpoch: min(row.parked.dueAt, Self.never))
            if let outcome = row.releasedOutcome {
                released.append(microsecondsSinceUnixEpoch: now.microseconds)
                outcomes.append(Int16(outcome.rawValue))
            } else {
                released.appendNull()
                outcomes.appendNull()
            }
            if let sequence = event.sequence { sequences.append(sequence) } else { sequences.appendNull() }
            if let name = row.name { kinds.append(Int16(name.kind.rawValue)) } else { kinds.appendNull() }
            issuers.append(row.name?.issuer)
            values.append(row.name?.value)
            entities.append(settings.entityName(event.entity))
            refs.append(row.order >= 0 ? plan.orders[row.order].ref : "")
            channels.append(settings.channelName(event.channel))
            ids.append(event.text(event.eventID))
            warehouses.append(row.parked.warehouse)
            codes.append(row.parked.code.rawValue)
        }
        var parameters = Parameters()
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(due)
        parameters.array(released)
        parameters.array(sequences)
        parameters.array(outcomes)
        parameters.array(kinds)
        for texts in [issuers, values, entities, refs, channels, ids, warehouses, codes] { parameters.array(texts) }
        _ = try connection.query(ApplyStatements.writeParked, parameters)
    }

    /// Year 9999: "until it comes".
    private static let never: Int64 = 253_402_214_400_000_000

    private func writeExceptions(
        _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ result: inout WriteResult,
        _ connection: inout Connection
    ) throws {
        func keys(_ keys: some Sequence<ExceptionKey>) -> [ExceptionKey] {
            keys.sorted {
                ($0.entity, $0.ref, $0.code.rawValue) < ($1.entity, $1.ref, $1.code.rawValue)
            }
        }
        func parameters(_ keys: [ExceptionKey]) -> Parameters {
            var parameters = Parameters()
            parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
            parameters.texts(keys.map { settings.entityName($0.entity) })
            parameters.texts(keys.map(\.ref))
            parameters.texts(keys.map(\.code.rawValue))
            return parameters
        }
        // What is about no order is a row that every batch could want: it is opened, and never updated here.
        for (statement, raised) in [
            (ApplyStatements.raiseExceptions, keys(plan.raised.keys.filter { !$0.ref.isEmpty })),
            (ApplyStatements.openExceptions, keys(plan.raised.keys.filter { $0.ref.isEmpty })),
        ] where !raised.isEmpty {
            var values = parameters(raised)
            values.texts(raised.map(\.code.severity))
            values.texts(raised.map { plan.raised[$0]?.detail ?? "" })
            values.int64s(raised.map { plan.raised[$0]?.count ?? 1 })
            let rows = try connection.query(statement, values)
            for row in 0..<rows.count where rows.bool(row, 2) {
                result.opened.append((rows.text(row, 0), rows.text(row, 1)))
            }
        }
        if !plan.resolved.isEmpty {
            var values = parameters(keys(plan.resolved))
            values.text("sluice")
            let rows = try connection.query(ApplyStatements.resolveExceptions, values)
            for row in 0..<rows.count {
                result.ended.append((rows.text(row, 0), rows.text(row, 1), rows.double(row, 2)))
            }
        }
    }

    private mutating func markBacklog(
        _ behind: [Int], _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, _ connection: inout Connection
    ) throws {
        guard !behind.isEmpty else { return }
        var classes = Int16Array()
        var entities = TextArray(), refs = TextArray()
        for row in behind {
            let order = plan.orders[plan.written[row]]
            classes.append(orders.classes[row].rawValue)
            entities.append(settings.entityName(order.entity))
            refs.append(order.ref)
        }
        parameters.removeAll()
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(classes)
        parameters.array(entities)
        parameters.array(refs)
        _ = try connection.query(ApplyStatements.markBacklog, parameters)
    }
}
