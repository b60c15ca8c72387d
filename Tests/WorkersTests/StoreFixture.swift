import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import TestSupport

@testable import Workers

/// A migrated database, the settings of two legal entities and three channels, and what tests ask of it.
///
/// Channels: 0 `market` counts from 1, 1 `wms` and 2 `desk` do not count. Entities: 0 `ACME`, 1 `BETA`.
struct StoreFixture {
    let url: String
    let settings: ApplySettings
    let lanes: LaneMap
    private let decoders: [EventDecoder]

    static let channels = ["market", "wms", "desk"]
    static let now = Timestamp(microseconds: 1_795_000_000_000_000)
    static let day: Int64 = 86_400_000_000

    init(parkTimeout: Int64 = 900_000_000, url given: String? = nil) throws {
        url = try given ?? PostgreSQLFixture.freshDatabase()
        let decoders = Self.channels.enumerated().map {
            EventDecoder(ChannelFormat(name: $0.element, index: Int32($0.offset), kind: .canonical))
        }
        self.decoders = decoders
        let lanes = LaneMap(entities: [
            EntityRoute(
                name: "ACME", weight: 1, store: 0, warehouses: [(code: "BER1", aliases: [])], channels: nil),
            EntityRoute(name: "BETA", weight: 1, store: 0, warehouses: [], channels: nil),
        ])
        self.lanes = lanes
        settings = ApplySettings(
            lanes: lanes.lanes,
            channels: [
                ChannelRules(name: "market", sequenceFrom: 1), ChannelRules(name: "wms"), ChannelRules(name: "desk"),
            ],
            entities: [
                EntityRules(name: "ACME", parkTimeout: parkTimeout, delivers: true),
                EntityRules(name: "BETA", parkTimeout: parkTimeout, delivers: false),
            ],
            keyRetention: 30 * Self.day,
            decodeParked: { name, payload, source in
                guard let index = Self.channels.firstIndex(of: name) else { return nil }
                let taken = decoders[index].decode(value: payload, key: nil, source: source)
                guard case .event(let event) = lanes.route(taken, channelName: name) else { return nil }
                return event
            })
        var connection = try Connection(connectionSettings)
        _ = try Migrations.apply(to: &connection)
    }

    /// How workers connect.
    var connectionSettings: ConnectionSettings {
        get throws {
            var settings = try ConnectionSettings(url)
            settings.searchPath = "sluice"
            return settings
        }
    }

    func connect() throws -> Connection { try Connection(connectionSettings) }

    /// An applier with empty memories: what a process has that just began.
    func applier() -> BatchApplier {
        BatchApplier(
            settings: settings, orders: OrderMemory(bytes: 1 << 20), keys: KeyMemory(count: 1 << 12),
            sourceName: { SourceName(topic: "orders", partition: $0) })
    }

    /// A decoded and routed record.
    func record(
        _ text: String, channel: String = "market", partition: Int32 = 0, offset: Int64, polledAt: Timestamp = now,
        epoch: UInt32 = 1
    ) -> Taken {
        let index = Self.channels.firstIndex(of: channel) ?? 0
        let source = SourcePosition(
            partition: partition, epoch: epoch, offset: offset, loggedAt: polledAt, polledAt: polledAt)
        let taken = decoders[index].decode(value: Array(text.utf8), key: nil, source: source)
        return lanes.route(taken, channelName: channel)
    }

    /// A canonical event.
    func event(
        _ id: String, _ order: String, _ status: String?, offset: Int64, sequence: Int64? = nil,
        entity: String = "ACME", channel: String = "market", partition: Int32 = 0, secondsAgo: Int64 = 3600,
        at: Timestamp? = nil, more: String = "", epoch: UInt32 = 1
    ) -> Taken {
        let time = Self.text(at ?? Timestamp(microseconds: Self.now.microseconds - secondsAgo * 1_000_000))
        var text = "{\"event_id\":\"\(id)\",\"legal_entity\":\"\(entity)\",\"order_ref\":\"\(order)\","
        text += "\"occurred_at\":\"\(time)\""
        if let status { text += ",\"status\":\"\(status)\"" }
        if let sequence { text += ",\"sequence\":\(sequence)" }
        text += more + "}"
        return record(text, channel: channel, partition: partition, offset: offset, epoch: epoch)
    }

    /// A canonical event that names a warehouse which is not configured.
    func refused(
        _ id: String, _ order: String, offset: Int64, sequence: Int64? = nil, channel: String = "market",
        epoch: UInt32 = 1
    ) -> Taken {
        event(
            id, order, "validated", offset: offset, sequence: sequence, channel: channel, secondsAgo: 60,
            more: ",\"warehouse\":\"NOWHERE\"", epoch: epoch)
    }

    /// RFC 3339 with milliseconds, in UTC.
    static func text(_ time: Timestamp) -> String {
        let days = Int((time.microseconds / day)) - (time.microseconds % day < 0 ? 1 : 0)
        let rest = Int(time.microseconds - Int64(days) * day) / 1000
        // Howard Hinnant's civil_from_days.
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let milliseconds = String(String(1000 + rest % 1000).dropFirst())
        return "\(year)-\(two(month))-\(two(doy - (153 * mp + 2) / 5 + 1))T\(two(rest / 3_600_000)):"
            + "\(two(rest / 60_000 % 60)):\(two(rest / 1000 % 60)).\(milliseconds)Z"
    }
}

/// A fixture with a connection and an applier: what most tests use.
struct Bench: ~Copyable {
    let store: StoreFixture
    var connection: Connection
    var applier: BatchApplier

    init(_ store: StoreFixture) throws {
        self.store = store
        connection = try store.connect()
        applier = store.applier()
    }

    init() throws { try self.init(StoreFixture()) }

    /// Applies a batch as a worker does: quickly, then carefully.
    @discardableResult
    mutating func apply(_ items: [Taken], now: Timestamp = StoreFixture.now) throws -> AppliedBatch {
        do {
            return try applier.apply(items, manner: .quick, now: now, &connection)
        } catch ApplyError.conflict {
            return try applier.apply(items, manner: .careful, now: now, &connection)
        }
    }

    /// As a process that just began.
    mutating func restart() { applier = store.applier() }

    mutating func count(_ sql: String) throws -> Int64 {
        try connection.execute("SELECT count(*) FROM \(sql)").int64(0, 0)
    }

    mutating func text(_ sql: String) throws -> String {
        let rows = try connection.execute(sql)
        return rows.count == 0 ? "" : rows.text(0, 0)
    }

    mutating func order(_ ref: String, entity: String = "ACME") throws -> Order? {
        let rows = try connection.execute(
            "SELECT document, revision, version FROM orders WHERE legal_entity = '\(entity)' AND order_ref = '\(ref)'")
        guard rows.count > 0 else { return nil }
        return try Order(
            document: Array(rows.text(0, 0).utf8), revision: rows.int64(0, 1), version: rows.int64(0, 2))
    }

    /// Ledgers everything below `next` of a partition as polled, and gives the imbalance of the books: 0.
    mutating func imbalance(_ polled: [Taken]) throws -> Int64 {
        var stretches: [Int32: [Int64: String]] = [:]
        for item in polled {
            let entity =
                switch item {
                case .event(let event): store.settings.entityName(event.entity)
                case .deadLetter: "unknown"
                }
            stretches[item.source.partition, default: [:]][item.source.offset] = entity
        }
        _ = try connection.execute("DELETE FROM partition_ledger")
        let ledger = stretches.map { partition, records in
            let counts = Dictionary(grouping: records.values, by: { $0 }).map {
                (legalEntity: $0.key, records: Int64($0.value.count))
            }
            return LedgerStretch(
                topic: "orders", partition: partition, firstOffset: 0, nextOffset: (records.keys.max() ?? 0) + 1,
                counts: counts)
        }
        try PartitionLedger.follow(ledger, instance: "test", &connection)
        return try Books.read(&connection).reduce(0) { $0 + abs($1.imbalance) }
    }
}
