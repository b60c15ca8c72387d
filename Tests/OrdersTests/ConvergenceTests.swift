import OrderEvents
import Testing

@testable import Orders

/// Whatever the order of arrival, one history has one end.
///
/// Goal: state, times, milestones, holds, facts, quantities and open exceptions of a legal history over three
/// channels and two warehouses do not depend on the order in which its events come, nor on how often. Seeded; a
/// failure names its seed, the history and what differs.
@Suite struct ConvergenceTests {
    static let channels = ["shop", "wms", "erp"]
    static let owners = Owners([
        .order: ["shop"], .shipment: ["wms", "erp"], .invoice: ["erp"], .cancellation: ["shop", "wms"],
        .allocation: ["wms"],
    ])

    /// A legal history of one order: words that may follow where they stand, times that rise, facts beside them.
    struct History {
        var told: [Told] = []

        init(channels: [String], length: Int, rules: OrderRules, random: inout Random) {
            var desk = Desk([], rules: rules)
            var time: Int64 = 0
            var numbers: [String: Int64] = [:]
            for _ in 0..<length * 12 where told.count < length {
                time += Int64.random(in: 1...9, using: &random)
                let channel = channels.randomElement(using: &random) ?? "shop"
                var one = Self.candidate(time, channel, desk.order, &random)
                // The order begins with a word.
                if told.isEmpty, one.word == nil { one.word = .state(.received) }
                one.sequence = numbers[channel, default: 0] + 1
                var trial = desk
                let result = trial.tell(one)
                // What the table allows or flags where it stands, and what changes nothing because its teller has no
                // say.
                let counts = one.word.map { rules.owners.rank(of: channel, in: FactGroup(of: $0)) != nil } ?? true
                let isLegal =
                    result.outcome == .applied && result.disposition != .behind && Self.follows(one, desk, rules)
                guard isLegal || (result.outcome == .stale && !counts) else { continue }
                // A partial shipment that nobody has told yet: what ends the order then leaves `cancelled`, and is
                // refused.
                if one.word == .state(.closed), desk.order.time(of: .cancelled) != nil { continue }
                // In hindsight: by what is told now, something told before may not have followed.
                guard Self.isLegal(trial.order, rules) else { continue }
                numbers[channel, default: 0] += 1
                desk = trial
                told.append(one)
            }
        }

        /// Whether nothing is refused or waits, also without what took effect when it came.
        private static func isLegal(_ order: Order, _ rules: OrderRules) -> Bool {
            var fresh = order
            for index in fresh.words.indices { fresh.words[index].flags.remove(.accepted) }
            let timeline = Timeline.run(fresh, rules)
            return timeline.refused == 0 && timeline.path == order.path && timeline.reached == order.reached
        }

        /// Whether the word may follow, and is not one that the order is beyond.
        private static func follows(_ told: Told, _ desk: Desk, _ rules: OrderRules) -> Bool {
            guard let word = told.word, word != .release, word != .state(.onHold) else { return true }
            let disposition = rules.lifecycle.rule(from: desk.order.path, word: word).disposition
            return disposition == .allow || disposition == .flag
        }

        private static func candidate(
            _ time: Int64, _ channel: String, _ order: Order, _ random: inout Random
        ) -> Told {
            var told = Told(nil, time, channel: channel)
            told.warehouse = ["BER1", "MUC1", ""].randomElement(using: &random) ?? ""
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
            // What may be refused where it comes tells nothing else.
            guard ![.state(.onHold), .release, .state(.closed)].contains(told.word) else { return told }
            guard told.word != .state(.cancelled) else {
                told.cancelled = Bool.random(using: &random) && order.time(of: .shipped) == nil ? ["1:1", "2:2"] : nil
                return told
            }
            addFact(&told, time, order, &random)
            return told
        }

        private static func addFact(_ told: inout Told, _ time: Int64, _ order: Order, _ random: inout Random) {
            func amounts() -> [String] {
                ["1", "2"].filter { _ in Bool.random(using: &random) }
                    .map { "\($0):\(Int.random(in: 1...2, using: &random))" }
            }
            let number = Int.random(in: 1...2, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: told.shipment = ("S-\(number)", "", amounts())
            case 1: told.shipment = Bool.random(using: &random) ? ("S-\(number)", "T-\(number)", []) : ("", "T-1", [])
            case 2: (told.invoice, told.invoiced) = ("I-\(number)", amounts())
            case 3: told.payment = ("P-\(number)", [.authorized, .captured].randomElement(using: &random) ?? .failed)
            case 4: told.lines = ["A:2", "B:2"]
            case 5: told.reference = "W-\(Int.random(in: 1...3, using: &random))"
            case 6: told.total = time
            case 7: told.allocated = amounts().map { Bool.random(using: &random) ? $0 : "\($0):1" }
            // A total that falls again gives life to what was cancelled.
            case 8: if order.cancellations.isEmpty { told.cancelled = amounts() }
            default: break
            }
        }
    }

    @Test(arguments: [false, true]) func aPermutedHistoryEndsTheSame(withOwners: Bool) {
        let rules = withOwners ? OrderRules(owners: Self.owners) : .standard
        let seed = Random.seed("permutations")
        var random = Random(seed: seed)
        for round in 0..<600 {
            let names = round % 3 == 0 ? ["shop"] : Self.channels
            let history = History(
                channels: names, length: Int.random(in: 2...10, using: &random), rules: rules, random: &random)
            for counting in [Set<String>(), ["shop"], Set(Self.channels)] {
                // Numbers order a channel only where they count; else its times do.
                let told = counting.isEmpty ? history.told.map { $0.with { $0.sequence = nil } } : history.told
                let straight = Desk(told, counting: counting, rules: rules)
                let permuted = Desk(told.shuffled(using: &random), counting: counting, rules: rules)
                guard permuted.parked.isEmpty, permuted.truth == straight.truth else {
                    Issue.record(
                        """
                        seed \(seed), round \(round), counting \(counting):
                        \(told.map(\.line).joined(separator: "\n"))
                        \(Self.difference(straight, permuted))
                        """)
                    return
                }
            }
        }
    }

    static func difference(_ a: Desk, _ b: Desk) -> String {
        let (first, second) = (Set(a.truth.facts), Set(b.truth.facts))
        let parked = b.parked.map { "\($0.channel):\($0.word?.name ?? "-")@\($0.at)" }
        return
            (a.truth.facts.filter { !second.contains($0) }.map { "straight: \($0)" }
            + b.truth.facts.filter { !first.contains($0) }.map { "permuted: \($0)" } + ["parked: \(parked)"])
            .joined(separator: "\n")
    }

    @Test func whatIsToldAgainChangesNothing() {
        let seed = Random.seed("told again")
        var random = Random(seed: seed)
        for round in 0..<1_000 {
            let history = History(channels: ["shop", "wms"], length: 7, rules: .standard, random: &random)
            var desk = Desk(history.told)
            let truth = desk.truth
            // Another event id, the same content.
            for told in history.told.shuffled(using: &random) {
                let outcome = desk.tell(told).outcome
                guard outcome == .stale, desk.truth == truth else {
                    Issue.record(
                        """
                        seed \(seed), round \(round): \(told.channel):\(told.word?.name ?? "-")@\(told.at) \(outcome)
                        \(history.told.map { "\($0.channel):\($0.word?.name ?? "-")(\($0.reason ?? ""))@\($0.at)" })
                        """)
                    return
                }
            }
        }
    }
}
