import Embedded
import Foundation
import Testing

/// The demo's configuration folder.
///
/// Whether `sluice check` accepts it is tested where the reader is.
@Suite struct TrafficConfigurationTests {
    private static let configuration = DemoConfiguration(
        brokers: ["127.0.0.1:9092"], storeURLVariable: "DEMO_STORE", odooURL: "http://127.0.0.1:8069",
        odooKeyVariable: "DEMO_KEY")

    @Test func itIsWrittenWholeAndWrittenAgain() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("demo-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for _ in 1...2 { try Self.configuration.write(to: folder) }
        for file in Self.configuration.files {
            let text = try String(contentsOf: folder.appendingPathComponent(file.path), encoding: .utf8)
            #expect(text == file.text)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("entities").path)
        #expect(Set(names) == ["acme-de.json5", "acme-fr.json5", "bravo-uk.json5", "nova-nl.json5"])
    }

    @Test func everyTopicAndWarehouseOfTheTrafficIsInIt() {
        let all = Self.configuration.files.map(\.text).joined()
        for topic in DemoConfiguration.topics { #expect(all.contains("\"\(topic)\"")) }
        for entity in TrafficSettings.demoEntities {
            #expect(all.contains("legal_entity: \"\(entity.name)\""))
            for warehouse in entity.warehouses { #expect(all.contains("\"\(warehouse)\": { odoo:")) }
        }
    }

    @Test func secretsAreNamedNotWritten() {
        let all = Self.configuration.files.map(\.text).joined()
        #expect(all.contains(#"key: { env: "DEMO_KEY" }"#))
        #expect(all.contains(#"url: { env: "DEMO_STORE" }"#))
    }

    @Test func theParkTimeoutIsWrittenOnlyWhenItIsSet() {
        #expect(!Self.configuration.files.contains { $0.text.contains("park_timeout") })
        var patient = Self.configuration
        patient.parkTimeout = "2m"
        #expect(patient.files.filter { $0.text.contains(#"park_timeout: "2m""#) }.count == 4)
    }

    @Test func validationIsWrittenForEachEntitysTaxes() {
        #expect(Self.configuration.files.filter { $0.text.contains(#"validation: { by: "channel" }"#) }.count == 4)
        var validating = Self.configuration
        validating.validates = true
        let all = validating.files.map(\.text).joined()
        #expect(all.contains(#"validation: { by: "sluice", taxes: { "DE19": "19% S" }, check: ["customer","#))
        #expect(all.contains(#"{ "UK20": "20% S" }"#))
    }
}
