/// A five-character SQLSTATE, as PostgreSQL's manual lists them in appendix A.
public struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The five characters.
    public let rawValue: String

    /// Takes the code as it is; it is not looked up anywhere.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The first two characters, which say what kind of error it is.
    public var errorClass: SQLStateClass { SQLStateClass(rawValue: String(rawValue.prefix(2))) }

    /// The five characters.
    public var description: String { rawValue }

    /// 40001: a concurrent transaction made this one impossible; redo it whole.
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// 40P01: this transaction was chosen to end a deadlock; redo it whole.
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    /// 40003: the server does not know whether the statement took effect.
    public static let statementCompletionUnknown = SQLState(rawValue: "40003")
    /// 55P03: `lock_timeout` passed, or NOWAIT met a lock.
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// 57014: `statement_timeout` passed, or somebody cancelled the statement.
    public static let queryCanceled = SQLState(rawValue: "57014")
    /// 57P01: the server is stopping, or an administrator ended this session.
    public static let adminShutdown = SQLState(rawValue: "57P01")
    /// 57P02: another backend crashed and the server restarts.
    public static let crashShutdown = SQLState(rawValue: "57P02")
    /// 57P03: the server is starting, stopping or recovering.
    public static let cannotConnectNow = SQLState(rawValue: "57P03")
    /// 57P04: the database was dropped under the session.
    public static let databaseDropped = SQLState(rawValue: "57P04")
    /// 25P03: the session was ended because its transaction idled for too long.
    public static let idleInTransactionTimeout = SQLState(rawValue: "25P03")
    /// 25P02: a statement came after an error in the same transaction.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// 25006: the session may only read: a standby, or a primary that was demoted.
    public static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// 23505: a unique constraint; `PostgresError.constraint` names it.
    public static let uniqueViolation = SQLState(rawValue: "23505")
    /// 23503: a foreign key.
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
    /// 23514: a CHECK constraint; also a row that no partition takes.
    public static let checkViolation = SQLState(rawValue: "23514")
    /// 22021: bytes that are not valid in the database's encoding, NUL among them.
    public static let characterNotInRepertoire = SQLState(rawValue: "22021")
    /// 42P01: no such table.
    public static let undefinedTable = SQLState(rawValue: "42P01")
    /// 42501: the role may not do this.
    public static let insufficientPrivilege = SQLState(rawValue: "42501")
    /// 3D000: no such database.
    public static let invalidCatalogName = SQLState(rawValue: "3D000")
    /// 0A000: not supported; also what a prepared statement gets whose table changed.
    public static let featureNotSupported = SQLState(rawValue: "0A000")
    /// 55006: the object is in use by another session.
    public static let objectInUse = SQLState(rawValue: "55006")
    /// 72000: the snapshot is too old.
    public static let snapshotTooOld = SQLState(rawValue: "72000")
}

/// The first two characters of a SQLSTATE; usable as a pattern and, being few, as a metric's label.
public struct SQLStateClass: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The two characters.
    public let rawValue: String

    /// Takes the two characters as they are.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The two characters.
    public var description: String { rawValue }

    /// 08: the connection failed.
    public static let connectionException = SQLStateClass(rawValue: "08")
    /// 22: a value does not fit: encoding, range, syntax.
    public static let dataException = SQLStateClass(rawValue: "22")
    /// 23: a constraint.
    public static let integrityConstraintViolation = SQLStateClass(rawValue: "23")
    /// 26: a prepared statement that the server does not have.
    public static let invalidStatementName = SQLStateClass(rawValue: "26")
    /// 40: the transaction was rolled back by the server.
    public static let transactionRollback = SQLStateClass(rawValue: "40")
    /// 42: syntax, names, privileges.
    public static let syntaxErrorOrAccessRule = SQLStateClass(rawValue: "42")
    /// 53: disk, memory, connections.
    public static let insufficientResources = SQLStateClass(rawValue: "53")
    /// 54: a program limit: too many columns, too deep, an index row too long.
    public static let programLimitExceeded = SQLStateClass(rawValue: "54")
    /// 57: an operator or a time limit intervened.
    public static let operatorIntervention = SQLStateClass(rawValue: "57")
    /// 58: the operating system failed under the server.
    public static let systemError = SQLStateClass(rawValue: "58")

    /// Matches every SQLSTATE of the class.
    public static func ~= (pattern: SQLStateClass, value: SQLState) -> Bool { value.errorClass == pattern }

    /// Matches every SQLSTATE of the class; an error without one matches no class.
    public static func ~= (pattern: SQLStateClass, value: SQLState?) -> Bool { value?.errorClass == pattern }
}

/// What a caller does about an error.
///
/// The caller bounds the attempts.
public enum RetryClass: String, Hashable, Sendable {
    /// Roll back and redo the same transaction on this connection.
    case retry
    /// The session is gone, or of no use: connect again and redo the transaction whole. It may have been committed
    /// (`PostgresError.isOutcomeUnknown`), so what is redone has to be safe to redo.
    case reconnectAndRetry
    /// The data is refused and will be again: never retry it as it is.
    case poison
    /// The program, its schema or its rights are wrong: stop and alarm; the data is not to blame.
    case ownFault
}

extension SQLState {
    /// What to do about an error with this code on a connection that is still alive.
    ///
    /// A unique violation counts as poison here; the caller knows which constraint is its own idempotency key.
    /// Codes that are in no row are the program's fault, because nobody thought about them.
    public var retryClass: RetryClass {
        switch self {
        case .statementCompletionUnknown, .readOnlyTransaction, .idleInTransactionTimeout: return .reconnectAndRetry
        case .queryCanceled, .lockNotAvailable, .objectInUse, .snapshotTooOld: return .retry
        case .databaseDropped: return .ownFault
        default: break
        }
        switch errorClass {
        case .transactionRollback, .insufficientResources, .systemError, .invalidStatementName: return .retry
        case .connectionException, .operatorIntervention: return .reconnectAndRetry
        case .dataException, .integrityConstraintViolation, .programLimitExceeded: return .poison
        default: return .ownFault
        }
    }
}
