internal import Foundation

/// Where a PostgreSQL server is installed, and how its commands are run.
struct PostgreSQLBinaries: Sendable {
    /// The folder with `initdb`, `postgres`, `pg_ctl` and `createdb`.
    let folder: String

    private static let commands = ["initdb", "postgres", "pg_ctl", "createdb"]

    /// Takes the folder that is given, else the newest version where Debian and Red Hat put them, else what PATH has.
    init(in folder: String?, searchPath: String) throws(EmbeddedPostgreSQLError) {
        let candidates = folder.map { [$0] } ?? Self.installed() + searchPath.split(separator: ":").map(String.init)
        guard let found = candidates.first(where: Self.isComplete) else {
            let place = folder.map { "in \($0)" } ?? "in /usr/lib/postgresql, /usr/pgsql-*, or PATH"
            throw EmbeddedPostgreSQLError(
                .binariesMissing,
                "no PostgreSQL server found \(place); install it (Debian, Ubuntu: apt-get install postgresql)")
        }
        self.folder = found
    }

    private static func isComplete(_ folder: String) -> Bool {
        commands.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
    }

    /// Newest first, by the number in the name.
    private static func installed() -> [String] {
        let files = FileManager.default
        let debian = ((try? files.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? [])
            .compactMap { name in Int(name).map { ($0, "/usr/lib/postgresql/\(name)/bin") } }
        let redHat = ((try? files.contentsOfDirectory(atPath: "/usr")) ?? [])
            .compactMap { name -> (Int, String)? in
                guard name.hasPrefix("pgsql-"), let version = Int(name.dropFirst("pgsql-".count)) else { return nil }
                return (version, "/usr/\(name)/bin")
            }
        return (debian + redHat).sorted { $0.0 > $1.0 }.map(\.1)
    }

    /// The words that run `command` as somebody whom PostgreSQL accepts: it refuses to run as root.
    func words(_ command: String, _ arguments: [String]) throws(EmbeddedPostgreSQLError) -> [String] {
        let words = ["\(folder)/\(command)"] + arguments
        guard geteuid() == 0 else { return words }
        guard unsafe getpwnam("postgres") != nil else {
            throw EmbeddedPostgreSQLError(
                .userMissing,
                "PostgreSQL refuses to run as root, and there is no user postgres to run it as; "
                    + "install the distribution's package (apt-get install postgresql) or run as another user")
        }
        return ["/usr/sbin/runuser", "-u", "postgres", "--"] + words
    }

    /// Runs a command to its end.
    ///
    /// Its output goes to `log`, whose last lines an error quotes.
    ///
    /// To a file, not a pipe: the server that `pg_ctl` leaves behind inherits it, and a pipe would never end.
    func run(_ command: String, _ arguments: [String], log: String) throws(EmbeddedPostgreSQLError) {
        let words = try words(command, arguments)
        let status = try ChildProcess(words, environment: Self.environment, log: log).wait()
        guard status == 0 else {
            let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            let last = said.split(separator: "\n").suffix(5).joined(separator: " | ")
            throw EmbeddedPostgreSQLError(
                .commandFailed, "\(command) ended with status \(status): \(last)")
        }
    }

    /// The environment without what would steer a PostgreSQL command somewhere else.
    static var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
        environment["LC_ALL"] = "C"
        return environment
    }
}
