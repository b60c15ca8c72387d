import OrderEvents
import Orders
public import Postgres

/// Walks once through a legal entity's orders when it promises something new.
///
/// Batches arm a look at the orders that enter a flow. Orders that were in it before the promise was made, or before it
/// became a shorter one, are found here, by primary key, in bites that remember how far they are.
public struct PromiseWalk: Sendable {
    /// The promises of this process.
    private let promises: [Promise]
    /// Those that are walked for, the first first.
    private var pending: [Promise]?

    /// A walk for the legal entities of one store, those without a promise included.
    public init(_ promises: [Promise]) { self.promises = promises }

    private static let known = Statement(
        "promises_known", "SELECT legal_entity, terms, finished_at IS NOT NULL FROM promises")
    private static let place = Statement(
        "promises_place", "SELECT terms, after_ref, finished_at IS NOT NULL FROM promises WHERE legal_entity = $1")
    /// text legal_entity, text after, bigint limit.
    static let bite = Statement(
        "promises_bite",
        """
        SELECT o.order_ref, o.document, o.revision, o.version, o.look_at, o.is_overdue, d.odoo_id IS NOT NULL,
               COALESCE(d.delivered_version, 0), COALESCE(d.delivered_state, 0)
        FROM (
            SELECT order_ref, document, revision, version, look_at, is_overdue FROM orders
            WHERE legal_entity = $1 AND order_ref > $2 ORDER BY order_ref LIMIT $3
        ) o
        LEFT JOIN LATERAL (
            SELECT odoo_id, delivered_version, delivered_state FROM deliveries
            WHERE legal_entity = $1 AND order_ref = o.order_ref LIMIT 1
        ) d ON true
        ORDER BY o.order_ref
        """)
    /// text legal_entity, text[] order_ref, bigint[] revision, timestamptz[] look_at; NULL: none, unless the order
    /// changed meanwhile.
    private static let arm = Statement(
        "promises_arm",
        """
        UPDATE orders o SET look_at = CASE WHEN r.t IS NULL THEN NULL ELSE LEAST(o.look_at, r.t) END
        FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS r(k, n, t)
        WHERE o.legal_entity = $1 AND o.order_ref = r.k AND (r.t IS NOT NULL OR o.revision = r.n)
        """)
    /// text legal_entity, text terms, text after, timestamptz finished or NULL.
    private static let keep = Statement(
        "promises_keep",
        """
        INSERT INTO promises (finished_at, legal_entity, terms, after_ref) VALUES ($4, $1, $2, $3)
        ON CONFLICT (legal_entity) DO UPDATE
        SET finished_at = excluded.finished_at, terms = excluded.terms, after_ref = excluded.after_ref
        """)

    /// Takes one bite of `limit` orders, within the transaction that is open.
    ///
    /// - Returns: whether there is more to do.
    public mutating func advance(
        now: Int64, limit: Int = 500, _ connection: inout Connection
    ) throws(PostgresError) -> Bool {
        if pending == nil { pending = try find(&connection) }
        guard let promise = pending?.first else { return false }
        if try advance(promise, now, limit, &connection) { pending?.removeFirst() }
        return pending?.isEmpty == false
    }

    private func find(_ connection: inout Connection) throws(PostgresError) -> [Promise] {
        let rows = try connection.query(Self.known, Parameters())
        var done: [String: String] = [:]
        var seen: Set<String> = []
        for row in 0..<rows.count {
            seen.insert(rows.text(row, 0))
            if rows.bool(row, 2) { done[rows.text(row, 0)] = rows.text(row, 1) }
        }
        return promises.filter { promise in
            // Who never promised anything, and does not now, has nothing to be looked at.
            guard seen.contains(promise.legalEntity) || !promise.times.isEmpty else { return false }
            return done[promise.legalEntity] != promise.terms
        }
    }

    /// Returns whether the legal entity is done.
    private func advance(
        _ promise: Promise, _ now: Int64, _ limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> Bool {
        var key = Parameters()
        key.text(promise.legalEntity)
        var after = ""
        do {
            let rows = try connection.query(Self.place, key)
            if rows.count > 0, rows.text(0, 0) == promise.terms {
                if rows.bool(0, 2) { return true }
                after = rows.text(0, 1)
            }
        }
        var parameters = key
        parameters.text(after)
        parameters.int64(Int64(limit))
        let rows = try connection.query(Self.bite, parameters)
        var refs = TextArray()
        var revisions = Int64Array()
        var looks = TimestampArray()
        for row in 0..<rows.count {
            after = rows.text(row, 0)
            guard
                let order = try? Order(
                    document: rows.bytes(row, 1), revision: rows.int64(row, 2), version: rows.int64(row, 3))
            else { continue }
            let odoo = ShownInOdoo(
                exists: rows.bool(row, 6), version: rows.int64(row, 7),
                state: CanonicalState(rawValue: UInt8(clamping: rows.int64(row, 8))))
            let isDue = rows.bool(row, 5) || !order.overdue(at: now, promised: promise.times, odoo: odoo).isEmpty
            let look = isDue ? now : promise.times.nextEnd(after: now, since: order.flowTimes)
            let armed = rows.optionalTimestamp(row, 4)
            guard look == nil ? armed != nil : armed.map({ $0 > look ?? 0 }) ?? true else { continue }
            refs.append(after)
            revisions.append(rows.int64(row, 2))
            if let look { looks.append(microsecondsSinceUnixEpoch: look) } else { looks.appendNull() }
        }
        if refs.count > 0 {
            var armed = key
            armed.array(refs)
            armed.array(revisions)
            armed.array(looks)
            _ = try connection.query(Self.arm, armed)
        }
        let isDone = rows.count < limit
        var kept = key
        kept.text(promise.terms)
        kept.text(after)
        if isDone { kept.timestamp(microsecondsSinceUnixEpoch: now) } else { kept.null(.timestamp) }
        _ = try connection.query(Self.keep, kept)
        return isDone
    }
}
