public import OrderEvents
public import Postgres

/// Who read or changed what: rows that are only added to.
public enum AuditTrail {
    /// One act.
    public struct Entry: Sendable {
        /// Its number in the store.
        public var id: Int64
        /// When, by the store's clock.
        public var at: Timestamp
        /// The name of the token, `loopback` for who needs none, `command:USER` for a command.
        public var actor: String
        /// The role that allowed it.
        public var role: String
        /// What was done.
        public var action: String
        /// Whose data it was.
        public var legalEntity: String
        /// The order's canonical reference, or empty: nothing was found.
        public var subject: String
        /// How it ended.
        public var result: String
    }

    /// What is added.
    public struct Act: Sendable {
        /// See `Entry`.
        public var actor: String
        /// See `Entry`.
        public var role: String
        /// See `Entry`.
        public var action: String
        /// See `Entry`.
        public var legalEntity: String
        /// See `Entry`.
        public var subject: String
        /// See `Entry`.
        public var result: String

        /// An act; see the properties.
        public init(
            actor: String, role: String, action: String, legalEntity: String, subject: String, result: String
        ) {
            self.actor = actor
            self.role = role
            self.action = action
            self.legalEntity = legalEntity
            self.subject = subject
            self.result = result
        }
    }

    private static let add = Statement("note_access", "SELECT sluice_read.note_access($1, $2, $3, $4, $5, $6)")

    /// Adds `act`; it is durable when this returns.
    ///
    /// Needs no rights on the table: a function of the schema's owner writes it.
    public static func add(_ act: Act, _ connection: inout Connection) throws(PostgresError) {
        var parameters = Parameters()
        for text in [act.actor, act.role, act.action, act.legalEntity, act.subject, act.result] {
            parameters.text(text)
        }
        try connection.query(add, parameters)
    }

    private static let list = Statement(
        "list_audit",
        """
        SELECT id, at, actor, role, action, legal_entity, subject, result FROM audit
        WHERE id < $2 AND ($1::text IS NULL OR legal_entity = $1) ORDER BY id DESC LIMIT $3
        """)

    /// At most `limit` entries with a number below `id`, the newest first.
    public static func read(
        legalEntity: String?, below id: Int64 = .max, limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> [Entry] {
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int64(id)
        parameters.int64(Int64(limit))
        let rows = try connection.query(list, parameters)
        return (0..<rows.count).map { row in
            Entry(
                id: rows.int64(row, 0), at: Timestamp(microseconds: rows.timestamp(row, 1)), actor: rows.text(row, 2),
                role: rows.text(row, 3), action: rows.text(row, 4), legalEntity: rows.text(row, 5),
                subject: rows.text(row, 6), result: rows.text(row, 7))
        }
    }
}
