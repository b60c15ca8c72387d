import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
    @Test func theSessionIsSetUpAsAsked() throws {
        var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
        settings.applicationName = "it's \\ a test"
        settings.searchPath = "pg_catalog, public"
        settings.statementTimeout = .milliseconds(1_500)
        settings.lockTimeout = .seconds(3)
        settings.idleInTransactionTimeout = .zero
        var connection = try Connection(settings)
        let expected = [
            ("application_name", "it's \\ a test"), ("search_path", "pg_catalog, public"),
            ("statement_timeout", "1500ms"), ("lock_timeout", "3s"), ("idle_in_transaction_session_timeout", "0"),
            ("TimeZone", "UTC"), ("client_encoding", "UTF8"), ("default_transaction_isolation", "read committed"),
            ("jit", "off"), ("client_min_messages", "warning"),
            ("client_connection_check_interval", connection.serverVersion >= 140_000 ? "2s" : nil),
        ]
        for (name, value) in expected {
            guard let value else { continue }
            let rows = try connection.execute("SHOW \(name)")
            #expect(rows.text(0, 0) == value, "\(name)")
        }
    }

    @Test func commitsAreDurableWhateverTheDatabaseSays() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var first = try Connection(ConnectionSettings(url))
        let name = try first.execute("SELECT current_database()").text(0, 0)
        try first.execute("ALTER DATABASE \(name) SET synchronous_commit = off")
        func shown(_ settings: ConnectionSettings) throws -> String {
            var connection = try Connection(settings)
            return try connection.execute("SHOW synchronous_commit").text(0, 0)
        }
        var settings = try ConnectionSettings(url)
        #expect(try shown(settings) == "on")
        settings.durableCommits = false
        #expect(try shown(settings) == "off")
        try first.execute("ALTER DATABASE \(name) SET synchronous_commit = remote_apply")
        #expect(try shown(ConnectionSettings(url)) == "remote_apply")
    }

    @Test func theTransactionStatusFollowsTheServer() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        #expect(connection.transactionStatus == .idle)
        try connection.execute("BEGIN")
        #expect(connection.transactionStatus == .open)
        #expect(throws: PostgresError.self) { try connection.execute("SELECT 1 / 0") }
        #expect(connection.transactionStatus == .failed)
        try connection.execute("ROLLBACK")
        #expect(connection.transactionStatus == .idle)
        connection.close()
        #expect(connection.transactionStatus == .unknown)
        #expect(connection.isOpen == false)
    }

    @Test func noticesStayOffTheLog() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("DO $$ BEGIN RAISE WARNING 'would be printed'; END $$")
        try connection.execute("DROP TABLE IF EXISTS nowhere")
    }

    @Test func aServerThatNeverAnswersIsGivenUpAtTheDeadline() throws {
        let hole = try BlackHole()
        var settings = try ConnectionSettings("host=127.0.0.1 port=\(hole.port) user=x dbname=x sslmode=disable")
        settings.connectDeadline = .milliseconds(100)
        let error = #expect(throws: PostgresError.self) { _ = try Connection(settings) }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.retryClass == .reconnectAndRetry && error?.isOutcomeUnknown == false)
    }

    @Test func aStatementThatNeverEndsIsGivenUpAtTheDeadline() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        connection.deadline = .milliseconds(50)
        let error = #expect(throws: PostgresError.self) { try connection.execute("SELECT pg_sleep(60)") }
        #expect(error?.code == .deadlineExceeded && error?.isConnectionLost == true)
        connection.deadline = .seconds(20)
        try connection.reconnect()
        try connection.execute("SELECT 1")
    }

    @Test func failuresToConnectSayWhetherTryingAgainHelps() throws {
        func failure(_ text: String) throws -> PostgresError? {
            let settings = try ConnectionSettings(text)
            return #expect(throws: PostgresError.self) { _ = try Connection(settings) }
        }
        let cluster = try PostgreSQLFixture.cluster()
        let nobody = try failure("postgresql:///x?host=/nonexistent&user=x")
        #expect(nobody?.code == .connectFailed && nobody?.sqlState == nil)
        #expect(nobody?.retryClass == .reconnectAndRetry)
        let database = try failure(cluster.url(database: "nowhere"))
        #expect(database?.sqlState == .invalidCatalogName && database?.retryClass == .ownFault)
        #expect(database?.code == .connectFailed)
        let role = try failure("postgresql:///postgres?host=\(cluster.folder)&user=nobody")
        #expect(role?.sqlState?.rawValue == "28000" && role?.retryClass == .ownFault)
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        let crowd = try failure("postgresql:///postgres?host=\(cluster.folder)&user=crowded")
        #expect(crowd?.sqlState?.rawValue == "53300" && crowd?.retryClass == .reconnectAndRetry)
        var settings = try ConnectionSettings(cluster.url(database: "postgres"))
        settings.searchPath = "\"unclosed"
        let setting = #expect(throws: PostgresError.self) { _ = try Connection(settings) }
        #expect(setting?.retryClass == .ownFault)
    }

    @Test func passwordsAreShownNowhere() throws {
        let settings = try ConnectionSettings("postgresql://anna:pa%20ss4711@127.0.0.1:1/x")
        var dumped = ""
        dump(settings, to: &dumped)
        for text in ["\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("4711") && text.contains("127.0.0.1"), "\(text)")
        }
        let failure = #expect(throws: PostgresError.self) { _ = try Connection(settings) }
        #expect(failure?.message.contains("4711") == false)
        for bad in ["postgresql://anna:4711%zz@h/x", "host=h passwort=4711", "password='4711", "4711", "host=a\0b"] {
            let error = #expect(throws: PostgresError.self) { _ = try ConnectionSettings(bad) }
            #expect(error?.code == .invalidSettings && error?.retryClass == .ownFault)
            #expect(error.map { "\($0)".contains("4711") } == false)
        }
        let service = #expect(throws: PostgresError.self) { _ = try ConnectionSettings("service=prod") }
        #expect(service?.code == .invalidSettings)
    }

    @Test func theEnvironmentRedirectsNothing() async throws {
        let url = try PostgreSQLFixture.freshDatabase()
        await #expect(processExitsWith: .success) { [url = url as String] in
            let hostile = [
                "PGHOST": "192.0.2.1", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "evil",
                "PGUSER": "evil", "PGPASSWORD": "evil", "PGPASSFILE": "/nonexistent", "PGAPPNAME": "evil",
                "PGOPTIONS": "-c search_path=evil -c statement_timeout=1", "PGSSLMODE": "require",
                "PGREQUIREPEER": "evil", "PGTARGETSESSIONATTRS": "read-only", "PGCLIENTENCODING": "LATIN1",
                "PGCONNECT_TIMEOUT": "1", "PGTZ": "Asia/Tokyo", "PGDATESTYLE": "SQL", "PGCHANNELBINDING": "require",
                "PGGSSENCMODE": "require", "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
            ]
            for (name, value) in hostile { unsafe setenv(name, value, 1) }
            var connection = try Connection(ConnectionSettings(url))
            let rows = try connection.execute(
                """
                SELECT current_database() LIKE 'test%', current_user = 'sluice', current_setting('TimeZone'),
                  current_setting('search_path'), current_setting('statement_timeout'),
                  current_setting('client_encoding'), current_setting('application_name'),
                  current_setting('DateStyle')
                """)
            precondition(rows.bool(0, 0) && rows.bool(0, 1))
            precondition(rows.text(0, 2) == "UTC" && rows.text(0, 3) == "\"$user\", public")
            precondition(rows.text(0, 4) == "30s" && rows.text(0, 5) == "UTF8" && rows.text(0, 6) == "sluice")
            precondition(rows.text(0, 7) == "ISO, MDY")
        }
    }

    @Test func anUnknownServiceOfTheEnvironmentRefusesAndNeverRedirects() async throws {
        let url = try PostgreSQLFixture.freshDatabase()
        await #expect(processExitsWith: .success) { [url = url as String] in
            unsafe setenv("PGSERVICE", "nowhere", 1)
            do {
                _ = try Connection(ConnectionSettings(url))
                preconditionFailure("connected in spite of PGSERVICE")
            } catch let error as PostgresError {
                precondition(error.code == .connectFailed)
            }
        }
    }
}

/// A listener on loopback whose backlog takes connections and that never answers.
private final class BlackHole {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, length) + listen(descriptor, 8)
                    + getsockname(descriptor, generic, &length)
            }
        }
        try #require(status == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
