public import OrderEvents
public import Orders
public import Postgres

/// An order whose delivery is due, as it stands in the store.
public struct BacklogOrder: Sendable {
    /// The order reference.
    public var orderRef: String
    /// The canonical order.
    public var order: Order
    /// How often its delivery was tried since it last succeeded.
    public var attempts: Int32
    /// Since when it is behind; microseconds since 1970.
    public var since: Int64
    /// The document of its delivery record; nil: nothing was delivered yet.
    public var delivered: [UInt8]?
    /// The version that was last delivered; 0: none.
    public var deliveredVersion: Int64
    /// When an earlier visit began whose result was never recorded; microseconds since 1970.
    public var unrecordedVisit: Int64?
    /// What is due first.
    public var turn: Backlog.Turn

    /// The trace that its delivery belongs to: the newest of what is not delivered yet; nil: none of it named one.
    public var trace: TraceContext? { order.trace.flatMap { $0.version > deliveredVersion ? $0.context : nil } }
}

/// The result of a delivery, to be recorded.
public struct DeliveryRecord: Sendable {
    /// The order reference.
    public var orderRef: String
    /// The version that was read when the delivery began.
    public var version: Int64
    /// The revision that was read then; nil: not compared.
    ///
    /// An order that was written meanwhile, be it for a verdict only, is visited once more before its mark and its
    /// exceptions end: the visit knows nothing of what came.
    public var revision: Int64?
    /// The canonical state (raw value) that the destination was brought to; counts when everything was delivered.
    public var state: Int16
    /// Odoo's id of the sales order, when known.
    public var odooID: Int64?
    /// The document of the delivery record.
    public var document: [UInt8]
    /// Whether everything was delivered; false: what is known half-way.
    public var isComplete: Bool
    /// Not complete: when to try again, in microseconds from now.
    public var retryAfter: Int64
    /// Not complete because of what the order itself was: a change of it is reason to try again at once.
    public var isRefused = false
    /// Exceptions to raise: code, severity, detail.
    public var raised: [(code: String, severity: String, detail: String)] = []
    /// Codes that end when the order is up to date.
    public var ending: [String] = []

    /// A result; see the properties.
    public init(
        orderRef: String, version: Int64, state: Int16, odooID: Int64?, document: [UInt8], isComplete: Bool,
        retryAfter: Int64
    ) {
        self.orderRef = orderRef
        self.version = version
        self.state = state
        self.odooID = odooID
        self.document = document
        self.isComplete = isComplete
        self.retryAfter = retryAfter
    }
}

/// The backlog of one legal entity.
public enum Backlog {
    /// The classes of what is due, the first one first.
    public enum Turn: Int16, Sendable {
        /// Cancellations and holds.
        case urgent = 0
        /// New orders, releases, dispatch.
        case usual = 1
        /// Invoices, closing.
        case whenever = 2

        init(stored: Int16) { self = Turn(rawValue: stored) ?? (stored < 0 ? .urgent : .whenever) }
    }

    /// Takes due orders under a lease: until it ends, nobody else takes them.
    ///
    /// SKIP LOCKED keeps instances apart.
    ///
    /// Turns go by class, so many of each for one of the next, that none starves: 1, 5, 10. What is new and what failed
    /// before are looked for by themselves, each by its index: neither is stepped over to find the other.
    private static let take = Statement(
        "backlog_take",
        """
        WITH turns AS (
            SELECT order_ref, class, row_number() OVER (PARTITION BY class ORDER BY due_at) * (1 + 4 * class
                + CASE WHEN class = 2 THEN 1 ELSE 0 END) AS turn
            FROM (
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 0 AND due_at <= now() AND attempts = 0 AND $4 <> 2
                 ORDER BY due_at LIMIT $2)
                UNION ALL
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 0 AND due_at <= now() AND attempts > 0 AND $4 <> 1
                 ORDER BY due_at LIMIT $2)
                UNION ALL
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 1 AND due_at <= now() AND attempts = 0 AND $4 <> 2 AND NOT $5
                 ORDER BY due_at LIMIT $2)
                UNION ALL
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 1 AND due_at <= now() AND attempts > 0 AND $4 <> 1 AND NOT $5
                 ORDER BY due_at LIMIT $2)
                UNION ALL
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 2 AND due_at <= now() AND attempts = 0 AND $4 <> 2 AND NOT $5
                 ORDER BY due_at LIMIT $2)
                UNION ALL
                (SELECT order_ref, class, due_at FROM backlog
                 WHERE legal_entity = $1 AND class = 2 AND due_at <= now() AND attempts > 0 AND $4 <> 1 AND NOT $5
                 ORDER BY due_at LIMIT $2)
            ) AS found
        ), due AS (
            SELECT b.legal_entity, b.order_ref, b.visited_at FROM backlog b
            WHERE b.legal_entity = $1 AND b.due_at <= now()
                  AND b.order_ref IN (SELECT order_ref FROM turns ORDER BY turn, class LIMIT $2)
                  AND ($6::bigint IS NULL OR EXISTS (
                      SELECT FROM delivery_owners d JOIN delivery_instances i ON i.owner = d.owner
                      WHERE d.legal_entity = $1 AND d.epoch = $6 AND d.owner = $7))
            FOR UPDATE OF b SKIP LOCKED
        ), taken AS (
            UPDATE backlog b SET due_at = now() + $3 * interval '1 microsecond', attempts = b.attempts + 1,
                                 visited_at = now()
            FROM due WHERE b.legal_entity = due.legal_entity AND b.order_ref = due.order_ref
            RETURNING b.order_ref, b.attempts, b.since, b.class, due.visited_at AS unrecorded
        )
        SELECT t.order_ref, t.attempts, t.since, o.revision, o.version, o.document, d.delivered_version, d.document,
               t.unrecorded, t.class
        FROM taken t
        JOIN orders o ON o.legal_entity = $1 AND o.order_ref = t.order_ref
        LEFT JOIN deliveries d ON d.legal_entity = $1 AND d.order_ref = t.order_ref
        ORDER BY t.class, t.since
        """)
    /// text[] legal entities, boolean[] whether what failed before counts, boolean[] whether only what is urgent does
    /// -> those with an order due: probes of the indexes for each, however long their backlogs are.
    private static let dueEntities = Statement(
        "backlog_due_entities",
        """
        SELECT r.e FROM unnest($1::text[], $2::boolean[], $3::boolean[]) AS r(e, w, u)
        WHERE EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 0 AND due_at <= now() AND attempts = 0)
           OR NOT r.u AND EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 1 AND due_at <= now() AND attempts = 0)
           OR NOT r.u AND EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 2 AND due_at <= now() AND attempts = 0)
           OR r.w AND EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 0 AND due_at <= now() AND attempts > 0)
           OR r.w AND NOT r.u AND EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 1 AND due_at <= now() AND attempts > 0)
           OR r.w AND NOT r.u AND EXISTS (
            SELECT FROM backlog WHERE legal_entity = r.e AND class = 2 AND due_at <= now() AND attempts > 0)
        """)
    /// Whether anything is due, of every legal entity of the store, going from one to the next through the index: those
    /// without a backlog cost nothing.
    private static let allDueEntities = Statement(
        "backlog_all_due_entities",
        """
        WITH RECURSIVE behind (e) AS (
            (SELECT legal_entity FROM backlog ORDER BY legal_entity LIMIT 1)
            UNION ALL
            SELECT (SELECT legal_entity FROM backlog WHERE legal_entity > behind.e ORDER BY legal_entity LIMIT 1)
            FROM behind WHERE behind.e IS NOT NULL
        )
        SELECT r.e FROM behind AS r
        WHERE EXISTS (SELECT FROM backlog WHERE legal_entity = r.e AND class = 0 AND due_at <= now())
           OR EXISTS (SELECT FROM backlog WHERE legal_entity = r.e AND class = 1 AND due_at <= now())
           OR EXISTS (SELECT FROM backlog WHERE legal_entity = r.e AND class = 2 AND due_at <= now())
        """)
    /// So many legal entities are looked for one by one; of more, the store's are gone through.
    static let mostProbed = 100
    private static let renewal = Statement(
        "backlog_renew",
        """
        UPDATE backlog b SET due_at = now() + $3 * interval '1 microsecond'
        FROM unnest($1::text[], $2::text[]) AS r(e, k)
        WHERE b.legal_entity = r.e AND b.order_ref = r.k AND b.visited_at IS NOT NULL
        """)
    /// text[] legal entities -> orders under way that are urgent, be it since they were taken.
    private static let urgentUnderWay = Statement(
        "backlog_urgent_under_way",
        """
        SELECT legal_entity, order_ref FROM backlog
        WHERE legal_entity = ANY ($1::text[]) AND class = 0 AND visited_at IS NOT NULL
        """)
    private static let measure = Statement(
        "backlog_measure",
        """
        SELECT legal_entity, count(*), COALESCE(extract(epoch FROM now() - min(since)), 0)::double precision
        FROM backlog GROUP BY legal_entity
        """)

    /// Which orders are taken.
    public enum Which: Int64, Sendable {
        /// Any that are due.
        case any = 0
        /// Those whose delivery was not tried since it last succeeded.
        case first = 1
        /// The others.
        case repeated = 2
    }

    /// Takes at most `limit` due orders of `legalEntity` for `lease` microseconds.
    ///
    /// With an `owner` nothing is taken unless its lease is the one that holds; nil: whoever asks.
    public static func take(
        legalEntity: String, limit: Int, lease: Int64, which: Which = .any, urgentOnly: Bool = false,
        owner: DeliveryLease? = nil, _ connection: inout Connection
    ) throws(StoreError) -> [BacklogOrder] {
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int64(Int64(limit))
        parameters.int64(lease)
        parameters.int64(which.rawValue)
        parameters.bool(urgentOnly)
        if let owner { parameters.int64(owner.epoch) } else { parameters.null(.int64) }
        parameters.text(owner?.owner ?? "")
        do {
            let rows = try connection.query(take, parameters)
            var orders: [BacklogOrder] = []
            for row in 0..<rows.count {
                let order = try Order(
                    document: rows.bytes(row, 5), revision: rows.int64(row, 3), version: rows.int64(row, 4))
                orders.append(
                    BacklogOrder(
                        orderRef: rows.text(row, 0), order: order, attempts: rows.int32(row, 1),
                        since: rows.timestamp(row, 2), delivered: rows.optionalBytes(row, 7),
                        deliveredVersion: rows.optionalInt64(row, 6) ?? 0,
                        unrecordedVisit: rows.optionalTimestamp(row, 8), turn: Turn(stored: rows.int16(row, 9))))
            }
            return orders
        } catch let error as PostgresError {
            throw StoreError("the backlog cannot be read", underlying: error)
        } catch let error as OrderDocumentError {
            throw StoreError(error.description)
        } catch {
            throw StoreError("the backlog cannot be read")
        }
    }

    /// What of a legal entity's backlog is wanted.
    public struct Wanted: Sendable {
        /// The legal entity.
        public var legalEntity: String
        /// Also orders that were tried since their delivery last succeeded.
        public var repeated: Bool
        /// Only what is urgent.
        public var urgentOnly: Bool

        /// See the properties.
        public init(legalEntity: String, repeated: Bool = true, urgentOnly: Bool = false) {
            self.legalEntity = legalEntity
            self.repeated = repeated
            self.urgentOnly = urgentOnly
        }
    }

    /// The legal entities of `wanted` of which something wanted is due now.
    public static func due(
        _ wanted: [Wanted], _ connection: inout Connection
    ) throws(StoreError) -> Set<String> {
        guard !wanted.isEmpty else { return [] }
        var repeated = BoolArray()
        var urgentOnly = BoolArray()
        for one in wanted {
            repeated.append(one.repeated)
            urgentOnly.append(one.urgentOnly)
        }
        var parameters = Parameters()
        let areFew = wanted.count <= mostProbed
        if areFew {
            parameters.texts(wanted.map(\.legalEntity))
            parameters.array(repeated)
            parameters.array(urgentOnly)
        }
        do {
            let rows = try connection.query(areFew ? dueEntities : allDueEntities, parameters)
            let due = Set((0..<rows.count).map { rows.text($0, 0) })
            return areFew ? due : due.intersection(wanted.map(\.legalEntity))
        } catch { throw StoreError("the backlog cannot be read", underlying: error) }
    }

    /// What `body` takes by `statements` statements, several of them in one transaction.
    public static func together<Taken>(
        _ statements: Int, _ connection: inout Connection,
        _ body: (inout Connection) throws(StoreError) -> [Taken]
    ) throws(StoreError) -> [Taken] {
        guard statements > 1 else { return try body(&connection) }
        do throws(PostgresError) {
            _ = try connection.execute("BEGIN")
        } catch { throw StoreError("the backlog cannot be read", underlying: error) }
        do throws(StoreError) {
            let taken = try body(&connection)
            do throws(PostgresError) {
                _ = try connection.execute("COMMIT")
            } catch { throw StoreError("the backlog cannot be read", underlying: error) }
            return taken
        } catch {
            if !(error.underlying?.isConnectionLost ?? false) { _ = try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    /// Keeps orders under lease for `lease` microseconds more: their visits are still under way.
    public static func renew(
        _ orders: [(legalEntity: String, orderRef: String)], lease: Int64, _ connection: inout Connection
    ) throws(StoreError) {
        guard !orders.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(orders.map(\.legalEntity))
        parameters.texts(orders.map(\.orderRef))
        parameters.int64(lease)
        do {
            _ = try connection.query(renewal, parameters)
        } catch { throw StoreError("the leases of deliveries cannot be renewed", underlying: error) }
    }

    /// Orders of `legalEntities` that are under way and urgent.
    public static func urgentUnderWay(
        legalEntities: [String], _ connection: inout Connection
    ) throws(StoreError) -> [(legalEntity: String, orderRef: String)] {
        guard !legalEntities.isEmpty else { return [] }
        var parameters = Parameters()
        parameters.texts(legalEntities)
        do {
            let rows = try connection.query(urgentUnderWay, parameters)
            return (0..<rows.count).map { (rows.text($0, 0), rows.text($0, 1)) }
        } catch { throw StoreError("the backlog cannot be read", underlying: error) }
    }

    /// How many orders each legal entity has in its backlog, and for how many seconds the oldest has been there.
    ///
    /// Reads all of it: about a second for ten million orders.
    public static func measure(
        _ connection: inout Connection
    ) throws(PostgresError) -> [(legalEntity: String, orders: Int64, oldestSeconds: Double)] {
        let rows = try connection.query(measure, Parameters())
        return (0..<rows.count).map { (rows.text($0, 0), rows.int64($0, 1), rows.double($0, 2)) }
    }
}
