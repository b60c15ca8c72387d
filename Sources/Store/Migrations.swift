public import Postgres

/// What went wrong in the store, and what to do about it.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The place and the remedy; no values of rows.
    public var description: String
    /// The error of PostgreSQL, where there was one.
    public var underlying: PostgresError?

    /// An error that says `description`.
    public init(_ description: String, underlying: PostgresError? = nil) {
        self.description = underlying.map { "\(description): \($0.message)" } ?? description
        self.underlying = underlying
    }
}

/// The numbered SQL files of Sources/Store/Migrations, in the program.
public struct Migrations: Sendable {
    /// One file.
    public struct Migration: Sendable {
        /// Its number, from 1.
        public let number: Int32
        /// Its name without number and ending.
        public let name: String
        let sql: [UInt8]
    }

    /// All of them, by number.
    public static let all: [Migration] = [
        Migration(number: 1, name: "store", sql: PackageResources._01_store_sql),
        Migration(number: 2, name: "words", sql: PackageResources._02_words_sql),
        Migration(number: 3, name: "retention", sql: PackageResources._03_retention_sql),
        Migration(number: 4, name: "identity", sql: PackageResources._04_identity_sql),
        Migration(number: 5, name: "checks", sql: PackageResources._05_checks_sql),
        Migration(number: 6, name: "validation", sql: PackageResources._06_validation_sql),
        Migration(number: 7, name: "routes", sql: PackageResources._07_routes_sql),
        Migration(number: 8, name: "indexes", sql: PackageResources._08_indexes_sql),
        Migration(number: 9, name: "writes", sql: PackageResources._09_writes_sql),
        Migration(number: 10, name: "readings", sql: PackageResources._10_readings_sql),
        Migration(number: 11, name: "ownership", sql: PackageResources._11_ownership_sql),
        Migration(number: 12, name: "readers", sql: PackageResources._12_readers_sql),
        Migration(number: 13, name: "keys", sql: PackageResources._13_keys_sql),
        Migration(number: 14, name: "turns", sql: PackageResources._14_turns_sql),
        Migration(number: 15, name: "trace", sql: PackageResources._15_trace_sql),
        Migration(number: 16, name: "audit_retention", sql: PackageResources._16_audit_retention_sql),
    ]

    /// The number of the newest.
    private static let newest = all.last?.number ?? 0

    /// The schema that holds everything of Sluice in its database.
    public static let schema = "sluice"
    /// The schema of the views that readers see through.
    public static let readerSchema = "sluice_read"
    /// The role that has rights on those views and nothing else.
    public static let readerRole = "sluice_reader"
    /// Serialises migrations of one database; an arbitrary constant.
    static let advisoryLock: Int64 = 0x736C_7569_6365

    private static let applied = Statement(
        "migrations_applied", "SELECT number, checksum FROM sluice.migrations ORDER BY number")
    private static let record = Statement(
        "record_migration",
        "INSERT INTO sluice.migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, now())")
    private static let lock = Statement("lock_migrations", "SELECT pg_advisory_xact_lock($1)")

    /// Applies what is missing, each migration in a transaction of its own, and returns the names of those.
    ///
    /// Runs under an advisory lock, so that instances that start together do not race. A database that has been
    /// migrated by a newer Sluice is left alone and refused.
    public static func apply(to connection: inout Connection) throws(StoreError) -> [String] {
        let usual = connection.deadline
        connection.deadline = patience
        defer { connection.deadline = usual }
        do {
            // Under the lock: two instances that create the same schema at the same moment would trip over each other.
            try begin(&connection)
            _ = try connection.execute("CREATE SCHEMA IF NOT EXISTS sluice")
            _ = try connection.execute(
                """
                CREATE TABLE IF NOT EXISTS sluice.migrations (
                    number integer PRIMARY KEY, name text NOT NULL, checksum bigint NOT NULL,
                    applied_at timestamptz NOT NULL)
                """)
            _ = try connection.execute("COMMIT")
        } catch {
            _ = try? connection.execute("ROLLBACK")
            throw StoreError("the schema sluice cannot be created; may the role create schemas?", underlying: error)
        }
        var names: [String] = []
        for migration in all {
            do {
                if try apply(migration, to: &connection) { names.append("\(migration.number) \(migration.name)") }
            } catch let error as PostgresError {
                _ = try? connection.execute("ROLLBACK")
                throw StoreError("migration \(migration.number) (\(migration.name)) failed", underlying: error)
            } catch let error as StoreError {
                _ = try? connection.execute("ROLLBACK")
                throw error
            } catch {
                throw StoreError("migration \(migration.number) (\(migration.name)) failed")
            }
        }
        return names
    }

    private static func apply(_ migration: Migration, to connection: inout Connection) throws -> Bool {
        try begin(&connection)
        let rows = try connection.query(applied, Parameters())
        let checksum = checksum(of: migration.sql)
        if rows.count > 0, rows.int32(rows.count - 1, 0) > newest {
            let number = rows.int32(rows.count - 1, 0)
            throw StoreError("the store was migrated by a newer Sluice (migration \(number)): run that version")
        }
        for row in 0..<rows.count {
            let number = rows.int32(row, 0)
            guard number == migration.number else { continue }
            guard rows.int64(row, 1) == checksum else {
                throw StoreError(
                    "migration \(number) of the store differs from this program's: they were made by different builds")
            }
            _ = try connection.execute("COMMIT")
            return false
        }
        _ = try connection.execute("SET LOCAL search_path = sluice")
        _ = try connection.execute(String(decoding: migration.sql, as: UTF8.self))
        var parameters = Parameters()
        parameters.int32(migration.number)
        parameters.text(migration.name)
        parameters.int64(checksum)
        _ = try connection.query(record, parameters)
        _ = try connection.execute("COMMIT")
        return true
    }

    /// How long a migration, and waiting for another instance's, may take.
    private static let patience = Duration.seconds(3600)

    /// Opens a transaction that only one instance at a time has open; within it no table is waited for long, because
    /// everybody else would wait behind.
    private static func begin(_ connection: inout Connection) throws(PostgresError) {
        _ = try connection.execute("BEGIN")
        _ = try connection.execute("SET LOCAL statement_timeout = 0")
        _ = try connection.execute("SET LOCAL lock_timeout = 0")
        var key = Parameters()
        key.int64(advisoryLock)
        _ = try connection.query(lock, key)
        _ = try connection.execute("SET LOCAL lock_timeout = '2s'")
    }

    /// Whether the store has every migration of this program and no other: throws what is missing and the remedy.
    public static func verify(_ connection: inout Connection) throws(StoreError) {
        do {
            let rows = try connection.query(applied, Parameters())
            guard rows.count == all.count else {
                throw StoreError(
                    "the store has \(rows.count) of \(all.count) migrations: run `sluice migrate --config PATH`")
            }
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            throw StoreError("the store has no schema yet: run `sluice migrate --config PATH`")
        } catch let error as PostgresError {
            throw StoreError("the store's migrations cannot be read", underlying: error)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError("the store's migrations cannot be read")
        }
    }

    /// FNV-1a of the file, so that an edited migration is noticed.
    static func checksum(of bytes: [UInt8]) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(bitPattern: hash)
    }
}
