import Embedded
import Foundation

/// Sluice's configuration for a run: one canonical channel, `legalEntities` with three warehouses each.
///
/// The load tells of validation itself, so its word is the verdict: each order has five events, by whoever reads them.
/// Every legal entity has an Odoo that is away (nothing listens there), so that each order goes to the backlog and
/// stays.
struct BenchConfiguration {
    var brokers: [String]
    var group: String
    var topic: String
    var legalEntities: Int
    var warehouses = 3
    var workers: Int?
    /// More topics of the channel.
    var moreTopics: [String] = []
    /// More of the object `kafka`.
    var kafka = ""
    /// More of each legal entity's file, by its index.
    var entity: (Int) -> String = { _ in "" }

    /// Writes the folder and returns its path.
    func write(to folder: String) throws -> String {
        let path = "\(folder)/config-\(group)"
        let manager = FileManager.default
        for name in ["channels", "entities"] {
            try manager.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        }
        let workers = workers.map { ", workers: \($0)" } ?? ""
        try write(
            """
            {
              kafka: { brokers: [\(brokers.map { "\"\($0)\"" }.joined(separator: ", "))], group: "\(group)", \(kafka) },
              stores: { bench: { url: { env: "\(Stage.storeVariable)" }\(workers) } },
              http: { listen: "127.0.0.1:0" },
            }
            """, "\(path)/sluice.json5")
        let topics = ([topic] + moreTopics).map { "\"\($0)\"" }.joined(separator: ", ")
        try write(
            "{ channel: \"\(ReferenceTraffic.channelName)\", topics: [\(topics)] }",
            "\(path)/channels/reference.json5")
        let sites = (0..<warehouses).map { "\(ReferenceTraffic.warehouse($0)): {}" }.joined(separator: ", ")
        for index in 0..<legalEntities {
            let name = ReferenceTraffic.legalEntity(index)
            try write(
                """
                {
                  legal_entity: "\(name)", store: "bench", channels: ["*"], warehouses: { \(sites) },
                  validation: { by: "channel" }, \(entity(index))
                  odoo: {
                    url: "http://127.0.0.1:1", database: "away", company: "\(name)",
                    credentials: { login: "bench@example.com", key: { env: "\(Stage.odooKeyVariable)" } },
                  },
                }
                """, "\(path)/entities/\(name.lowercased()).json5")
        }
        return path
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
}
