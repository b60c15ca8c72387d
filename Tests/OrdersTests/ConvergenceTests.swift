import OrderEvents
import Orders
import Testing

/// Whatever the order of arrival, one history has one end.
///
/// Seeded; every failure names its seed.
@Suite struct ConvergenceTests {
    /// A legal history of one order: words that the table allows where they stand, times that rise, facts beside them.
    struct History {
        var told: [Told] = []

        init(channels: [String], length: Int, random: inout Random) {
            var order = Order()
            var time: Int64 = 0
            var numbers: [String: Int64] = [:]
            let holder = channels[0]
            while told.count < length {
                time += Int64.random(in: 1...9, using: &random)
                let channel = channels.randomElement(using: &random) ?? holder
                var one = Self.candidate(time, channel, order, &random)
                // The order begins with a word.
                if told.isEmpty, one.word == nil { one.word = .state(.received) }
                one.sequence = numbers[channel, default: 0] + 1
                var trial = order
                let result = trial.apply(one.event, channel: ChannelRules(name: channel))
                guard result.outcome == .applied, result.disposition == .allow else { continue }
                // Two places where arrival shows. What ends an order whose partial shipment nobody has told yet leaves
                // `cancelled`, which is refused.
                if one.word == .state(.closed), order.time(of: .cancelled) != nil { continue }
                // And: the rest of a partial shipment is cancelled under a hold. Told in
                // sequence, the hold is then of no account; an invoice that overtakes the cancellation violates it.
                if one.word == .state(.cancelled), order.isHeld, order.path == .partiallyFulfilled { continue }
                numbers[channel, default: 0] += 1
                order = trial
                told.append(one)
                if order.path == .closed || (order.path == .cancelled && !order.isHeld) { break }
            }
        }

        private static func candidate(
            _ time: Int64, _ channel: String, _ order: Order, _ random: inout Random
        ) -> Told {
            var told = Told(nil, time, channel: channel)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6: told.word = Lifecycle.words.randomElement(using: &random)
            case 6..<8: told.milestone = Milestone.allCases.randomElement(using: &random)
            default:
                told.word = order.path.map(StatusWord.state)
                told.milestone = .allocation
            }
            if told.word == .state(.onHold) || told.word == .release {
                told.reason = ["credit", "fraud", "stock"].randomElement(using: &random)
            }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: told.shipment = ("S-\(Int.random(in: 1...2, using: &random))", "", ["\(time)"])
            case 1: told.invoice = "I-\(Int.random(in: 1...2, using: &random))"
            case 2:
                told.payment = (
                    "P-\(Int.random(in: 1...2, using: &random))",
                    [.authorized, .captured].randomElement(using: &random) ?? .failed
                )
            case 3: told.lines = ["A\(time)"]
            case 4: told.reference = "W-\(Int.random(in: 1...3, using: &random))"
            case 5: told.total = time
            default: break
            }
            return told
        }
    }

    @Test func aPermutedHistoryOfACountingChannelEndsTheSame() {
        let seed = Random.seed("permutations of one channel")
        var random = Random(seed: seed)
        for round in 0..<2_000 {
            let history = History(channels: ["shop"], length: Int.random(in: 2...9, using: &random), random: &random)
            let straight = Desk(history.told, counting: ["shop"])
            let permuted = Desk(history.told.shuffled(using: &random), counting: ["shop"])
            #expect(permuted.parked.isEmpty && permuted.order.parked == 0)
            guard permuted.truth == straight.truth, permuted.order.version == straight.order.version else {
                Issue.record("seed \(seed), round \(round): \(history.told.map { "\($0.word?.name ?? "-")@\($0.at)" })")
                return
            }
        }
    }

    @Test func aPermutedHistoryOfThreeChannelsEndsTheSame() {
        let seed = Random.seed("permutations of three channels")
        var random = Random(seed: seed)
        let channels = ["shop", "wms", "erp"]
        for round in 0..<2_000 {
            let length = Int.random(in: 2...9, using: &random)
            let history = History(channels: channels, length: length, random: &random)
            for counting in [Set<String>(), ["shop"], Set(channels)] {
                // Numbers order a channel only where they count; else its times do.
                let told = counting.isEmpty ? history.told.map { $0.with { $0.sequence = nil } } : history.told
                let straight = Desk(told, counting: counting)
                let permuted = Desk(told.shuffled(using: &random), counting: counting)
                guard permuted.parked.isEmpty, permuted.truth.settled == straight.truth.settled else {
                    Issue.record(
                        """
                        seed \(seed), round \(round), counting \(counting):
                        \(told.map { "\($0.channel):\($0.word?.name ?? "-")(\($0.reason ?? ""))@\($0.at)" })
                        \(Self.difference(straight, permuted))
                        """)
                    return
                }
            }
        }
    }

    private static func difference(_ a: Desk, _ b: Desk) -> String {
        let members = { (desk: Desk) in
            Mirror(reflecting: desk.truth.settled.order).children.map { "\($0.label ?? "")=\($0.value)" }
                + ["open holds=\(desk.truth.openHolds)", "parked=\(desk.parked.map { $0.word?.name ?? "-" })"]
        }
        return zip(members(a), members(b)).filter { $0 != $1 }.map { "\($0)\n\($1)" }.joined(separator: "\n")
    }

    @Test func whatIsToldAgainChangesNothing() {
        let seed = Random.seed("told again")
        var random = Random(seed: seed)
        for _ in 0..<1_000 {
            let history = History(channels: ["shop", "wms"], length: 7, random: &random)
            var desk = Desk(history.told)
            let truth = desk.truth
            // Another event id, the same content: late by its number, behind by its word.
            for told in history.told where told.word != .state(.partiallyFulfilled) && told.word != .release {
                let outcome = desk.tell(told).outcome
                #expect(outcome == .stale || outcome == .rejected, "seed \(seed): \(told.word?.name ?? "-") \(outcome)")
            }
            #expect(desk.truth == truth, "seed \(seed)")
        }
    }
}

extension Truth {
    /// Without the numbers that channels of another arrival order had told when.
    var settled: Truth {
        var truth = self
        truth.order.channels = truth.order.channels.map {
            var channel = $0
            channel.releasedAt = nil
            return channel
        }
        return truth
    }
}
