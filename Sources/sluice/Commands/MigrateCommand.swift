import Configuration
import Postgres
import Store

/// `sluice migrate`: brings every store's schema up to date.
enum MigrateCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice migrate --config PATH [--json]",
        help: "Applies the migrations that each store lacks, each in a transaction of its own, under an advisory lock.",
        options: ["config"], flags: ["json"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        var applied: [String: [String]] = [:]
        for store in configuration.stores {
            var connection = try StoreAccess.connect(store)
            do throws(StoreError) {
                applied[store.name] = try Migrations.apply(to: &connection)
            } catch {
                throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.description)")
            }
            if !arguments.has("json") {
                let names = applied[store.name] ?? []
                Output.line(
                    "\(store.name): " + (names.isEmpty ? "up to date" : "applied \(names.joined(separator: ", "))"))
            }
        }
        if arguments.has("json") { Output.line(JSONText.render(["applied": applied])) }
        return 0
    }
}

/// Connections of commands.
enum StoreAccess {
    /// A session that reads what `sight` says, with the rights of readers.
    static func read(_ store: StoreSettings, _ sight: ReaderSession.Sight) throws(CommandFailure) -> ReaderSession {
        // Commands may take longer than requests: somebody waits for the one answer.
        let settings = ReaderSession.settings(
            try Wiring.readerConnection(store), statementTimeout: .seconds(30), connectDeadline: .seconds(10))
        do throws(PostgresError) {
            var session = try ReaderSession(settings)
            try session.look(at: sight)
            return session
        } catch {
            throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.message)")
        }
    }

    /// A connection to `store`, or the reason why there is none.
    static func connect(_ store: StoreSettings) throws(CommandFailure) -> Connection {
        let settings = try Wiring.connection(store)
        do throws(PostgresError) {
            return try Connection(settings)
        } catch {
            throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.message)")
        }
    }
}
