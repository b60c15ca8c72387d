public import OrderEvents

/// How a channel speaks of orders, as far as the lifecycle cares.
public struct ChannelRules: Sendable {
    /// Name of the channel.
    public var name: String
    /// Where numbers that count by one begin; nil: numbers only compare.
    public var sequenceFrom: Int64?

    /// Rules of a channel; see the properties.
    public init(name: String, sequenceFrom: Int64? = nil) {
        self.name = name
        self.sequenceFrom = sequenceFrom
    }
}

/// What one event did to its order.
public struct Evaluation: Equatable, Sendable {
    /// applied, stale, parked or rejected.
    public var outcome: Outcome
    /// The rule that decided about the event's word; allow for a pure milestone.
    public var disposition: Disposition
    /// The canonical state before; nil: not begun.
    public var from: CanonicalState?
    /// The canonical state after.
    public var to: CanonicalState?
    /// Why it was flagged, parked or rejected.
    public var code: ExceptionCode?
    /// Exceptions to raise.
    public var raised: [ExceptionCode] = []
    /// Open exceptions whose cause ended.
    public var resolved: [ExceptionCode] = []
    /// Whether the order's row has to be written: its version went up, or what it remembers changed.
    public var changed = false
    /// Whether parked events of the order may go on now: look them up and evaluate them again.
    public var releasesParked = false

    /// The outcome of an event that waits although no order is known for it.
    public static func waiting(for code: ExceptionCode) -> Evaluation {
        Evaluation(outcome: .parked, disposition: .park, from: nil, to: nil, code: code)
    }
}

extension Order {
    /// Applies one event.
    ///
    /// - Parameters:
    ///   - event: an event of this order; the caller has made sure that its idempotency key is new.
    ///   - channel: how the event's channel counts.
    ///   - warehouse: canonical code of the warehouse, or empty.
    ///   - rules: what the legal entity decides.
    ///   - waited: the event was parked and its time is up: what it waited for is overruled by its fallback.
    /// - Returns: what became of it, what it raised and resolved, and what the caller has to do.
    public mutating func apply(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", rules: OrderRules = .standard,
        waited: Bool = false
    ) -> Evaluation {
        let before = state
        let telling = telling(of: event, channel)
        if telling.isBehindGap, !waited, event.refusal?.code != .channelNotListed {
            return park(.sequenceGap, telling, before, rules)
        }
        if let refusal = event.refusal { return refuse(refusal.code, telling, before, rules) }
        let mayBegin = event.status != nil && rules.owners.rank(of: channel.name, in: .order) != nil
        if path == nil, !mayBegin { return wait(.orderNotBegun, telling, before, rules) }
        let counts = event.status.map { rules.owners.rank(of: channel.name, in: FactGroup(of: $0)) != nil } ?? true
        var ruling = Ruling(rule: .allow)
        if counts, event.status != nil {
            ruling = self.ruling(telling, index(of: telling), rules, mayBegin: mayBegin)
            if ruling.rule.disposition == .park {
                guard waited, let fallback = ruling.rule.fallback else {
                    return wait(ruling.rule.code ?? .orderNotBegun, telling, before, rules)
                }
                ruling.rule.disposition = fallback
                ruling.isOverruled = true
            }
            if ruling.rule.disposition == .reject {
                return refuse(
                    ruling.rule.code ?? .illegalTransition, telling, before, rules, word: ruling, mayBegin: mayBegin,
                    warehouse: warehouse)
            }
        }
        return take(telling, ruling, warehouse, before, rules, Standing(counts: counts, mayBegin: mayBegin))
    }

    /// Who speaks: whether the channel's word counts, and whether it may begin an order.
    struct Standing {
        var counts: Bool
        var mayBegin: Bool
    }

    /// Takes what the rules let through: its word, then its facts.
    private mutating func take(
        _ telling: Telling, _ ruling: Ruling, _ warehouse: String, _ before: CanonicalState?, _ rules: OrderRules,
        _ standing: Standing
    ) -> Evaluation {
        var result = Evaluation(outcome: .applied, disposition: .behind, from: before, to: before)
        let channel = index(of: telling)
        let pathBefore = path
        let openBefore = open
        let known = reached
        let holdsBefore = holds.count { $0.endedAt == nil }
        var news = remember(telling, channel, ruling, standing)
        let isToldAnew = news.isTouched
        news.add(takeMilestone(telling, channel, rules.owners))
        news.add(merge(telling, channel, warehouse, rules.owners))
        let progress = note(telling)
        derive(rules)
        result.to = state
        let moved = path != pathBefore || state != before || holds.count { $0.endedAt == nil } != holdsBefore
        if moved || tellsFirst(telling.event.status, known) { news.isNew = true }
        if standing.counts, isToldAnew, telling.event.status != nil {
            switch ruling.rule.disposition {
            case .allow: news.isNew = news.isNew || ruling.isLast
            case .flag: if let code = ruling.rule.code, open.contains(code) { news.isNew = true }
            case .park, .reject, .behind: break
            }
        }
        // Who may begin an order and says nothing that counts has begun it.
        if pathBefore == nil, path != nil { news.isNew = true }
        result.changed = news.isNew || news.isTouched || progress.changed || open != openBefore
        if telling.isBehindGap { openSequenceGap() }
        describe(
            &result, telling, ruling, openBefore,
            moved: moved || (isToldAnew && ruling.isLast && ruling.rule.disposition == .allow))
        result.releasesParked = parked > 0 && (progress.advanced || result.changed)
        guard news.isNew else {
            result.outcome = .stale
            result.disposition = .behind
            return result
        }
        version += 1
        if let context = telling.event.source.trace { trace = EventTrace(context: context, version: version) }
        result.changed = true
        return result
    }

    /// Says what was raised, resolved and decided.
    private func describe(
        _ result: inout Evaluation, _ telling: Telling, _ ruling: Ruling, _ openBefore: [ExceptionCode], moved: Bool
    ) {
        result.raised = open.filter { !openBefore.contains($0) }
        result.resolved = openBefore.filter { !open.contains($0) }
        if telling.isBehindGap, !result.raised.contains(.sequenceGap) { result.raised.append(.sequenceGap) }
        // Raised again by another event: it counts.
        if ruling.rule.disposition == .flag, let code = ruling.rule.code, open.contains(code),
            !result.raised.contains(code)
        {
            result.raised.append(code)
        }
        // What the verdict raises is told by an event of its own.
        let verdict = validation.verdict.codes
        let flagged =
            result.raised.first { $0 == ruling.rule.code }
            ?? result.raised.first { $0 != .sequenceGap && !verdict.contains($0) }
        if let flagged, telling.event.status != nil {
            result.disposition = .flag
            result.code = flagged
        } else if telling.isBehindGap {
            // Its time was up.
            result.disposition = moved || telling.event.status == nil ? .flag : .behind
            result.code = .sequenceGap
        } else if moved || telling.event.status == nil {
            result.disposition = .allow
        }
    }

    /// A first word of something that happened, also when the path is beyond it.
    private func tellsFirst(_ word: StatusWord?, _ known: SIMD16<Int64>) -> Bool {
        switch word {
        case .state(.shipped), .state(.invoiced), .state(.cancelled):
            guard case .state(let state) = word else { return false }
            return known[Int(state.rawValue)] == 0 && reached[Int(state.rawValue)] != 0
        case .state(.partiallyFulfilled):
            return known[4] == 0 && known[5] == 0 && reached[4] != 0
        default: return false
        }
    }

    /// Evaluates a parked event again.
    ///
    /// Returns nil when it still has to wait: then nothing changed but, when the gap before it has closed, that its
    /// number counts as told, so that what its channel told after it may go on. That needs no write of its own: it is
    /// found again the next time.
    public mutating func applyParked(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", rules: OrderRules = .standard, waited: Bool
    ) -> Evaluation? {
        var trial = self
        trial.parked = max(0, parked - 1)
        var result = trial.apply(event, channel: channel, warehouse: warehouse, rules: rules, waited: waited)
        guard result.outcome != .parked else {
            channels = trial.channels
            return nil
        }
        result.changed = true
        self = trial
        return result
    }

    // MARK: - What does not go through

    /// Waits behind a gap: its number is not told yet.
    private mutating func park(
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?, _ rules: OrderRules
    ) -> Evaluation {
        let index = Int(index(of: telling))
        channels[index].highestParked = max(channels[index].highestParked, telling.event.sequence ?? 0)
        return parkedEvaluation(code, before, rules)
    }

    /// Waits for something else than a number: its own number is told, so that its channel's story goes on.
    private mutating func wait(
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?, _ rules: OrderRules
    ) -> Evaluation {
        let progress = note(telling)
        let hadOthers = parked > 0
        var result = parkedEvaluation(code, before, rules)
        result.releasesParked = progress.advanced && hadOthers
        return result
    }

    private mutating func parkedEvaluation(
        _ code: ExceptionCode, _ before: CanonicalState?, _ rules: OrderRules
    ) -> Evaluation {
        parked = parked == Int32.max ? parked : parked + 1
        var result = Evaluation(
            outcome: .parked, disposition: .park, from: before, to: before, code: code, raised: [code], changed: true)
        let openBefore = open
        if !open.contains(code) { open.append(code) }
        derive(rules)
        result.resolved = openBefore.filter { !open.contains($0) }
        return result
    }

    /// Leaves the state.
    ///
    /// The event's number counts as told, so that what follows it is not taken for a gap. A word that the lifecycle
    /// refuses stays on the timeline without effect, and the lines of a cancellation with it: what comes to be known of
    /// the time before may allow it. A channel that may not speak for the legal entity leaves no trace in the order at
    /// all.
    private mutating func refuse(
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?, _ rules: OrderRules,
        word ruling: Ruling? = nil, mayBegin: Bool = false, warehouse: String = ""
    ) -> Evaluation {
        var result = Evaluation(
            outcome: .rejected, disposition: .reject, from: before, to: before, code: code, raised: [code])
        guard code != .channelNotListed, path != nil || telling.channel.sequenceFrom != nil else { return result }
        let openBefore = open
        if let ruling, path != nil {
            let channel = index(of: telling)
            var news = remember(telling, channel, ruling, Standing(counts: true, mayBegin: mayBegin))
            news.add(keepCancellation(telling, channel, rules.owners))
            if !warehouse.isEmpty { news.add(note(warehouse, telling.at.microseconds)) }
            result.changed = news.isTouched || news.isNew
        }
        let progress = note(telling)
        derive(rules)
        result.changed = result.changed || progress.changed || open != openBefore
        result.releasesParked = progress.advanced && parked > 0
        result.resolved = openBefore.filter { !open.contains($0) }
        return result
    }
}
