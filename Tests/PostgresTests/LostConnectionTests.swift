import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

/// Asks the database a question until the answer is yes.
func waitUntil(_ connection: inout Connection, _ question: String) throws {
    let isSo = try eventually { try connection.execute("SELECT (\(question))").bool(0, 0) }
    #expect(isSo, "never became true: \(question)")
}

@Suite struct LostConnectionTests {
    static let number = Statement("number", "SELECT 1::bigint")

    @Test func aTerminatedSessionIsLostAndTheNextOnePreparesAnew() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var victim = try Connection(ConnectionSettings(url))
        var other = try Connection(ConnectionSettings(url))
        try victim.query(Self.number)
        let pid = victim.backendPID
        try other.execute("SELECT pg_terminate_backend(\(pid), 5000)")
        let error = #expect(throws: PostgresError.self) { try victim.query(Self.number) }
        #expect(error?.isConnectionLost == true)
        #expect(error?.retryClass == .reconnectAndRetry)
        #expect(error?.sqlState == nil || error?.sqlState == .adminShutdown)
        #expect(victim.isOpen == false)
        #expect(victim.transactionStatus == .unknown)
        let again = #expect(throws: PostgresError.self) { try victim.query(Self.number) }
        #expect(again?.code == .connectionLost && again?.isOutcomeUnknown == false)
        try victim.reconnect()
        let rows = try victim.query(Self.number)
        #expect(rows.int64(0, 0) == 1)
        #expect(victim.backendPID != pid)
    }

    /// A deferred trigger sleeps inside COMMIT, so the end can be put between its request and its answer.
    static let slowCommit = """
        CREATE TABLE event (id int);
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION dawdle();
        """

    @Test func aCommitWhoseSessionIsEndedHasAnUnknownOutcome() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var other = try Connection(ConnectionSettings(url))
        try other.execute(Self.slowCommit)
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Thread.detachNewThread {
            defer { done.signal() }
            do {
                var connection = try Connection(ConnectionSettings(url))
                try connection.execute("BEGIN; INSERT INTO event VALUES (1)")
                try connection.execute("COMMIT")
            } catch { outcome.set(error as? PostgresError) }
        }
        let committing = "query = 'COMMIT' AND state = 'active' AND datname = current_database()"
        try waitUntil(&other, "SELECT count(*) = 1 FROM pg_stat_activity WHERE \(committing)")
        try other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(committing)")
        done.wait()
        #expect(outcome.get()?.isOutcomeUnknown == true)
        #expect(outcome.get()?.retryClass == .reconnectAndRetry)
    }

    @Test func aCommitThatOutlivesTheDeadlineHasAnUnknownOutcomeAndTheServerLetsGo() throws {
        var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
        settings.connectionCheckInterval = .milliseconds(20)
        var other = try Connection(settings)
        try other.execute(Self.slowCommit)
        var connection = try Connection(settings)
        let pid = connection.backendPID
        try connection.execute("BEGIN; INSERT INTO event VALUES (1)")
        connection.deadline = .milliseconds(50)
        let error = #expect(throws: PostgresError.self) { try connection.execute("COMMIT") }
        #expect(error?.code == .deadlineExceeded && error?.isOutcomeUnknown == true)
        #expect(error?.retryClass == .reconnectAndRetry)
        #expect(connection.isOpen == false)
        if other.serverVersion >= 140_000 {
            try waitUntil(&other, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = \(pid)")
        }
    }

    @Test func aSessionThatIdlesInItsTransactionIsEnded() throws {
        var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
        var other = try Connection(settings)
        settings.idleInTransactionTimeout = .milliseconds(20)
        var connection = try Connection(settings)
        try connection.execute("BEGIN; SELECT 1")
        try waitUntil(&other, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = \(connection.backendPID)")
        let error = #expect(throws: PostgresError.self) { try connection.execute("COMMIT") }
        #expect(error?.isConnectionLost == true && error?.retryClass == .reconnectAndRetry)
    }

    @Test func aStatementThatTheServerForgotIsPreparedAnew() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.query(Self.number)
        try connection.execute("DEALLOCATE ALL")
        let error = #expect(throws: PostgresError.self) { try connection.query(Self.number) }
        #expect(error?.sqlState?.rawValue == "26000" && error?.retryClass == .retry)
        try connection.query(Self.number)
    }

    @Test func aStatementWhoseTableChangedIsPreparedAnew() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE TABLE thing (value int); INSERT INTO thing VALUES (7)")
        let all = Statement("all", "SELECT * FROM thing")
        try connection.query(all)
        try connection.execute("ALTER TABLE thing ALTER value TYPE bigint")
        let error = #expect(throws: PostgresError.self) { try connection.query(all) }
        #expect(error?.sqlState == .featureNotSupported && error?.retryClass == .retry)
        let rows = try connection.query(all)
        #expect(rows.int64(0, 0) == 7)
    }

    @Test func aReadOnlyServerAsksForAnotherConnection() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE TABLE thing (); SET default_transaction_read_only = on")
        let error = #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO thing DEFAULT VALUES") }
        #expect(error?.sqlState == .readOnlyTransaction && error?.retryClass == .reconnectAndRetry)
        // The session would stay so.
        #expect(error?.isConnectionLost == true && error?.isOutcomeUnknown == false)
        try connection.reconnect()
        try connection.execute("INSERT INTO thing DEFAULT VALUES")
    }

    @Test func aServerThatStopsCrashesAndComesBack() throws {
        var options = EmbeddedPostgreSQL.Options()
        options.isDurable = false
        options.port = 0
        let cluster = try EmbeddedPostgreSQL(options)
        let settings = try ConnectionSettings(#require(cluster.loopbackURL(database: "postgres")))
        var connection = try Connection(settings)
        try connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        try cluster.stop(.fast)
        let stopped = #expect(throws: PostgresError.self) { try connection.execute("TABLE kept") }
        #expect(stopped?.retryClass == .reconnectAndRetry && stopped?.isConnectionLost == true)
        let away = #expect(throws: PostgresError.self) { try connection.reconnect() }
        #expect(away?.code == .connectFailed && away?.retryClass == .reconnectAndRetry)
        #expect(away?.isOutcomeUnknown == false)
        try cluster.start()
        try connection.reconnect()
        try cluster.restart(.immediate)
        #expect(throws: PostgresError.self) { try connection.execute("TABLE kept") }
        try connection.reconnect()
        let rows = try connection.execute("SELECT count(*) FROM kept")
        #expect(rows.int64(0, 0) == 1)
        cluster.shutDown()
        #expect(!FileManager.default.fileExists(atPath: cluster.folder))
    }
}
