import Embedded
import Foundation

/// What the demo stands on: a broker, a private PostgreSQL, an Odoo stand-in and a configuration, in one folder that is
/// removed at the end.
final class DemoStage {
    /// The variables that the written configuration names.
    static let storeVariable = "SLUICE_DEMO_DATABASE_URL"
    static let keyVariable = "SLUICE_DEMO_ODOO_KEY"
    /// Where dead letters go.
    static let deadLetterTopic = "sluice.dead-letters"

    let folder: URL
    let broker: EmbeddedBroker
    let postgres: EmbeddedPostgreSQL
    let storeURL: String
    let odoo: OdooStandIn

    /// Starts the parts; `say` is told each step.
    init(partitions: Int, say: (String) -> Void) throws(CommandFailure) {
        do {
            let manager = FileManager.default
            folder = manager.temporaryDirectory.appendingPathComponent("sluice-demo-\(UUID().uuidString.prefix(8))")
            try manager.createDirectory(at: folder, withIntermediateDirectories: true)
            let kind = EmbeddedBroker.Kind.chosen(by: ProcessInfo.processInfo.environment)
            broker = try EmbeddedBroker(kind)
            for topic in DemoConfiguration.topics + [Self.deadLetterTopic] {
                try broker.createTopic(topic, partitions: partitions)
            }
            say("broker       \(broker.bootstrapServers.joined(separator: ",")) (\(kind.name))")
            postgres = try EmbeddedPostgreSQL()
            storeURL = try postgres.createDatabase("sluice")
            say("postgresql   \(storeURL)")
            let key = UUID().uuidString
            odoo = try OdooStandIn(Self.odooSettings(folder: folder, key: key))
            odoo.start()
            say("odoo         \(odoo.url) (stand-in)")
            unsafe setenv(Self.storeVariable, storeURL, 1)
            unsafe setenv(Self.keyVariable, key, 1)
        } catch {
            throw CommandFailure(code: .unavailable, message: "the demo's parts cannot be started: \(error)")
        }
    }

    /// An Odoo that knows the companies, warehouses and articles of the traffic.
    static func odooSettings(folder: URL, key: String) -> OdooStandInSettings {
        let entities = TrafficSettings.demoEntities
        return OdooStandInSettings(
            database: "demo", folder: folder.appendingPathComponent("odoo").path,
            companies: entities.map(\.company),
            warehouses: entities.flatMap { entity in
                entity.warehouses.map {
                    OdooStandInSettings.Warehouse(code: $0, name: $0, company: entity.company)
                }
            },
            products: Catalog.products.map { OdooStandInSettings.Master(code: $0.sku, name: $0.name) },
            partners: Catalog.customers.map { OdooStandInSettings.Master(code: $0.ref, name: $0.name) },
            taxes: entities.map {
                OdooStandInSettings.Tax(
                    name: $0.taxName, amount: Double($0.tax.filter(\.isNumber)) ?? 0, company: $0.company)
            },
            carriers: [OdooStandInSettings.Master(code: "", name: "DHL")],
            users: [OdooStandInSettings.User(key: key)], workers: 4)
    }

    /// Writes the configuration and returns its folder.
    func writeConfiguration(parkTimeout: String, httpPort: Int) throws(CommandFailure) -> String {
        var configuration = DemoConfiguration(
            brokers: broker.bootstrapServers, storeURLVariable: Self.storeVariable, odooURL: odoo.url,
            odooKeyVariable: Self.keyVariable)
        configuration.parkTimeout = parkTimeout
        configuration.validates = true
        configuration.createAt = "validated"
        configuration.httpPort = httpPort
        let path = folder.appendingPathComponent("config")
        do {
            try configuration.write(to: path)
        } catch {
            throw CommandFailure(code: .software, message: "the demo's configuration cannot be written: \(error)")
        }
        return path.path
    }

    /// Stops the parts and removes the folder.
    func tearDown() {
        odoo.stop()
        broker.stop()
        postgres.shutDown()
        try? FileManager.default.removeItem(at: folder)
    }
}
