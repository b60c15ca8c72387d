import OrderEvents

// A channel's file as settings. Reads leniently: the checks have said what is wrong.

extension ConfigurationDraft {
    func channelSettings(_ root: ConfigNode) -> ChannelSettings? {
        guard let name = root["channel"]?.text, let topics = root["topics"]?.elements.compactMap(\.text) else {
            return nil
        }
        let format = ChannelSettings.Format(rawValue: root["format"]?.text ?? "json") ?? .json
        var settings = ChannelSettings(
            name: name, topics: topics, format: format,
            orderKind: root["order"]?["kind"]?.text.flatMap(ReferenceKind.init(name:)) ?? .order,
            issuer: root["order"]?["issuer"]?.text, sequenceFrom: root["sequence_from"]?.integer)
        settings.priority = root["priority"]?.text.flatMap(Priority.init(name:)) ?? .normal
        let mapping = MappingReading(root).mapping
        if root["fields"] != nil || mapping != Mapping() { settings.mapping = mapping }
        settings.routes = (root["route"]?.elements ?? []).enumerated().map { Self.rule($1, number: $0 + 1) }
        return settings
    }

    static func rule(_ node: ConfigNode, number: Int) -> RouteRule {
        RouteRule(
            name: node["name"]?.text ?? String(number),
            when: (node["when"]?.members ?? []).compactMap { member in
                routeSubject(member.key).map { RouteRule.Condition($0, scalars(member.value)) }
            },
            legalEntity: node["legal_entity"]?.text, warehouse: node["warehouse"]?.text,
            tags: node["tags"]?.elements.compactMap(\.text) ?? [],
            priority: node["priority"]?.text.flatMap(Priority.init(name:)))
    }

    /// What a key of `when` means; nil: nothing.
    static func routeSubject(_ key: String) -> RouteRule.Subject? {
        if key == "topic" { return .topic }
        if key.hasPrefix("header:") { return key.utf8.count > 7 ? .header(String(key.dropFirst(7))) : nil }
        if key.hasPrefix("/") { return (try? JSONPointer(key)).map { .pointer($0) } }
        return RouteRule.fields.first { $0.rawValue == key }.map { .field($0) }
    }

    /// The values of a condition, as they are compared; null is nil.
    static func scalars(_ node: ConfigNode) -> [String?] {
        if case .list(let elements) = node.value { return elements.flatMap(scalars) }
        switch node.value {
        case .text(let text): return [text]
        case .flag(let flag): return [flag ? "true" : "false"]
        case .number(let number): return number.integer.map { [String($0)] } ?? []
        case .null: return [nil]
        case .list, .object: return []
        }
    }
}

/// A channel's `fields`, `statuses`, `milestones` and `values` as a mapping.
struct MappingReading {
    let mapping: Mapping

    init(_ root: ConfigNode) {
        var mapping = Mapping()
        if let fields = root["fields"] {
            for group in MappedGroup.allCases where group != .references {
                guard let node = Self.node(fields, group.rawValue) else { continue }
                let content = Self.group(node, group)
                if content.at != nil || !content.fields.isEmpty { mapping.groups[group] = content }
            }
            mapping.references = (fields["references"]?.elements ?? []).map { Self.group($0, .references) }
        }
        for member in root["statuses"]?.members ?? [] {
            mapping.statuses[member.key] = member.value.text.flatMap(StatusWord.init(name:))
        }
        for member in root["milestones"]?.members ?? [] {
            mapping.milestones[member.key] = member.value.text.flatMap(Milestone.init(name:))
        }
        for table in root["values"]?.members ?? [] {
            mapping.values[table.key] = Dictionary(
                table.value.members.compactMap { row in row.value.text.map { (row.key, $0) } },
                uniquingKeysWith: { first, _ in first })
        }
        self.mapping = mapping
    }

    /// What is below `node` by a path of keys.
    static func node(_ node: ConfigNode, _ path: String) -> ConfigNode? {
        path.split(separator: ".").reduce(Optional(node)) { $0?[String($1)] }
    }

    private static func group(_ node: ConfigNode, _ group: MappedGroup) -> Mapping.Group {
        var content = Mapping.Group()
        if group.place != .once { content.at = node["at"]?.text.flatMap { try? JSONPointer($0) } }
        for field in group.fields {
            guard let value = Self.node(node, field.rawValue), let source = source(value) else { continue }
            content.fields[field] = source
        }
        return content
    }

    /// A source: a pointer, an object, or (for kinds) a word.
    private static func source(_ node: ConfigNode) -> FieldSource? {
        if let text = node.text {
            if text.hasPrefix("/") { return (try? JSONPointer(text)).map { .at($0) } }
            return .constant(text)
        }
        guard case .object = node.value else { return nil }
        return FieldSource(
            at: node["at"]?.text.flatMap { try? JSONPointer($0) }, otherwise: (node["value"] ?? node["default"])?.text,
            values: node["values"]?.text, format: node["format"]?.text.flatMap(FieldFormat.init(rawValue:)))
    }
}
