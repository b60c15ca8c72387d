public import Postgres

/// A session that reads through the views of `sluice_read`, with the rights of `sluice_reader`.
///
/// Owned by one thread at a time.
public struct ReaderSession: ~Copyable {
    /// Whose rows a session sees.
    public enum Sight: Hashable, Sendable {
        /// Those of all legal entities, and what belongs to none.
        case everything
        /// Those of these.
        case legalEntities(Set<String>)

        /// The session's setting: no legal entity's code has a slash.
        var setting: String {
            switch self {
            case .everything: "/"
            case .legalEntities(let names): names.sorted().joined(separator: "/")
            }
        }
    }

    /// The connection; statements find the views under the names of their tables.
    public var connection: Connection
    /// Whether the session has the rights of `sluice_reader` only; false where there is no such role.
    public private(set) var isConfined: Bool

    private static let role = Statement(
        "reader_role",
        """
        SELECT set_config('role', $1, false) WHERE EXISTS (
            SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(session_user, oid, 'MEMBER'))
        """)
    private static let look = Statement("reader_sight", "SELECT set_config('sluice.legal_entities', $1, false)")

    /// Settings of readers: short, so that a slow store is told and not waited for.
    public static func settings(
        _ base: ConnectionSettings, statementTimeout: Duration = .seconds(5), connectDeadline: Duration = .seconds(2)
    ) -> ConnectionSettings {
        var settings = base
        settings.applicationName = "sluice-reader"
        settings.searchPath = Migrations.readerSchema
        settings.statementTimeout = statementTimeout
        settings.statementDeadline = statementTimeout + .seconds(1)
        settings.lockTimeout = .seconds(1)
        settings.connectDeadline = connectDeadline
        return settings
    }

    /// Connects, and lays down all rights but those of readers.
    public init(_ settings: ConnectionSettings) throws(PostgresError) {
        var connection = try Connection(settings)
        isConfined = try Self.confine(&connection)
        self.connection = connection
    }

    /// Takes the role on; false: there is none, or it may not be taken on.
    private static func confine(_ connection: inout Connection) throws(PostgresError) -> Bool {
        var parameters = Parameters()
        parameters.text(Migrations.readerRole)
        do throws(PostgresError) {
            return try connection.query(role, parameters).count > 0
        } catch {
            // A member that may not take the role on (PostgreSQL 16 tells the two apart).
            guard !error.isConnectionLost else { throw error }
            return false
        }
    }

    /// Lets the session see what `sight` says from now on; connects anew where the connection is lost.
    public mutating func look(at sight: Sight) throws(PostgresError) {
        var parameters = Parameters()
        parameters.text(sight.setting)
        do throws(PostgresError) {
            try connection.query(Self.look, parameters)
        } catch {
            guard error.isConnectionLost || !connection.isOpen else { throw error }
            try connection.reconnect()
            isConfined = try Self.confine(&connection)
            try connection.query(Self.look, parameters)
        }
    }
}
