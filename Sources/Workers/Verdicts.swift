import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// Verdicts of Sluice's own: order events of the channel `sluice`, written by the transaction that writes the order. An
// order has at most one a transaction, so the revision that it writes makes the event's id. Nothing of this costs an
// entity anything whose channels give the verdict.

/// A verdict that a batch changed.
struct VerdictRow: Sendable {
    /// Index of the order among the batch's.
    var order: Int
    var entity: Int32
    var verdict: ValidationVerdict
    var from: CanonicalState?
    var to: CanonicalState?
    var at: Timestamp
}

/// The source partition of what nobody consumed; see migration 6.
let ownPartition: Int32 = 0

extension BatchPlan {
    /// Brings the verdicts of the orders that are written up to date, and notes what has to be looked up for them.
    mutating func noteVerdicts() {
        for index in orders.indices where orders[index].isDirty && orders[index].aliasOf < 0 {
            let rules = settings.entities[Int(orders[index].entity)].validation
            guard rules.by == .sluice else { continue }
            noteVerdict(index, rules)
        }
    }

    private mutating func noteVerdict(_ index: Int, _ rules: ValidationRules) {
        if orders[index].order.needsChecking(rules) { unchecked.append(index) }
        let verdict = orders[index].order.validation.verdict
        guard verdict != orders[index].verdictBefore else { return }
        for code in verdict.codes where orders[index].order.open.contains(code) {
            let key = ExceptionKey(entity: orders[index].entity, ref: orders[index].ref, code: code)
            raised[key] = RaisedException(detail: verdict.detail(of: code) ?? "", count: 1)
        }
        // What had passed or failed and is open again is no verdict, and none of its own is told.
        guard verdict != .pending else { return }
        orders[index].order.version += 1
        orders[index].delivers = true
        let state = orders[index].order.state
        verdicts.append(
            VerdictRow(
                order: index, entity: orders[index].entity, verdict: verdict,
                from: state == .validated ? .received : state, to: state, at: orders[index].order.validationBasisAt))
    }
}

extension BatchPlan {
    /// Takes what `answers` make of an order, and lets go on what waited for its verdict.
    mutating func check(_ index: Int, _ answers: [MasterCode: MasterAnswer]) -> CheckEnd {
        let rules = settings.entities[Int(orders[index].entity)].rules
        guard orders[index].aliasOf < 0, orders[index].order.revision > 0,
            orders[index].order.mayBeChecked(rules.validation)
        else { return .done }
        guard let checked = orders[index].order.checked(rules.validation, answers) else { return .changed }
        if let evaluation = orders[index].order.take(checked, rules: rules) {
            note(evaluation, index)
            if evaluation.releasesParked { release(index, timeIsUp: false) }
        }
        return checked.findings.isEmpty ? .done : .failed
    }
}

extension VerdictRow {
    /// The event's id: unique, because an order is written once a revision.
    static func eventID(orderRef: String, revision: Int64) -> String { "validation-\(revision)-\(orderRef)" }
}

extension BatchWriter {
    /// Adds the verdicts to the journal's rows, in key order, behind all rows of channels.
    mutating func fillVerdicts(
        _ plan: BatchPlan, _ settings: ApplySettings, _ now: Timestamp, isFull: Bool = false
    ) {
        guard !plan.verdicts.isEmpty else { return }
        let sorted = plan.verdicts.sorted {
            ($0.entity, plan.orders[$0.order].ref) < ($1.entity, plan.orders[$1.order].ref)
        }
        for row in sorted {
            let ref = plan.orders[row.order].ref
            // The one that the order is about to be written with.
            let revision = plan.orders[row.order].order.revision + 1
            let entity = settings.entityName(row.entity)
            let id = VerdictRow.eventID(orderRef: ref, revision: revision)
            let payload = Order.event(
                of: row.verdict, legalEntity: entity, orderRef: ref, eventID: id, at: row.at)
            journal.beginRow(columns: isFull ? ApplyStatements.allJournalColumns : ApplyStatements.journalColumns)
            journal.int64(revision)
            journal.timestamp(microsecondsSinceUnixEpoch: row.at.microseconds)
            journal.null()
            journal.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
            journal.int64(Int64(bitPattern: StableHash.hash(payload.span)))
            journal.null()
            journal.int64(plan.orders[row.order].order.version)
            journal.int32(ownPartition)
            journal.int16(Int16(Outcome.applied.rawValue))
            journal.int16(Int16((row.verdict == .passed ? Disposition.allow : .flag).rawValue))
            journal.int16(row.verdict == .passed ? Int16(CanonicalState.validated.rawValue) : 0)
            journal.int16(0)
            journal.int16(Int16(row.from?.rawValue ?? 0))
            journal.int16(Int16(row.to?.rawValue ?? 0))
            journal.text(entity)
            journal.text(Order.ownChannel)
            journal.text(id)
            journal.text(ref)
            journal.text("")
            if let code = row.verdict.codes.first { journal.text(code.rawValue) } else { journal.null() }
            journal.bytea(payload, 0, payload.count)
            guard isFull else { continue }
            for _ in ApplyStatements.journalColumns..<ApplyStatements.allJournalColumns { journal.null() }
        }
    }

    /// Marks the orders whose destination has to be looked at.
    func markUnchecked(
        _ plan: BatchPlan, _ settings: ApplySettings, _ connection: inout Connection
    ) throws(PostgresError) {
        guard !plan.unchecked.isEmpty else { return }
        let sorted = plan.unchecked.map { plan.orders[$0] }
            .map { (entity: settings.entityName($0.entity), ref: $0.ref) }
            .sorted { ($0.entity, $0.ref) < ($1.entity, $1.ref) }
        var parameters = Parameters()
        parameters.texts(sorted.map(\.entity))
        parameters.texts(sorted.map(\.ref))
        _ = try connection.query(ValidationBacklog.mark, parameters)
    }
}

/// What a look at the destination came to for one order.
enum CheckEnd: Sendable {
    /// Nothing is left to look at.
    case done
    /// It failed: to be looked at again later.
    case failed
    /// The order changed meanwhile and refers to something else now: it is due again.
    case changed
}

extension BatchApplier {
    /// Gives orders the verdicts that `answers` make of them, each as it stands now, in one transaction.
    ///
    /// - Returns: what was written, and how each order ended, in the sequence of `refs`.
    /// - Throws: `.conflict`: an order was written meanwhile; nothing was changed, and it may be tried again.
    mutating func applyChecks(
        _ refs: [String], entity: Int32, answers: [MasterCode: MasterAnswer], now: Timestamp,
        _ connection: inout Connection
    ) throws(ApplyError) -> (AppliedBatch, [CheckEnd]) {
        var working = refs.map { WorkingOrder(entity: entity, ref: $0, settings) }
        try BatchReading.loadOrders(Array(working.indices), &working, settings, &connection)
        do throws(PostgresError) {
            try BatchReading.loadParked(working.indices, &working, settings, &connection)
        } catch { throw .postgres(error) }
        var plan = BatchPlan(items: [], orders: working, settings: settings, now: now, waiting: waiting)
        var ends: [CheckEnd] = []
        for index in refs.indices { ends.append(plan.check(index, answers)) }
        plan.admitFreed()
        // The workers' memory must not hold what is changed behind its back, whatever comes of the write.
        orders.forget(plan.orders)
        let written = try writer.write(&plan, [], [:], settings, now: now, &connection)
        orders.remember(plan.takeOrders())
        waiting.add(plan)
        return (AppliedBatch(plan: plan, written: written, outcomes: []), ends)
    }
}
