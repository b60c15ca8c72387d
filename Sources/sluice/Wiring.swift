import Configuration
import Delivery
import Ingest
import Metrics
import Odoo
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import Workers

// From the configuration to what each stage needs. Stages do not know the configuration, nor each other.

/// Where and why a command ends, with its exit code by sysexits(3).
struct CommandFailure: Error {
    enum ExitCode: Int32 {
        case failed = 1
        case usage = 64
        case unavailable = 69
        case software = 70
        case temporary = 75
        case configuration = 78
    }

    var code: ExitCode
    var message: String
}

/// A configuration with its secrets and its parts put together.
struct Wiring {
    let configuration: Configuration
    let laneMap: LaneMap
    /// Index in `configuration.stores` -> session settings.
    let connections: [ConnectionSettings]
    let formats: [ChannelFormat]

    /// Resolves what the configuration refers to.
    init(_ configuration: Configuration) throws(CommandFailure) {
        self.configuration = configuration
        let channelIndex = Dictionary(
            uniqueKeysWithValues: configuration.channels.enumerated().map { ($1.name, Int32($0)) })
        let storeIndex = Dictionary(uniqueKeysWithValues: configuration.stores.enumerated().map { ($1.name, $0) })
        laneMap = LaneMap(
            entities: configuration.entities.map { entity in
                let channels: Set<Int32>? =
                    switch entity.channels {
                    case .any: nil
                    case .listed(let names): Set(names.compactMap { channelIndex[$0] })
                    }
                return EntityRoute(
                    name: entity.name, weight: entity.weight, store: storeIndex[entity.store] ?? 0,
                    warehouses: entity.warehouses.map { ($0.code, $0.aliases) }, channels: channels)
            })
        formats = configuration.channels.enumerated().map { $1.channelFormat(index: Int32($0)) }
        var connections: [ConnectionSettings] = []
        for store in configuration.stores { connections.append(try Self.connection(store)) }
        self.connections = connections
    }

    /// The session settings of a store.
    static func connection(_ store: StoreSettings) throws(CommandFailure) -> ConnectionSettings {
        var settings = try connection(store, store.url)
        settings.applicationName = "sluice"
        settings.searchPath = Migrations.schema
        return settings
    }

    /// Where those connect who only read.
    static func readerConnection(_ store: StoreSettings) throws(CommandFailure) -> ConnectionSettings {
        try connection(store, store.readerURL ?? store.url)
    }

    private static func connection(
        _ store: StoreSettings, _ address: ConfiguredText
    ) throws(CommandFailure) -> ConnectionSettings {
        do {
            let url = try address.resolve()
            if let reason = store.refusal(of: url) {
                throw CommandFailure(code: .configuration, message: "store \(store.name): \(reason)")
            }
            return try ConnectionSettings(url)
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure(code: .configuration, message: "store \(store.name): \(error)")
        }
    }

    /// The legal entities, as far as metrics care.
    var shownEntities: [ShownEntity] {
        configuration.entities.map { ShownEntity(name: $0.name, weight: $0.weight) }
    }

    /// What the workers of a store need.
    func applySettings(ofStore store: String) -> ApplySettings {
        let decoders = formats.map { EventDecoder($0) }
        let names = configuration.channels.map(\.name)
        let indexes = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let laneMap = laneMap
        var settings = ApplySettings(
            lanes: laneMap.lanes,
            channels: configuration.channels.map { ChannelRules(name: $0.name, sequenceFrom: $0.sequenceFrom) },
            entities: configuration.entities.map {
                EntityRules(
                    name: $0.name, parkTimeout: $0.parkTimeout.wholeMicroseconds, delivers: $0.odoo != nil,
                    rules: $0.orderRules, asked: asked(of: $0), promised: $0.flowTimes)
            },
            keyRetention: configuration.retention.keys.wholeMicroseconds,
            journalRetention: configuration.retention.journal.wholeMicroseconds, feeds: feeds(ofStore: store),
            decodeParked: { channel, entity, payload, source in
                guard let index = indexes[channel],
                    let read = decoders[index].decodeAgain(payload, legalEntity: entity, source: source),
                    case .event(let event) = laneMap.route(.event(read), channelName: channel)
                else { return nil }
                return event
            })
        settings.routes = configuration.channels.map { channel in
            channel.routes.map { RouteLabel(name: $0.name, tags: $0.tags) }
        }
        settings.routesEvents = configuration.channels.contains { channel in
            !channel.routes.isEmpty || channel.format == .cloudevents
                || channel.mapping?[.event, .customerGroup] != nil
        }
        return settings
    }

    /// By which names of facts the entity's channels name its orders.
    private func asked(of entity: EntitySettings) -> [AskedReference] {
        var asked: [AskedReference] = []
        for format in formats {
            if case .listed(let names) = entity.channels, !names.contains(format.name) { continue }
            switch format.orderKind {
            case .tracking, .shipment, .invoice:
                let reference = AskedReference(kind: format.orderKind, issuer: format.issuer ?? "")
                if !asked.contains(reference) { asked.append(reference) }
            case .order, .purchaseOrder, .wmsOrder, .odoo: continue
            }
        }
        return asked
    }

    /// How urgent events are, by their channels and routing rules.
    var priorities: Priorities {
        Priorities(configuration.channels.map { ($0.priority, $0.routes.map(\.priority)) })
    }

    /// Limits of the backlogs of a store's legal entities.
    func backlogLimits(ofStore store: String) -> [BacklogLimits.Limit] {
        configuration.entities.enumerated().compactMap { index, entity in
            guard entity.store == store, let backlog = entity.backlog else { return nil }
            return BacklogLimits.Limit(
                entity: Int32(index), legalEntity: entity.name, high: backlog.high, pauses: backlog.onFull == .pause)
        }
    }

    /// Channels that the legal entities of a store must hear.
    private func feeds(ofStore store: String) -> HeardFeeds {
        let indexes = Dictionary(
            uniqueKeysWithValues: configuration.channels.enumerated().map { ($1.name, Int32($0)) })
        var feeds: [(feed: HeardFeeds.Feed, entity: Int32, channel: Int32)] = []
        for (index, entity) in configuration.entities.enumerated() where entity.store == store {
            for feed in entity.feeds {
                guard let channel = indexes[feed.channel] else { continue }
                let watched = HeardFeeds.Feed(
                    legalEntity: entity.name, channel: feed.channel,
                    expectEvery: feed.expectEvery.wholeMicroseconds)
                feeds.append((watched, Int32(index), channel))
            }
        }
        return HeardFeeds(feeds)
    }

    /// What the legal entities of a store promise, those without a promise included.
    func promises(ofStore store: String) -> [Promise] {
        configuration.entities.filter { $0.store == store }.map {
            Promise(legalEntity: $0.name, times: $0.flowTimes)
        }
    }

    /// Destinations of the legal entities of a store.
    func destinations(ofStore store: String) throws(CommandFailure) -> [Delivery.DestinationSettings] {
        var destinations: [Delivery.DestinationSettings] = []
        for entity in configuration.entities where entity.store == store {
            guard let odoo = entity.odoo else { continue }
            let key: String
            do {
                key = try odoo.key.resolve()
            } catch {
                throw CommandFailure(code: .configuration, message: "legal entity \(entity.name): \(error)")
            }
            var destination = Delivery.DestinationSettings(
                legalEntity: entity.name, url: odoo.url, database: odoo.database, company: odoo.company,
                login: odoo.login, key: key, interface: OdooInterface(rawValue: odoo.interface.rawValue) ?? .auto,
                requestsPerSecond: odoo.requestsPerSecond, maximumConcurrency: odoo.maxConcurrency,
                createAt: CreateAt(rawValue: odoo.createAt.name) ?? .received,
                validates: entity.validation.by == .sluice,
                warehouses: Dictionary(uniqueKeysWithValues: entity.warehouses.map { ($0.code, $0.odoo) }))
            destination.taxes = entity.validation.taxes ?? [:]
            destination.documents = Self.documents(without: odoo.without.map(\.rawValue))
            destination.tellsCustomers = odoo.tellsCustomers
            destination.weight = entity.weight
            destination.promised = entity.flowTimes
            destinations.append(destination)
        }
        return destinations
    }

    private static func documents(without names: [String]) -> OdooDocuments {
        let known: [String: OdooDocuments] = [
            "shipments": .shipments, "invoices": .invoices, "holds": .holds, "locks": .locks, "notes": .notes,
            "payments": .payments,
        ]
        return names.reduce(into: OdooDocuments.all) { documents, name in
            if let left = known[name] { documents.remove(left) }
        }
    }

    /// How long rows are kept.
    func retention() -> Store.RetentionSettings {
        let retention = configuration.retention
        return Store.RetentionSettings(
            keys: retention.keys.wholeMicroseconds, journal: retention.journal.wholeMicroseconds,
            payloads: retention.payloads.wholeMicroseconds, deadLetters: retention.deadLetters.wholeMicroseconds,
            awaitsDeadLetterTopic: true, audit: retention.audit.wholeMicroseconds)
    }

    /// How Ingest reads.
    func ingestSettings() throws(CommandFailure) -> IngestSettings {
        let kafka = configuration.kafka
        var settings = IngestSettings(
            brokers: kafka.brokers, group: kafka.group, topics: configuration.channels.flatMap(\.topics),
            instanceID: kafka.instanceID, options: try options(for: .consumer))
        // What is left of the time to stop is for what comes after ingest.
        settings.drainDeadline = configuration.shutdownTimeout * 0.6
        settings.closeBound = min(.seconds(3), configuration.shutdownTimeout * 0.2)
        return settings
    }

    /// librdkafka's settings for consumers or producers, secrets resolved.
    func options(for scope: KafkaOption.Scope) throws(CommandFailure) -> [(name: String, value: String)] {
        var options: [(name: String, value: String)] = []
        for option in configuration.kafka.options where option.scope == .both || option.scope == scope {
            do {
                options.append((option.name, try option.value.resolve()))
            } catch {
                throw CommandFailure(code: .configuration, message: "kafka.options.\(option.name): \(error)")
            }
        }
        return options
    }
}

extension EntitySettings {
    /// The canonical lifecycle with the edges that the legal entity rules differently.
    var orderLifecycle: Lifecycle {
        var lifecycle = Lifecycle.standard
        for edge in edges { lifecycle.override(from: edge.from, word: edge.word, edge.disposition) }
        return lifecycle
    }

    /// What the legal entity decides about its orders.
    var orderRules: OrderRules {
        OrderRules(lifecycle: orderLifecycle, owners: Owners(owners), validation: validationRules)
    }

    /// How its orders are validated; nothing is looked up where there is no destination.
    private var validationRules: ValidationRules {
        ValidationRules(
            by: validation.by == .sluice ? .sluice : .channel, priceTolerance: validation.priceTolerance,
            taxes: validation.taxes,
            check: odoo == nil ? [] : Set(validation.check.compactMap { MasterKind(name: $0.rawValue) }))
    }

    /// How long orders may be in a flow, in microseconds.
    var flowTimes: FlowTimes {
        var times = FlowTimes()
        for (flow, limit) in sla { times[flow] = limit.wholeMicroseconds }
        return times
    }
}

extension Duration {
    /// Whole microseconds.
    var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
