public import Postgres

/// What a visit brought back, and by whose lease.
public struct VisitResult: Sendable {
    /// The order's legal entity.
    public var legalEntity: String
    /// Nothing is recorded unless this lease still holds; nil: whoever records.
    public var owner: DeliveryLease?
    /// What is to be recorded.
    public var delivery: DeliveryRecord

    /// A result; see the properties.
    public init(legalEntity: String, owner: DeliveryLease?, delivery: DeliveryRecord) {
        self.legalEntity = legalEntity
        self.owner = owner
        self.delivery = delivery
    }
}

// Recording visits: many in one transaction, in as many round trips as one.

extension Backlog {
    /// Results that go in one transaction; their orders are locked until its end.
    public static let recordedAtOnce = 100

    /// text[] legal entity, bigint[] epoch, text[] owner -> those leases that still hold; they do until the end of the
    /// transaction.
    private static let fence = Statement(
        "backlog_fence",
        """
        SELECT d.legal_entity, d.epoch, d.owner FROM delivery_owners d
        JOIN unnest($1::text[], $2::bigint[], $3::text[]) AS r(e, n, o)
            ON d.legal_entity = r.e AND d.epoch = r.n AND d.owner = r.o
        ORDER BY d.legal_entity FOR SHARE OF d
        """)
    /// Locks the orders, in key order as every writer does; whoever changes one next tells the backlog again.
    ///
    /// What Odoo was too late to know may be known now: the checks look again.
    private static let lockOrders = Statement(
        "backlog_lock_orders",
        """
        WITH r AS (
            SELECT i, e, k, f FROM unnest($1::text[], $2::text[], $3::boolean[]) WITH ORDINALITY AS u(e, k, f, i)
        ), locked AS (
            SELECT o.legal_entity, o.order_ref FROM orders o JOIN r ON o.legal_entity = r.e AND o.order_ref = r.k
            ORDER BY o.legal_entity, o.order_ref FOR NO KEY UPDATE OF o
        )
        UPDATE orders o SET told_class = NULL, told_revision = NULL,
                            look_at = CASE WHEN o.is_overdue AND r.f THEN now() ELSE o.look_at END
        FROM locked l JOIN r ON l.legal_entity = r.e AND l.order_ref = r.k
        WHERE o.legal_entity = l.legal_entity AND o.order_ref = l.order_ref
        RETURNING r.i, o.version, o.revision, EXISTS (
            SELECT FROM exceptions x
            WHERE x.legal_entity = o.legal_entity AND x.order_ref = o.order_ref AND x.resolved_at IS NULL)
        """)
    private static let recordAll = Statement(
        "backlog_record",
        """
        INSERT INTO deliveries (confirmed_at, delivered_version, odoo_id, delivered_state, legal_entity, order_ref,
                                document)
        SELECT now(), CASE WHEN c THEN v ELSE 0 END, i, CASE WHEN c THEN s ELSE 0 END, e, k, d
        FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::boolean[], $5::text[], $6::text[], $7::text[])
            AS r(v, i, s, c, e, k, d)
        ON CONFLICT (legal_entity, order_ref) DO UPDATE
        SET confirmed_at = excluded.confirmed_at,
            delivered_version = CASE WHEN excluded.delivered_version > 0 THEN excluded.delivered_version
                                     ELSE deliveries.delivered_version END,
            odoo_id = COALESCE(excluded.odoo_id, deliveries.odoo_id),
            delivered_state = CASE WHEN excluded.delivered_version > 0 THEN excluded.delivered_state
                                   ELSE deliveries.delivered_state END,
            document = excluded.document
        """)
    private static let done = Statement(
        "backlog_done",
        """
        DELETE FROM backlog b USING unnest($1::text[], $2::text[]) AS r(e, k)
        WHERE b.legal_entity = r.e AND b.order_ref = r.k
        """)
    private static let again = Statement(
        "backlog_again",
        """
        UPDATE backlog b SET due_at = now() + r.w * interval '1 microsecond', visited_at = NULL,
                             attempts = CASE WHEN r.f THEN 0 ELSE b.attempts END
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) AS r(e, k, w, f)
        WHERE b.legal_entity = r.e AND b.order_ref = r.k
        """)
    private static let clock = Statement("backlog_clock", "SELECT now()")

    /// What became of a result.
    public enum Recorded: Equatable, Sendable {
        /// The order is up to date.
        case upToDate
        /// Recorded, and the order is still behind.
        case behind
        /// Nothing was recorded: another instance has taken over.
        case fenced
    }

    /// Records what was delivered, and ends the order's mark when nothing has changed meanwhile.
    ///
    /// - Returns: whether the order is up to date now.
    @discardableResult
    public static func record(
        _ delivery: DeliveryRecord, legalEntity: String, _ connection: inout Connection
    ) throws(StoreError) -> Bool {
        let result = VisitResult(legalEntity: legalEntity, owner: nil, delivery: delivery)
        return try record([result], &connection) == [.upToDate]
    }

    /// The same of many orders, each named once, in one transaction; what became of each at its place.
    ///
    /// At most `recordedAtOnce`, so that nobody waits long for one of the orders.
    public static func record(
        _ results: [VisitResult], _ connection: inout Connection
    ) throws(StoreError) -> [Recorded] {
        var changes = CheckResult()
        return try record(results, &changes, &connection)
    }

    /// The same; exceptions that it opened and ended are added to `changes`.
    public static func record(
        _ results: [VisitResult], _ changes: inout CheckResult, _ connection: inout Connection
    ) throws(StoreError) -> [Recorded] {
        guard !results.isEmpty else { return [] }
        var told = CheckResult()
        do {
            _ = try connection.execute("BEGIN")
            let held = try heldLeases(results, &connection)
            let kept = results.indices.filter { results[$0].owner.map(held.contains) ?? true }
            var recorded = [Recorded](repeating: .fenced, count: results.count)
            if !kept.isEmpty {
                let found = try write(kept.map { results[$0] }, &told, &connection)
                for (index, one) in zip(kept, found) { recorded[index] = one }
            }
            _ = try connection.execute("COMMIT")
            changes.opened += told.opened
            changes.ended += told.ended
            return recorded
        } catch {
            if !error.isConnectionLost { _ = try? connection.execute("ROLLBACK") }
            throw StoreError("deliveries cannot be recorded", underlying: error)
        }
    }

    private static func heldLeases(
        _ results: [VisitResult], _ connection: inout Connection
    ) throws(PostgresError) -> Set<DeliveryLease> {
        let leases = Set(results.compactMap(\.owner)).sorted { $0.legalEntity < $1.legalEntity }
        guard !leases.isEmpty else { return [] }
        var values = Parameters()
        values.texts(leases.map(\.legalEntity))
        values.int64s(leases.map(\.epoch))
        values.texts(leases.map(\.owner))
        let rows = try connection.query(fence, values)
        return Set(
            (0..<rows.count).map {
                DeliveryLease(legalEntity: rows.text($0, 0), epoch: rows.int64($0, 1), owner: rows.text($0, 2))
            })
    }

    private static func write(
        _ results: [VisitResult], _ changes: inout CheckResult, _ connection: inout Connection
    ) throws(PostgresError) -> [Recorded] {
        let deliveries = results.map(\.delivery)
        var found = BoolArray()
        for delivery in deliveries { found.append(delivery.isComplete || delivery.odooID != nil) }
        var keys = Parameters()
        keys.texts(results.map(\.legalEntity))
        keys.texts(deliveries.map(\.orderRef))
        keys.array(found)
        let rows = try connection.query(lockOrders, keys)
        var versions = [Int64](repeating: 0, count: results.count)
        var revisions = [Int64?](repeating: nil, count: results.count)
        var hasOpen = [Bool](repeating: false, count: results.count)
        for row in 0..<rows.count {
            let place = Int(rows.int64(row, 0)) - 1
            versions[place] = rows.int64(row, 1)
            revisions[place] = rows.int64(row, 2)
            hasOpen[place] = rows.bool(row, 3)
        }
        try writeDeliveries(results, &connection)
        let isUnchanged = deliveries.indices.map { place in
            deliveries[place].revision.map { $0 == revisions[place] } ?? true
        }
        let isUpToDate = deliveries.indices.map { place in
            deliveries[place].isComplete && isUnchanged[place] && versions[place] == deliveries[place].version
        }
        let ends = deliveries.indices.map { isUnchanged[$0] && hasOpen[$0] && deliveries[$0].isComplete }
        try writeExceptions(results, ends, &changes, &connection)
        try writeMarks(results, versions, isUpToDate, &connection)
        return isUpToDate.map { $0 ? .upToDate : .behind }
    }

    private static func writeDeliveries(
        _ results: [VisitResult], _ connection: inout Connection
    ) throws(PostgresError) {
        let deliveries = results.map(\.delivery)
        var ids = Int64Array()
        var states = Int16Array()
        var complete = BoolArray()
        var documents = TextArray()
        for delivery in deliveries {
            if let id = delivery.odooID { ids.append(id) } else { ids.appendNull() }
            states.append(delivery.state)
            complete.append(delivery.isComplete)
            documents.append(bytes: delivery.document)
        }
        var values = Parameters()
        values.int64s(deliveries.map(\.version))
        values.array(ids)
        values.array(states)
        values.array(complete)
        values.texts(results.map(\.legalEntity))
        values.texts(deliveries.map(\.orderRef))
        values.array(documents)
        _ = try connection.query(recordAll, values)
    }

    private static func writeMarks(
        _ results: [VisitResult], _ versions: [Int64], _ isUpToDate: [Bool], _ connection: inout Connection
    ) throws(PostgresError) {
        let ended = results.indices.filter { isUpToDate[$0] }
        if !ended.isEmpty {
            var values = Parameters()
            values.texts(ended.map { results[$0].legalEntity })
            values.texts(ended.map { results[$0].delivery.orderRef })
            _ = try connection.query(done, values)
        }
        let left = results.indices.filter { !isUpToDate[$0] }
        guard !left.isEmpty else { return }
        var waits = Int64Array()
        var fresh = BoolArray()
        for place in left {
            let delivery = results[place].delivery
            // What came while the visit was under way found the order taken, and could not hasten it.
            let isFresh = delivery.isComplete || (delivery.isRefused && versions[place] != delivery.version)
            waits.append(isFresh ? 0 : delivery.retryAfter)
            fresh.append(isFresh)
        }
        var values = Parameters()
        values.texts(left.map { results[$0].legalEntity })
        values.texts(left.map { results[$0].delivery.orderRef })
        values.array(waits)
        values.array(fresh)
        _ = try connection.query(again, values)
    }

    private static func writeExceptions(
        _ results: [VisitResult], _ ends: [Bool], _ changes: inout CheckResult, _ connection: inout Connection
    ) throws(PostgresError) {
        let raised = results.flatMap { result in result.delivery.raised.map { (result, $0) } }
        let ended = results.indices.filter { ends[$0] }
            .flatMap { place in results[place].delivery.ending.map { (results[place], $0) } }
        guard !raised.isEmpty || !ended.isEmpty else { return }
        let now = try connection.query(clock, Parameters()).timestamp(0, 0)
        if !raised.isEmpty {
            var values = Parameters()
            values.timestamp(microsecondsSinceUnixEpoch: now)
            values.texts(raised.map(\.0.legalEntity))
            values.texts(raised.map(\.0.delivery.orderRef))
            values.texts(raised.map(\.1.code))
            values.texts(raised.map(\.1.severity))
            values.texts(raised.map(\.1.detail))
            values.int64s(raised.map { _ in 1 })
            let rows = try connection.query(ApplyStatements.raiseExceptions, values)
            for row in 0..<rows.count where rows.bool(row, 2) {
                changes.opened.append((rows.text(row, 0), rows.text(row, 1)))
            }
        }
        if !ended.isEmpty {
            var values = Parameters()
            values.timestamp(microsecondsSinceUnixEpoch: now)
            values.texts(ended.map(\.0.legalEntity))
            values.texts(ended.map(\.0.delivery.orderRef))
            values.texts(ended.map(\.1))
            values.text("sluice")
            let rows = try connection.query(ApplyStatements.resolveExceptions, values)
            for row in 0..<rows.count {
                changes.ended.append((rows.text(row, 0), rows.text(row, 1), rows.double(row, 2)))
            }
        }
    }
}
