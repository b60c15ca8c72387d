import Foundation
import OrderEvents
import Orders
import Testing

@testable import Configuration

/// The committed example is what a new user copies: it must load, and mean exactly this.
@Suite struct ExampleFolderTests {
    private let path = Repository.root + "/deploy/config"

    @Test func theMainFileGivesTheseSettings() throws {
        let configuration = try Configuration.load(path: path)
        #expect(configuration.warnings == [])
        #expect(
            configuration.kafka
                == KafkaSettings(
                    brokers: ["127.0.0.1:9092"], group: "sluice", instanceID: nil,
                    deadLetterTopic: "sluice.dead-letters",
                    options: [KafkaOption(name: "security.protocol", value: .plain("plaintext"), scope: .both)]))
        #expect(
            configuration.stores == [
                StoreSettings(
                    name: "eu", url: .secret(.environment("SLUICE_EU_DATABASE_URL")), workers: 4, region: "eu",
                    migrate: true)
            ])
        #expect(configuration.http == HTTPSettings(host: "127.0.0.1", port: 9464))
        #expect(configuration.budgets == BudgetSettings(process: 100_663_296, lane: 4_194_304, blocked: 134_217_728))
        #expect(configuration.linger == .milliseconds(5))
        #expect(configuration.shutdownTimeout == .seconds(10))
        #expect(
            configuration.retention
                == RetentionSettings(
                    keys: .seconds(2_592_000), journal: .seconds(63_072_000), payloads: .seconds(7_776_000),
                    deadLetters: .seconds(7_776_000), audit: .seconds(31_536_000)))
    }

    @Test func theChannelsGiveTheseSettings() throws {
        let channels = try Configuration.load(path: path).channels
        #expect(channels.map(\.name) == ["amazon-eu", "dhl", "portal", "wms"])
        #expect(channels[2] == ChannelSettings(name: "portal", topics: ["portal.orders"]))
        #expect(channels[3].topics == ["wms.allocations", "wms.shipments"])
        #expect(channels[1].mapping?.milestones.keys.sorted() == ["NA", "OK", "PU", "TR"])
        #expect(channels[1].mapping?[.event, .warehouse] == nil)
        let amazon = channels[0]
        #expect(amazon.issuer == "amazon-eu")
        #expect(amazon.sequenceFrom == 1)
        func at(_ pointers: [MappedField: String]) throws -> [MappedField: FieldSource] {
            try pointers.mapValues { .at(try JSONPointer($0)) }
        }
        var event = Mapping.Group(
            fields: try at([
                .eventID: "/notificationId", .orderRef: "/payload/orderId", .legalEntity: "/payload/merchant",
                .warehouse: "/payload/fulfilment/node", .status: "/payload/status", .occurredAt: "/payload/updatedAt",
                .sequence: "/payload/revision", .currency: "/payload/currency", .total: "/payload/total/amount",
            ]))
        event.fields[.currency]?.otherwise = "EUR"
        event.fields[.total]?.format = .number
        #expect(
            amazon.mapping
                == Mapping(
                    groups: [
                        .event: event,
                        .shipment: Mapping.Group(
                            at: try JSONPointer("/payload/packages"),
                            fields: try at([.ref: "/id", .carrier: "/carrier", .tracking: "/trackingNumber"])),
                        .shipmentLines: Mapping.Group(
                            at: try JSONPointer("/items"), fields: try at([.sku: "/sku", .quantity: "/qty"])),
                        .lines: Mapping.Group(
                            at: try JSONPointer("/payload/items"),
                            fields: try at([.sku: "/sku", .quantity: "/qty", .unitPrice: "/price/amount"])),
                    ],
                    statuses: [
                        "Canceled": .state(.cancelled), "PartiallyShipped": .state(.partiallyFulfilled),
                        "Pending": .state(.received), "Shipped": .state(.shipped), "Unshipped": .state(.received),
                    ], milestones: ["Delivered": .delivered],
                    values: ["sku": ["AMZ-*": "*"], "carrier": ["DHL_PAKET": "DHL"]]))
        #expect(
            amazon.routes == [
                RouteRule(
                    name: "b2b", when: [RouteRule.Condition(.pointer(try JSONPointer("/payload/b2b")), ["true"])],
                    tags: ["b2b"])
            ])
    }

    @Test func theExamplesSamplesHoldAndCoverEverything() throws {
        let (configuration, samples) = try Configuration.prove(path: path)
        #expect(samples == 8 && configuration.warnings == [])
    }

    @Test func theEntitiesGiveTheseSettings() throws {
        let entities = try Configuration.load(path: path).entities
        #expect(entities.map(\.name) == ["ACME-DE", "ACME-FR", "NORDIC-TRADE"])
        #expect(
            entities[0]
                == EntitySettings(
                    name: "ACME-DE", weight: 3, store: "eu",
                    channels: .listed(["amazon-eu", "portal", "wms", "dhl"]),
                    warehouses: [
                        WarehouseSettings(code: "BER1", odoo: "BER1", aliases: ["FC-BER"]),
                        WarehouseSettings(code: "MUC1", odoo: "MUC1", aliases: []),
                    ],
                    odoo: DestinationSettings(
                        url: "https://erp.example.com", database: "acme", company: "ACME DE GmbH",
                        login: "sluice@example.com", key: .environment("ODOO_ACME_DE_KEY"), requestsPerSecond: 20,
                        maxConcurrency: 8, createAt: .validated, insecure: false),
                    parkTimeout: .seconds(900),
                    edges: [EdgeSettings(from: .allocated, word: .state(.invoiced), disposition: .allow)],
                    owners: [.shipment: ["wms", "dhl"], .cancellation: ["amazon-eu", "portal"]],
                    sla: [
                        .validation: .seconds(900), .dispatch: .seconds(172_800), .delivery: .seconds(600),
                        .invoice: .seconds(259_200),
                    ],
                    feeds: [FeedSettings(channel: "amazon-eu", expectEvery: .seconds(1800))],
                    backlog: BacklogSettings(high: 200_000, onFull: .accept)))
        #expect(entities[1].weight == 1)
        #expect(
            entities[1].warehouses == [WarehouseSettings(code: "LIL1", odoo: "LIL1", aliases: ["FC-LIL", "LILLE"])])
        #expect(entities[1].odoo?.key == .file("/run/secrets/odoo-acme-fr"))
        #expect(entities[1].odoo?.maxConcurrency == 4)
        #expect(entities[1].odoo?.createAt == .received)
        #expect(entities[2].odoo == nil)
        #expect(entities[2].channels == .any)
        #expect(entities[2].channels.contains("wms") && !entities[1].channels.contains("dhl"))
        #expect(entities[2].parkTimeout == .seconds(7200))
    }

    @Test func theMainFileItselfNamesTheSameConfiguration() throws {
        let folder = try Configuration.load(path: path)
        #expect(try Configuration.load(path: path + "/sluice.json5") == folder)
        #expect(try Configuration.load(path: path + "/") == folder)
    }

    @Test func whatAFileLeavesOutHasADefault() throws {
        let configuration = try ConfigurationFixture().load()
        #expect(configuration.kafka.group == "sluice")
        #expect(configuration.kafka.deadLetterTopic == "sluice.dead-letters")
        #expect(configuration.budgets == BudgetSettings(process: 64 << 20, lane: 4 << 20, blocked: 128 << 20))
        #expect(configuration.http == HTTPSettings(host: "127.0.0.1", port: 9464))
        #expect(configuration.linger == .milliseconds(5))
        #expect(configuration.shutdownTimeout == .seconds(10))
        #expect(configuration.stores[0].workers == 4 && configuration.stores[0].migrate)
        #expect(configuration.retention.journal == .seconds(730 * 86400))
        #expect(configuration.retention.audit == .seconds(730 * 86400))
        #expect(configuration.entities[0].parkTimeout == .seconds(900))
        #expect(configuration.entities[0].odoo?.requestsPerSecond == 10)
        #expect(configuration.channels[0].mapping == nil && configuration.channels[0].issuer == nil)
    }

    @Test func theDefaultForStoresYieldsToTheStoresOwnWord() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "sluice.json5", "stores: { eu: { url: { env: \"DB\" } } }",
            "store: { migrate: false }, stores: { eu: { url: { env: \"DB\" } }, us: { url: "
                + "\"postgresql://u@h/d?sslmode=verify-full\", migrate: true } }"
        )
        let stores = try fixture.load().stores
        #expect(stores.map(\.name) == ["eu", "us"])
        #expect(stores.map(\.migrate) == [false, true])
        #expect(stores[1].url == .plain("postgresql://u@h/d?sslmode=verify-full"))
    }

    @Test func whatIsAllowedButDoubtfulIsWarnedOf() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "entities/x.json5", "\"https://erp.example.com\"", "\"http://erp.example.com:8069/\", insecure: true")
        let configuration = try fixture.load()
        #expect(configuration.entities[0].odoo?.url == "http://erp.example.com:8069")
        #expect(
            configuration.warnings.map { $0.description.replacingOccurrences(of: fixture.path + "/", with: "") } == [
                "channels/m.json5:2: channel: no legal entity lists it: all its events will be rejected",
                "entities/x.json5:7: odoo.insecure: orders and the key travel to erp.example.com without encryption",
            ])
    }
}
