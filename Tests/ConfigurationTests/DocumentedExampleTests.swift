import OrderEvents
import Orders
import Testing

@testable import Configuration

/// A configuration that uses every documented key: each takes effect.
@Suite struct DocumentedExampleTests {
    private static let main = """
        {
          kafka: {
            brokers: ["127.0.0.1:9092"], group: "sluice",
            instance_id: "sluice-1",
            dead_letter_topic: "sluice.dead-letters",
            options: { "security.protocol": "PLAINTEXT" },
          },
          stores: { eu: { url: { env: "SLUICE_EU_DATABASE_URL" }, workers: 4, region: "eu" } },
          store: { migrate: false },
          http: { listen: "127.0.0.1:9464",
            tokens: { file: "/run/secrets/sluice-tokens" } },
          budgets: { process: "96MiB", lane: "4MiB" }, linger: "5ms",
          retention: { keys: "30d", journal: "730d", payloads: "90d", dead_letters: "90d" },
          shutdown_timeout: "10s",
        }
        """
    private static let entity = """
        {
          legal_entity: "ACME-DE",
          weight: 3,
          store: "eu",
          channels: ["amazon-eu", "wms"],
          warehouses: { BER1: { odoo: "BER1", aliases: ["FC-BER"] }, MUC1: { odoo: "MUC1" } },
          odoo: {
            url: "https://erp.example.com", database: "acme", company: "ACME DE GmbH",
            credentials: { login: "sluice@example.com", key: { env: "ODOO_ACME_DE_KEY" } },
            requests_per_second: 20, max_concurrency: 8, create_at: "validated",
          },
          validation: { by: "sluice", price_tolerance: "0.01",
            taxes: { "DE19": "19% S" }, check: ["customer"] },
          owners: { order: ["amazon-eu"], shipment: ["wms"] },
          lifecycle: { park_timeout: "15m", edges: { "allocated->invoiced": "allow" } },
          sla: { validation: "15m", delivery: "10m" },
          feeds: { "amazon-eu": { expect_every: "10m" } },
          backlog: { high: 200000, on_full: "accept" },
        }
        """
    private static let channel = """
        {
          channel: "amazon-eu", topics: ["marketplace.amazon-eu.orders"], format: "json", priority: "critical",
          order: { kind: "order", issuer: "amazon-eu" },
          sequence_from: 1,
          fields: {
            event_id: "/notificationId", order_ref: "/payload/orderId", legal_entity: "/payload/merchant",
            warehouse: "/payload/fulfilment/node", status: "/payload/status", occurred_at: "/payload/updatedAt",
            sequence: "/payload/revision",
            lines: { at: "/payload/items", sku: "/sku", quantity: "/qty", unit_price: "/price/amount" },
          },
          statuses: { Pending: "received", Shipped: "shipped", Canceled: "cancelled" },
          milestones: { Delivered: "delivered" },
          values: { warehouse: { "FC-BER": "BER1" } },
          route: [{ when: { "/payload/b2b": true }, legal_entity: "ACME-DE" }],
        }
        """

    private func fixture() throws -> ConfigurationFixture {
        let fixture = try ConfigurationFixture()
        fixture.files = [
            "sluice.json5": Self.main, "channels/amazon-eu.json5": Self.channel,
            "channels/wms.json5": "{ channel: \"wms\", topics: [\"wms\"] }", "entities/acme-de.json5": Self.entity,
        ]
        return fixture
    }

    @Test func everyDocumentedKeyIsTaken() throws {
        let fixture = try fixture()
        let configuration = try fixture.load()
        #expect(configuration.http.tokens == .file("/run/secrets/sluice-tokens"))
        #expect(configuration.kafka.instanceID == "sluice-1")
        #expect(configuration.stores[0].migrate == false)
        let entity = configuration.entities[0]
        #expect(entity.weight == 3)
        #expect(entity.backlog == BacklogSettings(high: 200_000, onFull: .accept))
        #expect(configuration.channels.map(\.priority) == [.critical, .normal])
        #expect(entity.owners == [.order: ["amazon-eu"], .shipment: ["wms"]])
        #expect(
            entity.edges == [EdgeSettings(from: .allocated, word: .state(.invoiced), disposition: .allow)])
        #expect(entity.sla == [.validation: .seconds(900), .delivery: .seconds(600)])
        #expect(entity.feeds == [FeedSettings(channel: "amazon-eu", expectEvery: .seconds(600))])
        #expect(
            entity.validation
                == ValidationSettings(
                    by: .sluice, priceTolerance: try #require(ExactDecimal("0.01")), taxes: ["DE19": "19% S"],
                    check: [.customer]))
        #expect(configuration.channels[0].mapping?[.lines, .unitPrice]?.at?.text == "/price/amount")
        #expect(configuration.channels[0].mapping?.values == ["warehouse": ["FC-BER": "BER1"]])
        #expect(configuration.channels[0].routes.map(\.legalEntity) == ["ACME-DE"])
    }
}
