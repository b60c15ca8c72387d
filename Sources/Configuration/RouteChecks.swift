import OrderEvents

// What must hold between the rules of a channel: each can take an event, none is hidden, and none is missing.

extension ConfigurationDraft {
    /// Adds what is wrong with a channel's rules.
    func checkRoutes(_ file: ConfigurationFile, into problems: inout ProblemList) {
        guard let root = file.root, let route = root.member("route") else { return }
        let nodes = route.value.elements
        if nodes.count > RouteRule.maximumRules {
            let reason = "must not have more than \(RouteRule.maximumRules) rules"
            return problems.add(file.name, route.keyAt, "route", reason)
        }
        let rules = nodes.enumerated().map { Self.rule($1, number: $0 + 1) }
        let subjects = Set(rules.flatMap { $0.when.map(\.subject) })
        if subjects.count > RouteRule.maximumSubjects {
            let reason = "looks at \(subjects.count) things; at most \(RouteRule.maximumSubjects) are possible"
            problems.add(file.name, route.keyAt, "route", reason)
        }
        var names: [String: Int] = [:]
        for (index, node) in nodes.enumerated() {
            checkRule(file, root, node, "route[\(index)]", into: &problems)
            if let first = names[rules[index].name] {
                problems.add(
                    file.name, node["name"]?.at ?? node.at, "route[\(index)].name",
                    "\(quoted(rules[index].name)) is the name of route[\(first)] already")
            } else {
                names[rules[index].name] = index
            }
        }
        checkMissing(file, root, route, into: &problems)
        for index in rules.indices.dropFirst() {
            guard let first = rules.indices.prefix(index).first(where: { rules[$0].takesAll(of: rules[index]) }) else {
                continue
            }
            problems.add(
                file.name, nodes[index].at, "route[\(index)]",
                "is unreachable: \(Self.place(first, rules, nodes)) takes everything that it would take")
        }
    }

    /// Adds rules that may both take an event and say different things of it.
    func warnOfOverlaps(_ file: ConfigurationFile, into list: inout ProblemList) {
        let nodes = file.root?["route"]?.elements ?? []
        let rules = nodes.enumerated().map { Self.rule($1, number: $0 + 1) }
        for index in rules.indices.dropFirst() {
            let first = rules.indices.prefix(index).first { other in
                rules[other].mayTakeSome(of: rules[index]) && !rules[index].takesAll(of: rules[other])
                    && !rules[other].takesAll(of: rules[index]) && rules[other].says(otherThan: rules[index])
            }
            guard let first else { continue }
            list.add(
                file.name, nodes[index].at, "route[\(index)]",
                "overlaps \(Self.place(first, rules, nodes)), which comes first and counts where both hold")
        }
    }

    private static func place(_ index: Int, _ rules: [RouteRule], _ nodes: [ConfigNode]) -> String {
        let name = nodes[index]["name"] == nil ? "" : " (\(rules[index].name))"
        return "route[\(index)]\(name) on line \(nodes[index].at.line)"
    }

    private func checkRule(
        _ file: ConfigurationFile, _ root: ConfigNode, _ node: ConfigNode, _ key: String,
        into problems: inout ProblemList
    ) {
        guard case .object = node.value else { return }
        if node["legal_entity"] == nil, node["warehouse"] == nil, node["priority"] == nil,
            node["tags"]?.elements.isEmpty ?? true
        {
            problems.add(file.name, node.at, key, "gives nothing: say legal_entity, warehouse, priority or tags")
        }
        if isComplete {
            if let entity = node["legal_entity"] { checkEntity(file, entity, "\(key).legal_entity", into: &problems) }
            if let warehouse = node["warehouse"] {
                let entity = node["legal_entity"]?.text
                checkWarehouse(file, warehouse, of: entity, "\(key).warehouse", into: &problems)
            }
        }
        for member in node["when"]?.members ?? [] {
            guard let subject = Self.routeSubject(member.key) else { continue }
            let path = "\(key).when.\(printable(member.key))"
            if let reason = unreadable(subject, root) {
                problems.add(file.name, member.keyAt, path, reason)
            }
            let words = Self.scalars(member.value).compactMap { $0 }
            if let reason = Self.impossible(subject, words, root) {
                problems.add(file.name, member.value.at, path, reason)
            }
        }
    }

    /// Why the channel's records never have the subject; nil: they may.
    private func unreadable(_ subject: RouteRule.Subject, _ root: ConfigNode) -> String? {
        let isCloudEvents = root["format"]?.text == ChannelSettings.Format.cloudevents.rawValue
        let speaksCanonically = root["fields"] == nil && !isCloudEvents
        switch subject {
        case .header, .topic: return nil
        case .pointer:
            return speaksCanonically
                ? "needs fields: a channel that speaks the canonical event is routed by field, header or topic" : nil
        case .field(let field):
            if isCloudEvents { return nil }
            if speaksCanonically {
                return field == .customerGroup ? "the canonical event has no such field" : nil
            }
            let mapping = MappingReading(root).mapping
            if mapping[.event, field] != nil { return nil }
            if field == .milestone, mapping[.event, .status] != nil { return nil }
            return "has no effect: fields has no \(field.rawValue)"
        }
    }

    /// Why the subject never has one of the words; nil: it may.
    private static func impossible(_ subject: RouteRule.Subject, _ words: [String], _ root: ConfigNode) -> String? {
        let possible: [String]
        switch subject {
        case .topic: possible = root["topics"]?.elements.compactMap(\.text) ?? []
        case .field(.status): possible = ChannelKeys.statusWords
        case .field(.milestone): possible = Milestone.allCases.map(\.name)
        case .pointer, .field, .header: return nil
        }
        guard let word = words.first(where: { !possible.contains($0) }) else { return nil }
        let what = subject == .topic ? "is no topic of this channel" : "is no canonical word"
        return "\(quoted(word)) \(what)\(NearestName.suggestion(for: word, among: possible))"
    }

    /// Where the fields give no legal entity, every event needs a rule that does.
    private func checkMissing(
        _ file: ConfigurationFile, _ root: ConfigNode, _ route: ConfigNode.Member, into problems: inout ProblemList
    ) {
        guard let fields = root["fields"], fields["legal_entity"] == nil,
            root["format"]?.text != ChannelSettings.Format.cloudevents.rawValue
        else { return }
        let rules = route.value.elements
        for (index, rule) in rules.enumerated() where rule["legal_entity"] == nil {
            problems.add(
                file.name, rule.at, "route[\(index)].legal_entity", "is missing: the fields give no legal entity")
        }
        guard let last = rules.last, !(last["when"]?.members.isEmpty ?? true) else { return }
        problems.add(
            file.name, route.keyAt, "route",
            "misses a rule: what no rule takes has no legal entity; add a last one without when, or fields.legal_entity"
        )
    }
}

extension RouteRule {
    /// Whether every event that `other` would take is taken by this rule.
    func takesAll(of other: RouteRule) -> Bool {
        when.allSatisfy { condition in
            other.when.contains {
                $0.subject == condition.subject && $0.values.allSatisfy(condition.values.contains)
            }
        }
    }

    /// Whether an event is possible that both would take.
    func mayTakeSome(of other: RouteRule) -> Bool {
        when.allSatisfy { condition in
            other.when.allSatisfy {
                $0.subject != condition.subject || $0.values.contains(where: condition.values.contains)
            }
        }
    }

    /// Whether the two give an event different places.
    func says(otherThan other: RouteRule) -> Bool {
        legalEntity != other.legalEntity || warehouse != other.warehouse || priority != other.priority
    }
}
