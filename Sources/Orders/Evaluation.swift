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
    /// Whether the order's row has to be written: its version went up, or its progress changed.
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
    public mutating func apply(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", lifecycle: Lifecycle = .standard,
        waited: Bool = false
    ) -> Evaluation {
        let before = state
        let at = min(event.occurredAt, event.source.polledAt)
        let gap = isBehindGap(event, channel)
        if gap, !waited { return park(.sequenceGap, before) }
        if let refusal = event.refusal { return refuse(refusal.code, event, channel, at, before) }
        var result = Evaluation(outcome: .applied, disposition: .allow, from: before, to: before)
        let rule = ruling(event, at, channel, lifecycle)
        switch rule.disposition {
        case .park where !waited:
            let advanced = note(event, channel, at)
            var waiting = park(rule.code ?? .orderNotBegun, before)
            waiting.releasesParked = advanced && parked > 1
            return waiting
        case .park:
            // The fallback: a release without a hold is applied with a flag; what still has no order is refused.
            guard path != nil else { return refuse(rule.code ?? .orderNotBegun, event, channel, at, before) }
            result.disposition = .flag
            result.code = rule.code
        case .reject:
            return refuse(rule.code ?? .illegalTransition, event, channel, at, before)
        case .allow, .flag, .behind:
            result.disposition = rule.disposition
            result.code = rule.code
        }
        if gap {
            result.disposition = .flag
            result.code = .sequenceGap
        }
        var new = takeWord(event, at, result.disposition, channel)
        if merge(event, at, warehouse) { new = true }
        let advanced = note(event, channel, at)
        result.releasesParked = parked > 0 && (advanced || before == nil || state != before)
        result.to = state
        if result.disposition == .behind, !new {
            result.outcome = .stale
            result.changed = advanced
            return result
        }
        if result.disposition == .flag, let code = result.code { raise(code, &result) }
        settle(&result)
        version += 1
        result.changed = true
        return result
    }

    // MARK: - Sequence

    /// Whether a number before this event's is missing, where the channel's numbers count by one.
    private func isBehindGap(_ event: OrderEvent, _ channel: ChannelRules) -> Bool {
        guard let first = channel.sequenceFrom, let sequence = event.sequence else { return false }
        let told = channels.first { $0.channel == channel.name }
        return sequence > max(told?.nextSequence ?? first, first)
    }

    /// Notes that the channel has told this event. Returns whether its sequence went on.
    private mutating func note(_ event: OrderEvent, _ channel: ChannelRules, _ at: Timestamp) -> Bool {
        let index: Int
        if let found = channels.firstIndex(where: { $0.channel == channel.name }) {
            index = found
        } else {
            channels.append(ChannelProgress(channel: channel.name, lastAt: at))
            index = channels.count - 1
        }
        if at >= channels[index].lastAt {
            channels[index].lastAt = at
            channels[index].lastWord = event.status?.name ?? event.milestone?.name ?? ""
        }
        guard let sequence = event.sequence, sequence < Int64.max else { return false }
        guard sequence >= channels[index].nextSequence else { return false }
        channels[index].nextSequence = sequence + 1
        return true
    }

    // MARK: - Rulings

    /// The rule for the event's word at the order's present place.
    private func ruling(
        _ event: OrderEvent, _ at: Timestamp, _ channel: ChannelRules, _ lifecycle: Lifecycle
    ) -> Rule {
        guard let word = event.status else {
            // A milestone never begins an order.
            return path == nil ? .park(.orderNotBegun) : .allow
        }
        if let path, path == .closed || path == .cancelled, let ended = time(of: path), at < ended {
            // Told late, happened before the end: history, not a departure.
            return .behind
        }
        if case .release = word, let last = lastEnd(of: event, channel), at <= last { return .behind }
        if case .state(.onHold) = word, let last = lastEnd(of: event, channel), at <= last { return .behind }
        if case .state(.onHold) = word, openHold(event, channel) != nil { return .behind }
        if case .release = word, openHolds(event, channel).isEmpty {
            let rule = lifecycle.rule(from: path, word: word)
            return isHeld ? .park(.releaseWithoutHold) : rule
        }
        if case .release = word { return .allow }
        let rule = lifecycle.rule(from: path, word: word)
        return state == .onHold ? Lifecycle.stricter(lifecycle.rule(from: .onHold, word: word), rule) : rule
    }

    private mutating func park(_ code: ExceptionCode, _ before: CanonicalState?) -> Evaluation {
        parked += 1
        var result = Evaluation(
            outcome: .parked, disposition: .park, from: before, to: before, code: code, changed: true)
        raise(code, &result)
        return result
    }

    /// Leaves the state. The event's number counts as told, so that what follows it is not taken for a gap.
    private mutating func refuse(
        _ code: ExceptionCode, _ event: OrderEvent, _ channel: ChannelRules, _ at: Timestamp,
        _ before: CanonicalState?
    ) -> Evaluation {
        let counts = path != nil || channel.sequenceFrom != nil
        let advanced = counts && note(event, channel, at)
        return Evaluation(
            outcome: .rejected, disposition: .reject, from: before, to: before, code: code, raised: [code],
            changed: advanced, releasesParked: advanced && parked > 0)
    }

    private mutating func raise(_ code: ExceptionCode, _ result: inout Evaluation) {
        if !open.contains(code) { open.append(code) }
        if !result.raised.contains(code) { result.raised.append(code) }
    }

    /// Ends the open exceptions whose cause this event ended.
    private mutating func settle(_ result: inout Evaluation) {
        guard !open.isEmpty else { return }
        let dispatched = reached[Int(CanonicalState.shipped.rawValue)] != 0
        let invoiced = reached[Int(CanonicalState.invoiced.rawValue)] != 0
        let held = isHeld
        let begun = path != nil
        open.removeAll { code in
            let ended =
                switch code {
                case .invoiceWithoutDispatch: dispatched
                case .shippedNotInvoiced: invoiced
                case .holdViolated: !held
                case .orderNotBegun: begun
                default: false
                }
            if ended, !result.raised.contains(code) { result.resolved.append(code) }
            return ended && !result.raised.contains(code)
        }
    }

    /// Evaluates a parked event again.
    ///
    /// Returns nil, and changes nothing, when it still has to wait.
    public mutating func applyParked(
        _ event: OrderEvent, channel: ChannelRules, warehouse: String = "", lifecycle: Lifecycle = .standard,
        waited: Bool
    ) -> Evaluation? {
        var trial = self
        trial.parked = max(0, parked - 1)
        var result = trial.apply(event, channel: channel, warehouse: warehouse, lifecycle: lifecycle, waited: waited)
        guard result.outcome != .parked else { return nil }
        if trial.parked == 0 {
            for code in [ExceptionCode.sequenceGap, .releaseWithoutHold, .orderNotBegun]
            where trial.open.contains(code) && !result.raised.contains(code) {
                trial.open.removeAll { $0 == code }
                result.resolved.append(code)
            }
        }
        result.changed = true
        self = trial
        return result
    }

    // MARK: - Words and holds

    /// Takes the event's status and milestone. Returns whether they told something new.
    private mutating func takeWord(
        _ event: OrderEvent, _ at: Timestamp, _ disposition: Disposition, _ channel: ChannelRules
    ) -> Bool {
        var new = false
        if let milestone = event.milestone {
            if milestones.isEmpty { milestones = Array(repeating: 0, count: 8) }
            if milestones[Int(milestone.rawValue)] < at.microseconds {
                milestones[Int(milestone.rawValue)] = at.microseconds
                new = true
            }
        }
        switch event.status {
        case .none:
            break
        case .release:
            if disposition != .behind { new = release(event, at, channel) || new }
        case .state(.onHold):
            if disposition != .behind {
                hold(event, at, channel)
                new = true
            }
        case .state(.cancelled) where path == .partiallyFulfilled && disposition != .behind:
            // What had left has left: cancelling the rest makes the order shipped.
            reach(.cancelled, at)
            reach(.shipped, at)
            path = .shipped
            new = true
        case .state(let word):
            let first = reached[Int(word.rawValue)] == 0
            reach(word, at)
            switch disposition {
            case .behind: new = new || (first && (word == .shipped || word == .invoiced))
            case .flag where path == .cancelled || path == .closed: new = true
            case .allow, .flag, .park, .reject:
                path = word
                new = true
            }
        }
        return new
    }

    private mutating func reach(_ state: CanonicalState, _ at: Timestamp) {
        let known = reached[Int(state.rawValue)]
        // The earliest telling counts, so that the order of arrival does not show in the times.
        if known == 0 || at.microseconds < known { reached[Int(state.rawValue)] = max(1, at.microseconds) }
    }

    private func reason(_ event: OrderEvent) -> String { event.facts?.hold.map { event.text($0.reason) } ?? "" }

    private func openHold(_ event: OrderEvent, _ channel: ChannelRules) -> Int? {
        let reason = reason(event)
        return holds.firstIndex { $0.endedAt == nil && $0.channel == channel.name && $0.reason == reason }
    }

    private func openHolds(_ event: OrderEvent, _ channel: ChannelRules) -> [Int] {
        let reason = reason(event)
        return holds.indices.filter {
            holds[$0].endedAt == nil && holds[$0].channel == channel.name
                && (reason.isEmpty || holds[$0].reason == reason)
        }
    }

    /// When a hold of this channel and reason last ended.
    private func lastEnd(of event: OrderEvent, _ channel: ChannelRules) -> Timestamp? {
        let reason = reason(event)
        return holds.filter { $0.channel == channel.name && (reason.isEmpty || $0.reason == reason) }
            .compactMap(\.endedAt).max()
    }

    private mutating func hold(_ event: OrderEvent, _ at: Timestamp, _ channel: ChannelRules) {
        if path == nil {
            path = .received
            reach(.received, at)
        }
        reach(.onHold, at)
        holds.append(Hold(reason: reason(event), channel: channel.name, since: at, endedAt: nil))
    }

    private mutating func release(_ event: OrderEvent, _ at: Timestamp, _ channel: ChannelRules) -> Bool {
        let ending = openHolds(event, channel)
        for index in ending { holds[index].endedAt = max(at, holds[index].since) }
        return !ending.isEmpty
    }
}
