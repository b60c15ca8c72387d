import OrderEvents
public import Orders
public import Postgres

// Looks at orders whose time is up: has each left the flow for which its legal entity promises a time? What stays too
// long is a business exception, and it ends when the order, looked at again because it changed, is out of it.
//
// A look costs the index entry that told it is due, the order's row and, where exceptions open or end, theirs: it is in
// proportion to the orders that enter flows, never to those that there are.

/// What a legal entity promises about its orders.
public struct Promise: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// How long an order may be in a flow, in microseconds.
    public var times: FlowTimes

    /// What a legal entity promises.
    public init(legalEntity: String, times: FlowTimes) {
        self.legalEntity = legalEntity
        self.times = times
    }

    /// The same as a text that changes when the promise does.
    var terms: String {
        let terms = Flow.allCases.compactMap { flow in times[flow].map { "\(flow.name)=\($0)" } }
        return terms.joined(separator: " ")
    }
}

/// What a bite of checks did.
public struct CheckResult: Sendable {
    /// Orders that were looked at.
    public var looked = 0
    /// Exceptions that were opened.
    public var opened: [(legalEntity: String, code: String)] = []
    /// Exceptions that ended.
    public var ended: [(legalEntity: String, code: String, seconds: Double)] = []
    /// Channels that must be heard, and whether each is silent for longer than it may be.
    public var feeds: [(legalEntity: String, channel: String, isSilent: Bool)] = []
    /// Orders whose document could not be read; they are looked at again later.
    public var unreadable = 0

    /// Nothing yet.
    public init() {}
}

/// The checks of a store: one instance at a time does a bite, the others leave it alone.
public enum OrderLooks {
    /// Serialises the checks of one database; an arbitrary constant.
    private static let advisoryLock: Int64 = 0x736C_7569_6366

    /// Whatever the planner believes of the tables just now: a bite follows indexes in their order and ends at its
    /// limit.
    static let begin = "BEGIN; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off"
    private static let lock = Statement("checks_lock", "SELECT pg_try_advisory_xact_lock($1)")

    /// text[] legal_entity, timestamptz now, bigint limit for each -> the orders, locked.
    ///
    /// One probe of `orders_to_look_at` for each legal entity, so that none waits behind another's many. A row that a
    /// batch has under way is left for the next pass: the checks wait for nobody.
    static let due = Statement(
        "checks_due",
        """
        SELECT o.legal_entity, o.order_ref, o.document, o.revision, o.version, o.is_overdue
        FROM unnest($1::text[]) AS r(e)
        CROSS JOIN LATERAL (
            SELECT legal_entity, order_ref, document, revision, version, is_overdue FROM orders
            WHERE legal_entity = r.e AND look_at <= $2
            ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ) o
        """)
    /// text[] legal_entity, text[] order_ref -> bigint ordinality and what Odoo has.
    static let delivered = Statement(
        "checks_delivered",
        """
        SELECT r.i, d.odoo_id IS NOT NULL, d.delivered_version, d.delivered_state
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(e, k, i)
        JOIN LATERAL (
            SELECT odoo_id, delivered_version, delivered_state FROM deliveries
            WHERE legal_entity = r.e AND order_ref = r.k LIMIT 1
        ) d ON true
        """)
    /// text[] legal_entity, text[] order_ref, timestamptz[] look_at, boolean[] is_overdue.
    static let settle = Statement(
        "checks_settle",
        """
        UPDATE orders o SET look_at = r.t, is_overdue = r.f
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::boolean[]) AS r(e, k, t, f)
        WHERE o.legal_entity = r.e AND o.order_ref = r.k
        """)

    /// An order under its lock.
    private struct Looked {
        var legalEntity: String
        var orderRef: String
        var order: Order?
        var wasOverdue: Bool
        var odoo = ShownInOdoo()
    }

    /// When an order is looked at again whose document cannot be read: after an hour.
    private static let patience: Int64 = 3_600_000_000

    /// Takes `body` within a transaction that only one instance at a time has open.
    ///
    /// - Returns: nil when another instance is at it.
    public static func alone<R>(
        _ connection: inout Connection, _ body: (inout Connection) throws(PostgresError) -> R
    ) throws(PostgresError) -> R? {
        _ = try connection.execute(begin)
        do throws(PostgresError) {
            var key = Parameters()
            key.int64(advisoryLock)
            var result: R?
            if try connection.query(lock, key).bool(0, 0) { result = try body(&connection) }
            _ = try connection.execute("COMMIT")
            return result
        } catch {
            if !error.isConnectionLost { _ = try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    /// Looks at orders that are due, at most `limit` of each legal entity; within the transaction that is open.
    ///
    /// `now`: microseconds since 1970.
    public static func look(
        _ promises: [Promise], now: Int64, limit: Int = 200, _ connection: inout Connection
    ) throws(PostgresError) -> CheckResult {
        var orders = try dueOrders(promises, now, limit, &connection)
        guard !orders.isEmpty else { return CheckResult() }
        // Rows of two transactions in one sequence: as workers write them.
        orders.sort { ($0.legalEntity, $0.orderRef) < ($1.legalEntity, $1.orderRef) }
        try readDelivered(&orders, &connection)
        let promised = Dictionary(promises.map { ($0.legalEntity, $0.times) }, uniquingKeysWith: { a, _ in a })
        var result = CheckResult()
        result.looked = orders.count
        var raised: [Exception] = []
        var resolved: [Exception] = []
        var looks = TimestampArray()
        var flags = BoolArray()
        for looked in orders {
            guard let order = looked.order else {
                result.unreadable += 1
                looks.append(microsecondsSinceUnixEpoch: now + patience)
                flags.append(looked.wasOverdue)
                continue
            }
            let times = promised[looked.legalEntity] ?? FlowTimes()
            let overdue = order.overdue(at: now, promised: times, odoo: looked.odoo)
            raised += overdue.map { code, flow in
                Exception(looked, code, detail(flow, order, times))
            }
            if looked.wasOverdue {
                // What the order itself says is open, it ends itself.
                let codes = Flow.codes.filter { code in
                    !order.open.contains(code) && !overdue.contains { $0.code == code }
                }
                resolved += codes.map { Exception(looked, $0, "") }
            }
            if let next = times.nextEnd(after: now, since: order.flowTimes) {
                looks.append(microsecondsSinceUnixEpoch: next)
            } else {
                looks.appendNull()
            }
            flags.append(!overdue.isEmpty)
        }
        var parameters = Parameters()
        parameters.texts(orders.map(\.legalEntity))
        parameters.texts(orders.map(\.orderRef))
        parameters.array(looks)
        parameters.array(flags)
        _ = try connection.query(settle, parameters)
        try write(raised, resolved, now, &result, &connection)
        return result
    }

    private static func dueOrders(
        _ promises: [Promise], _ now: Int64, _ limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> [Looked] {
        var parameters = Parameters()
        parameters.texts(promises.map(\.legalEntity))
        parameters.timestamp(microsecondsSinceUnixEpoch: now)
        parameters.int64(Int64(limit))
        let rows = try connection.query(due, parameters)
        return (0..<rows.count).map { row in
            let order = try? Order(
                document: rows.bytes(row, 2), revision: rows.int64(row, 3), version: rows.int64(row, 4))
            return Looked(
                legalEntity: rows.text(row, 0), orderRef: rows.text(row, 1), order: order,
                wasOverdue: rows.bool(row, 5))
        }
    }

    private static func readDelivered(
        _ orders: inout [Looked], _ connection: inout Connection
    ) throws(PostgresError) {
        var parameters = Parameters()
        parameters.texts(orders.map(\.legalEntity))
        parameters.texts(orders.map(\.orderRef))
        let rows = try connection.query(delivered, parameters)
        for row in 0..<rows.count {
            orders[Int(rows.int64(row, 0)) - 1].odoo = ShownInOdoo(
                exists: rows.bool(row, 1), version: rows.int64(row, 2),
                state: CanonicalState(rawValue: UInt8(clamping: rows.int64(row, 3))))
        }
    }

    // MARK: - Exceptions

    /// An exception to open or to end.
    private struct Exception {
        var legalEntity: String
        var orderRef: String
        var code: ExceptionCode
        var detail: String

        init(_ looked: Looked, _ code: ExceptionCode, _ detail: String) {
            legalEntity = looked.legalEntity
            orderRef = looked.orderRef
            self.code = code
            self.detail = detail
        }
    }

    private static func detail(_ flow: Flow, _ order: Order, _ promised: FlowTimes) -> String {
        let since = order.flowTimes[flow].map { Timestamp(microseconds: $0).rfc3339 } ?? "unknown"
        return "\(flow.span): since \(since), promised within \(Self.text(promised[flow] ?? 0))"
    }

    /// In the largest unit that gives a whole number.
    private static func text(_ microseconds: Int64) -> String {
        let seconds = microseconds / 1_000_000
        for (unit, factor) in [("d", 86_400 as Int64), ("h", 3600), ("m", 60)]
        where seconds % factor == 0 && seconds > 0 {
            return "\(seconds / factor)\(unit)"
        }
        return "\(seconds)s"
    }

    private static func write(
        _ raised: [Exception], _ resolved: [Exception], _ now: Int64, _ result: inout CheckResult,
        _ connection: inout Connection
    ) throws(PostgresError) {
        func parameters(_ exceptions: [Exception]) -> Parameters {
            var parameters = Parameters()
            parameters.timestamp(microsecondsSinceUnixEpoch: now)
            parameters.texts(exceptions.map(\.legalEntity))
            parameters.texts(exceptions.map(\.orderRef))
            parameters.texts(exceptions.map(\.code.rawValue))
            return parameters
        }
        if !raised.isEmpty {
            var values = parameters(raised)
            values.texts(raised.map(\.code.severity))
            values.texts(raised.map(\.detail))
            values.int64s(raised.map { _ in 1 })
            // What is open stays as it is: that it is still so is nothing new.
            let rows = try connection.query(ApplyStatements.openExceptions, values)
            for row in 0..<rows.count { result.opened.append((rows.text(row, 0), rows.text(row, 1))) }
        }
        if !resolved.isEmpty {
            var values = parameters(resolved)
            values.text("sluice")
            let rows = try connection.query(ApplyStatements.resolveExceptions, values)
            for row in 0..<rows.count {
                result.ended.append((rows.text(row, 0), rows.text(row, 1), rows.double(row, 2)))
            }
        }
    }
}
