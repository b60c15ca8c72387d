/// What goes wrong on the way: moves, doubles, withholds and adds steps of an order's plan.
///
/// Everything stays within the order's own plan, so the generator holds no more than its open orders. The final state
/// that an order's own events lead to is the same as without mishaps, unless a number is withheld for good.
struct Mishaps {
    /// What became of a plan.
    struct Outcome {
        var steps: [Step]
        /// How many of its events never come.
        var withheld: Int
    }

    private var duplicate: Quota
    private var late: Quota
    private var reordered: Quota
    private var gap: Quota
    private var withheld: Quota
    private var outdated: Quota
    private var reusedKey: Quota
    private var unknownStatus: Quota
    private var unknownWarehouse: Quota
    private var unknownLegalEntity: Quota
    private var garbage: Quota
    private var garbageTurn = 0

    init(_ shares: TrafficSettings.Shares, random: inout SeededRandom) {
        duplicate = Quota(share: shares.duplicate, random: &random)
        late = Quota(share: shares.late, random: &random)
        reordered = Quota(share: shares.reordered, random: &random)
        gap = Quota(share: shares.gap, random: &random)
        withheld = Quota(share: shares.withheld, random: &random)
        outdated = Quota(share: shares.outdated, random: &random)
        reusedKey = Quota(share: shares.reusedKey, random: &random)
        unknownStatus = Quota(share: shares.unknownStatus, random: &random)
        unknownWarehouse = Quota(share: shares.unknownWarehouse, random: &random)
        unknownLegalEntity = Quota(share: shares.unknownLegalEntity, random: &random)
        garbage = Quota(share: shares.garbage, random: &random)
    }

    /// The plan as it will be emitted.
    mutating func befall(_ steps: [Step], random: inout SeededRandom) -> Outcome {
        var steps = steps
        let events = steps.count
        let withheldCount = moveEvents(&steps, random: &random)
        for _ in 0..<events { addRecords(to: &steps, random: &random) }
        return Outcome(steps: steps, withheld: withheldCount)
    }

    /// Late, reordered and missing events.
    ///
    /// Returns how many never come.
    private mutating func moveEvents(_ steps: inout [Step], random: inout SeededRandom) -> Int {
        var withheldCount = 0
        // What another event was put behind stays where it is, or that other would not be late any more.
        var anchors: Set<Int> = []
        for number in 1...max(1, steps.count) {
            guard let at = steps.firstIndex(where: { $0.number == number && $0.kind == .clean }) else { continue }
            let step = steps[at]
            // A number counts as missing only when a later one is there; only one mishap of this sort per order, so
            // that the gap that is meant is the gap that is made.
            let laterNumber = steps.lastIndex { ($0.sequence ?? 0) > (step.sequence ?? Int.max) }
            let canGap =
                laterNumber != nil && (laterNumber ?? 0) > at && (step.sequence ?? 0) > 1
                && !steps.contains { $0.kind == .gap } && withheldCount == 0
            if withheld.take(usable: canGap, &random) {
                steps.remove(at: at)
                withheldCount += 1
                continue
            }
            if gap.take(usable: canGap, &random), let laterNumber {
                move(&steps, from: at, behind: laterNumber, as: .gap)
                continue
            }
            let canMove =
                number > 1 && !anchors.contains(number) && step.sequence == nil && step.tale != .onHold
                && step.tale != .release
                && !steps.contains { $0.tale == .restCancelled }
            let next = steps.indices.first { $0 > at && steps[$0].channel == step.channel }
            let canSwap =
                canMove && next != nil && steps[next ?? at].tale != .onHold && steps[next ?? at].tale != .release
            if reordered.take(usable: canSwap, &random), let next {
                anchors.insert(steps[next].number)
                move(&steps, from: at, behind: next, as: .reordered)
            } else if late.take(usable: canMove && at < steps.count - 2, &random) {
                anchors.insert(steps[steps.count - 1].number)
                move(&steps, from: at, behind: steps.count - 1, as: .late)
            }
        }
        return withheldCount
    }

    /// Takes the step at `from` and puts it behind what is at `behind`.
    private func move(_ steps: inout [Step], from: Int, behind: Int, as kind: TrafficKind) {
        var step = steps.remove(at: from)
        step.kind = kind
        steps.insert(step, at: behind)
    }

    /// One opportunity for each kind of record that comes on top.
    private mutating func addRecords(to steps: inout [Step], random: inout SeededRandom) {
        if duplicate.take(&random) { addCopy(to: &steps, as: .duplicate, random: &random) }
        let canReuse = steps.contains { $0.kind == .clean }
        if reusedKey.take(usable: canReuse, &random) { addCopy(to: &steps, as: .reusedKey, random: &random) }
        let allocated = steps.firstIndex { $0.tale == .allocated && $0.kind == .clean }
        let shipped = steps.firstIndex { $0.tale == .shipped && $0.channel == .wms && $0.kind == .clean }
        let canLag = allocated != nil && shipped != nil && (allocated ?? 0) < (shipped ?? 0)
        if outdated.take(usable: canLag, &random), let allocated, let shipped {
            var echo = steps[allocated]
            echo.kind = .outdated
            echo.number = nextNumber(steps)
            steps.insert(echo, at: random.within((shipped + 1)...steps.count))
        }
        if unknownStatus.take(&random) { addStranger(to: &steps, as: .unknownStatus, random: &random) }
        if unknownWarehouse.take(&random) { addStranger(to: &steps, as: .unknownWarehouse, random: &random) }
        if unknownLegalEntity.take(&random) { addStranger(to: &steps, as: .unknownLegalEntity, random: &random) }
        if garbage.take(&random) {
            let all = TrafficKind.Garbage.allCases
            garbageTurn += 1
            addStranger(to: &steps, as: .garbage(all[garbageTurn % all.count]), random: &random)
        }
    }

    /// A copy of an event, somewhere behind it.
    private func addCopy(to steps: inout [Step], as kind: TrafficKind, random: inout SeededRandom) {
        let clean = steps.indices.filter { steps[$0].kind == .clean }
        guard !clean.isEmpty else { return }
        let original = clean[random.below(clean.count)]
        var copy = steps[original]
        copy.kind = kind
        if kind == .reusedKey { copy.occurredAt += 1_000_000 }
        steps.insert(copy, at: random.within((original + 1)...steps.count))
    }

    /// A record that tells nothing of the order although it carries its key.
    private func addStranger(to steps: inout [Step], as kind: TrafficKind, random: inout SeededRandom) {
        let at = random.within(1...steps.count)
        var stranger = steps[random.below(at)]
        stranger.kind = kind
        stranger.number = nextNumber(steps)
        stranger.salt = random.next()
        // A number would be missing afterwards.
        stranger.sequence = nil
        if kind == .unknownWarehouse { stranger.tale = .allocated; stranger.channel = .wms }
        steps.insert(stranger, at: at)
    }

    private func nextNumber(_ steps: [Step]) -> Int { (steps.map(\.number).max() ?? 0) + 1 }
}
