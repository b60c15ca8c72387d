import Kafka
import Metrics
import OrderEvents
import Partitioner

// What should not happen and does: positions that jump, brokers and rights that go away.
extension PollLoop {
    /// Answers positions that jumped and stretches that another owner ledgered first.
    mutating func answerOddities() {
        let rewound = intake.takeRewound()
        let refused = shared.handover.withLock { state in
            defer { if !state.refused.isEmpty { state.refused = [] } }
            return state.refused
        }
        if rewound.isEmpty, refused.isEmpty { return }
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
        restart(again)
    }

    private func hasLostRecords(_ source: TopicPartition, expected: Int64?) -> Bool {
        guard let expected, let high = consumer.highWatermark(source) else { return false }
        return high < expected
    }

    func fields(_ source: TopicPartition, _ offset: Int64) -> [(String, LogValue)] {
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
        case .badMessage:
            suspectAll(error)
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
}
