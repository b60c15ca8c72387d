import OrderEvents
import Orders
import Testing

/// Every sequence of up to five words of two channels, from an order that has not begun.
@Suite struct SmallScopeTests {
    struct Count {
        var sequences = 0
        var states: Set<CanonicalState?> = []
        var outcomes: Set<Outcome> = []
        var problems: [String] = []
    }

    @Test func noSequenceOfWordsMakesAnIllegalState() {
        var count = Count()
        // Times rise, fall, or stand still: the rules of late events take part.
        visit(Desk(), [], [3, 1, 3, 5, 2], &count)
        for times in [[1, 2, 3, 4], [4, 3, 2, 1]] as [[Int64]] { visit(Desk(), [], times, &count) }
        #expect(count.problems == [])
        #expect(count.sequences == 111_110 + 2 * 11_110)
        #expect(count.states.count == 10)
        #expect(count.outcomes == [.applied, .stale, .parked, .rejected])
    }

    private func visit(_ desk: Desk, _ words: [StatusWord], _ times: [Int64], _ count: inout Count) {
        guard words.count < times.count else { return }
        for word in Lifecycle.words {
            var next = desk
            let result = next.tell(Told(word, times[words.count], channel: words.count % 2 == 0 ? "shop" : "wms"))
            count.sequences += 1
            count.states.insert(next.order.state)
            count.outcomes.insert(result.outcome)
            let fault = Self.fault(desk, next, result)
            if let fault, count.problems.count < 20 {
                count.problems.append("\((words + [word]).map(\.name)): \(fault)")
            }
            visit(next, words + [word], times, &count)
        }
    }

    /// What must hold after every event; nil: it does.
    static func fault(_ before: Desk, _ after: Desk, _ result: Evaluation) -> String? {
        let order = after.order
        if order.path == .onHold { return "on_hold lies over the path, never on it" }
        if order.version < before.order.version { return "the version fell" }
        if result.outcome != .applied, !result.releasesParked, order.version != before.order.version {
            return "the version rose without effect"
        }
        if order.parked < 0 || Int(order.parked) != after.parked.count { return "parked is \(order.parked)" }
        if before.order.path != nil, order.path == nil { return "the order began no longer" }
        // A hold begins an order, and nobody has told when it was received.
        if let path = order.path, path != .received || !order.isHeld && order.holds.isEmpty, order.time(of: path) == nil
        {
            return "a state without its time"
        }
        if order.state == .onHold, !order.isHeld { return "on hold without a hold" }
        if before.order.path == .closed, order.path != .closed { return "closed was left" }
        if before.order.path == .cancelled, ![.cancelled, .shipped, .invoiced, .closed].contains(order.path) {
            return "cancelled was left"
        }
        if Set(order.open).count != order.open.count { return "an exception twice" }
        if !result.changed, order != before.order { return "changed without being written" }
        return nil
    }

    @Test func everyOrderCanEnd() {
        // From every order of depth 3, some word within three ends it.
        var orders: [Desk] = [Desk()]
        for time in 1...3 as ClosedRange<Int64> {
            orders += orders.flatMap { desk in
                Lifecycle.words.map { word in
                    var next = desk
                    next.tell(Told(word, time))
                    return next
                }
            }
        }
        let ending: [[CanonicalState]] = [
            [.cancelled], [.shipped, .invoiced, .closed], [.invoiced, .closed], [.closed],
        ]
        for desk in orders {
            let canEnd = ending.contains { words in
                var trial = desk
                for (index, word) in words.enumerated() { trial.tell(word, Int64(10 + index)) }
                return trial.order.state == .closed || trial.order.state == .cancelled || trial.order.state == .shipped
            }
            #expect(canEnd)
        }
    }
}
