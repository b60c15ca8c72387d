import Configuration
import OrderEvents
import Postgres
import Store

/// `sluice audit`: who read or changed what.
enum AuditCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice audit --config PATH [--entity CODE] [--limit N] [--json]",
        help: "Shows the newest entries of each store's audit trail (default 100): who read or changed what, and when.",
        options: ["config", "entity", "limit"], flags: ["json"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        let limit = try arguments.number("limit", 1...100_000, default: 100)
        let entity = arguments["entity"]
        if let entity, !configuration.entities.contains(where: { $0.name == entity }) {
            throw CommandFailure(code: .failed, message: "no legal entity \(entity) is configured")
        }
        var found: [(store: String, entry: AuditTrail.Entry)] = []
        for store in configuration.stores {
            var session = try StoreAccess.read(store, entity.map { .legalEntities([$0]) } ?? .everything)
            do throws(PostgresError) {
                found += try AuditTrail.read(legalEntity: entity, limit: limit, &session.connection).map {
                    (store.name, $0)
                }
            } catch {
                throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.message)")
            }
        }
        let newest = found.sorted { $0.entry.at > $1.entry.at }.prefix(limit)
        if arguments.has("json") {
            Output.line(JSONText.render(["entries": newest.map(render)] as [String: Any]))
        } else {
            Output.line(
                Output.table(
                    ["at", "who", "role", "what", "legal entity", "order", "result"],
                    newest.map { _, entry in
                        [
                            PageText.time(entry.at), entry.actor, entry.role, entry.action, entry.legalEntity,
                            entry.subject, entry.result,
                        ]
                    }))
        }
        return 0
    }

    private static func render(_ store: String, _ entry: AuditTrail.Entry) -> [String: Any] {
        [
            "id": Int(entry.id), "store": store, "at": entry.at.rfc3339, "actor": entry.actor, "role": entry.role,
            "action": entry.action, "legal_entity": entry.legalEntity, "subject": entry.subject,
            "result": entry.result,
        ]
    }
}
