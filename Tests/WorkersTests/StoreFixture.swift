import OrderEvents
import Orders
import Partitioner
import Postgres
import Store
import TestSupport

@testable import Workers

/// A migrated database, the settings of two legal entities and four channels, and what tests ask of it.
///
/// Channels: 0 `market` counts from 1, 1 `wms` and 2 `desk` do not count, 3 `dhl` names orders by its tracking numbers.
/// Entities: 0 `ACME`, 1 `BETA`; at `ACME` somebody asks by DHL's numbers, by shipments and by invoices.
struct StoreFixture {
    let url: String
    let settings: ApplySettings
    let lanes: LaneMap
    private let decoders: [EventDecoder]
    private let bounds: WaitingBounds

    static let channels = ["market", "wms", "desk", "dhl"]
    static let now = Timestamp(microseconds: 1_795_000_000_000_000)
    static let day: Int64 = 86_400_000_000

    init(
        parkTimeout: Int64 = 900_000_000, validation: ValidationRules = ValidationRules(), url given: String? = nil,
        bounds: WaitingBounds = WaitingBounds(), promised: FlowTimes = FlowTimes(), feeds: HeardFeeds = HeardFeeds()
    ) throws {
        self.bounds = bounds
        url = try given ?? PostgreSQLFixture.freshDatabase()
        let decoders = Self.channels.enumerated().map {
            EventDecoder(
                ChannelFormat(
                    name: $0.element, index: Int32($0.offset), kind: .canonical,
                    orderKind: $0.element == "dhl" ? .tracking : .order, issuer: $0.element == "dhl" ? "dhl" : nil))
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
                ChannelRules(name: "dhl"),
            ],
            entities: [
                EntityRules(
                    name: "ACME", parkTimeout: parkTimeout, delivers: true,
                    rules: OrderRules(validation: validation),
                    asked: [
                        AskedReference(kind: .tracking, issuer: "dhl"), AskedReference(kind: .shipment, issuer: "wms"),
                        AskedReference(kind: .invoice, issuer: ""),
                    ], promised: promised),
                EntityRules(name: "BETA", parkTimeout: parkTimeout, delivers: false),
            ],
            keyRetention: 30 * Self.day, feeds: feeds,
            decodeParked: { name, entity, payload, source in
                guard let index = Self.channels.firstIndex(of: name),
                    let read = decoders[index].decodeAgain(payload, legalEntity: entity, source: source),
                    case .event(let event) = lanes.route(.event(read), channelName: name)
                else { return nil }
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
            waiting: WaitingCounts(bounds: bounds), sourceName: { SourceName(topic: "orders", partition: $0) })
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

    /// A canonical event that names its order by a reference: `tracking T1`, `tracking dhl/T1`.
    func named(
        _ id: String, _ name: String, _ milestone: String = "in_transit", offset: Int64, sequence: Int64? = nil,
        entity: String = "ACME", channel: String = "dhl", partition: Int32 = 0, secondsAgo: Int64 = 600,
        more: String = ""
    ) -> Taken {
        let words = name.split(separator: " ")
        let parts = words[1].split(separator: "/")
        let issuer = parts.count > 1 ? ",\"issuer\":\"\(parts[0])\"" : ""
        let time = Self.text(Timestamp(microseconds: Self.now.microseconds - secondsAgo * 1_000_000))
        var text = "{\"event_id\":\"\(id)\",\"legal_entity\":\"\(entity)\",\"occurred_at\":\"\(time)\","
        text += "\"reference\":{\"kind\":\"\(words[0])\"\(issuer),\"value\":\"\(parts.last ?? "")\"},"
        text += "\"milestone\":\"\(milestone)\""
        if let sequence { text += ",\"sequence\":\(sequence)" }
        text += more + "}"
        return record(text, channel: channel, partition: partition, offset: offset)
    }

    /// What an event has to add to teach names: `tracking dhl/T1`, `order portal/77`.
    static func teaching(_ names: String...) -> String {
        let told = names.map { name in
            let words = name.split(separator: " ")
            let parts = words[1].split(separator: "/")
            let issuer = parts.count > 1 ? ",\"issuer\":\"\(parts[0])\"" : ""
            return "{\"kind\":\"\(words[0])\"\(issuer),\"value\":\"\(parts.last ?? "")\"}"
        }
        return ",\"references\":[\(told.joined(separator: ","))]"
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
        } catch  where Self.isContention(error) {
            return try applyCarefully(items, now: now)
        }
    }

    /// Again and again, while another instance is faster.
    private mutating func applyCarefully(_ items: [Taken], now: Timestamp) throws -> AppliedBatch {
        var attempts = 0
        while true {
            do throws(ApplyError) {
                return try applier.apply(items, manner: .careful, now: now, &connection)
            } catch {
                attempts += 1
                guard attempts < 50, Self.isContention(error) else { throw error }
            }
        }
    }

    private static func isContention(_ error: ApplyError) -> Bool {
        switch error {
        case .conflict: true
        case .postgres(let error): error.retryClass == .retry
        case .document: false
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
