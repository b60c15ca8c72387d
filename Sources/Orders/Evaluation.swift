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
    /// Whether the order's row has to be written: its version went up, or what it remembers of its channels changed.
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
    ///   - lifecycle: the legal entity's rules.
    ///   - waited: the event was parked and its time is up: what it waited for is overruled by its fallback.
    /// - Returns: what became of it, what it raised and resolved, and what the caller has to do.
    public mutating func apply(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", lifecycle: Lifecycle = .standard,
        waited: Bool = false
    ) -> Evaluation {
        let before = state
        let telling = telling(of: event, channel)
        if telling.isBehindGap, !waited, event.refusal?.code != .channelNotListed {
            return park(.sequenceGap, telling, before)
        }
        if let refusal = event.refusal { return refuse(refusal.code, telling, before) }
        var ruling = ruling(telling, lifecycle)
        if ruling.rule.disposition == .park {
            guard waited, let fallback = ruling.rule.fallback else {
                return wait(ruling.rule.code ?? .orderNotBegun, telling, before)
            }
            ruling.rule.disposition = fallback
        }
        guard ruling.rule.disposition != .reject else {
            return refuse(ruling.rule.code ?? .illegalTransition, telling, before)
        }
        return take(telling, ruling, warehouse, before)
    }

    /// Takes what the rules let through: its word, then its facts.
    private mutating func take(
        _ telling: Telling, _ ruling: Ruling, _ warehouse: String, _ before: CanonicalState?
    ) -> Evaluation {
        let rule = ruling.rule
        var result = Evaluation(
            outcome: .applied, disposition: rule.disposition, from: before, to: before, code: rule.code)
        var news = takeWord(telling, rule.disposition)
        news.add(merge(telling, warehouse))
        let progress = note(telling)
        result.to = state
        result.releasesParked = parked > 0 && (progress.advanced || news.isNew)
        result.changed = news.isNew || news.isTouched || progress.changed
        if telling.isBehindGap {
            // Its time was up. The gap is flagged beside whatever the word itself deserves.
            if rule.disposition == .allow { result.disposition = .flag }
            if result.code == nil { result.code = .sequenceGap }
            raise(.sequenceGap, &result)
        }
        let tellsNothing = rule.disposition == .behind || telling.event.status == nil
        guard news.isNew || !tellsNothing else {
            result.outcome = .stale
            settle(&result)
            return result
        }
        if rule.disposition == .flag {
            if let code = rule.code { raise(code, &result) }
            if let code = ruling.beside { raise(code, &result) }
        }
        settle(&result)
        version += 1
        result.changed = true
        return result
    }

    /// Evaluates a parked event again.
    ///
    /// Returns nil when it still has to wait: then nothing changed but, when the gap before it has closed, that its
    /// number counts as told, so that what its channel told after it may go on. That needs no write of its own: it is
    /// found again the next time.
    public mutating func applyParked(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", lifecycle: Lifecycle = .standard,
        waited: Bool
    ) -> Evaluation? {
        var trial = self
        trial.parked = max(0, parked - 1)
        var result = trial.apply(event, channel: channel, warehouse: warehouse, lifecycle: lifecycle, waited: waited)
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
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?
    ) -> Evaluation {
        let index = progress(of: telling)
        channels[index].highestParked = max(channels[index].highestParked, telling.event.sequence ?? 0)
        var result = Evaluation(
            outcome: .parked, disposition: .park, from: before, to: before, code: code, changed: true)
        parked = parked == Int32.max ? parked : parked + 1
        raise(code, &result)
        return result
    }

    /// Waits for something else than a number: its own number is told, so that its channel's story goes on.
    private mutating func wait(
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?
    ) -> Evaluation {
        let progress = note(telling)
        var result = Evaluation(
            outcome: .parked, disposition: .park, from: before, to: before, code: code, changed: true)
        result.releasesParked = progress.advanced && parked > 0
        parked = parked == Int32.max ? parked : parked + 1
        raise(code, &result)
        settle(&result)
        return result
    }

    /// Leaves the state.
    ///
    /// The event's number counts as told, so that what follows it is not taken for a gap. A channel that may not speak
    /// for the legal entity leaves no trace in the order at all.
    private mutating func refuse(
        _ code: ExceptionCode, _ telling: Telling, _ before: CanonicalState?
    ) -> Evaluation {
        var result = Evaluation(
            outcome: .rejected, disposition: .reject, from: before, to: before, code: code, raised: [code])
        guard code != .channelNotListed, path != nil || telling.channel.sequenceFrom != nil else { return result }
        let progress = note(telling)
        result.changed = progress.changed
        result.releasesParked = progress.advanced && parked > 0
        // A refusal has no cause that a later event ends: a person looks at it, so the order forgets it.
        if open.contains(code) {
            open.removeAll { $0 == code }
            result.changed = true
        }
        settle(&result)
        return result
    }

    private mutating func raise(_ code: ExceptionCode, _ result: inout Evaluation) {
        if !open.contains(code) { open.append(code) }
        if !result.raised.contains(code) { result.raised.append(code) }
    }

    // MARK: - Exceptions that end by themselves

    /// Ends the open exceptions whose cause this event ended.
    private mutating func settle(_ result: inout Evaluation) {
        guard !open.isEmpty else { return }
        var left: [ExceptionCode] = []
        for code in open {
            guard hasEnded(causeOf: code) else {
                left.append(code)
                continue
            }
            result.changed = true
            // Raised and ended by one event: nobody need see it.
            if result.raised.contains(code) {
                result.raised.removeAll { $0 == code }
            } else {
                result.resolved.append(code)
            }
        }
        open = left
    }

    private func hasEnded(causeOf code: ExceptionCode) -> Bool {
        switch code {
        case .invoiceWithoutDispatch: dispatchedAt != nil
        case .shippedNotInvoiced: reached[Int(CanonicalState.invoiced.rawValue)] != 0
        case .holdViolated: !isViolated
        case .factAfterEnd: path != .cancelled && path != .closed
        case .orderNotBegun: path != nil
        case .sequenceGap: !channels.contains { $0.isWaiting || !$0.skipped.isEmpty }
        case .releaseWithoutHold: parked == 0 && !holds.contains { $0.isUnmatched }
        // Open only while an event that came too early is parked.
        case .illegalTransition: parked == 0
        default: false
        }
    }
}
