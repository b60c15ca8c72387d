/// A failure of PostgreSQL, of the way to it, or of how it was used.
///
/// The text carries severity, SQLSTATE, the server's primary message and the names of constraint and table: never the
/// server's DETAIL or CONTEXT, which quote rows, and never a parameter. Where the primary message itself quotes a value
/// (class 22), the quotation is cut out.
public struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it was; more may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name of the kind.
        public let rawValue: String
        /// A kind by its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The connection could not be opened: refused, unreachable, wrong credentials, no such database.
        public static let connectFailed = Code(rawValue: "connect_failed")
        /// The connection broke, or had broken before the call.
        public static let connectionLost = Code(rawValue: "connection_lost")
        /// The server did not answer before the deadline; the connection was closed.
        public static let deadlineExceeded = Code(rawValue: "deadline_exceeded")
        /// The server answered with an error; `sqlState` says which.
        public static let server = Code(rawValue: "server")
        /// A text value holds a NUL byte, which PostgreSQL cannot store and libpq would cut at.
        public static let nulInText = Code(rawValue: "nul_in_text")
        /// The connection settings cannot be read.
        public static let invalidSettings = Code(rawValue: "invalid_settings")
        /// The call does not fit: parameters of other types than prepared, COPY through `execute`, and the like.
        public static let misuse = Code(rawValue: "misuse")
        /// libpq could not allocate memory.
        public static let outOfMemory = Code(rawValue: "out_of_memory")
    }

    /// What kind of failure it was.
    public let code: Code
    /// The server's code; absent when the server did not speak.
    public let sqlState: SQLState?
    /// What failed and, where it helps, what to do.
    ///
    /// Safe to log.
    public let message: String
    /// The constraint (also a unique index) that was violated.
    public let constraint: String?
    /// The table that the error is about.
    public let table: String?
    /// The connection cannot be used any more, or is of no use: connect again.
    public let isConnectionLost: Bool
    /// A statement was under way when the connection was lost, so whether it took effect, a COMMIT above all, is not
    /// known.
    public let isOutcomeUnknown: Bool
    /// The server refused a prepared statement whose table has changed since; it is prepared anew at the next use.
    let isStalePlan: Bool

    init(
        _ code: Code, _ message: String, sqlState: SQLState? = nil, constraint: String? = nil, table: String? = nil,
        isConnectionLost: Bool = false, isOutcomeUnknown: Bool = false, isStalePlan: Bool = false
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
        self.table = table
        self.isConnectionLost = isConnectionLost
        self.isOutcomeUnknown = isOutcomeUnknown
        self.isStalePlan = isStalePlan
    }

    /// What a caller does about it.
    public var retryClass: RetryClass {
        if isStalePlan { return .retry }
        switch code {
        case .invalidSettings, .misuse: return .ownFault
        case .nulInText: return .poison
        default: break
        }
        // Without a SQLSTATE the server did not speak: not reachable, gone, too late, or no memory here.
        guard let sqlState else { return .reconnectAndRetry }
        switch sqlState.retryClass {
        // What would be retried needs a new session when this one is gone; a fault stays a fault without one.
        case .retry where isConnectionLost: return .reconnectAndRetry
        // Before any data was sent, a refused value is one of the settings.
        case .poison where code == .connectFailed: return .ownFault
        case let other: return other
        }
    }

    /// The message; see `message`.
    public var description: String { message }

    /// The same failure, on a connection that turned out to be lost with it.
    func losingConnection(_ code: Code? = nil, outcomeUnknown: Bool) -> PostgresError {
        PostgresError(
            code ?? self.code, message, sqlState: sqlState, constraint: constraint, table: table,
            isConnectionLost: true,
            isOutcomeUnknown: outcomeUnknown, isStalePlan: false)
    }
}
