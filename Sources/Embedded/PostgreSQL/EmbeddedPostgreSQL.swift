internal import Foundation

/// A private PostgreSQL cluster in a temporary folder, made from the server binaries of the system.
///
/// For demo, development and tests. It listens on a Unix socket in its folder, which only its user (and root) can
/// enter, and on a loopback port with a random password where one is asked for. `shutDown`, the end of the object or
/// the end of the process, however it comes, stops it and removes the folder: see `PostgreSQLWatchdog`.
public final class EmbeddedPostgreSQL: Sendable {
    /// How a cluster is made.
    public struct Options: Sendable {
        /// Whether a commit is on disk when it is acknowledged.
        ///
        /// Without, the cluster is several times faster and survives a crash of itself, but not of the machine.
        public var isDurable = true
        /// A loopback port besides the Unix socket: nil for none, 0 for any free one.
        public var port: Int?
        /// The folder with the server's binaries; nil looks for the newest.
        public var binaries: String?
        /// The folder in which the cluster's own is made, with a path of at most 60 bytes; nil for the system's.
        public var parent: String?
        /// Further settings for `postgresql.conf`, as (name, value).
        public var settings: [(name: String, value: String)] = []

        /// The defaults: durable, Unix socket only.
        public init() {}
    }

    /// How a server is stopped.
    public enum StopMode: String, Sendable {
        /// Sessions are ended, their transactions rolled back, and everything is written.
        case fast
        /// As a crash: processes end at once, and the next start recovers from the log.
        case immediate
    }

    /// The temporary folder: data, socket, `server.log`.
    public let folder: String
    /// The loopback port, if one was asked for.
    public let port: Int?
    /// The superuser's name.
    public let user = "sluice"

    /// What the socket is called after without a loopback port.
    private static let usualPort = 5432

    private let password: String
    private let binaries: PostgreSQLBinaries
    private let watchdog: PostgreSQLWatchdog

    /// Makes the cluster and starts it: about two seconds.
    public init(_ options: Options = Options()) throws(EmbeddedPostgreSQLError) {
        let searchPath = ProcessInfo.processInfo.environment["PATH"] ?? ""
        binaries = try PostgreSQLBinaries(in: options.binaries, searchPath: searchPath)
        password = (0..<4).map { _ in String(UInt32.random(in: .min ... .max), radix: 36) }.joined()
        folder = try Self.makeFolder(in: options.parent)
        port = options.port == 0 ? try Self.freePort() : options.port
        // From here on the watchdog removes the folder, also when the rest fails.
        watchdog = try PostgreSQLWatchdog(
            folder: folder,
            stop: try binaries.words("pg_ctl", ["-D", "\(folder)/data", "-m", "immediate", "-w", "stop"]))
        do throws(EmbeddedPostgreSQLError) {
            try makeCluster(options)
            try start()
        } catch {
            watchdog.dismiss()
            throw error
        }
    }

    deinit { watchdog.dismiss() }

    /// The address of a database over the Unix socket.
    public func url(database: String) -> String {
        // The socket's name holds the port.
        "postgresql:///\(database)?host=\(folder)&port=\(port ?? Self.usualPort)&user=\(user)"
    }

    /// The address of a database over the loopback port; nil without one.
    ///
    /// It holds the password.
    public func loopbackURL(database: String) -> String? {
        port.map { "postgresql://\(user):\(password)@127.0.0.1:\($0)/\(database)" }
    }

    /// Creates an empty database and gives its address over the Unix socket.
    ///
    /// The name is made of letters, digits, `_` and `-`.
    @discardableResult
    public func createDatabase(_ name: String) throws(EmbeddedPostgreSQLError) -> String {
        precondition(
            !name.isEmpty && name.utf8.allSatisfy { $0 == 0x5f || $0 == 0x2d || Self.isAlphanumeric($0) },
            "a database's name has to be made of letters, digits, _ and -")
        try run(
            "createdb", ["-h", folder, "-p", String(port ?? Self.usualPort), "-U", user, "-T", "template0", "--", name])
        return url(database: name)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    /// Starts the server again after `stop`, and waits until it accepts connections.
    public func start() throws(EmbeddedPostgreSQLError) {
        try run("pg_ctl", ["-D", "\(folder)/data", "-l", "\(folder)/server.log", "-w", "-t", "60", "start"])
    }

    /// Stops the server and keeps the folder, so that `start` brings it back.
    public func stop(_ mode: StopMode = .fast) throws(EmbeddedPostgreSQLError) {
        try run("pg_ctl", ["-D", "\(folder)/data", "-m", mode.rawValue, "-w", "-t", "60", "stop"])
    }

    /// Stops and starts the server; with `immediate` as after a crash.
    public func restart(_ mode: StopMode = .immediate) throws(EmbeddedPostgreSQLError) {
        try stop(mode)
        try start()
    }

    /// Stops the server for good and removes the folder.
    ///
    /// Does nothing the second time.
    public func shutDown() { watchdog.dismiss() }

    private func run(_ command: String, _ arguments: [String]) throws(EmbeddedPostgreSQLError) {
        try binaries.run(command, arguments, log: "\(folder)/commands.log")
    }

    /// A folder with a short path, because a socket's path has room for 107 bytes.
    private static func makeFolder(in parent: String?) throws(EmbeddedPostgreSQLError) -> String {
        let usual = FileManager.default.temporaryDirectory.path
        let base = parent ?? (usual.utf8.count > 60 ? "/tmp" : usual)
        var template = Array("\(base)/sluice-postgres-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw EmbeddedPostgreSQLError(.systemFailed, "no temporary folder in \(base): errno \(errno)")
        }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The server's user has to own it when root makes it.
        if geteuid() == 0, let owner = unsafe getpwnam("postgres") {
            _ = unsafe chown(folder, owner.pointee.pw_uid, owner.pointee.pw_gid)
        }
        guard FileManager.default.createFile(atPath: "\(folder)/commands.log", contents: nil) else {
            throw EmbeddedPostgreSQLError(.systemFailed, "\(folder) cannot be written to")
        }
        return folder
    }

    private func makeCluster(_ options: Options) throws(EmbeddedPostgreSQLError) {
        let passwordFile = "\(folder)/password"
        try write("\(password)\n", to: passwordFile)
        try run(
            "initdb",
            [
                "-D", "\(folder)/data", "-U", user, "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
                "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile=\(passwordFile)",
            ])
        var settings: [(name: String, value: String)] = [
            ("unix_socket_directories", folder), ("unix_socket_permissions", "0700"),
            ("listen_addresses", port == nil ? "" : "127.0.0.1"), ("port", String(port ?? Self.usualPort)),
            ("logging_collector", "off"), ("log_destination", "stderr"), ("timezone", "UTC"),
            ("max_connections", "100"),
        ]
        if !options.isDurable { settings += [("fsync", "off"), ("full_page_writes", "off")] }
        let text = (settings + options.settings)
            .map { "\($0.name) = '\($0.value.replacing("'", with: "''"))'\n" }
            .joined()
        // A file of its own, which the main one is told to read last, so that these win.
        try write(text, to: "\(folder)/data/sluice.conf")
        let main = "\(folder)/data/postgresql.conf"
        guard let handle = FileHandle(forWritingAtPath: main) else {
            throw EmbeddedPostgreSQLError(.systemFailed, "\(main) cannot be written")
        }
        do {
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("include = 'sluice.conf'\n".utf8))
            try handle.close()
        } catch {
            throw EmbeddedPostgreSQLError(.systemFailed, "\(main) cannot be written: \(error)")
        }
    }

    /// Writes a file that only the server's user can read.
    private func write(_ text: String, to path: String) throws(EmbeddedPostgreSQLError) {
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw EmbeddedPostgreSQLError(.systemFailed, "\(path) cannot be written") }
        if geteuid() == 0, let owner = unsafe getpwnam("postgres") {
            _ = unsafe chown(path, owner.pointee.pw_uid, owner.pointee.pw_gid)
        }
    }

    /// A port that was free a moment ago; another process may be quicker, and then starting says so.
    private static func freePort() throws(EmbeddedPostgreSQLError) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                let bound = unsafe bind(descriptor, generic, length)
                return bound == 0 ? unsafe getsockname(descriptor, generic, &length) : bound
            }
        }
        guard status == 0 else {
            throw EmbeddedPostgreSQLError(.systemFailed, "no free loopback port: errno \(errno)")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
