import OrderEvents

/// The files of one configuration together: what holds between them, and the settings that they amount to.
///
/// Everything here reads leniently, because files with problems of their own are still compared with the others.
struct ConfigurationDraft {
    let main: ConfigurationFile?
    let channels: [ConfigurationFile]
    let entities: [ConfigurationFile]
    /// Whether every file could be parsed.
    ///
    /// If not, what is missing may stand in a file that could not be.
    let isComplete: Bool

    init(files: [ConfigurationFile], isComplete: Bool) {
        main = files.first { $0.kind == .main }
        channels = files.filter { $0.kind == .channel && $0.root != nil }
        entities = files.filter { $0.kind == .entity && $0.root != nil }
        self.isComplete = isComplete
    }

    var deadLetterTopic: String { main?.root?["kafka"]?["dead_letter_topic"]?.text ?? "sluice.dead-letters" }

    /// The settings; nil when something is missing that the checks should have found.
    func configuration() -> Configuration? {
        guard let root = main?.root, let kafka = kafkaSettings(root["kafka"]) else { return nil }
        let channels = channels.compactMap { $0.root.flatMap(channelSettings) }
        let entities = entities.compactMap { $0.root.flatMap(entitySettings) }
        guard channels.count == self.channels.count, entities.count == self.entities.count else { return nil }
        guard let stores = storeSettings(root), let http = httpSettings(root["http"]) else { return nil }
        let budgets = root["budgets"]
        let retention = root["retention"]
        return Configuration(
            kafka: kafka, stores: stores, http: http,
            budgets: BudgetSettings(
                process: budgets?["process"]?.size ?? Defaults.process, lane: laneBudget,
                blocked: budgets?["blocked"]?.size ?? Defaults.blocked),
            linger: root["linger"]?.duration ?? .milliseconds(5),
            retention: RetentionSettings(
                keys: retention?["keys"]?.duration ?? Defaults.keys,
                journal: retention?["journal"]?.duration ?? Defaults.journal,
                payloads: retention?["payloads"]?.duration ?? Defaults.payloads,
                deadLetters: retention?["dead_letters"]?.duration ?? Defaults.deadLetters,
                audit: retention?["audit"]?.duration ?? Defaults.audit),
            shutdownTimeout: root["shutdown_timeout"]?.duration ?? .seconds(10),
            channels: channels.sorted { $0.name < $1.name }, entities: entities.sorted { $0.name < $1.name },
            warnings: warnings())
    }

    /// What holds where a file says nothing.
    enum Defaults {
        static let process = 64 << 20
        static let lane = 4 << 20
        static let blocked = 128 << 20
        static let keys = Duration.seconds(30 * 86400)
        static let journal = Duration.seconds(730 * 86400)
        static let payloads = Duration.seconds(90 * 86400)
        static let deadLetters = Duration.seconds(90 * 86400)
        static let audit = Duration.seconds(730 * 86400)
        static let workers: Int64 = 4
    }

    private var laneBudget: Int { main?.root?["budgets"]?["lane"]?.size ?? Defaults.lane }

    // MARK: the main file

    private func kafkaSettings(_ node: ConfigNode?) -> KafkaSettings? {
        guard let node, let brokers = node["brokers"]?.elements.compactMap(\.text), !brokers.isEmpty else { return nil }
        var options: [KafkaOption] = []
        for member in node["options"]?.members ?? [] {
            guard let rule = KafkaOptions.allowed[member.key] else { return nil }
            let value: ConfiguredText
            if let reference = SecretShape.read(member.value).reference {
                value = .secret(reference)
            } else if let text = KafkaOptions.value(of: member.value, rule.kind).value {
                value = .plain(text)
            } else {
                return nil
            }
            options.append(KafkaOption(name: member.key, value: value, scope: rule.scope))
        }
        return KafkaSettings(
            brokers: brokers, group: node["group"]?.text ?? "sluice", instanceID: node["instance_id"]?.text,
            deadLetterTopic: deadLetterTopic, options: options.sorted { $0.name < $1.name },
            insecure: node["insecure"]?.flag ?? false)
    }

    private func storeSettings(_ root: ConfigNode) -> [StoreSettings]? {
        let migrate = root["store"]?["migrate"]?.flag ?? true
        var stores: [StoreSettings] = []
        for member in root["stores"]?.members ?? [] {
            guard let node = member.value["url"] else { return nil }
            let url = node.text.map(ConfiguredText.plain) ?? SecretShape.read(node).reference.map(ConfiguredText.secret)
            guard let url else { return nil }
            let reader = member.value["reader_url"].flatMap { node in
                node.text.map(ConfiguredText.plain) ?? SecretShape.read(node).reference.map(ConfiguredText.secret)
            }
            stores.append(
                StoreSettings(
                    name: member.key, url: url, readerURL: reader,
                    workers: Int(member.value["workers"]?.integer ?? Defaults.workers),
                    region: member.value["region"]?.text, migrate: member.value["migrate"]?.flag ?? migrate,
                    insecure: member.value["insecure"]?.flag ?? false))
        }
        return stores.isEmpty ? nil : stores.sorted { $0.name < $1.name }
    }

    private func httpSettings(_ node: ConfigNode?) -> HTTPSettings? {
        guard let address = NetworkAddress(node?["listen"]?.text ?? "127.0.0.1:9464") else { return nil }
        // The server binds numeric addresses; this name has one meaning.
        let host = address.host.lowercased() == "localhost" ? "127.0.0.1" : address.host
        return HTTPSettings(
            host: host, port: address.port, series: Int(node?["series"]?.integer ?? 100_000),
            tokens: node?["tokens"].flatMap { SecretShape.read($0).reference },
            isBehindTLS: node?["behind_tls"]?.flag ?? false)
    }

    // MARK: entities

    private func entitySettings(_ root: ConfigNode) -> EntitySettings? {
        guard let name = root["legal_entity"]?.text, let store = root["store"]?.text,
            let speakers = root["channels"]?.elements.compactMap(\.text), !speakers.isEmpty
        else { return nil }
        var warehouses: [WarehouseSettings] = []
        for member in root["warehouses"]?.members ?? [] {
            let aliases = member.value["aliases"]?.elements.compactMap(\.text) ?? []
            warehouses.append(
                WarehouseSettings(
                    code: member.key, odoo: member.value["odoo"]?.text ?? member.key, aliases: aliases.sorted()))
        }
        var odoo: DestinationSettings?
        if let node = root["odoo"] {
            odoo = destinationSettings(node)
            if odoo == nil { return nil }
        }
        return EntitySettings(
            name: name, weight: Int(root["weight"]?.integer ?? 1), store: store,
            channels: speakers == ["*"] ? .any : .listed(speakers),
            warehouses: warehouses.sorted { $0.code < $1.code }, odoo: odoo,
            parkTimeout: root["lifecycle"]?["park_timeout"]?.duration ?? .seconds(15 * 60),
            edges: edgeSettings(root["lifecycle"]?["edges"]), owners: ownerSettings(root["owners"]),
            validation: validationSettings(root["validation"]), sla: flowSettings(root["sla"]),
            feeds: feedSettings(root["feeds"]), backlog: backlogSettings(root["backlog"]))
    }

    private func destinationSettings(_ node: ConfigNode) -> DestinationSettings? {
        guard let url = node["url"]?.text.flatMap({ WebAddress.read($0).address }),
            let database = node["database"]?.text,
            let company = node["company"]?.text, let login = node["credentials"]?["login"]?.text,
            let key = node["credentials"]?["key"].flatMap({ SecretShape.read($0).reference }),
            let createAt = CanonicalState(name: node["create_at"]?.text ?? CanonicalState.validated.name)
        else { return nil }
        return DestinationSettings(
            url: url.text, database: database, company: company, login: login, key: key,
            requestsPerSecond: node["requests_per_second"]?.number?.value ?? 10,
            maxConcurrency: Int(node["max_concurrency"]?.integer ?? 4), createAt: createAt,
            insecure: node["insecure"]?.flag ?? false,
            interface: node["api"]?.text.flatMap(DestinationSettings.Interface.init(rawValue:)) ?? .auto,
            without: (node["without"]?.elements ?? []).compactMap { $0.text }
                .compactMap(DestinationSettings.Document.init(rawValue:)).sorted { $0.rawValue < $1.rawValue },
            tellsCustomers: node["tells_customers"]?.flag ?? false)
    }
}
