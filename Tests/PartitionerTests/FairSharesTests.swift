import Testing

@testable import Partitioner

/// Whose turn it is, against what the shares should come to.
@Suite struct FairSharesTests {
    /// Parties that always have work, in so many lanes and with these priorities.
    private static func saturated(
        _ parties: [(weight: Int, lanes: Int)], priorities: [Int] = [1]
    ) -> FairShares {
        // Party 0 takes the dead letters, and has none.
        var shares = FairShares(weights: [1] + parties.map(\.weight))
        for (index, party) in parties.enumerated() {
            for lane in 0..<party.lanes {
                for priority in priorities { shares.wake(lane * 3 + priority, of: index + 1, priority: priority) }
            }
        }
        return shares
    }

    /// What each party and priority gets in so many turns, when an event of a party costs about `cost` of it.
    private static func serve(
        _ shares: inout FairShares, turns: Int, _ random: inout SeededRandom, cost: (Int) -> Int = { _ in 1000 }
    ) -> [[Int]] {
        var got: [[Int]] = []
        for _ in 0..<turns {
            guard let turn = shares.next() else { break }
            var taken = 0
            while taken < turn.most { taken += cost(turn.party) * Int.random(in: 50...150, using: &random) / 100 }
            shares.took(turn, cost: taken, hasMore: true)
            while got.count <= turn.party { got.append([0, 0, 0]) }
            got[turn.party][turn.priority] += taken
        }
        return got
    }

    private static func jain(_ values: [Double]) -> Double {
        let sum = values.reduce(0, +)
        return sum * sum / (Double(values.count) * values.reduce(0) { $0 + $1 * $1 })
    }

    @Test(arguments: 0..<6) func sharesOfWhatItCostsFollowTheWeights(_ shape: Int) {
        let seed = SeededRandom.seed("fair shares, shape \(shape)")
        var random = SeededRandom(seed: seed &+ UInt64(shape))
        let parties = (0..<Int.random(in: 2...30, using: &random)).map { _ in
            // One lane or many, light or heavy: nobody gets more for it but by his weight.
            (
                weight: shape < 2 ? 1 : Int.random(in: 1...8, using: &random),
                lanes: Int.random(in: 1...9, using: &random)
            )
        }
        let costs = (0...parties.count).map { _ in shape % 2 == 0 ? 1000 : Int.random(in: 200...9000, using: &random) }
        var shares = Self.saturated(parties)
        let got = Self.serve(&shares, turns: 5_000 * parties.count, &random) { costs[$0] }
        let perWeight = parties.indices.map { Double(got[$0 + 1].reduce(0, +)) / Double(parties[$0].weight) }
        #expect(Self.jain(perWeight) > 0.9999, "seed \(seed)")
    }

    @Test func threeToOneIsThreeToOne() {
        let seed = SeededRandom.seed("three to one")
        var random = SeededRandom(seed: seed)
        var shares = Self.saturated([(3, 1), (1, 7)])
        let got = Self.serve(&shares, turns: 20_000, &random)
        let share = Double(got[1][1]) / Double(got[1][1] + got[2][1])
        #expect(abs(share - 0.75) < 0.002, "seed \(seed): \(share)")
    }

    @Test func theUrgentGoFirstAndNobodyStarves() {
        let seed = SeededRandom.seed("priorities")
        var random = SeededRandom(seed: seed)
        for (priorities, least) in [
            ([0, 1, 2], [0.74, 0.2, 0.05]), ([1, 2], [0, 0.94, 0.05]), ([0, 2], [0.94, 0, 0.05]),
        ] {
            var shares = Self.saturated([(1, 3), (2, 1)], priorities: priorities)
            let got = Self.serve(&shares, turns: 30_000, &random)
            for party in 1...2 {
                let sum = Double(got[party].reduce(0, +))
                for priority in 0..<3 {
                    let share = Double(got[party][priority]) / sum
                    #expect(share > least[priority] - 0.002, "seed \(seed): \(priorities), \(priority): \(share)")
                }
            }
        }
    }

    @Test func theUrgentDoNotWaitForMoreThanASlice() {
        var shares = FairShares(weights: [1, 1])
        shares.wake(2, of: 1, priority: 2)
        for _ in 0..<100 {
            guard let turn = shares.next() else { break }
            shares.took(turn, cost: turn.most, hasMore: true)
        }
        shares.wake(0, of: 1, priority: 0)
        #expect(shares.next()?.priority == 0)
    }

    @Test func whatTimeTellsIsChargedAfterwards() {
        let seed = SeededRandom.seed("corrections")
        var random = SeededRandom(seed: seed)
        var shares = Self.saturated([(1, 1), (1, 1)])
        var got = [0, 0, 0]
        for _ in 0..<40_000 {
            guard let turn = shares.next() else { break }
            let cost = turn.most
            shares.took(turn, cost: cost, hasMore: true)
            got[turn.party] += cost
            // The second one's work takes three times as long.
            if turn.party == 2 { shares.correct(2, by: cost * Int.random(in: 150...250, using: &random) / 100) }
        }
        let ratio = Double(got[1]) / Double(got[2])
        #expect(abs(ratio - 3) < 0.1, "seed \(seed): \(ratio)")
    }

    @Test func aDebtIsBoundedAndALonePartyNeverWaitsForItsOwn() {
        var shares = Self.saturated([(1, 1), (1, 1)])
        shares.correct(1, by: Int.max / 4)
        var others = 0
        while let turn = shares.next(), turn.party == 2 {
            shares.took(turn, cost: turn.most, hasMore: true)
            others += 1
        }
        #expect(others <= FairShares.mostDebt + 2)
        var lone = Self.saturated([(1, 1)])
        lone.correct(1, by: Int.max / 4)
        #expect(lone.next()?.party == 1)
    }

    @Test func aPausedPartyTakesNoTurnsAndComesBack() {
        var shares = Self.saturated([(1, 1), (1, 2)])
        shares.setPaused(1, true)
        for _ in 0..<10 {
            guard let turn = shares.next() else { return #expect(Bool(false)) }
            #expect(turn.party == 2)
            shares.took(turn, cost: turn.most, hasMore: true)
        }
        shares.setPaused(2, true)
        #expect(shares.next() == nil)
        shares.setPaused(1, false)
        #expect(shares.next()?.party == 1)
    }
}
