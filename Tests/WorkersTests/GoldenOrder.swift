import Foundation
import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import TestSupport

@testable import Workers

/// One order's life as a person can read it: `Tests/Fixtures/orders`.
struct GoldenOrder: Decodable, CustomStringConvertible, Sendable {
    /// One event: who says what at what time, and what becomes of it, as outcome and state of the order.
    struct Event: Decodable, Sendable {
        var from: String
        var at: String
        var says: Says
        var then: String
    }

    /// What an event says beside identity, entity and time: members of the canonical event.
    struct Says: Decodable, Sendable {
        var json: String

        init(from decoder: any Decoder) throws {
            json = try Self.text(JSONValue(from: decoder))
        }

        private static func text(_ value: JSONValue) throws -> String {
            guard case .object(let members) = value else { return "{}" }
            return members.map { "\(quoted($0.key)):\(render($0.value))" }.joined(separator: ",")
        }

        private static func render(_ value: JSONValue) -> String {
            switch value {
            case .text(let text): quoted(text)
            case .number(let number): String(number)
            case .array(let elements): "[" + elements.map(render).joined(separator: ",") + "]"
            case .object(let members):
                "{" + members.map { "\(quoted($0.key)):\(render($0.value))" }.joined(separator: ",") + "}"
            }
        }

        private static func quoted(_ text: String) -> String { "\"\(text)\"" }
    }

    /// What is true in the end.
    struct End: Decodable, Sendable {
        var state: String
        var lines: [String]
        var open: [String]
        /// What Odoo should get out, in calls, from nothing.
        var odoo: [String]
        var milestones: [String]?
        var payments: [String]?
        var disputing: [String]?
    }

    enum JSONValue: Decodable {
        case text(String)
        case number(Int64)
        case array([JSONValue])
        case object([(key: String, value: JSONValue)])

        init(from decoder: any Decoder) throws {
            if let single = try? decoder.singleValueContainer() {
                if let text = try? single.decode(String.self) {
                    self = .text(text)
                    return
                }
                if let number = try? single.decode(Int64.self) {
                    self = .number(number)
                    return
                }
                if let array = try? single.decode([JSONValue].self) {
                    self = .array(array)
                    return
                }
            }
            let members = try decoder.container(keyedBy: AnyKey.self)
            self = .object(
                try members.allKeys.map { ($0.stringValue, try members.decode(JSONValue.self, forKey: $0)) }
                    .sorted { $0.key < $1.key })
        }
    }

    struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var title: String
    var story: [String]
    /// Whether it ends the same however its events come.
    var inAnyOrder: Bool
    var events: [Event]
    var ends: [String: End]

    var description: String { title }

    /// All golden orders, by the names of their files.
    static let all: [GoldenOrder] = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/orders")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "json" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
            .compactMap { file in
                do {
                    return try JSONDecoder().decode(GoldenOrder.self, from: Data(contentsOf: file))
                } catch {
                    print("\(file.lastPathComponent): \(error)")
                    return nil
                }
            }
    }()
}

/// The legal entity of the golden orders: two marketplaces' worth of channels, two warehouses, owners.
struct GoldenStore {
    static let entity = "ACME-DE"
    static let channels: [(name: String, issuer: String?, kind: ReferenceKind, counts: Bool)] = [
        ("amazon-eu", "amazon-eu", .order, true), ("portal-a", "portal-a", .order, false),
        ("portal-b", "portal-b", .order, false), ("wms", nil, .order, false), ("dhl", "dhl", .tracking, false),
        ("accounting", nil, .order, false),
    ]
    /// The evening of the day of all golden orders.
    static let now = Timestamp(microseconds: 1_795_464_000_000_000)
    private static let day = "2026-11-23"

    let settings: ApplySettings
    private let lanes: LaneMap
    private let decoders: [EventDecoder]

    init() {
        decoders = Self.channels.enumerated().map { index, channel in
            EventDecoder(
                ChannelFormat(
                    name: channel.name, index: Int32(index), kind: .canonical, orderKind: channel.kind,
                    issuer: channel.issuer))
        }
        lanes = LaneMap(entities: [
            EntityRoute(
                name: Self.entity, weight: 1, store: 0,
                warehouses: [(code: "BER1", aliases: []), (code: "MUC1", aliases: [])], channels: nil)
        ])
        let owners = Owners([
            .order: ["amazon-eu", "portal-a", "portal-b"], .shipment: ["wms", "dhl"], .invoice: ["accounting"],
            .cancellation: ["amazon-eu", "portal-a", "portal-b"],
        ])
        let (decoders, lanes) = (decoders, lanes)
        settings = ApplySettings(
            lanes: lanes.lanes,
            channels: Self.channels.map { ChannelRules(name: $0.name, sequenceFrom: $0.counts ? 1 : nil) },
            entities: [
                EntityRules(
                    name: Self.entity, parkTimeout: 900_000_000, delivers: true, rules: OrderRules(owners: owners),
                    asked: [AskedReference(kind: .tracking, issuer: "dhl")])
            ],
            keyRetention: 30 * StoreFixture.day,
            decodeParked: { name, entity, payload, source in
                guard let index = Self.channels.firstIndex(where: { $0.name == name }),
                    let read = decoders[index].decodeAgain(payload, legalEntity: entity, source: source),
                    case .event(let event) = lanes.route(.event(read), channelName: name)
                else { return nil }
                return event
            })
    }

    /// The record of an event; `number` is its place in the log.
    func record(_ event: GoldenOrder.Event, number: Int) -> Taken {
        let index = Self.channels.firstIndex { $0.name == event.from } ?? 0
        let text =
            "{\"event_id\":\"\(event.from)-\(number)\",\"legal_entity\":\"\(Self.entity)\","
            + "\"occurred_at\":\"\(Self.day)T\(event.at):00Z\",\(event.says.json)}"
        let source = SourcePosition(
            partition: 0, epoch: 1, offset: Int64(number), loggedAt: Self.now, polledAt: Self.now)
        let taken = decoders[index].decode(value: Array(text.utf8), key: nil, source: source)
        return lanes.route(taken, channelName: event.from)
    }
}
