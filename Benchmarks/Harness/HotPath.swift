import Embedded
import OrderEvents
import Orders
import Partitioner

/// What Sluice does to an event between Kafka and PostgreSQL, in this process and on one thread: decode, route, apply.
///
/// Uses the product's own types. It makes the rows of the floor, is measured by `micro`, and is what profilers look at
/// where they cannot look at the running process.
struct HotPath {
    /// An event, where its order is among `orders`, and what became of it.
    struct Step {
        var event: OrderEvent
        var order: Int
        var warehouse: String
        var evaluation: Evaluation
        /// Version of the order after it.
        var version: Int64
        var isDuplicate: Bool
    }

    private let decoder: EventDecoder
    let lanes: LaneMap
    private let channel = ChannelRules(name: ReferenceTraffic.channelName)
    private var index: [UInt64: Int] = [:]
    private(set) var orders: [Order] = []
    /// How often each order's lifecycle has been told: an event whose number was told before is a duplicate.
    private var told: [Int64] = []
    private var offset: Int64 = 0

    init(legalEntities: Int, warehouses: Int = 3) {
        decoder = EventDecoder(
            ChannelFormat(name: ReferenceTraffic.channelName, index: 0, kind: .canonical, issuer: nil))
        lanes = LaneMap(
            entities: (0..<legalEntities).map { entity in
                EntityRoute(
                    name: ReferenceTraffic.legalEntity(entity), weight: 1, store: 0,
                    warehouses: (0..<warehouses).map { (ReferenceTraffic.warehouse($0), []) }, channels: nil)
            })
    }

    /// Decodes a record.
    func decode(_ value: [UInt8], at offset: Int64, _ now: Timestamp) -> Taken {
        decoder.decode(
            value: value, key: nil,
            source: SourcePosition(partition: 0, epoch: 0, offset: offset, loggedAt: now, polledAt: now))
    }

    /// Decodes a record of the reference load, finds its lane and applies it to its order.
    mutating func take(_ value: [UInt8], _ now: Timestamp) throws(BenchError) -> Step {
        offset += 1
        guard
            case .event(let event) = lanes.route(
                decode(value, at: offset - 1, now), channelName: ReferenceTraffic.channelName)
        else { throw BenchError("a reference record is no event") }
        let order: Int
        if let known = index[event.orderHash] {
            order = known
        } else {
            order = orders.count
            index[event.orderHash] = order
            orders.append(Order())
            told.append(0)
        }
        let warehouse = lanes.lanes[Int(event.lane)].warehouseCode
        let number = event.sequence ?? 0
        if number <= told[order] {
            return Step(
                event: event, order: order, warehouse: warehouse, evaluation: .waiting(for: .keyReused),
                version: orders[order].version, isDuplicate: true)
        }
        told[order] = number
        let evaluation = orders[order].apply(event, channel: channel, warehouse: warehouse)
        guard evaluation.outcome == .applied else {
            throw BenchError("a reference event is \(evaluation.outcome.name)")
        }
        return Step(
            event: event, order: order, warehouse: warehouse, evaluation: evaluation, version: orders[order].version,
            isDuplicate: false)
    }
}
