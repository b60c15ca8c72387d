import OrderEvents

// From the table to one event: the table knows words and places; times, holds and what is known already decide which of
// its cells an event meets.

/// The rule that an event meets.
struct Ruling {
    var rule: Rule
    /// A second exception of a flagged word: an invoice under a hold may also lack its dispatch.
    var beside: ExceptionCode?

    init(_ rule: Rule, beside: ExceptionCode? = nil) {
        self.rule = rule
        self.beside = beside
    }
}

/// What taking an event's word or facts did to the order.
struct News {
    /// It told something new: the event is applied.
    var isNew = false
    /// The order remembers something else than before, though nothing that counts as news.
    var isTouched = false

    mutating func add(_ other: News) {
        isNew = isNew || other.isNew
        isTouched = isTouched || other.isTouched
    }
}

extension Order {
    /// When anything first left, or nil.
    var dispatchedAt: Timestamp? { Self.earlier(time(of: .partiallyFulfilled), time(of: .shipped)) }

    /// The earlier of two times that may not have come.
    static func earlier(_ a: Timestamp?, _ b: Timestamp?) -> Timestamp? {
        guard let a, let b else { return a ?? b }
        return min(a, b)
    }

    private func has(_ state: CanonicalState) -> Bool { reached[Int(state.rawValue)] != 0 }

    /// The rule for the event's word at the order's present place.
    func ruling(_ telling: Telling, _ lifecycle: Lifecycle) -> Ruling {
        guard let word = telling.event.status else {
            // A milestone never begins an order.
            return Ruling(path == nil ? .park(.orderNotBegun) : .allow)
        }
        if word == .release, let rule = releaseRule(telling) { return Ruling(rule) }
        if word == .state(.onHold), let rule = holdRule(telling) { return Ruling(rule) }
        if case .state(let to) = word, let rule = lateRule(telling, to) { return Ruling(rule) }
        let rule = lifecycle.rule(from: path, word: word)
        // What happened before the holds began did not happen under them.
        guard state == .onHold, word != .release, isHeld(at: telling) else { return Ruling(rule) }
        let strict = Lifecycle.stricter(lifecycle.rule(from: .onHold, word: word), rule)
        guard strict.disposition == .flag, rule.disposition == .flag, rule.code != strict.code else {
            return Ruling(strict)
        }
        return Ruling(strict, beside: rule.code)
    }

    /// What event time says about a word, before the table does; nil: nothing.
    private func lateRule(_ telling: Telling, _ to: CanonicalState) -> Rule? {
        guard let path else { return nil }
        if to == .cancelled, path == .shipped || path == .invoiced || path == .closed {
            return lateCancellation(telling)
        }
        guard path == .closed || path == .cancelled, let ended = time(of: path), telling.isBefore(ended) else {
            return nil
        }
        guard path == .cancelled else { return .behind }
        switch to {
        // It left before the cancellation, which then cancelled the rest: the order becomes shipped, as it would have
        // in the other sequence.
        case .partiallyFulfilled: return has(.partiallyFulfilled) ? .behind : .allow
        // A newer state is not overwritten, but somebody has to look at goods or invoices of a cancelled order.
        case .shipped, .invoiced: return has(to) ? .behind : .flag(.factAfterEnd)
        // Told late, happened before the end: history, not a departure.
        case .received, .validated, .allocated, .closed, .onHold, .cancelled: return .behind
        }
    }

    /// A cancellation of an order whose goods have left; nil: the table refuses it.
    private func lateCancellation(_ telling: Telling) -> Rule? {
        if has(.cancelled) { return .behind }
        let later = Self.earlier(time(of: .shipped), Self.earlier(time(of: .invoiced), time(of: .closed)))
        guard let later, telling.isBefore(later) else { return nil }
        // It cancelled the rest of a partial shipment, and what became of that was told first. Without such a shipment
        // it waits for one; a cancellation of it all does not undo what has left since.
        guard let partly = time(of: .partiallyFulfilled), partly <= telling.at else { return .tooEarly }
        return .behind
    }

    /// Takes the event's status and milestone.
    mutating func takeWord(_ telling: Telling, _ disposition: Disposition) -> News {
        var news = News()
        let at = telling.at
        if let milestone = telling.event.milestone {
            if milestones.isEmpty { milestones = Array(repeating: 0, count: 8) }
            if milestones[Int(milestone.rawValue)] < at.microseconds {
                milestones[Int(milestone.rawValue)] = at.microseconds
                news.isNew = true
            }
        }
        switch telling.event.status {
        case .none: break
        case .release: news.add(takeRelease(telling, disposition))
        case .state(.onHold): news.add(takeHold(telling, disposition))
        case .state(let word): news.add(take(word, at, disposition))
        }
        return news
    }

    /// Takes a word of the path, or `cancelled`.
    private mutating func take(_ word: CanonicalState, _ at: Timestamp, _ disposition: Disposition) -> News {
        let isFirst = !has(word)
        let wasDispatched = dispatchedAt != nil
        var news = News()
        news.isTouched = reach(word, at)
        if word == .partiallyFulfilled || word == .shipped || word == .invoiced, leftAt.map({ $0 < at }) ?? true {
            leftAt = at
            news.isTouched = true
        }
        if disposition == .behind {
            switch word {
            case .shipped, .invoiced: news.isNew = isFirst
            // The dispatch that an invoice missed; else it says nothing that a later state does not.
            case .partiallyFulfilled: news.isNew = !wasDispatched
            case .cancelled:
                news.isNew = isFirst
                // It cancelled the rest of a partial shipment; see `lateCancellation`.
                if path != .cancelled, reach(.shipped, at) { news.isTouched = true }
            case .received, .validated, .allocated, .closed, .onHold: break
            }
            return news
        }
        news.isNew = true
        switch (path, word) {
        case (.partiallyFulfilled, .cancelled):
            // What had left has left: cancelling the rest makes the order shipped.
            _ = reach(.shipped, at)
            path = .shipped
        case (.cancelled, .partiallyFulfilled) where disposition == .allow:
            if let ended = time(of: .cancelled) { _ = reach(.shipped, ended) }
            path = has(.invoiced) ? .invoiced : .shipped
        case (.cancelled, _), (.closed, _): break
        default: path = word
        }
        return news
    }

    /// The earliest telling counts, so that the order of arrival does not show in the times.
    ///
    /// Returns whether it is this.
    mutating func reach(_ state: CanonicalState, _ at: Timestamp) -> Bool {
        let known = reached[Int(state.rawValue)]
        guard known == 0 || at.microseconds < known else { return false }
        reached[Int(state.rawValue)] = max(1, at.microseconds)
        return true
    }
}
