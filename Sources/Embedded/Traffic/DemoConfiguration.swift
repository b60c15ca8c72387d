public import Foundation

/// The configuration folder of the demo: the channels and legal entities whose traffic `TrafficGenerator` makes.
///
/// Holds names of environment variables, never a secret.
public struct DemoConfiguration: Sendable {
    /// A file of the folder.
    public struct File: Equatable, Sendable {
        /// Path below the folder.
        public var path: String
        /// Content.
        public var text: String
    }

    /// Name of the one store.
    public static let storeName = "demo"

    /// Consumer group, unless another is named.
    public static let group = "sluice-demo"

    /// `host:port` of the brokers.
    public var brokers: [String]
    /// Consumer group.
    public var group = Self.group
    /// Where undecodable records go.
    public var deadLetterTopic = "sluice.dead-letters"
    /// Environment variable with the store's URL.
    public var storeURLVariable: String
    /// Connections to the store.
    public var workers = 2
    /// Where Odoo answers; plain HTTP only on loopback.
    public var odooURL: String
    /// Odoo's database.
    public var odooDatabase = "demo"
    /// Login of Sluice's user in Odoo.
    public var odooLogin = "sluice@example.com"
    /// Environment variable with that user's key.
    public var odooKeyVariable: String
    /// Calls a second that a legal entity may make.
    public var requestsPerSecond = 200
    /// Calls at a time that a legal entity may make.
    public var maximumConcurrency = 4
    /// The first state in which an order is created in Odoo: `received`, `validated` or `allocated`.
    public var createAt = "received"
    /// Whether Sluice itself validates orders, by themselves and against what Odoo has; else a channel's word counts.
    public var validates = false
    /// Port of metrics and health on loopback; 0 takes any free one.
    public var httpPort = 0
    /// How long an event waits for what is missing, such as `"15m"`; nil: the default.
    public var parkTimeout: String?
    /// The companies.
    public var legalEntities = TrafficSettings.demoEntities

    /// A configuration for these servers; the other properties have the demo's values.
    public init(brokers: [String], storeURLVariable: String, odooURL: String, odooKeyVariable: String) {
        self.brokers = brokers
        self.storeURLVariable = storeURLVariable
        self.odooURL = odooURL
        self.odooKeyVariable = odooKeyVariable
    }

    /// All topics that its channels read.
    public static var topics: [String] { TrafficChannel.allCases.map(\.topic) }

    /// The folder's files.
    public var files: [File] {
        [File(path: "sluice.json5", text: mainText)]
            + TrafficChannel.allCases.map { File(path: "channels/\($0.name).json5", text: channelText($0)) }
            + legalEntities.map { File(path: "entities/\($0.name.lowercased()).json5", text: entityText($0)) }
    }

    /// Writes the files into `folder`, which is created where it is missing; files of the same names are replaced.
    ///
    /// - Throws: What Foundation says of a folder or file that cannot be written.
    public func write(to folder: URL) throws {
        for file in files {
            let target = folder.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: target, options: .atomic)
        }
    }

    private var mainText: String {
        """
        // The demo: embedded broker, private PostgreSQL, Odoo stand-in. Written anew at every start.
        {
          kafka: {
            brokers: [\(brokers.map(Self.quoted).joined(separator: ", "))],
            group: \(Self.quoted(group)),
            dead_letter_topic: \(Self.quoted(deadLetterTopic)),
          },
          stores: { \(Self.storeName): { url: { env: \(Self.quoted(storeURLVariable)) }, workers: \(workers) } },
          http: { listen: "127.0.0.1:\(httpPort)" },
          shutdown_timeout: "10s",
        }

        """
    }

    private func channelText(_ channel: TrafficChannel) -> String {
        guard channel == .marketplace else {
            return """
                // \(Self.purpose(of: channel)): speaks the canonical event.
                { channel: \(Self.quoted(channel.name)), topics: [\(Self.quoted(channel.topic))] }

                """
        }
        return """
            // \(Self.purpose(of: channel)): a format, words and order numbers of its own; its numbers count by one.
            {
              channel: \(Self.quoted(channel.name)),
              topics: [\(Self.quoted(channel.topic))],
              format: "json",
              order: { kind: "order", issuer: \(Self.quoted(channel.issuer ?? channel.name)) },
              sequence_from: 1,
              fields: {
                event_id: "/notificationId", order_ref: "/payload/orderId", legal_entity: "/payload/merchant",
                warehouse: "/payload/fulfilment/node", status: "/payload/status", occurred_at: "/payload/updatedAt",
                sequence: "/payload/revision", currency: "/payload/currency", total: "/payload/total",
                customer: { ref: "/payload/buyer/id", name: "/payload/buyer/name" },
                lines: {
                  at: "/payload/items", line: "/position", sku: "/sku", quantity: "/qty", unit_price: "/price/amount",
                },
              },
              statuses: {
                Pending: "received", Unshipped: "received", PartiallyShipped: "partially_fulfilled", Shipped: "shipped",
                Canceled: "cancelled",
              },
              milestones: { Delivered: "delivered" },
            }

            """
    }

    private static func purpose(of channel: TrafficChannel) -> String {
        switch channel {
        case .marketplace: "A marketplace"
        case .portal: "The group's own shop"
        case .wms: "Warehouse management"
        case .carrier: "A carrier"
        case .accounting: "Accounting"
        }
    }

    private func entityText(_ entity: TrafficSettings.LegalEntity) -> String {
        let channels = TrafficChannel.allCases.map { Self.quoted($0.name) }.joined(separator: ", ")
        let warehouses = entity.warehouses.map { "\(Self.quoted($0)): { odoo: \(Self.quoted($0)) }" }
        let lifecycle = parkTimeout.map { "  lifecycle: { park_timeout: \(Self.quoted($0)) },\n" } ?? ""
        return """
            // \(entity.company), with \(entity.warehouses.count) warehouses.
            {
              legal_entity: \(Self.quoted(entity.name)),
              weight: \(entity.weight),
              store: \(Self.quoted(Self.storeName)),
              channels: [\(channels)],
              warehouses: { \(warehouses.joined(separator: ", ")) },
              odoo: {
                url: \(Self.quoted(odooURL)), database: \(Self.quoted(odooDatabase)),
                company: \(Self.quoted(entity.company)),
                credentials: { login: \(Self.quoted(odooLogin)), key: { env: \(Self.quoted(odooKeyVariable)) } },
                requests_per_second: \(requestsPerSecond), max_concurrency: \(maximumConcurrency),
                create_at: \(Self.quoted(createAt)),
              },
              validation: \(validationText(entity)),
            \(lifecycle)}

            """
    }

    private func validationText(_ entity: TrafficSettings.LegalEntity) -> String {
        guard validates else { return "{ by: \"channel\" }" }
        let taxes = "{ \(Self.quoted(entity.tax)): \(Self.quoted(entity.taxName)) }"
        return "{ by: \"sluice\", taxes: \(taxes), check: [\"customer\", \"products\", \"taxes\"] }"
    }

    /// `text` as a JSON5 string.
    private static func quoted(_ text: String) -> String {
        let escaped = text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        return "\"\(escaped)\""
    }
}
