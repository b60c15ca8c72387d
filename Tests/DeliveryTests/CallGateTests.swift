import Odoo
import Testing

@testable import Delivery

/// Goal: an Odoo gets as many calls as it bears, entities by weight, urgent ones first, and nobody starves.
///
/// Method: pure values on a clock of the test's own.
@Suite struct CallGateTests {
    private static let second: Int64 = 1_000_000_000

    private static let free = 1_000_000_000.0

    /// Every ticket that may go now; the rate of a `free` member takes a nanosecond for each.
    private func started(_ gate: inout CallGate, now: Int64) -> [Int] {
        var tickets: [Int] = []
        var at = now
        while true {
            switch gate.next(now: at) {
            case .start(let ticket): tickets.append(ticket)
            case .wait(let until) where until - now < 1000: at = until
            case .wait, .refuse, .idle: return tickets
            }
        }
    }

    private func quick(_ gate: inout CallGate, _ member: Int, now: Int64) {
        gate.ended(member: member, .answered(shape: "x", seconds: 0.1), now: now)
    }

    @Test func turnsGoByWeightAmongThoseWhoWantThem() {
        var gate = CallGate()
        let heavy = gate.join(weight: 3, ratePerSecond: Self.free, ceiling: 1)
        let light = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 1)
        for ticket in 0..<400 {
            gate.ask(ticket, member: heavy, .urgent)
            gate.ask(1000 + ticket, member: light, .urgent)
        }
        var counts = [0, 0]
        for turn in 0..<400 {
            let tickets = started(&gate, now: Int64(turn) * Self.second)
            #expect(tickets.count == 1)
            let member = tickets[0] < 1000 ? heavy : light
            counts[member] += 1
            quick(&gate, member, now: Int64(turn) * Self.second)
        }
        #expect(counts == [300, 100])
    }

    @Test func whoWantedNothingHasNotSavedUpTurns() {
        var gate = CallGate()
        let busy = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 1)
        let late = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 1)
        for ticket in 0..<200 { gate.ask(ticket, member: busy, .urgent) }
        for turn in 0..<100 {
            _ = started(&gate, now: Int64(turn) * Self.second)
            quick(&gate, busy, now: Int64(turn) * Self.second)
        }
        for ticket in 1000..<1100 { gate.ask(ticket, member: late, .urgent) }
        var ofBusy = 0
        for turn in 100..<120 {
            let ticket = started(&gate, now: Int64(turn) * Self.second)[0]
            if ticket < 1000 { ofBusy += 1 }
            quick(&gate, ticket < 1000 ? busy : late, now: Int64(turn) * Self.second)
        }
        #expect((9...11).contains(ofBusy))
    }

    @Test func urgentCallsGoFirstAndNoneStarves() {
        var gate = CallGate()
        let member = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 1)
        for ticket in 0..<100 {
            gate.ask(ticket, member: member, .urgent)
            gate.ask(1000 + ticket, member: member, .usual)
            gate.ask(2000 + ticket, member: member, .whenever)
        }
        var order: [Int] = []
        for turn in 0..<60 {
            order += started(&gate, now: Int64(turn) * Self.second)
            quick(&gate, member, now: Int64(turn) * Self.second)
        }
        let kinds = order.map { $0 / 1000 }
        #expect(Array(kinds.prefix(5)) == [0, 0, 0, 0, 1])
        #expect(kinds.count { $0 == 1 } >= 9 && kinds.count { $0 == 2 } >= 5)
        #expect(kinds.count { $0 == 0 } >= 36)
    }

    @Test func whatIsCriticalGoesFirstAndUrgentCallsGetTheirShare() {
        var gate = CallGate()
        let member = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 1)
        for ticket in 0..<40 { gate.ask(ticket, member: member, .urgent) }
        gate.ask(1000, member: member, .critical)
        #expect(started(&gate, now: 0) == [1000])
        quick(&gate, member, now: 0)
        for ticket in 1001..<1040 { gate.ask(ticket, member: member, .critical) }
        var kinds: [Int] = []
        for turn in 1...30 {
            kinds += started(&gate, now: Int64(turn) * Self.second).map { $0 / 1000 }
            quick(&gate, member, now: Int64(turn) * Self.second)
        }
        #expect(kinds.count { $0 == 1 } == 24 && kinds.count { $0 == 0 } == 6)
    }

    @Test func aConflictHindersNobodyElse() {
        var gate = CallGate()
        let member = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 4)
        for ticket in 0..<60 { gate.ask(ticket, member: member, .urgent) }
        for turn in 0..<20 {
            for _ in started(&gate, now: Int64(turn) * Self.second) {
                quick(&gate, member, now: Int64(turn) * Self.second)
            }
        }
        let before = gate.limit.value
        for ticket in 100..<110 { gate.ask(ticket, member: member, .urgent) }
        for _ in started(&gate, now: 100 * Self.second) {
            gate.ended(member: member, .conflict, now: 100 * Self.second)
        }
        #expect(before > 1 && gate.limit.value == before && gate.breaker.name == .closed)
    }

    @Test func theRateAndTheLimitHoldTogether() {
        var gate = CallGate()
        let member = gate.join(weight: 1, ratePerSecond: 10, ceiling: 4)
        for ticket in 0..<10 { gate.ask(ticket, member: member, .urgent) }
        #expect(gate.next(now: 0) == .start(0))
        // The limit is 1 at the beginning.
        #expect(gate.next(now: Self.second) == .idle)
        quick(&gate, member, now: 10_000_000)
        #expect(gate.next(now: 10_000_000) == .wait(until: 100_000_000))
        #expect(gate.next(now: 100_000_000) == .start(1))
    }

    @Test func anOutageRefusesAtOnceThenOneTriesAndTheRestStartsSlowly() {
        var gate = CallGate(breaker: Breaker(threshold: 2, firstOpen: .seconds(1)))
        let member = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 8)
        var now: Int64 = 0
        for ticket in 0..<300 { gate.ask(ticket, member: member, .urgent) }
        for _ in 0..<400 {
            for _ in started(&gate, now: now) { quick(&gate, member, now: now) }
            now += Self.second / 1000
        }
        #expect(gate.limit.value == 8)
        for ticket in 100..<102 { gate.ask(ticket, member: member, .urgent) }
        for _ in started(&gate, now: now) { gate.ended(member: member, .failed, now: now) }
        gate.ask(200, member: member, .urgent)
        gate.ask(201, member: member, .usual)
        #expect(gate.next(now: now) == .refuse([200, 201]))
        now += 2 * Self.second
        gate.ask(202, member: member, .urgent)
        gate.ask(203, member: member, .urgent)
        #expect(gate.next(now: now) == .start(202))
        #expect(gate.next(now: now) == .refuse([203]), "one probe")
        gate.ended(member: member, .notMade, now: now)
        now += Self.second
        gate.ask(204, member: member, .urgent)
        #expect(gate.next(now: now) == .start(204), "the probe was not made, so another is")
        quick(&gate, member, now: now)
        #expect(gate.breaker.name == .closed && gate.limit.value == 1)
    }

    @Test func whatTheServerAsksForIsWaited() {
        var gate = CallGate()
        let member = gate.join(weight: 1, ratePerSecond: Self.free, ceiling: 2)
        gate.ask(0, member: member, .urgent)
        #expect(gate.next(now: 0) == .start(0))
        gate.ended(member: member, .wait(until: 7 * Self.second), now: 0)
        gate.ask(1, member: member, .urgent)
        #expect(gate.next(now: 6 * Self.second) == .refuse([1]))
        gate.ask(2, member: member, .urgent)
        #expect(gate.next(now: 7 * Self.second) == .start(2))
    }

    /// Goal: whatever comes, no more calls are under way than the limits allow, and every ticket gets one answer.
    @Test(arguments: UInt64(1)...40) func limitsHoldInAnyHistory(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var gate = CallGate(breaker: Breaker(threshold: 4, firstOpen: .milliseconds(200)))
        let ceilings = (0..<3).map { _ in Int.random(in: 1...6, using: &random) }
        for ceiling in ceilings {
            _ = gate.join(
                weight: Int.random(in: 1...5, using: &random),
                ratePerSecond: Double.random(in: 5...500, using: &random),
                ceiling: ceiling)
        }
        var owner: [Int: Int] = [:]
        var underway: [Int] = []
        var answered: Set<Int> = []
        var now: Int64 = 0
        for ticket in 0..<600 {
            let member = Int.random(in: 0..<3, using: &random)
            owner[ticket] = member
            gate.ask(ticket, member: member, CallGate.Urgency.allCases.randomElement(using: &random) ?? .usual)
            now += Int64.random(in: 0...20_000_000, using: &random)
            var isDone = false
            while !isDone {
                switch gate.next(now: now) {
                case .start(let ticket):
                    #expect(answered.insert(ticket).inserted, "seed \(seed)")
                    underway.append(owner[ticket] ?? 0)
                case .refuse(let tickets):
                    for ticket in tickets { #expect(answered.insert(ticket).inserted, "seed \(seed)") }
                case .wait(let until):
                    #expect(until > now, "seed \(seed)")
                    isDone = true
                case .idle: isDone = true
                }
            }
            #expect(underway.count == gate.inFlight && underway.count <= ceilings.max() ?? 0, "seed \(seed)")
            for (member, ceiling) in ceilings.enumerated() {
                #expect(underway.count { $0 == member } <= ceiling, "seed \(seed)")
            }
            while !underway.isEmpty, Bool.random(using: &random) {
                let member = underway.removeFirst()
                let outcomes: [CallGate.Outcome] = [
                    .answered(shape: "x", seconds: Double.random(in: 0.05...0.5, using: &random)), .failed, .conflict,
                    .notMade, .answered(shape: "y", seconds: 0.2),
                ]
                gate.ended(member: member, outcomes.randomElement(using: &random) ?? .failed, now: now)
            }
        }
    }
}

/// Goal: the limit finds what a server bears, and follows it when that changes.
///
/// Method: a server in the test with so many workers; calls beyond them wait for one.
@Suite struct ConcurrencyLimitTests {
    /// Runs `rounds` full rounds against a server with `workers`; gives the throughput of each relative to the best.
    private func run(_ limit: inout ConcurrencyLimit, workers: Int, rounds: Int, _ random: inout SplitMix) -> [Double] {
        (0..<rounds).map { _ in
            let inFlight = limit.value
            let slowness = max(1, Double(inFlight) / Double(workers))
            for _ in 0..<max(4, inFlight) {
                limit.answered(
                    shape: "load", seconds: 0.1 * slowness * Double.random(in: 1...1.2, using: &random),
                    inFlight: inFlight)
            }
            return Double(min(inFlight, workers)) / Double(workers)
        }
    }

    @Test(arguments: UInt64(1)...20) func aChangeOfCapacityIsFollowedWithinSeconds(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var limit = ConcurrencyLimit(ceiling: 32)
        // A round takes 0.1 s or a little more: 30 rounds are about 3 s.
        let found = run(&limit, workers: 8, rounds: 40, &random)
        #expect(found.dropFirst(30).allSatisfy { $0 >= 0.8 }, "seed \(seed) \(found)")
        _ = run(&limit, workers: 2, rounds: 30, &random)
        #expect(limit.value <= 6, "seed \(seed): \(limit.value)")
        let again = run(&limit, workers: 8, rounds: 40, &random)
        #expect(again.dropFirst(30).allSatisfy { $0 >= 0.8 }, "seed \(seed) \(again)")
    }

    @Test func failuresHalveItAndAnOutageStartsItAgain() {
        var limit = ConcurrencyLimit(ceiling: 16)
        for _ in 0..<200 { limit.answered(shape: "x", seconds: 0.1, inFlight: limit.value) }
        #expect(limit.value == 16)
        limit.overloaded()
        #expect(limit.value == 8)
        for _ in 0..<10 { limit.overloaded() }
        #expect(limit.value == 1)
        limit.restart()
        #expect(limit.value == 1)
        for _ in 0..<60 { limit.answered(shape: "x", seconds: 0.1, inFlight: limit.value) }
        #expect(limit.value == 16, "doubled, and not counted up")
    }

    @Test func whatIsNotUsedUpDoesNotGrow() {
        var limit = ConcurrencyLimit(ceiling: 16)
        for _ in 0..<8 { limit.answered(shape: "x", seconds: 0.1, inFlight: limit.value) }
        let before = limit.value
        for _ in 0..<100 { limit.answered(shape: "x", seconds: 0.1, inFlight: 1) }
        #expect(limit.value == before && before > 1)
    }

    @Test func sizesOfOneClassDifferByHalfAtMost() {
        for records in 1...200 {
            let size = ConcurrencyLimit.sizeClass(records)
            #expect(size <= records || records == 1)
            #expect(Double(records) / Double(size) <= 2)
        }
    }
}

/// Goal: while a destination fails there are at most 1.1 visits for each first one, at any moment.
@Suite struct RetryBudgetTests {
    private static let second: Int64 = 1_000_000_000

    /// Method: whoever asks takes what is allowed, in any portions; what goes beyond that must have been preceded
    /// by a whole interval without a first attempt, and without another one like it.
    @Test(arguments: UInt64(1)...100) func nothingIsSpentThatWasNotEarned(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let stored = Int.random(in: 0...3, using: &random)
        var budget = RetryBudget(stored: stored, bound: 10)
        var now: Int64 = 0
        var last = -Self.second
        var (first, earned, unearned) = (0, 0, 0)
        for step in 0..<3000 {
            let isQuiet = step / 100 % 3 == 2
            now += Int64.random(in: 0...(isQuiet ? Self.second / 2 : Self.second / 50), using: &random)
            let taken = min(budget.allows(now: now), Int.random(in: 0...50, using: &random))
            let fresh = isQuiet ? 0 : Int.random(in: 0...5, using: &random)
            if earned + taken > stored + first / RetryBudget.price {
                #expect(taken == 1 && now - last >= Self.second, "seed \(seed) step \(step)")
                unearned += 1
                last = now
            } else {
                earned += taken
            }
            budget.went(first: fresh, repeated: taken, now: now)
            first += fresh
            if fresh > 0 { last = now }
        }
        #expect(earned <= stored + first / RetryBudget.price, "seed \(seed)")
        #expect(earned >= first / RetryBudget.price - 1 && unearned > 100, "seed \(seed): it is used up, too")
    }

    /// Goal: a failing that begins finds nothing in store, whatever came before.
    @Test func whoBeginsToFailHasEarnedNothing() {
        var budget = RetryBudget(stored: 10)
        #expect(budget.allows(now: 0) == 10)
        budget.went(first: 500, repeated: 0, now: 0)
        budget.begin(now: 7)
        #expect(budget.allows(now: 7) == 0 && budget.allows(now: Self.second + 6) == 0)
        #expect(budget.allows(now: Self.second + 7) == 1)
        budget.went(first: 29, repeated: 0, now: 8)
        #expect(budget.allows(now: 8) == 2)
        // Two that were under way when it began: they are counted, and paid for.
        budget.went(first: 0, repeated: 4, now: 9)
        #expect(budget.allows(now: 9) == 0)
        budget.went(first: 25, repeated: 0, now: 10)
        #expect(budget.allows(now: 10) == 0)
        budget.went(first: 1, repeated: 0, now: 11)
        #expect(budget.allows(now: 11) == 1)
    }

    @Test func aLostAnswerNowAndThenIsNoFailing() {
        var random = SplitMix(seed: 3)
        var share = FailingShare()
        var failing = 0
        for _ in 0..<10_000 {
            share.ended(failed: Int.random(in: 0..<100, using: &random) < 5)
            if share.isFailing { failing += 1 }
        }
        #expect(failing < 1000)
        for _ in 0..<4 { share.ended(failed: true) }
        #expect(share.isFailing)
        for _ in 0..<18 { share.ended(failed: false) }
        #expect(share.isFailing, "two of the last twenty failed")
        share.ended(failed: false)
        #expect(!share.isFailing)
    }

    /// A breaker that opens again and again lets one try each time.
    @Test func whatGoesUnearnedIsPaidForLater() {
        var budget = RetryBudget(interval: .seconds(1))
        budget.begin(now: 0)
        var (now, first, repeated) = (Int64(0), 0, 0)
        for _ in 0..<100 {
            now += Self.second
            #expect(budget.allows(now: now) == 1, "silence")
            budget.went(first: 0, repeated: 1, now: now)
            repeated += 1
            for _ in 0..<20 {
                now += Self.second / 1000
                budget.went(first: 1, repeated: 0, now: now)
                first += 1
                let more = budget.allows(now: now)
                budget.went(first: 0, repeated: more, now: now)
                repeated += more
            }
        }
        #expect(repeated <= first / RetryBudget.price + 1, "\(repeated) of \(first)")
        #expect(repeated >= first / RetryBudget.price - 1, "\(repeated) of \(first)")
    }

    @Test func withoutAnythingNewOneGoesInEachInterval() {
        var budget = RetryBudget(bound: 1, interval: .seconds(1))
        #expect(budget.allows(now: 0) == 1)
        budget.went(first: 0, repeated: 1, now: 0)
        #expect(budget.allows(now: Self.second - 1) == 0)
        #expect(budget.allows(now: Self.second) == 1)
        budget.went(first: 1, repeated: 0, now: Self.second)
        #expect(budget.allows(now: 2 * Self.second - 1) == 0, "something new came")
        #expect(budget.allows(now: 2 * Self.second) == 1)
    }
}
