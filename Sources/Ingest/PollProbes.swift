import Kafka
import Metrics
import OrderEvents
import Partitioner

// What cannot be read: a batch that does not open, or one larger than the consumer takes. The library would ask for it
// for ever, and of what is too large it does not even say where: it hangs up on the broker, and with it on every other
// partition there. So the partitions in question are paused, each is tried on its own, what can be read goes on, and
// what cannot is stepped over, every offset of it a dead letter.
extension PollLoop {
    /// Offsets of an unreadable stretch that become dead letters in one round at most.
    static let skippedInARound: Int64 = 2048
    /// Seconds between two looks for the partition that a broker's answer was too large for.
    static let suspicionInterval = 1.0
    /// Seconds after a refused answer for which partitions that stand still are looked at closely.
    ///
    /// The library tells the same trouble with a broker once in 30 s: another batch of the same size would be found
    /// only then. The rest is what it may take to connect again.
    static let closeLook = 40.0
    /// Seconds without a record, where the log has more, after which a partition is tried whatever else is polled.
    static let longestStandstill = 5.0

    /// A partition whose next offset may be unreadable.
    struct Suspect {
        var epoch: UInt32
        /// Since when it is one (seconds).
        var since: Double
        /// What is stepped over, when it is known.
        var skipped: (left: Range<Int64>, isTooLarge: Bool)?
        /// When it was asked about (seconds); nil: not yet.
        var askedAt: Double?
    }

    /// Suspects the partition of `place`.
    mutating func suspect(_ place: PartitionOffset, _ error: KafkaError) {
        guard let one = held[place.source], suspects[place.source] == nil else { return }
        suspects[place.source] = Suspect(epoch: one.epoch, since: monotonicSeconds())
        shared.log.warning(
            "record.unreadable", fields(place.source, place.offset) + [("error", .text(error.description))])
    }

    /// Suspects every partition that is being read: one of them has a batch that is too large.
    mutating func suspectAll(_ error: KafkaError) {
        let now = monotonicSeconds()
        lastRefusal = now
        guard now - lastSuspicion >= Self.suspicionInterval else { return }
        lastSuspicion = now
        shared.log.warning("broker.answer_refused", [("error", .text(error.description))])
        for (source, one) in held where suspects[source] == nil && !consumer.paused.contains(source) {
            // Also those that seem to have all of their log: what came last is in the answer that was refused.
            suspects[source] = Suspect(epoch: one.epoch, since: now)
        }
    }

    /// Suspects a partition of which nothing comes though its log has more: of what is unreadable the library may say
    /// nothing at all.
    mutating func suspectStandstill(
        _ source: TopicPartition, _ one: Held, end: Int64, _ question: Question, _ now: Double
    ) {
        guard let polled = question.polled[source] ?? nil, end > polled, intake.expected(one.index) == polled,
            suspects[source] == nil, cautions[source] == nil, answer == .poll, !isBrokerAway,
            !question.paused.contains(source), !consumer.paused.contains(source)
        else { return }
        // Else it may wait in the library's queue, behind others.
        guard lastEmptyPoll > question.askedAt || one.lag.standstill(now: now) >= Self.longestStandstill else {
            return
        }
        suspects[source] = Suspect(epoch: one.epoch, since: now)
        shared.log.info("partition.standstill", fields(source, polled) + [("offset.end", .integer(Int(end)))])
    }

    /// Has suspects tried, lets go on what can be read and steps over what cannot.
    mutating func answerSuspects() {
        for result in probe.takeResults() { note(result) }
        if suspects.isEmpty { return }
        let now = monotonicSeconds()
        var requests: [ProbeRequest] = []
        for (source, suspect) in suspects {
            guard let one = held[source], one.epoch == suspect.epoch else {
                suspects[source] = nil
                continue
            }
            if let skipped = suspect.skipped {
                // Behind what is in front of it.
                if intake.isHolding(one.index) { continue }
                step(source, one, skipped.left, isTooLarge: skipped.isTooLarge)
            } else if suspect.askedAt == nil, let offset = intake.expected(one.index) ?? one.lag.logStart {
                suspects[source]?.askedAt = now
                requests.append(ProbeRequest(source: source, epoch: one.epoch, offset: offset))
            }
        }
        if !requests.isEmpty { probe.ask(requests) }
    }

    private mutating func note(_ result: ProbeResult) {
        guard suspects[result.source]?.epoch == result.epoch else { return }
        switch result.finding {
        case .readable:
            suspects[result.source] = nil
        case .unreadable(let range, let isTooLarge):
            suspects[result.source]?.skipped = (range, isTooLarge)
        case .unknown:
            // Goes on as it was; when it is unreadable it says so again.
            suspects[result.source] = nil
        }
    }

    /// Makes the next offsets of a stretch dead letters; behind the last of them reading goes on.
    private mutating func step(_ source: TopicPartition, _ one: Held, _ left: Range<Int64>, isTooLarge: Bool) {
        guard let topic = shared.settings.topics.firstIndex(of: source.topic) else { return }
        let end = min(left.upperBound, left.lowerBound + Self.skippedInARound)
        intake.takeUnreadable(
            one.index, left.lowerBound..<end, reason: isTooLarge ? .tooLarge : .brokerError,
            detail: isTooLarge
                ? "the batch is larger than receive.message.max.bytes" : "the batch cannot be opened")
        _ = intake.finishBurst()
        guard end == left.upperBound else {
            suspects[source]?.skipped = (end..<left.upperBound, isTooLarge)
            return
        }
        let since = suspects.removeValue(forKey: source)?.since
        shared.log.warning(
            "record.stepped_over",
            fields(source, end) + [
                ("too_large", .flag(isTooLarge)),
                ("milliseconds", .integer(since.map { Int((monotonicSeconds() - $0) * 1000) } ?? 0)),
            ])
        attempt("consumer.seek_failed") { consumer throws(KafkaError) in
            try consumer.seek(topic: Int32(topic), partition: source.partition, to: end)
        }
    }
}
