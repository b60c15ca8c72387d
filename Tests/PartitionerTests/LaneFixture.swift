import Foundation
import OrderEvents
import Partitioner

/// Lanes and events of the schedule's tests.
enum LaneFixture {
    /// One lane for each element of `entities`: (legal entity, weight).
    static func lanes(_ entities: [(entity: Int32, weight: Int)]) -> [Lane] {
        let weights = Dictionary(entities.map { ($0.entity, $0.weight) }) { first, _ in first }
        let count = (entities.map(\.entity).max() ?? -1) + 1
        // The map makes lanes by entity: one without a warehouse and one for each warehouse.
        let routes = (0..<count).map { entity in
            let warehouses = entities.filter { $0.entity == entity }.dropFirst().indices.map {
                (code: "W\($0)", aliases: [String]())
            }
            return EntityRoute(
                name: "E\(entity)", weight: weights[entity] ?? 1, store: 0, warehouses: warehouses, channels: nil)
        }
        return LaneMap(entities: routes).lanes
    }

    /// An event; its offset is its identity.
    static func event(
        _ id: Int64, lane: Int, order: UInt64, partition: Int32 = 0, bytes: Int = 100, polledAt: Int64 = 0,
        channel: Int32 = 0
    ) -> Taken {
        var event = OrderEvent(
            source: SourcePosition(
                partition: partition, epoch: 1, offset: id, loggedAt: nil, polledAt: Timestamp(microseconds: polledAt)),
            bytes: [UInt8](repeating: 0, count: bytes), payloadCount: bytes, contentHash: 0,
            channel: channel)
        event.lane = Int32(lane)
        event.orderHash = order
        return .event(event)
    }

    static func deadLetter(_ id: Int64) -> Taken {
        .deadLetter(
            DeadLetter(
                source: SourcePosition(
                    partition: 0, epoch: 1, offset: id, loggedAt: nil, polledAt: Timestamp(microseconds: 0)),
                reason: .empty, detail: "", channel: "", key: nil, payload: nil, payloadCount: 0))
    }

    static func bounds(
        process: Int = 1 << 40, lane: Int = 1 << 40, blocked: Int = 1 << 40, events: Int = 100, bytes: Int = 1 << 40,
        linger: Int64 = 0, stallAfter: Int64? = nil
    ) -> LaneBounds {
        LaneBounds(
            processBytes: process, laneBytes: lane, blockedBytes: blocked, batchEvents: events, batchBytes: bytes,
            linger: linger, stallAfter: stallAfter)
    }
}

extension Priorities {
    /// Channels 0, 1 and 2: critical, normal, bulk.
    static let three = Priorities(Priority.allCases.map { ($0, []) })
}

extension LaneSchedule {
    /// The next batch at a time when any linger is over; nil: nothing can go.
    mutating func batch(now: Int64 = 1_000_000_000) -> LaneBatch? {
        if case .batch(let batch) = next(now: now) { return batch }
        return nil
    }
}

extension LaneBatch {
    var ids: [Int64] { items.map(\.source.offset) }
}

extension Taken {
    var order: UInt64 {
        if case .event(let event) = self { return event.orderHash }
        return 0
    }
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The seed of the run: `SLUICE_SEED` or a new one, printed so that a failure can be repeated.
    static func seed(_ test: String) -> UInt64 {
        let seed =
            ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0..<1_000_000_000)
        print("\(test): SLUICE_SEED=\(seed)")
        return seed
    }
}
