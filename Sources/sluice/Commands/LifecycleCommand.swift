import Configuration
import OrderEvents
import Orders

/// `sluice lifecycle`: the transition table.
enum LifecycleCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice lifecycle [ENTITY --config PATH] [--dot] [--json]",
        help: """
            Prints what becomes of every word told of an order at every state: allow, flag, park, reject, behind. With
            --dot as Graphviz. Overrides and owners of a legal entity are not built yet: every entity has this table.
            """,
        options: ["config"], flags: ["dot", "json"], words: 0...1)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        if let name = arguments.words.first {
            let configuration = try ConfigurationSource.load(arguments)
            guard configuration.entities.contains(where: { $0.name == name }) else {
                throw CommandFailure(code: .failed, message: "no legal entity \(name) is configured")
            }
        }
        let lifecycle = Lifecycle.standard
        if arguments.has("dot") {
            Output.line(lifecycle.graphviz())
        } else if arguments.has("json") {
            var rows: [[String: Any]] = []
            for from in Lifecycle.places {
                for word in Lifecycle.words {
                    let rule = lifecycle.rule(from: from, word: word)
                    var row: [String: Any] = [
                        "from": from?.name ?? "none", "word": word.name, "disposition": rule.disposition.name,
                    ]
                    if let code = rule.code { row["code"] = code.rawValue }
                    rows.append(row)
                }
            }
            Output.line(JSONText.render(["rules": rows]))
        } else {
            Output.line(lifecycle.text())
        }
        return 0
    }
}
