import OrderEvents
import Orders

// What a legal entity decides about its orders: owners, edges, validation, promised times, feeds. How it is read, and
// what must hold between these keys and the others of its file.

extension ConfigurationDraft {
    func ownerSettings(_ node: ConfigNode?) -> [FactGroup: [String]] {
        var owners: [FactGroup: [String]] = [:]
        for member in node?.members ?? [] {
            guard let group = FactGroup(name: member.key) else { continue }
            owners[group] = member.value.elements.compactMap(\.text)
        }
        return owners
    }

    func edgeSettings(_ node: ConfigNode?) -> [EdgeSettings] {
        (node?.members ?? []).compactMap { EdgeName.edge($0.key, $0.value.text) }
    }

    func flowSettings(_ node: ConfigNode?) -> [Flow: Duration] {
        var sla: [Flow: Duration] = [:]
        for member in node?.members ?? [] {
            guard let flow = Flow(name: member.key) else { continue }
            sla[flow] = member.value.duration
        }
        return sla
    }

    func feedSettings(_ node: ConfigNode?) -> [FeedSettings] {
        let feeds = (node?.members ?? []).compactMap { member in
            member.value["expect_every"]?.duration.map { FeedSettings(channel: member.key, expectEvery: $0) }
        }
        return feeds.sorted { $0.channel < $1.channel }
    }

    func backlogSettings(_ node: ConfigNode?) -> BacklogSettings? {
        guard let high = node?["high"]?.integer else { return nil }
        let answer = node?["on_full"]?.text.flatMap(BacklogSettings.Answer.init(rawValue:))
        return BacklogSettings(high: Int(high), onFull: answer ?? .accept)
    }

    func validationSettings(_ node: ConfigNode?) -> ValidationSettings {
        var settings = ValidationSettings()
        settings.by = judge(node)
        if let tolerance = node?["price_tolerance"]?.text.flatMap({ ExactDecimal($0) }) {
            settings.priceTolerance = tolerance
        }
        settings.taxes = node?["taxes"].map { taxes in
            Dictionary(taxes.members.map { ($0.key, $0.value.text ?? "") }, uniquingKeysWith: { a, _ in a })
        }
        settings.check = (node?["check"]?.elements ?? []).compactMap(\.text)
            .compactMap(ValidationSettings.Lookup.init(rawValue:)).sorted { $0.rawValue < $1.rawValue }
        return settings
    }

    private func judge(_ node: ConfigNode?) -> ValidationSettings.Judge {
        node?["by"]?.text.flatMap(ValidationSettings.Judge.init(rawValue:)) ?? ValidationSettings.defaultJudge
    }

    // MARK: - What must hold

    /// Adds what is wrong with the decisions of one legal entity.
    func checkDecisions(_ file: ConfigurationFile, _ channelNames: Set<String>, into problems: inout ProblemList) {
        guard let root = file.root else { return }
        let speakers = root["channels"]?.elements.compactMap(\.text) ?? []
        for member in root["owners"]?.members ?? [] where FactGroup(name: member.key) != nil {
            var seen: Set<String> = []
            for (index, node) in member.value.elements.enumerated() {
                guard let name = node.text else { continue }
                let key = "owners.\(member.key)[\(index)]"
                if !seen.insert(name).inserted {
                    problems.add(file.name, node.at, key, "\(quoted(name)) is listed twice")
                } else if name == "*" {
                    let reason = "\"*\" is no owner: leave the group out, and it is open to every channel"
                    problems.add(file.name, node.at, key, reason)
                } else {
                    checkSpeaks(file, name, node.at, key, speakers, channelNames, into: &problems)
                }
            }
        }
        for member in root["feeds"]?.members ?? [] {
            let key = "feeds.\(printable(member.key))"
            checkSpeaks(file, member.key, member.keyAt, key, speakers, channelNames, into: &problems)
        }
        checkEdges(file, root["lifecycle"]?["edges"], into: &problems)
        checkFlows(file, root, into: &problems)
        checkValidation(file, root, into: &problems)
    }

    /// A channel that has a part in the legal entity exists, and may speak for it.
    private func checkSpeaks(
        _ file: ConfigurationFile, _ name: String, _ at: SourceLocation, _ key: String, _ speakers: [String],
        _ channelNames: Set<String>, into problems: inout ProblemList
    ) {
        if isComplete, !channelNames.contains(name) {
            let suggestion = NearestName.suggestion(for: name, among: channelNames.sorted())
            problems.add(file.name, at, key, "there is no channel \(quoted(name))\(suggestion)")
        } else if !speakers.isEmpty, !speakers.contains("*"), !speakers.contains(name) {
            let reason = "\(quoted(name)) is not among the channels of this legal entity: its events are rejected"
            problems.add(file.name, at, key, reason)
        }
    }

    private func checkEdges(_ file: ConfigurationFile, _ node: ConfigNode?, into problems: inout ProblemList) {
        for member in node?.members ?? [] {
            guard let edge = EdgeName.edge(member.key, member.value.text), let fault = edge.fault else { continue }
            let reason = "can never be \(edge.disposition.name): \(fault)"
            problems.add(file.name, member.keyAt, "lifecycle.edges.\(printable(member.key))", reason)
        }
    }

    private func checkFlows(_ file: ConfigurationFile, _ root: ConfigNode, into problems: inout ProblemList) {
        guard root["odoo"] == nil else { return }
        if let backlog = root.member("backlog") {
            problems.add(file.name, backlog.keyAt, "backlog", "has no effect without odoo: nothing is delivered")
        }
        for member in root["sla"]?.members ?? [] where Flow(name: member.key)?.endsInOdoo == true {
            let reason = "has no effect without odoo: nothing is delivered"
            problems.add(file.name, member.keyAt, "sla.\(member.key)", reason)
        }
    }

    private func checkValidation(_ file: ConfigurationFile, _ root: ConfigNode, into problems: inout ProblemList) {
        guard let node = root["validation"] else { return }
        for member in node.members where member.key != "by" && judge(node) == .channel {
            guard ["price_tolerance", "taxes", "check"].contains(member.key) else { continue }
            let reason = "has no effect while a channel gives the verdict: say by: \"sluice\" beside it"
            problems.add(file.name, member.keyAt, "validation.\(member.key)", reason)
        }
        var seen: Set<String> = []
        for (index, element) in (node["check"]?.elements ?? []).enumerated() {
            guard let name = element.text else { continue }
            let key = "validation.check[\(index)]"
            if !seen.insert(name).inserted {
                problems.add(file.name, element.at, key, "\(quoted(name)) is listed twice")
            }
        }
        if judge(node) == .sluice, root["odoo"] == nil, let member = node.member("check"),
            !member.value.elements.isEmpty
        {
            let reason = "has no effect without odoo: there is nothing to look it up in"
            problems.add(file.name, member.keyAt, "validation.check", reason)
        }
    }
}
