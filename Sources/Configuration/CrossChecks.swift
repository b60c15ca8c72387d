// What must hold between keys and between files.

extension ConfigurationDraft {
    /// Adds everything that is wrong with the files together.
    func crossCheck(into problems: inout ProblemList) {
        checkMain(into: &problems)
        checkUnique(channels, "channel", into: &problems)
        checkTopics(into: &problems)
        for channel in channels {
            checkMapping(channel, into: &problems)
            checkRoutes(channel, into: &problems)
        }
        checkUnique(entities, "legal_entity", into: &problems)
        let storeNames = main?.root?["stores"].map { Set($0.members.map(\.key)) }
        let channelNames = Set(channels.compactMap { $0.root?["channel"]?.text })
        for entity in entities {
            if let storeNames, !storeNames.isEmpty { checkStore(entity, storeNames, into: &problems) }
            checkSpeakers(entity, channelNames, into: &problems)
            checkWarehouses(entity, into: &problems)
            checkDestination(entity, into: &problems)
            checkDecisions(entity, channelNames, into: &problems)
        }
    }

    /// What is accepted but should be looked at.
    func warnings() -> [Problem] {
        var list = ProblemList()
        for file in channels + entities { list.order(file.name) }
        for entity in entities {
            guard let odoo = entity.root?["odoo"], odoo["insecure"]?.flag == true,
                let member = odoo.member("insecure"),
                let address = odoo["url"]?.text.flatMap({ WebAddress.read($0).address }), !address.isEncrypted
            else { continue }
            let reason = "orders and the key travel to \(address.host) without encryption"
            list.add(entity.name, member.keyAt, "odoo.insecure", reason)
        }
        warnOfTransports(into: &list)
        for channel in channels { warnOfOverlaps(channel, into: &list) }
        let isAnyHeard = entities.contains { $0.root?["channels"]?.elements.contains { $0.text == "*" } == true }
        let heard = Set(entities.flatMap { $0.root?["channels"]?.elements.compactMap(\.text) ?? [] })
        for channel in channels where !isAnyHeard {
            guard let node = channel.root?["channel"], let name = node.text, !heard.contains(name) else { continue }
            list.add(channel.name, node.at, "channel", "no legal entity lists it: all its events will be rejected")
        }
        return list.sorted
    }

    // MARK: the main file

    private func checkMain(into problems: inout ProblemList) {
        guard let file = main, let root = file.root else { return }
        let budgets = root["budgets"]
        let process = budgets?["process"]?.size ?? Defaults.process
        if let node = budgets?["lane"] ?? budgets?["process"],
            let lane = budgets?["lane"]?.size ?? (budgets?["lane"] == nil ? Defaults.lane : nil), lane > process
        {
            let key = budgets?["lane"] == nil ? "budgets.process" : "budgets.lane"
            let sizes = "\(Quantities.text(bytes: Int64(lane))) for a lane, \(Quantities.text(bytes: Int64(process)))"
            problems.add(
                file.name, node.at, key, "a lane must not have more than the process: \(sizes) for the process")
        }
        checkTransports(into: &problems)
        checkRetention(file, root["retention"], into: &problems)
        checkKafkaTimes(file, root["kafka"]?["options"], into: &problems)
    }

    private func checkRetention(_ file: ConfigurationFile, _ node: ConfigNode?, into problems: inout ProblemList) {
        guard let node else { return }
        func compare(_ shorter: String, _ short: Duration, _ longer: String, _ long: Duration) {
            let one = node[shorter] == nil ? short : node[shorter]?.duration
            let other = node[longer] == nil ? long : node[longer]?.duration
            guard let one, let other, other < one else { return }
            let key = node[longer] == nil ? shorter : longer
            let reason =
                "\(longer) (\(Quantities.text(other))) must be kept as long as \(shorter) (\(Quantities.text(one)))"
            problems.add(file.name, node[key]?.at ?? node.at, "retention.\(key)", reason)
        }
        compare("keys", Defaults.keys, "payloads", Defaults.payloads)
        compare("payloads", Defaults.payloads, "journal", Defaults.journal)
    }

    /// Relations on which librdkafka insists when a consumer is made; where an option is absent, with Ingest's value.
    private func checkKafkaTimes(_ file: ConfigurationFile, _ options: ConfigNode?, into problems: inout ProblemList) {
        guard let options else { return }
        func value(_ name: String, _ otherwise: Int64) -> Int64? {
            guard let node = options[name] else { return otherwise }
            guard let rule = KafkaOptions.allowed[name] else { return nil }
            return KafkaOptions.value(of: node, rule.kind).value.flatMap { Int64($0) }
        }
        func report(_ first: String, _ second: String, _ reason: String) {
            guard let member = options.member(first) ?? options.member(second) else { return }
            problems.add(file.name, member.value.at, "kafka.options.\(member.key)", reason)
        }
        if let session = value("session.timeout.ms", 10_000), let poll = value("max.poll.interval.ms", 300_000),
            poll < session
        {
            report(
                "session.timeout.ms", "max.poll.interval.ms",
                "session.timeout.ms (\(session)) must not exceed max.poll.interval.ms (\(poll))")
        }
        if let fetch = value("fetch.max.bytes", 8_388_608),
            let receive = value("receive.message.max.bytes", 104_857_600),
            receive < fetch + 512
        {
            report(
                "receive.message.max.bytes", "fetch.max.bytes",
                "receive.message.max.bytes (\(receive)) must be at least 512 more than fetch.max.bytes (\(fetch))")
        }
    }

    // MARK: channels

    private func checkUnique(_ files: [ConfigurationFile], _ key: String, into problems: inout ProblemList) {
        var first: [String: String] = [:]
        for file in files {
            guard let node = file.root?[key], let name = node.text else { continue }
            if let other = first[name] {
                problems.add(file.name, node.at, key, "\(quoted(name)) is taken already: \(other)")
            } else {
                first[name] = "\(file.name):\(node.at.line)"
            }
        }
    }

    private func checkTopics(into problems: inout ProblemList) {
        var first: [String: String] = [:]
        for file in channels {
            for (index, node) in (file.root?["topics"]?.elements ?? []).enumerated() {
                guard let topic = node.text else { continue }
                let key = "topics[\(index)]"
                if topic == deadLetterTopic {
                    let reason =
                        "\(quoted(topic)) is kafka.dead_letter_topic: dead letters would be read again for ever"
                    problems.add(file.name, node.at, key, reason)
                } else if let other = first[topic] {
                    problems.add(file.name, node.at, key, "topic \(quoted(topic)) is claimed already: \(other)")
                } else {
                    first[topic] = "\(file.name):\(node.at.line)"
                }
            }
        }
    }

    // MARK: entities

    private func checkStore(_ file: ConfigurationFile, _ names: Set<String>, into problems: inout ProblemList) {
        guard let node = file.root?["store"], let name = node.text, !names.contains(name) else { return }
        let suggestion = NearestName.suggestion(for: name, among: names.sorted())
        problems.add(file.name, node.at, "store", "there is no store \(quoted(name)) in stores\(suggestion)")
    }

    private func checkSpeakers(_ file: ConfigurationFile, _ names: Set<String>, into problems: inout ProblemList) {
        let elements = file.root?["channels"]?.elements ?? []
        var seen: Set<String> = []
        for (index, node) in elements.enumerated() {
            guard let name = node.text else { continue }
            let key = "channels[\(index)]"
            if !seen.insert(name).inserted {
                problems.add(file.name, node.at, key, "\(quoted(name)) is listed twice")
            } else if name == "*" {
                if elements.count > 1 {
                    problems.add(file.name, node.at, key, "\"*\" means every channel and stands alone")
                }
            } else if isComplete, !names.contains(name) {
                let suggestion = NearestName.suggestion(for: name, among: names.sorted())
                problems.add(file.name, node.at, key, "there is no channel \(quoted(name))\(suggestion)")
            }
        }
    }

    /// A code or an alias names one warehouse of the entity.
    private func checkWarehouses(_ file: ConfigurationFile, into problems: inout ProblemList) {
        let members = file.root?["warehouses"]?.members ?? []
        var owner: [String: String] = [:]
        for member in members { owner[member.key] = "is the code of a warehouse" }
        for member in members {
            for (index, node) in (member.value["aliases"]?.elements ?? []).enumerated() {
                guard let alias = node.text else { continue }
                if let taken = owner[alias] {
                    let key = "warehouses.\(printable(member.key)).aliases[\(index)]"
                    problems.add(file.name, node.at, key, "\(quoted(alias)) \(taken) already")
                } else {
                    owner[alias] = "is an alias of \(quoted(member.key))"
                }
            }
        }
    }

    private func checkDestination(_ file: ConfigurationFile, into problems: inout ProblemList) {
        guard let odoo = file.root?["odoo"], let node = odoo["url"], let text = node.text,
            let address = WebAddress.read(text).address, !address.isEncrypted
        else { return }
        if odoo["insecure"]?.flag == true || NetworkAddress.isLoopback(address.host) { return }
        let reason = "http is for loopback only: say https, or insecure: true beside it to send orders unencrypted"
        problems.add(file.name, node.at, "odoo.url", reason)
    }
}
