import OrderEvents

@testable import Workers

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Records of many orders in a random sequence: gaps, words that may not follow, late events, reused keys, garbage.
struct RandomTraffic {
    private var random: SeededGenerator
    private let store: StoreFixture
    private var told: [Int: Int64] = [:]
    private var sent:
        [(id: String, order: String, status: String?, more: String, sequence: Int64?, channel: String, ago: Int64)] = []
    private(set) var records: [Taken] = []

    init(seed: UInt64, store: StoreFixture) {
        random = SeededGenerator(seed: seed)
        self.store = store
    }

    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }

    /// Adds `count` records.
    mutating func fill(_ count: Int, orders: Int) {
        for number in 0..<count {
            let offset = Int64(records.count)
            let dice = Int.random(in: 0..<100, using: &random)
            if dice < 2 {
                records.append(store.record(pick(["", "{", "[]", "{\"event_id\":\"x\"}"]), offset: offset))
            } else if dice < 12, !sent.isEmpty {
                let again = pick(sent)
                let status = dice == 2 ? "cancelled" : again.status
                records.append(
                    store.event(
                        again.id, again.order, status, offset: offset, sequence: again.sequence,
                        channel: again.channel, secondsAgo: again.ago, more: again.more))
            } else {
                fresh(number, Int.random(in: 0..<orders, using: &random), offset)
            }
        }
    }

    private mutating func fresh(_ number: Int, _ order: Int, _ offset: Int64) {
        let channel = pick(["market", "market", "wms", "desk"])
        let ago = Int64.random(in: 0..<100_000, using: &random)
        var sequence: Int64?
        var more = ""
        if channel == "market" {
            let next = (told[order] ?? 0) + 1
            // Some numbers never come, or come late.
            sequence = Int.random(in: 0..<20, using: &random) == 0 ? next + 2 : next
            told[order] = max(next, sequence ?? 0)
        }
        var status: String? = pick([
            "received", "validated", "allocated", "partially_fulfilled", "shipped", "invoiced", "closed", "on_hold",
            "release", "cancelled",
        ])
        switch Int.random(in: 0..<6, using: &random) {
        case 0: more = ",\"shipment\":{\"ref\":\"S-\(Int.random(in: 0..<3, using: &random))\"}"
        case 1: more = ",\"references\":[{\"kind\":\"tracking\",\"value\":\"T-\(number)\"}]"
        case 2: more = ",\"warehouse\":\"\(pick(["BER1", "NOWHERE"]))\""
        case 3:
            status = nil
            more = ",\"milestone\":\"\(pick(["in_transit", "delivered", "tracking"]))\""
        case 4: more = ",\"lines\":[{\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"\(number)\"}]"
        default: break
        }
        let id = "r\(number)"
        records.append(
            store.event(
                id, "O-\(order)", status, offset: offset, sequence: sequence, channel: channel, secondsAgo: ago,
                more: more))
        sent.append((id, "O-\(order)", status, more, sequence, channel, ago))
    }
}
