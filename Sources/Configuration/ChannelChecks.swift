import OrderEvents

// What must hold within a channel's file, beyond the shape of each key.

extension ConfigurationDraft {
    /// Adds what is wrong with a channel's fields, words and look-up tables together.
    func checkMapping(_ file: ConfigurationFile, into problems: inout ProblemList) {
        guard let root = file.root else { return }
        let isCloudEvents = root["format"]?.text == ChannelSettings.Format.cloudevents.rawValue
        guard let fields = root.member("fields") else {
            if isCloudEvents {
                checkTables(file, root, into: &problems)
            } else {
                checkWithoutFields(file, root, into: &problems)
            }
            return
        }
        checkSources(file, fields.value, "fields", into: &problems)
        if !isCloudEvents {
            checkRequired(file, root, fields.value, into: &problems)
            checkWords(file, root, fields, into: &problems)
        }
        checkReferences(file, fields.value, into: &problems)
        checkTables(file, root, into: &problems)
    }

    private func checkWithoutFields(_ file: ConfigurationFile, _ root: ConfigNode, into problems: inout ProblemList) {
        for key in ["statuses", "milestones", "values"] {
            guard let member = root.member(key) else { continue }
            let reason = "has no effect without fields: the canonical event speaks canonical words"
            problems.add(file.name, member.keyAt, key, reason)
        }
    }

    private func checkRequired(
        _ file: ConfigurationFile, _ root: ConfigNode, _ fields: ConfigNode, into problems: inout ProblemList
    ) {
        guard case .object = fields.value else { return }
        func need(_ keys: [String], or other: Bool = false) {
            if other || keys.contains(where: { fields[$0] != nil }) { return }
            let alternative = keys.count > 1 ? ", and \(keys[1]) too: one is needed" : ""
            problems.add(file.name, fields.at, "fields.\(keys[0])", "is missing" + alternative)
        }
        need(["event_id"])
        need(["order_ref", "reference"])
        need(["legal_entity"], or: Self.alwaysGivesEntity(root))
        need(["status", "milestone"])
        need(["occurred_at"])
        if let member = root.member("sequence_from"), fields["sequence"] == nil {
            problems.add(file.name, member.keyAt, "sequence_from", "has no effect without fields.sequence")
        }
    }

    /// Whether the last rule takes whatever the others leave, and every rule names a legal entity.
    static func alwaysGivesEntity(_ root: ConfigNode) -> Bool {
        let rules = root["route"]?.elements ?? []
        guard let last = rules.last, last["when"]?.members.isEmpty ?? true else { return false }
        return rules.allSatisfy { $0["legal_entity"] != nil }
    }

    private func checkWords(
        _ file: ConfigurationFile, _ root: ConfigNode, _ fields: ConfigNode.Member, into problems: inout ProblemList
    ) {
        func comesFromRecord(_ key: String) -> Bool {
            guard let node = fields.value[key] else { return false }
            return node.text != nil || node["at"] != nil
        }
        let words = (root["statuses"]?.members.count ?? 0) + (root["milestones"]?.members.count ?? 0)
        if words == 0, comesFromRecord("status") || comesFromRecord("milestone") || fields.value.members.isEmpty {
            let reason = "need statuses or milestones: without them no word of the channel means anything"
            problems.add(file.name, fields.keyAt, "fields", reason)
        }
        for (key, readers) in [("statuses", ["status"]), ("milestones", ["status", "milestone"])] {
            guard let member = root.member(key), !fields.value.members.isEmpty,
                !readers.contains(where: comesFromRecord)
            else { continue }
            let reason = "has no effect: no word of the record is looked up in it; say fields.\(readers[0])"
            problems.add(file.name, member.keyAt, key, reason)
        }
    }

    /// A source comes from the record or is a constant, and only what comes from the record can be absent.
    private func checkSources(
        _ file: ConfigurationFile, _ node: ConfigNode, _ key: String, into problems: inout ProblemList
    ) {
        let isGroup = ["fields", "fields.customer"].contains(key) || Self.groupPaths.contains(key)
        for member in node.members where isGroup {
            let path = "\(key).\(member.key)"
            if case .list(let elements) = member.value.value {
                for (index, element) in elements.enumerated() {
                    checkGroup(file, element, "\(path)[\(index)]", into: &problems)
                }
            } else {
                checkSource(file, member.value, path, into: &problems)
            }
        }
    }

    private func checkGroup(
        _ file: ConfigurationFile, _ node: ConfigNode, _ key: String, into problems: inout ProblemList
    ) {
        for member in node.members { checkSource(file, member.value, "\(key).\(member.key)", into: &problems) }
    }

    private func checkSource(
        _ file: ConfigurationFile, _ node: ConfigNode, _ key: String, into problems: inout ProblemList
    ) {
        guard case .object = node.value else { return }
        if key == "fields.customer" || Self.groupPaths.contains(key) {
            return checkSources(file, node, key, into: &problems)
        }
        switch (node["at"], node["value"]) {
        case (nil, nil): problems.add(file.name, node.at, key, "needs at, where it stands in the record, or value")
        case (.some, .some):
            problems.add(file.name, node.at, key, "has at and value: it comes from the record or is a constant")
        case (nil, .some):
            for other in ["default", "format", "values"] where node[other] != nil {
                problems.add(
                    file.name, node[other]?.at ?? node.at, "\(key).\(other)", "has no effect beside a constant")
            }
        case (.some, nil): break
        }
    }

    /// Paths of groups, and of the objects that hold one.
    private static let groupPaths: Set<String> = {
        var paths: Set<String> = []
        for group in MappedGroup.allCases where group != .event {
            var path = "fields"
            for step in group.rawValue.split(separator: ".") {
                path += ".\(step)"
                paths.insert(path)
            }
        }
        return paths
    }()

    private func checkReferences(
        _ file: ConfigurationFile, _ fields: ConfigNode, into problems: inout ProblemList
    ) {
        let once = (fields["references"]?.elements ?? []).enumerated().filter { $1["at"] == nil }
        for (index, element) in once {
            guard let kind = element["kind"], kind.text?.hasPrefix("/") ?? true else { continue }
            problems.add(
                file.name, kind.at, "fields.references[\(index)].kind",
                "must be a word where there is no array: each kind has an entry of its own")
        }
        if once.count > Mapping.maximumReferences, let node = fields["references"] {
            let reason = "must not have more than \(Mapping.maximumReferences) entries without an array"
            problems.add(file.name, node.at, "fields.references", reason)
        }
    }

    // MARK: look-up tables

    private func checkTables(_ file: ConfigurationFile, _ root: ConfigNode, into problems: inout ProblemList) {
        var used = Self.tablesInUse(root)
        for (name, node) in used.named where root["values"]?[name] == nil {
            problems.add(file.name, node.at, node.key, "there is no table \(quoted(name)) in values")
        }
        if root["format"]?.text == ChannelSettings.Format.cloudevents.rawValue {
            used.tables.formUnion(Self.tables(of: Mapping.cloudEvents))
        }
        for table in root["values"]?.members ?? [] {
            if !used.tables.contains(table.key) {
                let suggestion = NearestName.suggestion(for: table.key, among: Self.tableNames)
                problems.add(
                    file.name, table.keyAt, "values.\(printable(table.key))",
                    "has no effect: no field has this name, and none names it with values\(suggestion)")
            }
            for row in table.value.members { checkRow(file, table.key, row, into: &problems) }
        }
    }

    private struct Use {
        var at: SourceLocation
        var key: String
    }

    /// The tables that the channel's fields look in, and where one is named.
    private static func tablesInUse(_ root: ConfigNode) -> (tables: Set<String>, named: [(String, Use)]) {
        guard let fields = root["fields"] else { return ([], []) }
        var tables = tables(of: MappingReading(root).mapping)
        var named: [(String, Use)] = []
        func visit(_ node: ConfigNode, _ key: String) {
            for member in node.members {
                let path = "\(key).\(member.key)"
                if member.key == "values", let name = member.value.text {
                    named.append((name, Use(at: member.value.at, key: path)))
                    tables.insert(name)
                }
                visit(member.value, path)
            }
            for (index, element) in node.elements.enumerated() { visit(element, "\(key)[\(index)]") }
        }
        visit(fields, "fields")
        return (tables, named)
    }

    private static func tables(of mapping: Mapping) -> Set<String> {
        var tables: Set<String> = []
        for (group, content) in mapping.groups {
            for (field, source) in content.fields where source.at != nil {
                if let name = source.values ?? field.table(in: group) { tables.insert(name) }
            }
        }
        for content in mapping.references {
            tables.formUnion(content.fields.values.compactMap { $0.at == nil ? nil : $0.values })
        }
        return tables
    }

    private static let tableNames: [String] = Set(
        MappedGroup.allCases.flatMap { group in group.fields.compactMap { $0.table(in: group) } }
    ).sorted()

    private func checkRow(
        _ file: ConfigurationFile, _ table: String, _ row: ConfigNode.Member, into problems: inout ProblemList
    ) {
        guard let meaning = row.value.text else { return }
        let key = "values.\(printable(table)).\(printable(row.key))"
        if meaning.hasSuffix("*"), !row.key.hasSuffix("*") {
            problems.add(
                file.name, row.value.at, key,
                "\"*\" stands for the rest of a word that ends in \"*\", which this does not")
        }
        let fault: String?
        switch table {
        case "payment_status": fault = Self.wordFault(meaning, PaymentStatus.allCases.map(\.name))
        case "hold_reason": fault = Self.wordFault(meaning, FieldKeys.holdReasons)
        case "legal_entity": fault = TextRule.legalEntity.fault(in: meaning)
        case "warehouse": fault = meaning.hasSuffix("*") ? nil : TextRule.warehouseCode.fault(in: meaning)
        case "currency": fault = TextRule.currency.fault(in: meaning)
        case "customer_group": fault = TextRule.tag.fault(in: meaning)
        default: fault = nil
        }
        if let fault { return problems.add(file.name, row.value.at, key, fault) }
        if isComplete, table == "legal_entity" { checkEntity(file, row.value, key, into: &problems) }
        if isComplete, table == "warehouse", !meaning.hasSuffix("*") {
            checkWarehouse(file, row.value, of: nil, key, into: &problems)
        }
    }

    private static func wordFault(_ text: String, _ words: [String]) -> String? {
        if words.contains(text) { return nil }
        let suggestion = NearestName.suggestion(for: text, among: words)
        return "\(quoted(text)) is none of \(words.joined(separator: ", "))\(suggestion)"
    }

    /// The legal entity has to be configured.
    func checkEntity(
        _ file: ConfigurationFile, _ node: ConfigNode, _ key: String, into problems: inout ProblemList
    ) {
        let names = entities.compactMap { $0.root?["legal_entity"]?.text }
        guard let name = node.text, !names.contains(name) else { return }
        let suggestion = NearestName.suggestion(for: name, among: names.sorted())
        problems.add(file.name, node.at, key, "there is no legal entity \(quoted(name))\(suggestion)")
    }

    /// The warehouse has to be one of the legal entity, or of any.
    func checkWarehouse(
        _ file: ConfigurationFile, _ node: ConfigNode, of entity: String?, _ key: String,
        into problems: inout ProblemList
    ) {
        var codes: Set<String> = []
        for other in entities where entity == nil || other.root?["legal_entity"]?.text == entity {
            for member in other.root?["warehouses"]?.members ?? [] {
                codes.insert(member.key)
                codes.formUnion(member.value["aliases"]?.elements.compactMap(\.text) ?? [])
            }
        }
        guard let code = node.text, !codes.contains(code) else { return }
        let suggestion = NearestName.suggestion(for: code, among: codes.sorted())
        let owner = entity.map { "\(quoted($0)) has no" } ?? "no legal entity has a"
        problems.add(file.name, node.at, key, "\(owner) warehouse \(quoted(code))\(suggestion)")
    }
}
