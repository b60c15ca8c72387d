import OrderEvents

// What follows from what was told: the state, its times, and the exceptions that are open. Made anew after every
// event, so that an exception ends by itself when its cause does, and the order of arrival shows in nothing.

extension Order {
    /// Makes everything anew that follows from what was told.
    mutating func derive(_ rules: OrderRules) {
        judge(rules.validation)
        let timeline = Timeline.run(self, rules)
        path = timeline.path
        reached = timeline.reached
        holds = timeline.holds
        if path == .closed || path == .cancelled { keepEnd() }
        settle(timeline)
    }

    /// What has ended the order stays its end, also when it was refused at first.
    private mutating func keepEnd() {
        for index in words.indices where words[index].word == path && !words[index].flags.contains(.claim) {
            words[index].flags.insert(.accepted)
        }
    }

    /// Opens and ends exceptions.
    private mutating func settle(_ timeline: Timeline) {
        var codes: [ExceptionCode] = []
        let isDispatched = reached[4] != 0 || reached[5] != 0
        if timeline.holds.contains(where: { $0.endedAt == nil && $0.isViolated }) { codes.append(.holdViolated) }
        if timeline.invoicedEarly, !isDispatched { codes.append(.invoiceWithoutDispatch) }
        if timeline.closedEarly, reached[6] == 0 { codes.append(.shippedNotInvoiced) }
        if timeline.hasFactAfterEnd { codes.append(.factAfterEnd) }
        if timeline.refused > 0 || timeline.hasFlaggedEdge { codes.append(.illegalTransition) }
        if timeline.hasUnmatchedRelease { codes.append(.releaseWithoutHold) }
        if isDisputed { codes.append(.notAuthoritative) }
        codes += quantityExceptions()
        if path != .cancelled {
            for code in validation.verdict.codes where !codes.contains(code) { codes.append(code) }
        }
        for code in waitingCodes where !codes.contains(code) { codes.append(code) }
        // Nearly always nothing was open and nothing is.
        if codes.isEmpty && open.isEmpty { return }
        open = codes.sorted { $0.rawValue < $1.rawValue }
    }

    /// Exceptions of what waits, that are open and go on.
    private var waitingCodes: [ExceptionCode] {
        open.filter { code in
            switch code {
            case .orderNotBegun: path == nil
            case .sequenceGap: channels.contains { $0.isWaiting || !$0.skipped.isEmpty }
            // Open while an event that came too early is parked.
            case .releaseWithoutHold, .illegalTransition: parked > 0
            default: false
            }
        }
    }

    mutating func openSequenceGap() {
        guard !open.contains(.sequenceGap), channels.contains(where: { $0.isWaiting || !$0.skipped.isEmpty }) else {
            return
        }
        open.append(.sequenceGap)
        open.sort { $0.rawValue < $1.rawValue }
    }
}
