public import OrderEvents

/// The reference load: canonical events of about 450 bytes with two lines each, five events an order through its
/// lifecycle, some duplicates, keyed by order.
///
/// Made for speed: a record is a template with a few digits replaced, and the same settings give the same bytes. Orders
/// are under way in blocks of `window`: the events of one order are that many records apart.
public struct ReferenceTraffic: Sendable {
    /// What to generate.
    public struct Settings: Sendable {
        /// How many legal entities take turns; at most 99,999.
        public var legalEntities = 20
        /// Index of the first of them.
        public var firstLegalEntity = 0
        /// Warehouses of each; at most 9.
        public var warehouses = 3
        /// How many orders; each has five events.
        public var orders = 120_000
        /// How many orders are under way at a time.
        public var window = 5000
        /// Duplicates in a thousand records; at most 500.
        public var duplicatesPerThousand = 20
        /// Tells runs apart: it is part of every identifier (its last four digits) and decides the duplicates.
        public var seed = 1
        /// Topic of all records.
        public var topic = "reference.orders"
        /// Time of the first event.
        public var startingAt = Timestamp(microseconds: 1_790_000_000_000_000)
        /// Event time from one record to the next.
        public var microsecondsBetweenEvents: Int64 = 10

        /// The reference load of speed, latency and memory.
        public init() {}
    }

    /// The lifecycle of every order.
    public static let lifecycle: [CanonicalState] = [.received, .validated, .allocated, .shipped, .invoiced]
    /// The name that the channel of these events should have.
    public static let channelName = "reference"

    /// What was set.
    public let settings: Settings
    private let templates: [Template]
    private var random: SeededRandom
    /// Index of the next event that is no duplicate.
    private var fresh = 0
    private var sinceDuplicate = 0
    /// How many events come between two duplicates.
    private let interval: Int

    /// The load that `settings` describe.
    public init(_ settings: Settings = Settings()) {
        precondition(settings.orders >= 0 && settings.window > 0, "orders and window count orders")
        precondition(
            settings.legalEntities >= 1
                && (0...99_999).contains(settings.firstLegalEntity + settings.legalEntities),
            "legal entities have five digits")
        precondition((1...9).contains(settings.warehouses), "warehouses have one digit")
        precondition((0...500).contains(settings.duplicatesPerThousand), "at most every second record is a duplicate")
        self.settings = settings
        random = SeededRandom(seed: UInt64(bitPattern: Int64(settings.seed)))
        templates = Self.lifecycle.enumerated().map { Template(state: $1, sequence: $0 + 1, run: settings.seed) }
        interval =
            settings.duplicatesPerThousand == 0
            ? Int.max : (1000 - settings.duplicatesPerThousand) / settings.duplicatesPerThousand
    }

    /// Name of the legal entity at `index`, from 0.
    public static func legalEntity(_ index: Int) -> String { "LE-\(Catalog.padded(index + 1, 5))" }
    /// Code of the warehouse at `index`, from 0.
    public static func warehouse(_ index: Int) -> String { "W\(index + 1)" }

    /// How many records there are, duplicates included.
    public var totalRecords: Int {
        let events = settings.orders * Self.lifecycle.count
        guard interval < Int.max else { return events }
        return events + events / interval
    }

    /// Replaces `record` by the next one, reusing its memory; false at the end.
    public mutating func next(into record: inout TrafficRecord) -> Bool {
        if sinceDuplicate == interval {
            sinceDuplicate = 0
            // Not far back, as after a producer's retry; its order is under way or just through.
            render(fresh - 1 - random.below(min(fresh, 1000)), into: &record)
            record.kind = .duplicate
            return true
        }
        guard fresh < settings.orders * Self.lifecycle.count else { return false }
        render(fresh, into: &record)
        record.kind = .clean
        fresh += 1
        sinceDuplicate += 1
        return true
    }

    /// The next record, or nil at the end.
    public mutating func next() -> TrafficRecord? {
        var record = TrafficRecord(
            topic: settings.topic, key: [], value: nil, headers: [], timestamp: settings.startingAt, kind: .clean)
        return next(into: &record) ? record : nil
    }

    /// Writes the event at `index`: blocks of orders, in each all first events, then all second events, and so on.
    private func render(_ index: Int, into record: inout TrafficRecord) {
        let perBlock = settings.window * Self.lifecycle.count
        let block = index / perBlock
        let within = index % perBlock
        let size = min(settings.window, settings.orders - block * settings.window)
        let order = block * settings.window + within % size
        let template = templates[within / size]
        let microseconds = settings.startingAt.microseconds + Int64(index) * settings.microsecondsBetweenEvents
        var value = record.value ?? []
        record.value = nil  // The only reference from here on, so that its memory is reused.
        template.write(
            order: order, entity: settings.firstLegalEntity + order % settings.legalEntities,
            warehouse: order / settings.legalEntities % settings.warehouses, microseconds: microseconds, into: &value)
        record.value = value
        template.writeKey(order: order, into: &record.key)
        record.timestamp = Timestamp(microseconds: microseconds)
    }
}

/// One event of the reference load with holes.
private struct Template: Sendable {
    private let bytes: [UInt8]
    private let key: [UInt8]
    private let keyOrder: Int
    private let eventOrder: Int
    private let entity: Int
    private let warehouse: Int
    private let reference: Int
    private let purchaseOrder: Int
    private let customer: Int
    private let skus: [Int]
    private let time: Int

    init(state: CanonicalState, sequence: Int, run: Int) {
        let tag = Catalog.padded(abs(run % 10_000), 4)
        let text = """
            {"version":1,"event_id":"ref-\(tag)-<event-->-\(sequence)","legal_entity":"LE-<ent>","warehouse":"W#",\
            "order_ref":"R\(tag)-<order-->","status":"\(state.name)","occurred_at":"0000-00-00T00:00:00.000Z",\
            "sequence":\(sequence),"currency":"EUR","total":"29.75","customer":{"ref":"CUST-<c>"},\
            "references":[{"kind":"purchase_order","value":"PO-<po----->"}],\
            "lines":[{"line":"1","sku":"SKU-<s1>","quantity":"2","unit_price":"12.50"},\
            {"line":"2","sku":"SKU-<s2>","quantity":"1","unit_price":"4.75"}]}
            """
        bytes = Array(text.utf8)
        key = Array("R\(tag)-<order-->".utf8)
        keyOrder = Self.hole("<order-->", in: key)
        eventOrder = Self.hole("<event-->", in: bytes)
        entity = Self.hole("<ent>", in: bytes)
        warehouse = Self.hole("W#", in: bytes) + 1
        reference = Self.hole("<order-->", in: bytes)
        purchaseOrder = Self.hole("<po----->", in: bytes)
        customer = Self.hole("<c>", in: bytes)
        skus = [Self.hole("<s1>", in: bytes), Self.hole("<s2>", in: bytes)]
        time = Self.hole("0000-00-00T00:00:00.000Z", in: bytes)
    }

    /// Where `mark` begins; the template has each mark once.
    private static func hole(_ mark: String, in bytes: [UInt8]) -> Int {
        let mark = Array(mark.utf8)
        let starts = 0...(bytes.count - mark.count)
        let found = starts.first { bytes[$0..<($0 + mark.count)].elementsEqual(mark) }
        precondition(found != nil, "the template lacks a hole")
        return found ?? 0
    }

    func write(order: Int, entity index: Int, warehouse site: Int, microseconds: Int64, into value: inout [UInt8]) {
        value.removeAll(keepingCapacity: true)
        value.append(contentsOf: bytes)
        CalendarText.digits(order, 9, into: &value, at: eventOrder)
        CalendarText.digits(index + 1, 5, into: &value, at: entity)
        CalendarText.digits(site + 1, 1, into: &value, at: warehouse)
        CalendarText.digits(order, 9, into: &value, at: reference)
        CalendarText.digits(order, 9, into: &value, at: purchaseOrder)
        CalendarText.digits(order % 997, 3, into: &value, at: customer)
        CalendarText.digits(order % 40 + 1, 4, into: &value, at: skus[0])
        CalendarText.digits((order + 17) % 40 + 1, 4, into: &value, at: skus[1])
        CalendarText.write(microseconds: microseconds, into: &value, at: time)
    }

    func writeKey(order: Int, into target: inout [UInt8]) {
        target.removeAll(keepingCapacity: true)
        target.append(contentsOf: key)
        CalendarText.digits(order, 9, into: &target, at: keyOrder)
    }
}
