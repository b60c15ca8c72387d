import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// What a batch has to know before it is decided: which source partitions, keys, orders and parked events the store has.
// Every question is one round trip for the whole batch.

/// The store's numbers of source partitions, kept per connection.
struct PartitionNumbers: Sendable {
    /// Process index -> number.
    private(set) var numbers: [Int32: Int32] = [:]

    /// Learns the numbers of the partitions of `items` that are not known yet.
    mutating func learn(
        _ items: [Taken], name: (Int32) -> SourceName?, _ connection: inout Connection
    ) throws(PostgresError) {
        var missing: [Int32] = []
        for item in items {
            let index = item.source.partition
            if numbers[index] == nil, !missing.contains(index) { missing.append(index) }
        }
        guard !missing.isEmpty else { return }
        let names = missing.compactMap { index in name(index).map { (index, $0) } }
        var parameters = Parameters()
        parameters.texts(names.map(\.1.topic))
        parameters.int32s(names.map(\.1.partition))
        _ = try connection.query(ApplyStatements.addPartitions, parameters)
        let rows = try connection.query(ApplyStatements.findPartitions, parameters)
        for row in 0..<rows.count { numbers[names[Int(rows.int64(row, 0)) - 1].0] = rows.int32(row, 1) }
    }
}

/// A source partition by name.
public struct SourceName: Hashable, Sendable {
    /// The topic.
    public var topic: String
    /// The partition within it.
    public var partition: Int32

    /// A source partition by name.
    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// The questions of one batch.
enum BatchReading {
    /// Which of the entries' keys are taken; the result is by item.
    static func findKeys(
        _ entries: [BatchEntry], _ items: [Taken], _ settings: ApplySettings, into known: inout [Int: KnownKey],
        _ connection: inout Connection
    ) throws(PostgresError) {
        guard !entries.isEmpty else { return }
        let rows = try connection.query(ApplyStatements.findKeys, keyParameters(entries, items, settings))
        take(rows, entries, &known)
    }

    /// The same in the archive, for events that happened before the keys' retention.
    static func findArchivedKeys(
        _ entries: [BatchEntry], _ items: [Taken], _ settings: ApplySettings, into known: inout [Int: KnownKey],
        _ connection: inout Connection
    ) throws(PostgresError) {
        guard !entries.isEmpty else { return }
        let rows = try connection.query(ApplyStatements.findArchivedKeys, keyParameters(entries, items, settings))
        take(rows, entries, &known)
    }

    private static func keyParameters(
        _ entries: [BatchEntry], _ items: [Taken], _ settings: ApplySettings
    ) -> Parameters {
        var entities = TextArray()
        var channels = TextArray()
        var ids = TextArray()
        for entry in entries {
            guard case .event(let event) = items[entry.item] else { continue }
            entities.append(settings.entityName(event.entity))
            channels.append(settings.channelName(event.channel))
            ids.append(event.bytes, Int(event.eventID.start), Int(event.eventID.count))
        }
        var parameters = Parameters()
        parameters.array(entities)
        parameters.array(channels)
        parameters.array(ids)
        return parameters
    }

    private static func take(_ rows: borrowing Rows, _ entries: [BatchEntry], _ known: inout [Int: KnownKey]) {
        for row in 0..<rows.count {
            let entry = entries[Int(rows.int64(row, 0)) - 1]
            known[entry.item] = KnownKey(
                contentHash: UInt64(bitPattern: rows.int64(row, 1)), partition: rows.int32(row, 2),
                offset: rows.int64(row, 3), outcome: Outcome(rawValue: UInt8(rows.int16(row, 4))) ?? .applied)
        }
    }

    /// Loads the orders at `indexes`; those that the store does not have stay new.
    static func loadOrders(
        _ indexes: [Int], _ orders: inout [WorkingOrder], _ settings: ApplySettings, _ connection: inout Connection
    ) throws(ApplyError) {
        guard !indexes.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(indexes.map { settings.entityName(orders[$0].entity) })
        parameters.texts(indexes.map { orders[$0].ref })
        for index in indexes {
            orders[index].cell = .empty
            orders[index].isLoaded = true
        }
        do {
            let rows = try connection.query(ApplyStatements.loadOrders, parameters)
            for row in 0..<rows.count {
                let index = indexes[Int(rows.int64(row, 0)) - 1]
                if let canonical = rows.optionalText(row, 4) {
                    orders[index].aliasRef = canonical
                    orders[index].order.revision = rows.int64(row, 1)
                    continue
                }
                orders[index].take(
                    OrderCell(
                        try Order(
                            document: rows.bytes(row, 3), revision: rows.int64(row, 1), version: rows.int64(row, 2))))
            }
        } catch let error as PostgresError {
            throw .postgres(error)
        } catch let error as OrderDocumentError {
            throw .document(error)
        } catch {
            throw .conflict
        }
    }

    /// Loads what waits for those of the orders at `indexes` that have parked events.
    static func loadParked(
        _ indexes: some Sequence<Int>, _ orders: inout [WorkingOrder], _ settings: ApplySettings,
        _ connection: inout Connection
    ) throws(PostgresError) {
        let waiting = indexes.filter { orders[$0].order.parked > 0 }
        guard !waiting.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(waiting.map { settings.entityName(orders[$0].entity) })
        parameters.texts(waiting.map { orders[$0].ref })
        let rows = try connection.query(ApplyStatements.loadParked, parameters)
        for row in 0..<rows.count {
            let index = waiting[Int(rows.int64(row, 0)) - 1]
            if let parked = parkedEvent(rows, row, of: orders[index].entity, settings) {
                orders[index].parked.append(parked)
            }
        }
    }

    /// A row of what waits; nil: it cannot be read.
    static func parkedEvent(
        _ rows: borrowing Rows, _ row: Int, of entity: Int32, _ settings: ApplySettings
    ) -> ParkedEvent? {
        // Store numbers are not process indexes: kept apart as negative numbers, only to tell positions apart.
        let source = SourcePosition(
            partition: -2 - rows.int32(row, 7), epoch: 0, offset: rows.int64(row, 8),
            loggedAt: rows.optionalTimestamp(row, 9).map { Timestamp(microseconds: $0) },
            polledAt: Timestamp(microseconds: rows.timestamp(row, 6)),
            trace: rows.optionalBytes(row, 11).flatMap(TraceContext.init(stored:)))
        let name = settings.entityName(entity)
        guard let event = settings.decodeParked(rows.text(row, 1), name, rows.bytes(row, 10), source) else {
            return nil
        }
        return ParkedEvent(
            event: event, code: ExceptionCode(rawValue: rows.text(row, 4)) ?? .sequenceGap,
            warehouse: rows.text(row, 3),
            dueAt: rows.timestamp(row, 5), isNew: false, arrival: row)
    }
}

/// Why a batch was not applied.
enum ApplyError: Error {
    /// PostgreSQL said no, or was not there.
    case postgres(PostgresError)
    /// Another instance wrote an order or took a key meanwhile: read again.
    case conflict
    /// An order's document cannot be read.
    case document(OrderDocumentError)
}
