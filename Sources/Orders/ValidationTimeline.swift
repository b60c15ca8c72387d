public import OrderEvents

// The verdict among what follows from what was told: one that passed stands on the timeline like a word of the channel
// `sluice`, one that failed opens its exceptions and changes no state.

extension Order {
    /// Stands for the channel `sluice` on the timeline, which is none of the order's channels.
    static let ownIndex: Int16 = -1

    /// When the last of what the verdict looks at happened.
    public var validationBasisAt: Timestamp {
        Timestamp(microseconds: max(linesBy.at, termsBy.currency.at, termsBy.total.at, termsBy.customer.at))
    }

    /// Brings the verdict up to date with what is told.
    mutating func judge(_ rules: ValidationRules) {
        switch rules.by {
        case .channel:
            // Nearly always nothing to forget.
            if validation.verdict != .pending || validation.checked != nil { validation = Validation() }
        case .sluice:
            let verdict = verdict(rules, checked: validation.checked)
            if verdict != validation.verdict { validation.verdict = verdict }
        }
    }

    /// Takes what a look at the destination gave.
    ///
    /// - Returns: what it changed; nil: nothing, and nothing has to be written.
    public mutating func take(_ checked: CheckedMasters, rules: OrderRules) -> Evaluation? {
        guard rules.validation.by == .sluice, validation.checked != checked else { return nil }
        let before = state
        let openBefore = open
        validation.checked = checked
        derive(rules)
        var result = Evaluation(outcome: .applied, disposition: .allow, from: before, to: state, changed: true)
        result.raised = open.filter { !openBefore.contains($0) }
        result.resolved = openBefore.filter { !open.contains($0) }
        result.releasesParked = parked > 0 && before != state
        return result
    }

    /// A verdict that passed as a step of the timeline: when the last of what it looked at happened, but before what
    /// follows validation on the path, because lines that are told again change nothing of what has been done.
    func verdictStep(_ rules: ValidationRules) -> TimelineStep? {
        guard rules.by == .sluice, validation.verdict == .passed else { return nil }
        var at = max(1, validationBasisAt.microseconds)
        for told in words where told.word.rawValue > CanonicalState.validated.rawValue && told.first < at {
            if told.word.rawValue <= CanonicalState.closed.rawValue, !told.flags.contains(.claim) { at = told.first }
        }
        return TimelineStep(
            at: at, sequence: 0, channel: Self.ownIndex, word: .state(.validated), flags: [])
    }
}

extension Timeline {
    /// Takes the order from received to validated; what is further on, or has ended, stays where it is.
    mutating func takeVerdict(_ step: TimelineStep) {
        switch path {
        case .received: path = .validated
        case nil, .cancelled: return
        case .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed, .onHold: break
        }
        note(.validated, step.at)
    }
}
