public import Orders
public import Postgres

/// An order whose verdict needs a look at its destination.
public struct UncheckedOrder: Sendable {
    /// The order reference.
    public var orderRef: String
    /// The canonical order.
    public var order: Order
    /// How often it was taken since it was last changed.
    public var attempts: Int32
}

/// Orders whose verdict needs a look at their destination, taken under leases as deliveries are.
public enum ValidationBacklog {
    /// text[] legal_entity, text[] order_ref: to be looked at now.
    ///
    /// The order's row is locked by this transaction. Whoever takes the mark away has locked it too, or leaves a mark
    /// alone that was made due again: hence the server's clock, and not a transaction's, in `done` and `postpone`.
    public static let mark = Statement(
        "validation_mark",
        """
        INSERT INTO validation_backlog AS v (since, due_at, legal_entity, order_ref)
        SELECT now(), now(), e, k FROM unnest($1::text[], $2::text[]) AS r(e, k)
        ON CONFLICT (legal_entity, order_ref) DO UPDATE SET due_at = LEAST(v.due_at, excluded.due_at), attempts = 0
        """)

    private static let take = Statement(
        "validation_take",
        """
        WITH due AS (
            SELECT legal_entity, order_ref FROM validation_backlog
            WHERE legal_entity = $1 AND due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE validation_backlog b
            SET due_at = now() + $3 * interval '1 microsecond', attempts = least(b.attempts, 1000000) + 1
            FROM due WHERE b.legal_entity = due.legal_entity AND b.order_ref = due.order_ref
            RETURNING b.order_ref, b.attempts
        )
        SELECT t.order_ref, t.attempts, o.revision, o.version, o.document
        FROM taken t JOIN orders o ON o.legal_entity = $1 AND o.order_ref = t.order_ref ORDER BY t.order_ref
        """)

    /// One probe of the index for each entity.
    private static let dueEntities = Statement(
        "validation_due_entities",
        """
        SELECT r.e FROM unnest($1::text[]) AS r(e)
        WHERE EXISTS (SELECT FROM validation_backlog WHERE legal_entity = r.e AND due_at <= now())
        """)

    /// text[] legal_entity, text[] order_ref.
    ///
    /// What was made due again meanwhile stays.
    private static let done = Statement(
        "validation_done",
        """
        DELETE FROM validation_backlog v USING unnest($1::text[], $2::text[]) AS r(e, k)
        WHERE v.legal_entity = r.e AND v.order_ref = r.k AND v.due_at > clock_timestamp()
        """)

    /// text[] legal_entity, text[] order_ref, bigint[] microseconds.
    ///
    /// What was made due again meanwhile stays due.
    private static let postpone = Statement(
        "validation_postpone",
        """
        UPDATE validation_backlog v SET due_at = now() + t * interval '1 microsecond'
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS r(e, k, t)
        WHERE v.legal_entity = r.e AND v.order_ref = r.k AND v.due_at > clock_timestamp()
        """)

    private static let measure = Statement(
        "validation_measure",
        """
        SELECT legal_entity, count(*), COALESCE(extract(epoch FROM now() - min(since)), 0)::double precision
        FROM validation_backlog GROUP BY legal_entity
        """)

    /// Those of `legalEntities` that have an order due now.
    public static func due(
        legalEntities: [String], _ connection: inout Connection
    ) throws(PostgresError) -> Set<String> {
        var parameters = Parameters()
        parameters.texts(legalEntities)
        let rows = try connection.query(dueEntities, parameters)
        return Set((0..<rows.count).map { rows.text($0, 0) })
    }

    /// Takes at most `limit` due orders of `legalEntity` for `lease` microseconds.
    ///
    /// An order whose document cannot be read is left out, and comes again when its lease ends.
    public static func take(
        legalEntity: String, limit: Int, lease: Int64, _ connection: inout Connection
    ) throws(PostgresError) -> [UncheckedOrder] {
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int64(Int64(limit))
        parameters.int64(lease)
        let rows = try connection.query(take, parameters)
        var orders: [UncheckedOrder] = []
        for row in 0..<rows.count {
            guard
                let order = try? Order(
                    document: rows.bytes(row, 4), revision: rows.int64(row, 2), version: rows.int64(row, 3))
            else { continue }
            orders.append(UncheckedOrder(orderRef: rows.text(row, 0), order: order, attempts: rows.int32(row, 1)))
        }
        return orders
    }

    /// Nothing is left to look at for these orders.
    public static func done(
        _ orders: [String], legalEntity: String, _ connection: inout Connection
    ) throws(PostgresError) {
        guard !orders.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(orders.map { _ in legalEntity })
        parameters.texts(orders)
        _ = try connection.query(done, parameters)
    }

    /// Leaves orders alone for so many microseconds.
    public static func postpone(
        _ orders: [(orderRef: String, microseconds: Int64)], legalEntity: String, _ connection: inout Connection
    ) throws(PostgresError) {
        guard !orders.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(orders.map { _ in legalEntity })
        parameters.texts(orders.map(\.orderRef))
        parameters.int64s(orders.map(\.microseconds))
        _ = try connection.query(postpone, parameters)
    }

    /// How many orders of each legal entity wait, and for how many seconds the oldest has waited.
    public static func measure(
        _ connection: inout Connection
    ) throws(PostgresError) -> [(legalEntity: String, orders: Int64, oldestSeconds: Double)] {
        let rows = try connection.query(measure, Parameters())
        return (0..<rows.count).map { (rows.text($0, 0), rows.int64($0, 1), rows.double($0, 2)) }
    }
}
