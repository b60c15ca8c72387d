internal import OrderEvents
public import Postgres

/// Business exceptions as a list, the newest first, a page at a time.
public enum ExceptionList {
    /// One of them.
    public struct Row: Sendable {
        /// Its number in the store; later ones have higher numbers.
        public var id: Int64
        /// The legal entity.
        public var legalEntity: String
        /// The order, or the name that it is about; empty: neither.
        public var orderRef: String
        /// What it is, when it was met and how often.
        public var exception: OrderView.Exception
    }

    /// Which ones.
    public struct Filter: Sendable {
        /// Open ones, or those that ended.
        public var isOpen = true
        /// One legal entity; nil: all that the session may see.
        public var legalEntity: String?
        /// One code; nil: all.
        public var code: String?

        /// All open ones.
        public init() {}
    }

    // text legal_entity or NULL, text code or NULL, bigint id before which, bigint limit.
    private static let open = Statement(
        "list_open_exceptions",
        """
        SELECT id, legal_entity, order_ref, code, severity, detail, count, first_seen, last_seen, resolved_at,
               resolved_by
        FROM exceptions
        WHERE resolved_at IS NULL AND id < $3 AND ($1::text IS NULL OR legal_entity = $1)
              AND ($2::text IS NULL OR code = $2)
        ORDER BY id DESC LIMIT $4
        """)

    private static let resolved = Statement(
        "list_resolved_exceptions",
        """
        SELECT id, legal_entity, order_ref, code, severity, detail, count, first_seen, last_seen, resolved_at,
               resolved_by
        FROM exceptions
        WHERE resolved_at IS NOT NULL AND id < $3 AND ($1::text IS NULL OR legal_entity = $1)
              AND ($2::text IS NULL OR code = $2)
        ORDER BY id DESC LIMIT $4
        """)

    /// At most `limit` of them with a number below `id`.
    ///
    /// Costs in proportion to the rows that are looked at until enough are found, at most to the open ones.
    public static func read(
        _ filter: Filter, below id: Int64 = .max, limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> [Row] {
        var parameters = Parameters()
        parameters.text(filter.legalEntity)
        parameters.text(filter.code)
        parameters.int64(id)
        parameters.int64(Int64(limit))
        let rows = try connection.query(filter.isOpen ? open : resolved, parameters)
        return (0..<rows.count).map { row in
            Row(
                id: rows.int64(row, 0), legalEntity: rows.text(row, 1), orderRef: rows.text(row, 2),
                exception: OrderView.Exception(
                    code: rows.text(row, 3), severity: rows.text(row, 4), detail: rows.text(row, 5),
                    count: rows.int64(row, 6), firstSeen: Timestamp(microseconds: rows.timestamp(row, 7)),
                    lastSeen: Timestamp(microseconds: rows.timestamp(row, 8)),
                    resolvedAt: rows.optionalTimestamp(row, 9).map { Timestamp(microseconds: $0) },
                    resolvedBy: rows.optionalText(row, 10)))
        }
    }

    private static let counts = Statement(
        "count_open_exceptions",
        "SELECT legal_entity, count(*) FROM exceptions WHERE resolved_at IS NULL GROUP BY 1 ORDER BY 1")

    /// How many are open, by legal entity.
    ///
    /// Costs in proportion to the open ones.
    public static func openCounts(
        _ connection: inout Connection
    ) throws(PostgresError) -> [(legalEntity: String, open: Int64)] {
        let rows = try connection.query(counts)
        return (0..<rows.count).map { (rows.text($0, 0), rows.int64($0, 1)) }
    }
}
