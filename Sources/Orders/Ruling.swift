import OrderEvents

// From the table to one event: where it stands on the timeline decides which cell it meets.

/// The rule that an event meets.
struct Ruling {
    var rule: Rule
    /// What it waited for did not come in time.
    var isOverruled = false
    /// It begins or ends a hold.
    var isNewHold = false
    /// Nothing was told of a later time.
    var isLast = false
}

extension Order {
    /// The rule for the event's word where it stands in time.
    func ruling(_ telling: Telling, _ channel: Int16, _ rules: OrderRules, mayBegin: Bool) -> Ruling {
        guard let word = telling.event.status else { return Ruling(rule: .allow) }
        // Where Sluice validates, a channel's word is only noted.
        if word == .state(.validated), rules.validation.by == .sluice { return Ruling(rule: .behind) }
        let lifecycle = rules.lifecycle
        let at = telling.at.microseconds
        if case .state(let state) = word, state != .onHold, at > latestTold(rules.validation) {
            // Later than everything: it stands at the end, where the order is.
            var rule = lifecycle.rule(from: path, word: word)
            if self.state == .onHold {
                rule = Lifecycle.stricter(lifecycle.rule(from: .onHold, word: word), rule)
            } else if state == .cancelled, rule.disposition == .reject, reached[9] != 0 {
                rule = .behind
            }
            return Ruling(rule: rule, isLast: true)
        }
        var flags: ToldWord.Flags = mayBegin ? .begins : []
        if isByLines(telling) { flags.insert(.byLines) }
        let step = TimelineStep(
            at: at, sequence: telling.event.sequence ?? 0, channel: channel, word: word, isAsked: true,
            flags: flags, reason: telling.holdReason)
        let timeline = Timeline.run(self, asking: step, rules)
        let rule = timeline.asked ?? lifecycle.rule(from: path, word: word)
        return Ruling(rule: rule, isNewHold: timeline.askedIsNew)
    }

    private func isByLines(_ telling: Telling) -> Bool {
        telling.event.status == .state(.cancelled) && telling.event.facts?.cancellation?.lines.isEmpty == false
    }

    /// Puts the event's word on the timeline.
    mutating func remember(_ telling: Telling, _ channel: Int16, _ ruling: Ruling, _ standing: Standing) -> News {
        guard let word = telling.event.status else { return News() }
        switch word {
        case .state(.onHold), .release: return remember(mark: word, telling, channel, ruling, standing)
        case .state(let state): return remember(state, telling, channel, ruling, standing)
        }
    }

    private mutating func remember(
        _ word: CanonicalState, _ telling: Telling, _ channel: Int16, _ ruling: Ruling, _ standing: Standing
    ) -> News {
        let at = telling.at.microseconds
        var flags: ToldWord.Flags = []
        if !standing.counts { flags.insert(.claim) }
        if standing.mayBegin { flags.insert(.begins) }
        if isByLines(telling) { flags.insert(.byLines) }
        if ruling.isOverruled { flags.insert(.waited) }
        if word == .cancelled || word == .closed, ruling.rule.disposition != .reject { flags.insert(.accepted) }
        let index = words.firstIndex {
            $0.channel == channel && $0.word == word && $0.flags.contains(.byLines) == flags.contains(.byLines)
                && $0.flags.contains(.claim) == flags.contains(.claim)
        }
        guard let index else {
            words.append(ToldWord(channel: channel, word: word, first: at, last: at, flags: flags))
            return .touched
        }
        let known = words[index]
        words[index].first = min(known.first, at)
        words[index].last = max(known.last, at)
        words[index].flags.formUnion(flags)
        return News(isNew: false, isTouched: words[index] != known)
    }

    /// Marks of holds that an order remembers.
    ///
    /// Beyond them the oldest hold that ended is forgotten: a repetition of it would then count as a new one.
    static let maximumMarks = 128

    private mutating func remember(
        mark word: StatusWord, _ telling: Telling, _ channel: Int16, _ ruling: Ruling, _ standing: Standing
    ) -> News {
        let isRelease = word == .release
        let reason = telling.holdReason
        let at = telling.at.microseconds
        let same = marks.firstIndex {
            $0.at == at && $0.channel == channel && $0.isRelease == isRelease && $0.reason == reason
                && $0.sequence == telling.event.sequence ?? 0
        }
        // Told again; of a channel without numbers the log decides: a hold after its release of the same time is new.
        if same != nil, !(ruling.isNewHold && telling.event.sequence == nil) { return News() }
        var flags: HoldMark.Flags = []
        if !standing.counts { flags.insert(.claim) }
        if standing.mayBegin, !isRelease { flags.insert(.begins) }
        if ruling.isOverruled { flags.insert(.waited) }
        let mark = HoldMark(
            at: at, sequence: telling.event.sequence ?? 0, channel: channel, isRelease: isRelease, flags: flags,
            reason: reason)
        let place = marks.firstIndex { $0.at > at } ?? marks.count
        marks.insert(mark, at: place)
        if marks.count > Self.maximumMarks { forgetMark() }
        return News(isNew: standing.counts && (ruling.isNewHold || ruling.isOverruled), isTouched: true)
    }

    /// Forgets the oldest hold that ended, with its end; else what only repeats an open one.
    private mutating func forgetMark() {
        for (begin, mark) in marks.enumerated() where !mark.isRelease {
            let end = marks.indices.first {
                $0 > begin && marks[$0].isRelease && marks[$0].channel == mark.channel
                    && (marks[$0].reason.isEmpty || marks[$0].reason == mark.reason)
            }
            guard let end else { continue }
            // A release of all reasons may end others, too: it stays as long as one of them is there.
            let others = marks[..<end].indices.contains {
                $0 != begin && !marks[$0].isRelease && marks[$0].channel == mark.channel
            }
            if !(marks[end].reason.isEmpty && others) { marks.remove(at: end) }
            marks.remove(at: begin)
            return
        }
        for (index, mark) in marks.enumerated().dropFirst() {
            let isRepeated = marks[..<index].contains {
                $0.isRelease == mark.isRelease && $0.channel == mark.channel && $0.reason == mark.reason
            }
            if isRepeated {
                marks.remove(at: index)
                return
            }
        }
        marks.removeFirst()
    }

    /// Takes the event's milestone.
    mutating func takeMilestone(_ telling: Telling, _ channel: Int16, _ owners: Owners) -> News {
        guard let milestone = telling.event.milestone else { return News() }
        guard owners.rank(of: telling.channel.name, in: FactGroup(of: milestone)) != nil else {
            return claim(.milestone, milestone.name, Teller(telling: telling, channel: channel, owners: owners))
        }
        let at = telling.at.microseconds
        guard milestones[Int(milestone.rawValue)] < at else { return News() }
        milestones[Int(milestone.rawValue)] = at
        return .new
    }
}
