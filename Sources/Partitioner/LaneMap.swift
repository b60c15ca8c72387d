public import OrderEvents

/// A legal entity, as far as routing cares.
public struct EntityRoute: Sendable {
    /// Its name.
    public var name: String
    /// Its share under contention, 1...1000.
    public var weight: Int
    /// Index of its store.
    public var store: Int
    /// Warehouses: canonical code and the codes that stand for it.
    public var warehouses: [(code: String, aliases: [String])]
    /// Indexes of the channels that may speak for it; nil: every channel.
    public var channels: Set<Int32>?

    /// A legal entity; see the properties.
    public init(
        name: String, weight: Int, store: Int, warehouses: [(code: String, aliases: [String])], channels: Set<Int32>?
    ) {
        self.name = name
        self.weight = weight
        self.store = store
        self.warehouses = warehouses
        self.channels = channels
    }
}

/// A lane: (legal entity, warehouse).
public struct Lane: Sendable {
    /// Index of the legal entity; -1 for the lane of dead letters.
    public var entity: Int32
    /// Name of the legal entity; `unknown` for the lane of dead letters.
    public var legalEntity: String
    /// Canonical code of the warehouse, `_` for events without one.
    public var warehouse: String
    /// Index of the store.
    public var store: Int
    /// Weight of the legal entity.
    public var weight: Int

    /// The code as facts name it: empty for `_`.
    public var warehouseCode: String { warehouse == "_" ? "" : warehouse }
}

/// Which lane an event belongs to.
///
/// Immutable and shared by all threads.
public struct LaneMap: Sendable {
    /// The legal entities; an event's `entity` is an index into it.
    public let entities: [EntityRoute]
    /// The lanes; an event's `lane` is an index into it.
    ///
    /// Lane 0 takes the dead letters (entity `unknown`, first store).
    public let lanes: [Lane]

    private let entityNames: NameTable
    /// Codes and aliases, each within its legal entity.
    private let warehouseNames: NameTable
    private let withoutWarehouse: [Int32]
    private let orderSeeds: [UInt64]

    /// Lanes of all `entities`: one per warehouse, and one for events without.
    public init(entities: [EntityRoute]) {
        var lanes = [Lane(entity: -1, legalEntity: "unknown", warehouse: "_", store: 0, weight: 1)]
        var names = NameTable()
        var warehouseNames = NameTable()
        var withoutWarehouse: [Int32] = []
        for (index, entity) in entities.enumerated() {
            _ = names.add(entity.name.utf8, value: Int32(index))
            var lane = Lane(
                entity: Int32(index), legalEntity: entity.name, warehouse: "_", store: entity.store,
                weight: entity.weight)
            withoutWarehouse.append(Int32(lanes.count))
            lanes.append(lane)
            for (code, aliases) in entity.warehouses {
                lane.warehouse = code
                for name in [code] + aliases {
                    _ = warehouseNames.add(name.utf8, scope: Int32(index), value: Int32(lanes.count))
                }
                lanes.append(lane)
            }
        }
        self.entities = entities
        self.lanes = lanes
        self.entityNames = names
        self.warehouseNames = warehouseNames
        self.withoutWarehouse = withoutWarehouse
        self.orderSeeds = entities.map { StableHash.orderKeySeed(entity: $0.name) }
    }

    /// Gives the event its legal entity, lane and order hash, or says why it cannot have them.
    ///
    /// A channel that the entity does not list and a warehouse that it does not have make a `refusal`; a legal entity
    /// that is not configured makes a dead letter.
    public func route(_ taken: Taken, channelName: String) -> Taken {
        guard case .event(var event) = taken else { return taken }
        guard
            let entity = entityNames.find(event.bytes, Int(event.legalEntity.start), Int(event.legalEntity.count))
        else {
            let payload = Array(event.bytes.prefix(min(event.payloadCount, DeadLetter.maximumKeptBytes)))
            return .deadLetter(
                DeadLetter(
                    source: event.source, reason: .unknownLegalEntity,
                    detail: "the legal entity is not configured: add entities/NAME.json5 or mend the channel's field",
                    channel: channelName, key: nil, payload: payload, payloadCount: event.payloadCount))
        }
        event.entity = entity
        event.lane = withoutWarehouse[Int(entity)]
        if let channels = entities[Int(entity)].channels, !channels.contains(event.channel) {
            event.refusal = Refusal(
                code: .channelNotListed,
                detail: "channel \(channelName) may not speak for \(entities[Int(entity)].name): list it in `channels`")
        } else if !event.warehouse.isEmpty {
            let (start, count) = (Int(event.warehouse.start), Int(event.warehouse.count))
            if let lane = warehouseNames.find(event.bytes, start, count, scope: entity) {
                event.lane = lane
            } else if event.refusal == nil {
                event.refusal = Refusal(
                    code: .unknownWarehouse,
                    detail: "\(entities[Int(entity)].name) has no such warehouse: add it or an alias to `warehouses`")
            }
        }
        event.orderHash = orderHash(event)
        return .event(event)
    }

    /// Hash of (entity, order reference), or of the reference by which the event names its order.
    ///
    /// Never 0.
    private func orderHash(_ event: OrderEvent) -> UInt64 {
        let bytes = event.bytes.span
        let seed = orderSeeds[Int(event.entity)]
        if !event.orderRef.isEmpty {
            return max(1, StableHash.orderKey(seed: seed, bytes: bytes, orderRef: event.orderRef))
        }
        guard let reference = event.reference else { return 1 }
        let issuer = StableHash.orderKey(
            seed: seed &+ UInt64(reference.kind.rawValue), bytes: bytes, orderRef: reference.issuer)
        return max(1, StableHash.orderKey(seed: issuer, bytes: bytes, orderRef: reference.value))
    }
}
