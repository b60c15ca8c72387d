/// Where the database is and how a session with it behaves.
///
/// What the address leaves out takes libpq's compiled default, not the value of a `PG...` environment variable: a
/// variable left in somebody's shell must not send orders to another database. One cannot be overruled: with
/// `PGSERVICE` set to a service that does not exist, libpq refuses to connect; it never redirects.
public struct ConnectionSettings: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What the address said, keyword by keyword.
    let address: [(keyword: String, value: String)]

    /// What `pg_stat_activity` shows for the session.
    public var applicationName = "sluice"
    /// The schemas that unqualified names are looked up in, as in `SET search_path`; nil leaves the server's.
    public var searchPath: String?
    /// How long connecting, logging in and setting up the session may take altogether.
    ///
    /// Resolving a host name is bounded by the resolver only.
    public var connectDeadline: Duration = .seconds(10)
    /// How long one call may wait for the server; then the connection is closed.
    ///
    /// Beyond `statementTimeout`, so that a server that is alive gets to answer for itself first.
    public var statementDeadline: Duration = .seconds(40)
    /// `statement_timeout`; zero is none.
    public var statementTimeout: Duration = .seconds(30)
    /// `lock_timeout`; zero is none.
    public var lockTimeout: Duration = .seconds(10)
    /// `idle_in_transaction_session_timeout`: how long a process that stands still may keep its locks; zero is for
    /// ever.
    public var idleInTransactionTimeout: Duration = .seconds(15)
    /// `tcp_user_timeout`: how long sent bytes may stay unacknowledged.
    public var tcpUserTimeout: Duration = .seconds(10)
    /// `client_connection_check_interval`: how often a running statement looks whether its client is still there
    /// (PostgreSQL 14 and newer).
    public var connectionCheckInterval: Duration = .seconds(2)
    /// Raises `synchronous_commit` to `on` where the role or the database turned it `off` or `local`: an acknowledged
    /// commit that a crash takes back would have lost its offsets.
    public var durableCommits = true

    /// Reads a `postgresql://` URL or `keyword=value` text.
    ///
    /// - Throws: `invalidSettings`, without quoting the text, because it may hold a password.
    public init(_ text: String) throws(PostgresError) {
        address = try ConnectionAddress.parse(text)
    }

    /// Host, port, database and role: what may be shown.
    public var description: String {
        let shown = ["host", "hostaddr", "port", "dbname", "user"]
        let parts = address.filter { shown.contains($0.keyword) }.map { "\($0.keyword)=\($0.value)" }
        return parts.isEmpty ? "libpq's defaults" : parts.joined(separator: " ")
    }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Shows no more than `description`, so that `dump` gives no password away.
    public var customMirror: Mirror { Mirror(self, children: ["address": description]) }

    /// The session's settings as (name, value), for `set_config`.
    func session(serverVersion: Int) -> [(name: String, value: String)] {
        var settings = [
            ("statement_timeout", Self.milliseconds(statementTimeout)),
            ("lock_timeout", Self.milliseconds(lockTimeout)),
            ("idle_in_transaction_session_timeout", Self.milliseconds(idleInTransactionTimeout)),
            // READ COMMITTED is what the statements are written for: unique indexes and row locks, no snapshots.
            ("default_transaction_isolation", "read committed"),
            ("timezone", "UTC"), ("datestyle", "ISO, MDY"), ("bytea_output", "hex"),
            ("client_min_messages", "warning"), ("jit", "off"),
        ]
        if let searchPath { settings.append(("search_path", searchPath)) }
        if serverVersion >= 140_000 {
            settings.append(("client_connection_check_interval", Self.milliseconds(connectionCheckInterval)))
        }
        return settings
    }

    static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let value = seconds.multipliedReportingOverflow(by: 1000)
        let whole = value.overflow ? Int64(Int32.max) : value.partialValue + attoseconds / 1_000_000_000_000_000
        return String(min(max(whole, 0), Int64(Int32.max)))
    }
}
