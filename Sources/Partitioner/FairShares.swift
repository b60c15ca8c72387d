import OrderEvents

// Who is next. Deficit round robin over legal entities by weight; within one, the most urgent priority that waits, and
// of that the lanes in turn. A less urgent priority is owed a share of whatever its legal entity gets, and goes first
// when that has come to a slice. Only what has work takes part, so nobody's capacity idles.

/// The turns of legal entities, priorities and lanes.
///
/// Pure, and knows no event: costs are thousandths of a usual event.
struct FairShares: Sendable {
    /// A queue whose turn it is.
    struct Turn: Sendable {
        let queue: Int
        let party: Int
        let priority: Int
        /// It may take until it has taken so much.
        let most: Int
    }

    private struct Party: Sendable {
        /// What a turn is worth.
        let quantum: Int
        var queues = [3 of Ring<Int>](repeating: Ring())
        /// What each priority is owed.
        var owed = [3 of Int](repeating: 0)
        var deficit = 0
        /// Whether it is in the round.
        var isActive = false
        var isPaused = false

        var hasWork: Bool { !queues[0].isEmpty || !queues[1].isEmpty || !queues[2].isEmpty }
    }

    /// Cost that the lightest legal entity may take in a turn, and a lane of any before the next lane.
    static let slice = 32 * WorkMeter.unit
    /// Cost that the heaviest legal entity may take in a turn: what the others wait for at most.
    static let mostQuantum = 512 * WorkMeter.unit
    /// Turns' worth of debt that is remembered.
    static let mostDebt = 32
    /// Hundredths of what its legal entity gets that a priority gets at least while it waits, by rank; critical has
    /// what is left.
    static let leastShares = [0, 20, 5]

    private var parties: [Party]
    private var round = Ring<Int>()
    /// Whose turn it is; a full batch may interrupt it.
    private var serving: Int?

    /// Parties by their weights.
    ///
    /// The first, which takes dead letters, has no say in how long turns are.
    init(weights: [Int]) {
        let heaviest = weights.max() ?? 1
        let lightest = weights.dropFirst().min() ?? 1
        parties = weights.map { weight in
            Party(quantum: max(1, min(weight * Self.slice / lightest, weight * Self.mostQuantum / heaviest)))
        }
    }

    /// A queue has work: it takes part until `took` says that it has none.
    mutating func wake(_ queue: Int, of party: Int, priority: Int) {
        parties[party].queues[priority].append(queue)
        enter(party)
    }

    /// Whether the party has a queue with work.
    func hasWork(_ party: Int) -> Bool { parties[party].hasWork }

    /// A party takes no turns while it is paused.
    mutating func setPaused(_ party: Int, _ isPaused: Bool) {
        parties[party].isPaused = isPaused
        if parties[party].hasWork { enter(party) }
    }

    private mutating func enter(_ party: Int) {
        guard !parties[party].isActive, !parties[party].isPaused else { return }
        parties[party].isActive = true
        round.append(party)
    }

    /// The next queue; `took` has to follow.
    ///
    /// Nil: nobody has work. Ends: each round makes every debt smaller by a turn's worth, and debts are bounded.
    mutating func next() -> Turn? {
        while let party = serving ?? takeTurn() {
            serving = party
            if !parties[party].isPaused, parties[party].deficit > 0, let priority = mostUrgent(party),
                let queue = parties[party].queues[priority].popFirst()
            {
                let most = min(Self.slice, parties[party].deficit)
                return Turn(queue: queue, party: party, priority: priority, most: most)
            }
            endTurn(party)
        }
        return nil
    }

    /// A turn was used: how much it took, and whether its queue has more work.
    mutating func took(_ turn: Turn, cost: Int, hasMore: Bool) {
        let party = turn.party
        if hasMore { parties[party].queues[turn.priority].append(turn.queue) }
        charge(party, cost)
        for priority in 1..<3 {
            guard !parties[party].queues[priority].isEmpty else {
                parties[party].owed[priority] = 0
                continue
            }
            parties[party].owed[priority] += cost * Self.leastShares[priority] / 100
        }
        parties[party].owed[turn.priority] = max(0, parties[party].owed[turn.priority] - cost)
    }

    /// What a party took has cost so much more than was charged, or less.
    mutating func correct(_ party: Int, by cost: Int) {
        charge(party, cost)
        if !parties[party].isActive { parties[party].deficit = min(0, parties[party].deficit) }
    }

    private mutating func charge(_ party: Int, _ cost: Int) {
        let quantum = parties[party].quantum
        parties[party].deficit = min(max(parties[party].deficit - cost, -Self.mostDebt * quantum), 2 * quantum)
    }

    private mutating func takeTurn() -> Int? {
        guard let party = round.popFirst() else { return nil }
        parties[party].deficit += parties[party].quantum
        return party
    }

    private mutating func endTurn(_ party: Int) {
        serving = nil
        if parties[party].hasWork, !parties[party].isPaused {
            round.append(party)
        } else {
            parties[party].isActive = false
            parties[party].deficit = min(0, parties[party].deficit)
        }
    }

    /// The priority that goes next.
    private func mostUrgent(_ party: Int) -> Int? {
        for priority in (1..<3).reversed() where !parties[party].queues[priority].isEmpty {
            if parties[party].owed[priority] >= Self.slice { return priority }
        }
        return (0..<3).first { !parties[party].queues[$0].isEmpty }
    }
}
