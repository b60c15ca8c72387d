import Kafka
import Metrics
import OrderEvents
import Partitioner

// What should not happen and does: records that cannot be read, positions that jump, brokers and rights that go away.
extension PollLoop {
    /// Makes an unreadable offset a dead letter and goes on behind it.
    ///
    /// Of an unreadable batch every offset becomes one, because nothing tells how many records it had.
    mutating func skipUnreadable(_ place: PartitionOffset, _ error: KafkaError) {
        guard let topic = shared.settings.topics.firstIndex(of: place.source.topic) else { return }
        let next = intake.takeUnreadable(
            topic: Int32(topic), partition: place.source.partition, offset: place.offset, error: error)
        guard let next else { return }
        _ = intake.finishBurst()
        shared.log.warning(
            "record.unreadable",
            [
                ("topic", .text(place.source.topic)), ("partition", .integer(Int(place.source.partition))),
                ("offset", .integer(Int(next - 1))), ("error", .text(error.description)),
            ])
        attempt("consumer.seek_failed") { consumer throws(KafkaError) in
            try consumer.seek(topic: Int32(topic), partition: place.source.partition, to: next)
        }
    }

    /// Answers positions that jumped and stretches that another owner ledgered first.
    mutating func answerOddities() {
        let (rewound, skipped) = intake.takeOddities()
        let refused = shared.handover.withLock { state in
            defer { if !state.refused.isEmpty { state.refused = [] } }
            return state.refused
        }
        if rewound.isEmpty, skipped.isEmpty, refused.isEmpty { return }
        var again: [TopicPartition] = []
        for (source, one) in held {
            if let offset = rewound[one.index], hasLostRecords(source, expected: intake.expected(one.index)) {
                // The log became shorter than what we took from it. What it says now is another story: from its ledger,
                // which is ahead of the log's end, the start offset will tell.
                shared.log.warning("log.truncated", fields(source, offset))
                again.append(source)
            } else if refused.contains(.init(partition: one.index, epoch: one.epoch)) {
                again.append(source)
            }
        }
        for entry in skipped {
            // A gap in front of the first record may be compaction; below the log's start it is loss.
            guard let source = held.first(where: { $0.value.index == entry.partition })?.key,
                let low = consumer.watermarks(source)?.low, low > entry.expected
            else { continue }
            shared.log.error(
                "log.expired_unread",
                fields(source, entry.found) + [("offset.expected", .integer(Int(entry.expected)))])
        }
        restart(again)
    }

    private func hasLostRecords(_ source: TopicPartition, expected: Int64?) -> Bool {
        guard let expected, let high = consumer.watermarks(source)?.high else { return false }
        return high < expected
    }

    private func fields(_ source: TopicPartition, _ offset: Int64) -> [(String, LogValue)] {
        [
            ("topic", .text(source.topic)), ("partition", .integer(Int(source.partition))),
            ("offset", .integer(Int(offset))),
        ]
    }

    /// Tells a trouble of the client as a whole.
    mutating func noteFailure(_ error: KafkaError) {
        switch error.code {
        case .allBrokersDown, .transport:
            noteBrokers(areAway: true)
        case .authentication, .topicAuthorization, .groupAuthorization:
            shared.log.error("brokers.refused", [("error", .text(error.description))])
        default:
            shared.log.warning("consumer.error", [("error", .text(error.description))])
        }
        if error.isFatal {
            shared.log.error("consumer.fatal", [("error", .text(error.description))])
            isFatal = true
        }
    }

    /// Looks at lag and status, twice a second.
    mutating func survey() {
        let now = monotonicSeconds()
        guard now - lastSurvey >= Self.surveyInterval else { return }
        lastSurvey = now
        let wall = wallClock()
        let leaving = Set(revoking.flatMap(\.partitions))
        for source in Array(held.keys) {
            guard let one = held[source] else { continue }
            let position = one.confirmed ?? one.start
            let high = consumer.watermarks(source)?.high
            let from = position ?? consumer.watermarks(source)?.low ?? 0
            let lag = max(0, (high ?? from) - from)
            one.handles.lagRecords.set(Double(lag))
            let age = lag == 0 ? 0 : intake.age(one.index, of: from, now: wall) ?? 0
            one.handles.lagSeconds.set(age)
            let status = held[source]?.watch.observe(
                now: now, committed: one.confirmed, polled: intake.expected(one.index), lag: lag,
                isPaused: consumer.paused.contains(source), limit: seconds(shared.settings.stallAfter))
            one.handles.status.set(
                leaving.contains(source) ? PartitionStatus.revoked.rawValue : (status ?? .ok).rawValue)
        }
        shared.metrics.openRecords.set(Double(shared.ledger.openRecords))
    }
}
