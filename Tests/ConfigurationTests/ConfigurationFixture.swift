import Foundation
import Testing

@testable import Configuration

/// A folder with a small valid configuration, removed when the value goes.
final class ConfigurationFixture {
    static let main = """
        {
          kafka: { brokers: ["127.0.0.1:9092"] },
          stores: { eu: { url: { env: "DB" } } },
        }
        """
    static let channel = """
        {
          channel: "a",
          topics: ["t.a"],
        }
        """
    static let mapped = """
        {
          channel: "m",
          topics: ["t.m"],
          fields: {
            event_id: "/id", order_ref: "/order", legal_entity: "/entity", status: "/status", occurred_at: "/at",
            sequence: "/n", lines: { at: "/items", sku: "/sku", quantity: "/qty" },
          },
          statuses: { New: "received" },
          milestones: { There: "delivered" },
        }
        """
    static let entity = """
        {
          legal_entity: "X",
          store: "eu",
          channels: ["a"],
          warehouses: { W1: { aliases: ["W-1"] }, W2: {} },
          odoo: {
            url: "https://erp.example.com", database: "d", company: "C",
            credentials: { login: "l", key: { env: "K" } },
          },
        }
        """

    /// The folder, without a trailing slash.
    let path: String
    var files = [
        "sluice.json5": main, "channels/a.json5": channel, "channels/m.json5": mapped, "entities/x.json5": entity,
    ]

    init() throws {
        path = NSTemporaryDirectory() + "sluice-configuration-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path + "/channels", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path + "/entities", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Replaces the one occurrence of `old` in a file.
    func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try #require(files[file])
        try #require(text.components(separatedBy: old).count == 2, "\(old) must occur once in \(file)")
        files[file] = text.replacingOccurrences(of: old, with: new)
    }

    func write(_ bytes: [UInt8], to file: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + file))
    }

    /// Writes the files and loads them.
    func load() throws -> Configuration {
        for (name, text) in files { try write(Array(text.utf8), to: name) }
        return try Configuration.load(path: path)
    }

    /// What loading says, the folder's own path left out.
    func problems() throws -> [String] {
        do {
            _ = try load()
            return []
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: path + "/", with: "").components(separatedBy: "\n")
        }
    }
}

/// The repository's folder, for the committed example and schemas.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
}
