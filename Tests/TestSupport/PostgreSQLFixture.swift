public import Embedded
public import Postgres
internal import Synchronization

/// PostgreSQL for tests: one cluster per test process, one database per test.
///
/// The cluster starts with the first test that asks for it, without fsync, and its watchdog removes it when the process
/// has ended.
public enum PostgreSQLFixture {
    private static let shared: Result<EmbeddedPostgreSQL, EmbeddedPostgreSQLError> = Result {
        () throws(EmbeddedPostgreSQLError) in
        var options = EmbeddedPostgreSQL.Options()
        options.isDurable = false
        options.settings = [("max_connections", "200"), ("shared_buffers", "64MB")]
        return try EmbeddedPostgreSQL(options)
    }

    private static let databases = Atomic<Int>(0)

    /// The cluster of this process.
    ///
    /// Tests that stop or restart a server make a cluster of their own instead.
    public static func cluster() throws -> EmbeddedPostgreSQL { try shared.get() }

    /// The address of an empty database that nobody else uses.
    public static func freshDatabase() throws -> String {
        let number = databases.wrappingAdd(1, ordering: .relaxed).newValue
        return try cluster().createDatabase("test_\(number)")
    }

    /// A connection to an empty database that nobody else uses.
    public static func freshConnection() throws -> Connection {
        try Connection(ConnectionSettings(freshDatabase()))
    }
}
