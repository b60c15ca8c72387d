import OrderEvents

// Holds are a set that event time decides about: each begins and ends by the channel that told it. A release without a
// reason ends all of its channel's. Whatever the order of arrival, the same holds are open in the end.

extension Order {
    /// Holds that an order remembers.
    ///
    /// Beyond them the one that ended first is forgotten: a repetition of it would then count as a new hold.
    static let maximumHolds = 64

    /// What a hold meets before the table; nil: the table decides.
    func holdRule(_ telling: Telling) -> Rule? {
        if holdEnd(telling) != nil { return .behind }
        let opened = holds.filter { isOpen($0, telling) }
        if opened.contains(where: { $0.since <= telling.at }) || opened.count >= Self.maximumHolds { return .behind }
        guard let path else { return nil }
        // It was open when something left or was invoiced: nobody may have known.
        if path != .cancelled, let leftAt, telling.isBefore(leftAt) { return .flag(.holdViolated) }
        switch path {
        case .shipped, .invoiced, .closed, .cancelled:
            // Told late, but it was laid on while it could be.
            let end = Self.earlier(time(of: path), Self.earlier(time(of: .shipped), time(of: .invoiced)))
            return end.map { telling.isBefore($0) } == true ? .behind : nil
        case .received, .validated, .allocated, .partiallyFulfilled, .onHold: return nil
        }
    }

    /// Whether something left or was invoiced under a hold that is open now.
    var isViolated: Bool {
        guard let leftAt else { return false }
        return holds.contains { $0.endedAt == nil && $0.since <= leftAt }
    }

    /// Whether a hold that is open now was open when the event happened.
    func isHeld(at telling: Telling) -> Bool {
        holds.contains { $0.endedAt == nil && !telling.isBefore($0.since) }
    }

    /// What a release meets before the table; nil: the table decides, which parks it.
    func releaseRule(_ telling: Telling) -> Rule? {
        guard path != nil else { return nil }
        if !ending(telling).isEmpty { return .allow }
        let told = channels.first { $0.channel == telling.channel.name }
        let reason = telling.holdReason
        let ends = holds.filter { $0.channel == telling.channel.name && (reason.isEmpty || $0.reason == reason) }
            .compactMap(\.endedAt)
        if let last = (ends + [told?.releasedAt].compactMap { $0 }).max(), telling.at <= last { return .behind }
        return nil
    }

    /// Takes an `on_hold`.
    mutating func takeHold(_ telling: Telling, _ disposition: Disposition) -> News {
        let at = telling.at
        let reason = telling.holdReason
        if let end = holdEnd(telling) {
            // It began and ended before anybody heard of it.
            if let index = holds.firstIndex(where: { $0.isUnmatched && isOf($0, telling) && at <= $0.since }) {
                holds[index].reason = reason
                holds[index].since = at
                holds[index].isUnmatched = false
            } else if holds.contains(where: {
                isSame($0, telling) && $0.since <= at && at <= $0.endedAt ?? $0.since
            }) {
                return News()
            } else {
                remember(Hold(reason: reason, channel: telling.channel.name, since: at, endedAt: end))
            }
        } else {
            if let index = holds.firstIndex(where: { isOpen($0, telling) && $0.since <= at }) {
                guard holds[index].retoldAt.map({ $0 < at }) ?? (holds[index].since < at) else { return News() }
                holds[index].retoldAt = at
                return News(isNew: false, isTouched: true)
            }
            if holds.count(where: { isOpen($0, telling) }) >= Self.maximumHolds { return News() }
            remember(Hold(reason: reason, channel: telling.channel.name, since: at, endedAt: nil))
        }
        // Nobody told when it was received: a time made up here would outlive the true one.
        if path == nil { path = .received }
        _ = reach(.onHold, at)
        return News(isNew: true, isTouched: true)
    }

    /// Takes a `release`.
    mutating func takeRelease(_ telling: Telling, _ disposition: Disposition) -> News {
        let at = telling.at
        let reason = telling.holdReason
        var news = News()
        if reason.isEmpty {
            let index = progress(of: telling)
            if at > channels[index].releasedAt ?? Timestamp(microseconds: 0) {
                channels[index].releasedAt = at
                news.isTouched = true
            }
        }
        let ended = ending(telling)
        var goOn: [Hold] = []
        for index in ended {
            if let retold = holds[index].retoldAt, at < retold {
                var later = holds[index]
                later.since = retold
                later.retoldAt = nil
                holds[index].retoldAt = nil
                holds[index].endedAt = at
                goOn.append(later)
            } else {
                holds[index].endedAt = at
            }
        }
        for hold in goOn { remember(hold) }
        if disposition == .flag, ended.isEmpty {
            remember(
                Hold(reason: reason, channel: telling.channel.name, since: at, endedAt: at, isUnmatched: true))
            news.isNew = true
        }
        news.isNew = news.isNew || !ended.isEmpty
        return news
    }

    // MARK: - Which holds an event speaks of

    private func isSame(_ hold: Hold, _ telling: Telling) -> Bool {
        hold.channel == telling.channel.name && hold.reason == telling.holdReason
    }

    /// The hold's reason, or none, is the event's.
    private func isOf(_ hold: Hold, _ telling: Telling) -> Bool {
        hold.channel == telling.channel.name && (hold.reason.isEmpty || hold.reason == telling.holdReason)
    }

    private func isOpen(_ hold: Hold, _ telling: Telling) -> Bool { hold.endedAt == nil && isSame(hold, telling) }

    /// The open holds that a release ends: those that had begun by then.
    private func ending(_ telling: Telling) -> [Int] {
        let reason = telling.holdReason
        return holds.indices.filter {
            holds[$0].endedAt == nil && holds[$0].channel == telling.channel.name
                && (reason.isEmpty || holds[$0].reason == reason) && holds[$0].since <= telling.at
        }
    }

    /// When a hold that began at the event's time ended; nil: it is open.
    private func holdEnd(_ telling: Telling) -> Timestamp? {
        var ends = holds.filter { isSame($0, telling) || ($0.isUnmatched && isOf($0, telling)) }.compactMap(\.endedAt)
        if let released = channels.first(where: { $0.channel == telling.channel.name })?.releasedAt {
            ends.append(released)
        }
        return ends.filter { telling.isBefore($0) }.min()
    }

    private mutating func remember(_ hold: Hold) {
        if holds.count >= Self.maximumHolds {
            let ended = holds.indices.filter { holds[$0].endedAt != nil }
            let oldest = ended.min { (holds[$0].endedAt ?? hold.since) < (holds[$1].endedAt ?? hold.since) }
            if let oldest { holds.remove(at: oldest) }
        }
        holds.append(hold)
    }
}
