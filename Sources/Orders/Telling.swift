import OrderEvents

// Sequence within a channel: by number where the channel has one, else by event time, else by the log. A number beats a
// clock: what a channel numbers later happened no earlier than what it told before, whatever its clock says.

/// One event in its channel's story of this order.
struct Telling {
    let event: OrderEvent
    let channel: ChannelRules
    /// When it happened: never after it was polled, and in step with the channel's numbers.
    let at: Timestamp
    /// Its channel has told a higher number already.
    let isLate: Bool
    /// A number before its own is missing, where the channel's numbers count by one.
    let isBehindGap: Bool

    /// Reason of the hold that it opens or ends; empty: none given.
    var holdReason: String { event.facts?.hold.map { event.text($0.reason) } ?? "" }
}

extension Order {
    /// How far a channel's story went by one event.
    struct Progress {
        /// Its next number went up.
        var advanced = false
        /// What the order remembers of the channel changed.
        var changed = false
    }

    /// Ranges of overruled numbers that a channel keeps; more are joined, so that the oldest end together.
    static let maximumSkipped = 16

    func telling(of event: OrderEvent, _ channel: ChannelRules) -> Telling {
        var at = Timestamp(microseconds: max(1, min(event.occurredAt, event.source.polledAt).microseconds))
        let told = channels.first { $0.channel == channel.name }
        guard let sequence = event.sequence else {
            return Telling(event: event, channel: channel, at: at, isLate: false, isBehindGap: false)
        }
        let next = told?.nextSequence ?? 0
        let isLate = next > 0 && sequence < next
        if next > 0, let told { at = isLate ? min(at, told.lastAt) : max(at, told.lastAt) }
        let isBehindGap = channel.sequenceFrom.map { sequence > max(next, $0) } ?? false
        return Telling(event: event, channel: channel, at: at, isLate: isLate, isBehindGap: isBehindGap)
    }

    /// Index of the event's channel among the order's.
    mutating func index(of telling: Telling) -> Int16 { Int16(clamping: progress(of: telling)) }

    private mutating func progress(of telling: Telling) -> Int {
        if let found = channels.firstIndex(where: { $0.channel == telling.channel.name }) { return found }
        channels.append(ChannelProgress(channel: telling.channel.name, lastAt: Timestamp(microseconds: 0)))
        return channels.count - 1
    }

    /// Notes that the channel has told this event.
    mutating func note(_ telling: Telling) -> Progress {
        let index = progress(of: telling)
        var progress = Progress()
        // Of equal times the later in the log is later, unless numbers say otherwise.
        if telling.isLate ? telling.at > channels[index].lastAt : telling.at >= channels[index].lastAt {
            let word = telling.event.status?.name ?? telling.event.milestone?.name ?? ""
            if channels[index].lastAt != telling.at || channels[index].lastWord != word {
                channels[index].lastAt = telling.at
                channels[index].lastWord = word
                progress.changed = true
            }
        }
        guard let sequence = telling.event.sequence, sequence < Int64.max else { return progress }
        if telling.isLate {
            if channels[index].fill(sequence) { progress.changed = true }
        } else if sequence >= channels[index].nextSequence {
            if telling.isBehindGap, let first = telling.channel.sequenceFrom {
                channels[index].skip(from: max(first, channels[index].nextSequence), to: sequence - 1)
            }
            channels[index].nextSequence = sequence + 1
            progress = Progress(advanced: true, changed: true)
        }
        return progress
    }
}

extension Order.ChannelProgress {
    /// Whether events of the channel wait behind a gap.
    var isWaiting: Bool { highestParked > 0 && highestParked >= nextSequence }

    /// Remembers numbers that were overruled, so that the exception ends when all of them came after all.
    fileprivate mutating func skip(from first: Int64, to last: Int64) {
        skipped.append(Order.NumberRange(first: first, last: last))
        if skipped.count > Order.maximumSkipped {
            skipped[1].first = skipped[0].first
            skipped.removeFirst()
        }
    }

    /// An overruled number came after all.
    ///
    /// Returns whether it was one.
    fileprivate mutating func fill(_ number: Int64) -> Bool {
        guard let index = skipped.firstIndex(where: { $0.first <= number && number <= $0.last }) else { return false }
        let range = skipped[index]
        var left: [Order.NumberRange] = []
        if range.first < number { left.append(Order.NumberRange(first: range.first, last: number - 1)) }
        if number < range.last { left.append(Order.NumberRange(first: number + 1, last: range.last)) }
        // Full: a split would grow the list, so the number stays in its range.
        guard skipped.count - 1 + left.count <= Order.maximumSkipped else { return false }
        skipped.replaceSubrange(index...index, with: left)
        return true
    }
}
