import Configuration
import OrderEvents
import Orders

/// `sluice lifecycle`: the transition table, and who may say what.
enum LifecycleCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice lifecycle [ENTITY --config PATH] [--dot] [--json]",
        help: """
            Prints what becomes of every word told of an order at every state: allow, flag, park, reject, behind. With
            ENTITY the table of that legal entity, what it rules differently with a star (red with --dot), and who may
            speak for it, whose word counts, and what it promises. With --dot as Graphviz.
            """,
        options: ["config"], flags: ["dot", "json"], words: 0...1)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        var page = LifecyclePage()
        if let name = arguments.words.first {
            let configuration = try ConfigurationSource.load(arguments)
            guard let entity = configuration.entities.first(where: { $0.name == name }) else {
                let known = configuration.entities.map(\.name).joined(separator: ", ")
                throw CommandFailure(
                    code: .failed, message: "no legal entity \(name) is configured; there are \(known)")
            }
            page = LifecyclePage(entity: entity, channels: configuration.channels.map(\.name))
        }
        if arguments.has("dot") {
            Output.line(page.graphviz)
        } else if arguments.has("json") {
            Output.line(JSONText.render(page.json))
        } else {
            Output.line(page.text)
        }
        return 0
    }
}

/// The lifecycle, of everybody or of one legal entity.
struct LifecyclePage {
    var entity: EntitySettings?
    /// Every configured channel.
    var channels: [String] = []

    private var lifecycle: Lifecycle { entity?.orderLifecycle ?? .standard }
    private var standard: Lifecycle? { entity == nil ? nil : .standard }

    var graphviz: String { lifecycle.graphviz(comparedWith: standard) }

    /// Who may speak for the legal entity.
    private var speakers: [String] {
        switch entity?.channels {
        case .listed(let names): names
        case .any, nil: channels
        }
    }

    var text: String {
        guard let entity else { return lifecycle.text() }
        var parts = [entity.name, "", lifecycle.text(comparedWith: .standard)]
        parts.append(entity.edges.isEmpty ? "no edge differs from the canonical lifecycle" : "* differs")
        parts += ["", "may speak: \(speakers.joined(separator: ", "))", "", "whose word counts, the first wins:"]
        let groups = FactGroup.allCases.map { group in
            [group.name, entity.owners[group]?.joined(separator: ", ") ?? "every channel that may speak"]
        }
        parts.append(Output.table(["facts", "channels"], groups))
        parts += ["", "verdict on orders: \(entity.validation.by == .sluice ? "Sluice" : "a channel's word")"]
        guard !entity.sla.isEmpty || !entity.feeds.isEmpty else { return parts.joined(separator: "\n") }
        parts += ["", "promised times:"]
        let promises = Flow.allCases.compactMap { flow in
            entity.sla[flow].map { [flow.name, flow.span, $0.short] }
        }
        let feeds = entity.feeds.map { ["feed", "\($0.channel) must be heard", $0.expectEvery.short] }
        parts.append(Output.table(["flow", "", "within"], promises + feeds))
        return parts.joined(separator: "\n")
    }

    var json: [String: Any] {
        var rows: [[String: Any]] = []
        for from in Lifecycle.places {
            for word in Lifecycle.words {
                let rule = lifecycle.rule(from: from, word: word)
                var row: [String: Any] = [
                    "from": from?.name ?? "none", "word": word.name, "disposition": rule.disposition.name,
                ]
                if let code = rule.code { row["code"] = code.rawValue }
                if let fallback = rule.fallback { row["fallback"] = fallback.name }
                if let standard, standard.rule(from: from, word: word) != rule { row["differs"] = true }
                rows.append(row)
            }
        }
        var object: [String: Any] = ["rules": rows]
        guard let entity else { return object }
        object["legal_entity"] = entity.name
        object["channels"] = speakers
        object["owners"] = Dictionary(uniqueKeysWithValues: entity.owners.map { ($0.key.name, $0.value) })
        object["validation"] = entity.validation.by.rawValue
        object["sla"] = Dictionary(uniqueKeysWithValues: entity.sla.map { ($0.key.name, $0.value.short) })
        object["feeds"] = Dictionary(uniqueKeysWithValues: entity.feeds.map { ($0.channel, $0.expectEvery.short) })
        return object
    }
}

extension Duration {
    /// In the largest unit that gives a whole number, as configuration files write it.
    var short: String {
        let milliseconds = wholeMicroseconds / 1000
        let units: [(String, Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        for (name, factor) in units where milliseconds != 0 && milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(name)"
        }
        return "\(milliseconds)ms"
    }
}
