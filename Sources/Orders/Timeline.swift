import OrderEvents

// From what was told to what is true: all words and marks of holds in the sequence of their times, each by the rule of
// the lifecycle where it stands. Whatever the order of arrival, the same tellings make the same timeline. What the
// lifecycle refuses stays in it without effect: when something earlier comes to be known, it may take effect after all.

/// One telling on the timeline.
struct TimelineStep {
    var at: Int64
    var sequence: Int64
    var channel: Int16
    var word: StatusWord
    /// Whether this is the event that is asked about.
    var isAsked = false
    var flags: Order.ToldWord.Flags
    var reason = ""

    /// Of equal times a channel's words follow the path.
    var place: UInt8 {
        switch word {
        case .state(let state): state.rawValue
        case .release: 10
        }
    }
}

/// What the timeline comes to.
struct Timeline {
    var path: CanonicalState?
    var reached = SIMD16<Int64>(repeating: 0)
    var holds: [Order.Hold] = []
    /// The rule that the event asked about meets; nil: none was asked about.
    var asked: Rule?
    /// Whether the event asked about had something that it ends, or begins: of holds.
    var askedIsNew = false
    /// The state before the event asked about.
    var askedFrom: CanonicalState?
    /// Steps that the lifecycle refuses.
    var refused = 0
    /// A release that was applied because its time was up, and its hold has not come.
    var hasUnmatchedRelease = false
    /// An invoice was flagged because nothing had left.
    var invoicedEarly = false
    /// The order was closed without an invoice.
    var closedEarly = false
    /// A shipment or an invoice after the end.
    var hasFactAfterEnd = false
    /// An edge that the legal entity flags.
    var hasFlaggedEdge = false
    /// Steps that wait for what comes later.
    private var waiting: [TimelineStep] = []
    private var hasBegun = false

    var isHeld: Bool { holds.contains { $0.endedAt == nil } }

    /// Runs the order's steps, and that of an event which is asked about.
    ///
    /// A function and no initialiser: that would take, and so copy, the whole order.
    static func run(_ order: Order, asking step: TimelineStep? = nil, _ rules: OrderRules) -> Timeline {
        var timeline = Timeline()
        timeline.run(order, step, rules)
        return timeline
    }

    private mutating func run(_ order: Order, _ step: TimelineStep?, _ rules: OrderRules) {
        let lifecycle = rules.lifecycle
        var steps = order.timelineSteps(rules.validation)
        if let step { steps.append(step) }
        order.sort(&steps)
        for step in steps {
            take(step, order, lifecycle)
            if !waiting.isEmpty { retry(order, lifecycle) }
        }
        if path == nil, order.words.contains(where: { $0.flags.contains(.begins) }) { path = .received }
        if let step = waiting.first(where: { $0.isAsked }) {
            asked = lifecycle.rule(from: path, word: step.word)
            askedFrom = path
        }
        endWaiting()
        settleQuantities(order)
    }

    /// What waits for nothing that is there: taken once, and what it followed has been taken back since.
    private mutating func endWaiting() {
        for step in waiting where !step.isAsked {
            if step.word == .state(.closed), step.flags.contains(.accepted) {
                note(.closed, step.at)
                path = .closed
            } else {
                refused += 1
            }
        }
    }

    private mutating func retry(_ order: Order, _ lifecycle: Lifecycle) {
        let again = waiting
        waiting = []
        for step in again { take(step, order, lifecycle) }
    }

    /// The state of the order where the timeline stands.
    private var state: CanonicalState? {
        guard let path, isHeld else { return path }
        return path.rawValue < CanonicalState.shipped.rawValue ? .onHold : path
    }

    private mutating func take(_ step: TimelineStep, _ order: Order, _ lifecycle: Lifecycle) {
        // Told of an order that somebody else begins: it stands before the first word of whoever does.
        if !hasBegun, path == nil, !step.flags.contains(.begins) { path = .received }
        hasBegun = true
        if step.isAsked { askedFrom = state }
        switch step.word {
        case .release: takeRelease(step, order, lifecycle)
        case .state(.onHold): takeHold(step, order, lifecycle)
        case .state where step.channel == Order.ownIndex: takeVerdict(step)
        case .state(let word): takeWord(step, word, order, lifecycle)
        }
    }

    // MARK: - Words of the path

    private mutating func takeWord(
        _ step: TimelineStep, _ word: CanonicalState, _ order: Order, _ lifecycle: Lifecycle
    ) {
        var rule = lifecycle.rule(from: path, word: step.word)
        if state == .onHold { rule = Lifecycle.stricter(lifecycle.rule(from: .onHold, word: step.word), rule) }
        if rule.disposition == .park, step.flags.contains(.waited), let fallback = rule.fallback {
            rule.disposition = fallback
        }
        if let other = pinned(step, word, rule) { rule = other }
        if step.isAsked { asked = rule }
        switch rule.disposition {
        case .park: waiting.append(step)
        case .reject: refused += 1
        case .behind: note(word, step.at)
        case .allow, .flag:
            if rule.disposition == .flag { flag(rule, word) }
            enter(word, step, order)
        }
        guard rule.disposition != .park, rule.disposition != .reject else { return }
        switch word {
        case .partiallyFulfilled, .shipped, .invoiced:
            for index in holds.indices where holds[index].endedAt == nil { holds[index].isViolated = true }
        case .received, .validated, .allocated, .closed, .onHold, .cancelled: break
        }
    }

    /// What took effect as an end stays one: a late telling never overwrites newer state.
    ///
    /// Nil: the table's rule.
    private func pinned(_ step: TimelineStep, _ word: CanonicalState, _ rule: Rule) -> Rule? {
        guard rule.disposition == .reject else { return nil }
        switch word {
        // Told again: the rest has been cancelled.
        case .cancelled where reached[9] != 0: return .behind
        case .cancelled where step.flags.contains(.accepted):
            // It cancelled the rest of a partial shipment that was told late.
            return reached[4] != 0 || path == .closed ? .behind : .flag(.factAfterEnd)
        case .closed where step.flags.contains(.accepted): return .allow
        case .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed, .onHold, .cancelled:
            return nil
        }
    }

    /// What a flag stands for; how long its exception stays open is seen at the end.
    private mutating func flag(_ rule: Rule, _ word: CanonicalState) {
        switch rule.code {
        case .invoiceWithoutDispatch: invoicedEarly = true
        case .shippedNotInvoiced: closedEarly = true
        case .factAfterEnd: hasFactAfterEnd = true
        case .holdViolated:
            if word == .invoiced, reached[4] == 0, reached[5] == 0 { invoicedEarly = true }
        default: hasFlaggedEdge = true
        }
    }

    mutating func note(_ word: CanonicalState, _ at: Int64) {
        let known = reached[Int(word.rawValue)]
        if known == 0 || at < known { reached[Int(word.rawValue)] = max(1, at) }
    }

    private mutating func enter(_ word: CanonicalState, _ step: TimelineStep, _ order: Order) {
        switch word {
        case .partiallyFulfilled, .shipped:
            var to = word
            switch order.fulfilment(until: step.at) {
            case .undecided: break
            case .nothing, .part: to = .partiallyFulfilled
            case .all: to = .shipped
            }
            // What was to be cancelled and had not left yet is cancelled: nothing is left to wait for.
            if path == .cancelled { to = .shipped }
            note(to, step.at)
            if path == .cancelled || to.rawValue > path?.rawValue ?? 0 { path = to }
        case .cancelled:
            enterCancelled(step, order)
        case .received, .validated, .allocated, .invoiced, .closed:
            note(word, step.at)
            if path == .cancelled || word.rawValue > path?.rawValue ?? 0 { path = word }
        case .onHold: break
        }
    }

    private mutating func enterCancelled(_ step: TimelineStep, _ order: Order) {
        let isDispatched = reached[4] != 0 || reached[5] != 0
        if step.flags.contains(.byLines) {
            switch order.fulfilment(until: step.at) {
            // Others are left, or may be: the order goes on with those.
            case .undecided, .nothing, .part: return
            case .all: break
            }
        }
        // What left before is flagged: the cancellation is the newer state.
        let isOvertaken = isDispatched && step.flags.contains(.accepted) && reached[4] == 0
        note(.cancelled, step.at)
        if isDispatched && !isOvertaken {
            note(.shipped, step.at)
            path = .shipped
        } else {
            path = .cancelled
        }
    }

    /// Between partly and wholly shipped the quantities decide in the end, whatever was said.
    private mutating func settleQuantities(_ order: Order) {
        guard path == .partiallyFulfilled || path == .shipped else { return }
        switch order.fulfilment(until: .max) {
        case .undecided: return
        case .all:
            if reached[5] == 0 { reached[5] = max(1, order.lastFulfilment) }
            path = .shipped
        case .nothing, .part:
            // Cancelled as a whole: what has not left never will.
            if reached[9] != 0 { return }
            if reached[4] == 0 { reached[4] = reached[5] }
            reached[5] = 0
            path = .partiallyFulfilled
        }
    }

    // MARK: - Holds

    private mutating func takeHold(_ step: TimelineStep, _ order: Order, _ lifecycle: Lifecycle) {
        let rule = lifecycle.rule(from: path, word: step.word)
        if step.isAsked { asked = rule }
        guard rule.disposition == .allow || rule.disposition == .flag else {
            if rule.disposition == .reject { refused += 1 }
            return
        }
        if rule.disposition == .flag { hasFlaggedEdge = true }
        let channel = order.channelName(step.channel)
        if holds.contains(where: { $0.endedAt == nil && $0.channel == channel && $0.reason == step.reason }) {
            if step.isAsked { asked = .behind }
            return
        }
        if step.isAsked { askedIsNew = true }
        if path == nil { path = .received }
        note(.onHold, step.at)
        holds.append(
            Order.Hold(reason: step.reason, channel: channel, since: Timestamp(microseconds: step.at), endedAt: nil))
    }

    private mutating func takeRelease(_ step: TimelineStep, _ order: Order, _ lifecycle: Lifecycle) {
        let channel = order.channelName(step.channel)
        var isMatched = false
        for index in holds.indices
        where holds[index].endedAt == nil && holds[index].channel == channel
            && (step.reason.isEmpty || holds[index].reason == step.reason)
        {
            holds[index].endedAt = Timestamp(microseconds: step.at)
            isMatched = true
        }
        if step.isAsked { askedIsNew = isMatched }
        if isMatched {
            if step.isAsked { asked = .allow }
        } else if step.isAsked {
            asked = order.isReleasedLater(step) ? .behind : lifecycle.rule(from: path, word: .release)
        } else if step.flags.contains(.waited) {
            hasUnmatchedRelease = true
        }
    }
}

extension Order {
    func channelName(_ index: Int16) -> String {
        channels.indices.contains(Int(index))
            ? channels[Int(index)].channel
            : index == Self.ownIndex ? Self.ownChannel : ""
    }

    /// Whether the channel told an end of the same hold at the same time or later.
    fileprivate func isReleasedLater(_ step: TimelineStep) -> Bool {
        marks.contains {
            $0.isRelease && $0.channel == step.channel && $0.at >= step.at
                && ($0.reason.isEmpty || $0.reason == step.reason)
        }
    }

    /// What the timeline is made of: every word at its first and its last time, and every mark.
    ///
    /// Where Sluice validates, its verdict stands for what channels say of that.
    func timelineSteps(_ validation: ValidationRules) -> [TimelineStep] {
        var steps: [TimelineStep] = []
        steps.reserveCapacity(words.count + marks.count + 2)
        let isOwn = validation.by == .sluice
        if let step = verdictStep(validation) { steps.append(step) }
        for told in words where !told.flags.contains(.claim) && !(isOwn && told.word == .validated) {
            var step = TimelineStep(
                at: told.first, sequence: 0, channel: told.channel, word: .state(told.word),
                flags: told.flags)
            steps.append(step)
            guard told.last != told.first else { continue }
            step.at = told.last
            steps.append(step)
        }
        for mark in marks where !mark.flags.contains(.claim) {
            steps.append(
                TimelineStep(
                    at: mark.at, sequence: mark.sequence, channel: mark.channel,
                    word: mark.isRelease ? .release : .state(.onHold),
                    flags: ToldWord.Flags(rawValue: mark.flags.rawValue), reason: mark.reason))
        }
        return steps
    }

    /// By time; within a channel by number, then along the path.
    ///
    /// Of several channels at one instant, whoever stands earliest on the path goes first, as a whole.
    func sort(_ steps: inout [TimelineStep]) {
        // Few, and nearly sorted already.
        for index in steps.indices.dropFirst() {
            var place = index
            while place > 0, goesBefore(steps[place], steps[place - 1]) {
                steps.swapAt(place, place - 1)
                place -= 1
            }
        }
        var start = 0
        while start < steps.count {
            var end = start + 1
            while end < steps.count, steps[end].at == steps[start].at { end += 1 }
            if end - start > 1, steps[start].channel != steps[end - 1].channel { sortInstant(&steps, start..<end) }
            start = end
        }
    }

    private func goesBefore(_ a: TimelineStep, _ b: TimelineStep) -> Bool {
        if a.at != b.at { return a.at < b.at }
        if a.channel != b.channel { return channelName(a.channel) < channelName(b.channel) }
        if a.sequence != 0, b.sequence != 0, a.sequence != b.sequence { return a.sequence < b.sequence }
        // Marks of one channel and time without numbers stay in the sequence of the log.
        if a.place >= 8, b.place >= 8, a.place != 9, b.place != 9 { return false }
        return a.place < b.place
    }

    private func sortInstant(_ steps: inout [TimelineStep], _ range: Range<Int>) {
        var first: [Int16: UInt8] = [:]
        for step in steps[range] { first[step.channel] = min(first[step.channel] ?? .max, step.place) }
        let sorted = steps[range].enumerated().sorted { a, b in
            let (x, y) = (first[a.element.channel] ?? 0, first[b.element.channel] ?? 0)
            if x != y { return x < y }
            return a.offset < b.offset
        }
        steps.replaceSubrange(range, with: sorted.map(\.element))
    }

    /// The latest time of anything on the timeline; 0: nothing.
    func latestTold(_ validation: ValidationRules) -> Int64 {
        var latest = verdictStep(validation)?.at ?? 0
        for told in words where told.last > latest { latest = told.last }
        for mark in marks where mark.at > latest { latest = mark.at }
        return latest
    }
}
