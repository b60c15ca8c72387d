/// Why a private PostgreSQL could not be had.
public struct EmbeddedPostgreSQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it was; more may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name of the kind.
        public let rawValue: String
        /// A kind by its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// No server binaries on this machine.
        public static let binariesMissing = Code(rawValue: "binaries_missing")
        /// Run by root, and there is no user `postgres` to run the server as.
        public static let userMissing = Code(rawValue: "user_missing")
        /// The temporary folder or the watchdog could not be made.
        public static let systemFailed = Code(rawValue: "system_failed")
        /// `initdb`, `pg_ctl` or `createdb` failed; the message ends with what they said last.
        public static let commandFailed = Code(rawValue: "command_failed")
    }

    /// What kind of failure it was.
    public let code: Code
    /// What failed and what to do.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message; see `message`.
    public var description: String { message }
}
