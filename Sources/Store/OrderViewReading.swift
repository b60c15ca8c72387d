import OrderEvents
import Orders
import Postgres

/// The statements of `OrderView`, each a look-up in an index, whatever the number of orders.
///
/// Each: text legal_entity, text order_ref, unless it says otherwise.
enum OrderViewStatements {
    /// -> text order_ref of the order that it names, which is another one where it is an alias.
    static let findCanonical = Statement(
        "view_find_canonical",
        """
        SELECT COALESCE(alias_of, order_ref), 1 AS place FROM orders WHERE legal_entity = $1 AND order_ref = $2
        UNION SELECT order_ref, 2 FROM rejected WHERE legal_entity = $1 AND order_ref = $2
        ORDER BY place LIMIT 1
        """)

    /// text legal_entity, text value, text issuer, text value behind the issuer -> text order_ref.
    static let findReference = Statement(
        "view_find_reference",
        """
        SELECT order_ref FROM order_references WHERE legal_entity = $1 AND value = $2 AND order_ref <> ''
        UNION SELECT order_ref FROM order_references
              WHERE legal_entity = $1 AND value = $4 AND issuer = $3 AND order_ref <> ''
        UNION SELECT order_ref FROM shared_references WHERE legal_entity = $1 AND value = $2
        UNION SELECT order_ref FROM shared_references WHERE legal_entity = $1 AND value = $4 AND issuer = $3
        ORDER BY 1 LIMIT 100
        """)

    /// The same for names that no order has: -> smallint kind, text issuer, text value, integer waiting.
    static let findAwaited = Statement(
        "view_find_awaited",
        """
        SELECT kind, issuer, value, waiting FROM order_references
        WHERE legal_entity = $1 AND order_ref = '' AND waiting > 0
              AND (value = $2 OR (value = $4 AND issuer = $3))
        ORDER BY kind, issuer, value LIMIT 20
        """)

    /// text legal_entity, smallint kind, text issuer, text value -> timestamptz the first wait, text[] channels.
    static let awaiting = Statement(
        "view_awaiting",
        """
        SELECT min(parked_at), array_agg(DISTINCT channel) FROM parked
        WHERE legal_entity = $1 AND reference_kind = $2 AND reference_issuer = $3 AND reference_value = $4
              AND released_at IS NULL AND order_ref = ''
        """)

    static let order = Statement(
        "view_order",
        "SELECT document, revision, version, updated_at FROM orders WHERE legal_entity = $1 AND order_ref = $2")

    /// Third parameter: bigint limit.
    ///
    /// The newest first.
    static let timeline = Statement(
        "view_timeline",
        """
        WITH told AS (
            SELECT outcome, disposition, status, milestone, state_before, state_after, code, NULL AS detail, channel,
                   event_id, warehouse, sequence, order_version, occurred_at, recorded_at, source_partition,
                   source_offset, false AS archived, rule, trace
            FROM journal WHERE legal_entity = $1 AND order_ref = $2
            UNION ALL
            SELECT outcome, disposition, status, milestone, state_before, state_after, code, NULL, channel, event_id,
                   warehouse, sequence, order_version, occurred_at, recorded_at, source_partition, source_offset, true,
                   rule, trace
            FROM journal_archive WHERE legal_entity = $1 AND order_ref = $2
            UNION ALL
            SELECT 5, 0, status, milestone, 0, 0, code, detail, channel, event_id, '', sequence, 0, occurred_at,
                   recorded_at, source_partition, source_offset, false, NULL, trace
            FROM rejected WHERE legal_entity = $1 AND order_ref = $2
            ORDER BY recorded_at DESC, order_version DESC, source_partition DESC, source_offset DESC LIMIT $3
        )
        SELECT t.outcome, t.disposition, t.status, t.milestone, t.state_before, t.state_after, t.code, t.detail,
               t.channel, t.event_id, t.warehouse, t.sequence, t.order_version, t.occurred_at, t.recorded_at, s.topic,
               s.partition, t.source_offset, t.archived, p.released_at, p.released_outcome,
               t.rule, t.trace
        FROM told t JOIN source_partitions s ON s.id = t.source_partition
        LEFT JOIN parked p ON t.outcome = 4 AND p.legal_entity = $1 AND p.channel = t.channel
             AND p.event_id = t.event_id
        ORDER BY t.recorded_at DESC, t.order_version DESC, t.source_partition DESC, t.source_offset DESC
        """)

    /// text legal_entity, text[] channel, text[] event_id -> bigint.
    static let duplicates = Statement(
        "view_duplicates",
        """
        SELECT count(*) FROM unnest($2::text[], $3::text[]) AS r(c, k)
        JOIN duplicates d ON d.legal_entity = $1 AND d.channel = r.c AND d.event_id = r.k
        """)

    static let waiting = Statement(
        "view_waiting",
        """
        SELECT code, channel, event_id, sequence, parked_at, due_at, due_at >= '9999-01-01' FROM parked
        WHERE legal_entity = $1 AND order_ref = $2 AND released_at IS NULL
        ORDER BY channel, sequence NULLS LAST, arrival LIMIT 1000
        """)

    static let standing = Statement(
        "view_standing",
        "SELECT since, due_at, visited_at, attempts, class FROM backlog WHERE legal_entity = $1 AND order_ref = $2")

    static let delivery = Statement(
        "view_delivery",
        """
        SELECT confirmed_at, delivered_version, odoo_id, delivered_state, document FROM deliveries
        WHERE legal_entity = $1 AND order_ref = $2
        """)

    static let validation = Statement(
        "view_validation",
        "SELECT since, due_at, attempts FROM validation_backlog WHERE legal_entity = $1 AND order_ref = $2")

    static let exceptions = Statement(
        "view_exceptions",
        """
        SELECT code, severity, detail, count, first_seen, last_seen, resolved_at, resolved_by FROM exceptions
        WHERE legal_entity = $1 AND order_ref = $2 ORDER BY resolved_at DESC NULLS FIRST, last_seen DESC LIMIT 200
        """)
}

/// Reads an `OrderView` within the transaction that is open.
enum OrderViewReading {
    static func read(
        _ orderRef: String, _ legalEntity: String, _ connection: inout Connection
    ) throws -> OrderView? {
        var key = Parameters()
        key.text(legalEntity)
        key.text(orderRef)
        var order = Order()
        var updatedAt: Timestamp?
        do {
            let rows = try connection.query(OrderViewStatements.order, key)
            if rows.count > 0 {
                order = try Order(document: rows.bytes(0, 0), revision: rows.int64(0, 1), version: rows.int64(0, 2))
                updatedAt = Timestamp(microseconds: rows.timestamp(0, 3))
            }
        }
        let newest = try timeline(key, &connection)
        guard order.revision > 0 || !newest.isEmpty else { return nil }
        let entries = Array(newest.prefix(OrderView.timelineLimit).reversed())
        return OrderView(
            legalEntity: legalEntity, orderRef: orderRef, order: order, updatedAt: updatedAt,
            timeline: entries,
            isTimelineCut: newest.count > entries.count,
            duplicates: try duplicates(legalEntity, entries, &connection), waiting: try waiting(key, &connection),
            standing: try standing(key, &connection), delivery: try delivery(key, &connection),
            validation: try validation(key, &connection),
            exceptions: try exceptions(key, &connection))
    }

    /// What goes by a reference.
    static func find(
        _ reference: String, _ legalEntity: String, _ connection: inout Connection
    ) throws(PostgresError) -> OrderView.Found {
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.text(reference)
        do {
            let exact = try connection.query(OrderViewStatements.findCanonical, parameters)
            if exact.count > 0 { return OrderView.Found(orders: [exact.text(0, 0)], awaited: []) }
        }
        let parts = reference.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        parameters.text(parts.count == 2 ? parts[0] : "")
        parameters.text(parts.count == 2 ? parts[1] : reference)
        do {
            let rows = try connection.query(OrderViewStatements.findReference, parameters)
            if rows.count > 0 {
                return OrderView.Found(orders: (0..<rows.count).map { rows.text($0, 0) }, awaited: [])
            }
        }
        let rows = try connection.query(OrderViewStatements.findAwaited, parameters)
        var awaited: [OrderView.AwaitedName] = []
        for row in 0..<rows.count {
            guard let kind = ReferenceKind(rawValue: raw(rows, row, 0)) else { continue }
            let name = Order.OtherName(kind: kind, issuer: rows.text(row, 1), value: rows.text(row, 2))
            awaited.append(try self.awaited(name, Int64(rows.int32(row, 3)), legalEntity, &connection))
        }
        return OrderView.Found(orders: [], awaited: awaited)
    }

    private static func awaited(
        _ name: Order.OtherName, _ events: Int64, _ legalEntity: String, _ connection: inout Connection
    ) throws(PostgresError) -> OrderView.AwaitedName {
        var key = Parameters()
        key.text(legalEntity)
        key.int16(Int16(name.kind.rawValue))
        key.text(name.issuer)
        key.text(name.value)
        let rows = try connection.query(OrderViewStatements.awaiting, key)
        // Filed under the name itself, which a space tells from an order.
        let qualified = name.issuer.isEmpty ? name.value : "\(name.issuer)/\(name.value)"
        var subject = Parameters()
        subject.text(legalEntity)
        subject.text("\(name.kind.name) \(qualified)")
        return OrderView.AwaitedName(
            name: name, events: events, since: rows.isNull(0, 0) ? nil : time(rows, 0, 0),
            channels: rows.isNull(0, 1) ? [] : rows.texts(0, 1).compactMap { $0 },
            exceptions: try exceptions(subject, &connection))
    }

    private static func validation(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> OrderView.Validation? {
        let rows = try connection.query(OrderViewStatements.validation, key)
        guard rows.count > 0 else { return nil }
        return OrderView.Validation(
            since: time(rows, 0, 0), dueAt: time(rows, 0, 1), attempts: rows.int32(0, 2))
    }

    private static func time(_ rows: borrowing Rows, _ row: Int, _ column: Int) -> Timestamp {
        Timestamp(microseconds: rows.timestamp(row, column))
    }

    private static func optionalTime(_ rows: borrowing Rows, _ row: Int, _ column: Int) -> Timestamp? {
        rows.optionalTimestamp(row, column).map { Timestamp(microseconds: $0) }
    }

    private static func raw(_ rows: borrowing Rows, _ row: Int, _ column: Int) -> UInt8 {
        UInt8(clamping: rows.int64(row, column))
    }

    private static func state(_ rows: borrowing Rows, _ row: Int, _ column: Int) -> CanonicalState? {
        CanonicalState(rawValue: raw(rows, row, column))
    }

    private static func timeline(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> [OrderView.Entry] {
        var parameters = key
        parameters.int64(Int64(OrderView.timelineLimit) + 1)
        let rows = try connection.query(OrderViewStatements.timeline, parameters)
        var entries: [OrderView.Entry] = []
        for row in 0..<rows.count {
            let word = raw(rows, row, 2)
            entries.append(
                OrderView.Entry(
                    outcome: Outcome(rawValue: raw(rows, row, 0)) ?? .applied,
                    disposition: Disposition(rawValue: raw(rows, row, 1)),
                    status: word == 10 ? .release : CanonicalState(rawValue: word).map(StatusWord.state),
                    milestone: Milestone(rawValue: raw(rows, row, 3)), from: state(rows, row, 4),
                    to: state(rows, row, 5), code: rows.optionalText(row, 6), detail: rows.optionalText(row, 7),
                    rule: rows.optionalText(row, 21),
                    trace: rows.optionalBytes(row, 22).flatMap(TraceContext.init(stored:)),
                    channel: rows.text(row, 8), eventID: rows.text(row, 9), warehouse: rows.text(row, 10),
                    sequence: rows.optionalInt64(row, 11), version: rows.int64(row, 12),
                    occurredAt: time(rows, row, 13), recordedAt: time(rows, row, 14), topic: rows.text(row, 15),
                    partition: rows.int32(row, 16), offset: rows.int64(row, 17), isArchived: rows.bool(row, 18),
                    releasedAt: optionalTime(rows, row, 19),
                    releasedOutcome: rows.isNull(row, 20) ? nil : Outcome(rawValue: raw(rows, row, 20))))
        }
        return entries
    }

    private static func duplicates(
        _ legalEntity: String, _ entries: [OrderView.Entry], _ connection: inout Connection
    ) throws(PostgresError) -> Int64 {
        let keyed = entries.filter { $0.outcome != .rejected }
        guard !keyed.isEmpty else { return 0 }
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.texts(keyed.map(\.channel))
        parameters.texts(keyed.map(\.eventID))
        return try connection.query(OrderViewStatements.duplicates, parameters).int64(0, 0)
    }

    private static func waiting(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> [OrderView.Waiting] {
        let rows = try connection.query(OrderViewStatements.waiting, key)
        return (0..<rows.count).map { row in
            OrderView.Waiting(
                code: rows.text(row, 0), channel: rows.text(row, 1), eventID: rows.text(row, 2),
                sequence: rows.optionalInt64(row, 3), since: time(rows, row, 4),
                until: rows.bool(row, 6) ? nil : time(rows, row, 5))
        }
    }

    private static func standing(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> OrderView.Standing? {
        let rows = try connection.query(OrderViewStatements.standing, key)
        guard rows.count > 0 else { return nil }
        return OrderView.Standing(
            since: time(rows, 0, 0), dueAt: time(rows, 0, 1), visitedAt: optionalTime(rows, 0, 2),
            attempts: rows.int32(0, 3), priority: rows.int16(0, 4))
    }

    private static func delivery(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> OrderView.Delivery? {
        let rows = try connection.query(OrderViewStatements.delivery, key)
        guard rows.count > 0 else { return nil }
        return OrderView.Delivery(
            confirmedAt: time(rows, 0, 0), version: rows.int64(0, 1), odooID: rows.optionalInt64(0, 2),
            state: state(rows, 0, 3), document: rows.bytes(0, 4))
    }

    private static func exceptions(
        _ key: Parameters, _ connection: inout Connection
    ) throws(PostgresError) -> [OrderView.Exception] {
        let rows = try connection.query(OrderViewStatements.exceptions, key)
        return (0..<rows.count).map { row in
            OrderView.Exception(
                code: rows.text(row, 0), severity: rows.text(row, 1), detail: rows.text(row, 2),
                count: rows.int64(row, 3), firstSeen: time(rows, row, 4), lastSeen: time(rows, row, 5),
                resolvedAt: optionalTime(rows, row, 6), resolvedBy: rows.optionalText(row, 7))
        }
    }
}
