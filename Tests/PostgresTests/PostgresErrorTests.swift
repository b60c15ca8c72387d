import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// What a provoked failure has to look like.
private func expect(
    _ error: PostgresError?, _ state: String, _ retryClass: RetryClass, lost: Bool = false,
    at location: SourceLocation = #_sourceLocation
) {
    #expect(error?.sqlState?.rawValue == state, "\(String(describing: error))", sourceLocation: location)
    #expect(error?.retryClass == retryClass, sourceLocation: location)
    #expect(error?.isConnectionLost == lost, sourceLocation: location)
}

@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("40001", RetryClass.retry), ("40P01", .retry), ("55P03", .retry), ("57014", .retry),
        ("40003", .reconnectAndRetry), ("57P01", .reconnectAndRetry), ("57P02", .reconnectAndRetry),
        ("57P03", .reconnectAndRetry), ("57P04", .ownFault), ("08006", .reconnectAndRetry),
        ("08P01", .reconnectAndRetry), ("53100", .retry), ("53200", .retry), ("53300", .retry), ("53400", .retry),
        ("25006", .reconnectAndRetry), ("25P03", .reconnectAndRetry), ("25P02", .ownFault), ("22021", .poison),
        ("22P02", .poison), ("23505", .poison), ("23514", .poison), ("54000", .poison), ("54001", .poison),
        ("42P01", .ownFault), ("42501", .ownFault), ("28P01", .ownFault), ("3D000", .ownFault),
        ("3F000", .ownFault), ("0A000", .ownFault), ("XX000", .ownFault), ("XX001", .ownFault), ("26000", .retry),
        ("58030", .retry), ("P0001", .ownFault), ("99999", .ownFault),
    ]) func everyClassSaysWhatToDo(state: String, retryClass: RetryClass) {
        #expect(SQLState(rawValue: state).retryClass == retryClass)
    }

    @Test func classesMatchAsPatterns() {
        #expect(SQLStateClass.dataException ~= SQLState.characterNotInRepertoire)
        #expect(!(SQLStateClass.dataException ~= SQLState.uniqueViolation))
        #expect(!(SQLStateClass.dataException ~= (nil as SQLState?)))
    }

    @Test func aUniqueViolationNamesItsConstraintAndShowsNoValues() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        try connection.execute("CREATE TABLE person (mail text CONSTRAINT one_mail UNIQUE, age int CHECK (age > 0))")
        let insert = Statement("insert", "INSERT INTO person VALUES ($1, $2)")
        func add(_ mail: String, _ age: Int32) throws {
            var values = Parameters()
            values.text(mail)
            values.int32(age)
            try connection.query(insert, values)
        }
        try add("anna@example.com", 1)
        let twice = #expect(throws: PostgresError.self) { try add("anna@example.com", 1) }
        expect(twice, "23505", .poison)
        #expect(twice?.constraint == "one_mail" && twice?.table == "person")
        let check = #expect(throws: PostgresError.self) { try add("bert@example.com", -7) }
        expect(check, "23514", .poison)
        let syntax = #expect(throws: PostgresError.self) {
            try connection.execute("SELECT 'secret-4711'::int")
        }
        expect(syntax, "22P02", .poison)
        for error in [twice, check, syntax] {
            let text = "\(String(reflecting: error))"
            #expect(!text.contains("example.com") && !text.contains("4711") && !text.contains("-7"), "\(text)")
        }
    }

    @Test func dataThatDoesNotFitIsPoison() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        let text = Statement("text", "SELECT $1::text")
        var values = Parameters()
        values.text(bytes: [0x61, 0xff])
        expect(#expect(throws: PostgresError.self) { try connection.query(text, values) }, "22021", .poison)
        try connection.execute("CREATE TABLE key (key text PRIMARY KEY)")
        let key = Statement("key", "INSERT INTO key SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) i")
        expect(#expect(throws: PostgresError.self) { try connection.query(key) }, "54000", .poison)
    }

    @Test func mistakesOfTheProgramAreItsOwnFault() throws {
        var connection = try PostgreSQLFixture.freshConnection()
        expect(
            #expect(throws: PostgresError.self) { try connection.execute("SELECT 1 FROM nowhere") }, "42P01", .ownFault)
        let broken = Statement("broken", "SELEC 1")
        expect(#expect(throws: PostgresError.self) { try connection.query(broken) }, "42601", .ownFault)
        try connection.execute("BEGIN")
        #expect(throws: PostgresError.self) { try connection.execute("SELECT 1 / 0") }
        expect(#expect(throws: PostgresError.self) { try connection.execute("SELECT 1") }, "25P02", .ownFault)
        try connection.execute("ROLLBACK")
        let number = Statement("number", "SELECT $1::bigint")
        var values = Parameters()
        values.int64(1)
        try connection.query(number, values)
        values.removeAll()
        values.text("1")
        let other = #expect(throws: PostgresError.self) { try connection.query(number, values) }
        #expect(other?.code == .misuse && other?.retryClass == .ownFault)
        #expect(connection.transactionStatus == .idle)
    }

    @Test func aSerializationFailureIsRetried() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var first = try Connection(ConnectionSettings(url))
        var second = try Connection(ConnectionSettings(url))
        try first.execute("CREATE TABLE counter AS SELECT 0 AS value")
        try second.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM counter")
        try first.execute("UPDATE counter SET value = 1")
        let error = #expect(throws: PostgresError.self) { try second.execute("UPDATE counter SET value = 2") }
        expect(error, "40001", .retry)
        try second.execute("ROLLBACK; UPDATE counter SET value = 2")
    }

    @Test func aLockThatDoesNotComeIsRetried() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var first = try Connection(ConnectionSettings(url))
        var settings = try ConnectionSettings(url)
        settings.lockTimeout = .milliseconds(30)
        var second = try Connection(settings)
        // Apart: in one text the table would belong to the transaction that BEGIN makes of it, and not be seen.
        try first.execute("CREATE TABLE counter AS SELECT 0 AS value")
        try first.execute("BEGIN; LOCK TABLE counter")
        expect(#expect(throws: PostgresError.self) { try second.execute("TABLE counter") }, "55P03", .retry)
    }

    @Test func aStatementThatTakesTooLongIsCancelledByTheServer() throws {
        var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
        settings.statementTimeout = .milliseconds(30)
        var connection = try Connection(settings)
        expect(#expect(throws: PostgresError.self) { try connection.execute("SELECT pg_sleep(60)") }, "57014", .retry)
        try connection.execute("SELECT 1")
    }

    @Test func aDeadlockEndsOneOfTheTwoAndIsRetried() throws {
        let url = try PostgreSQLFixture.freshDatabase()
        var first = try Connection(ConnectionSettings(url))
        try first.execute("CREATE TABLE a (); CREATE TABLE b ()")
        let firstHasA = DispatchSemaphore(value: 0)
        let secondHasB = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Thread.detachNewThread {
            defer { done.signal() }
            do {
                var second = try Connection(ConnectionSettings(url))
                try second.execute("SET deadlock_timeout = '20ms'; BEGIN; LOCK TABLE b")
                secondHasB.signal()
                firstHasA.wait()
                try second.execute("LOCK TABLE a")
            } catch { outcome.set(error as? PostgresError) }
        }
        secondHasB.wait()
        try first.execute("SET deadlock_timeout = '20ms'; BEGIN; LOCK TABLE a")
        firstHasA.signal()
        var own: PostgresError?
        do throws(PostgresError) { try first.execute("LOCK TABLE b") } catch { own = error }
        try first.execute("ROLLBACK")
        done.wait()
        expect(own ?? outcome.get(), "40P01", .retry)
        #expect((own == nil) != (outcome.get() == nil), "exactly one of the two was ended")
    }
}

/// An error that another thread leaves for this one.
final class Outcome: Sendable {
    private let error = Mutex<PostgresError?>(nil)

    func set(_ error: PostgresError?) { self.error.withLock { $0 = error } }
    func get() -> PostgresError? { error.withLock { $0 } }
}
