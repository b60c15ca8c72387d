import Kafka
import Metrics
import Partitioner

// The end of a consumer: drain, ledger, commit, leave.
extension PollLoop {
    /// Ends in good order, within the drain deadline and two close bounds.
    ///
    /// - Returns: whether everything taken was done and is in the ledger.
    mutating func finish() -> Bool {
        let sources = Array(held.keys)
        for one in held.values { intake.shut(one.index) }
        // A consumer that failed for good has no group to commit to, and its partitions are others' already.
        let isDrained = isFatal ? true : drain(sources)
        if isFatal {
            revoking = []
        } else {
            commitNow(sources)
            endReadings()
        }
        let indexes = held.values.map(\.index) + starting.values.map(\.partition)
        let left = shared.ledger.revoke(indexes)
        shared.handover.withLock { state in for index in indexes { state.forget(index) } }
        let hasLeft = consumer.close(within: shared.settings.closeBound)
        for (source, one) in held {
            one.handles.status.set(PartitionStatus.revoked.rawValue)
            shared.metrics.removeLag(of: SourcePartition(topic: source.topic, partition: source.partition))
        }
        shared.noteAssigned(0)
        shared.log.info(
            "ingest.stopped",
            [
                ("drained", .flag(isDrained)), ("records.left", .integer(left)), ("group.left", .flag(hasLeft)),
            ])
        return isDrained
    }

    /// Has the store told that all readings end in good order, and waits for it, unless it is away.
    private func endReadings() {
        let sources = Array(held.keys) + Array(starting.keys)
        tellEnding(sources)
        _ = shared.handover.wait(within: shared.settings.closeBound) { state in
            state.endings.isEmpty || state.isStoreAway || state.hasEnded
        }
    }

    /// Polls on, taking nothing, until the work of `sources` is settled or held up, or the deadline has come.
    private mutating func drain(_ sources: [TopicPartition]) -> Bool {
        let deadline = monotonicSeconds() + seconds(shared.settings.drainDeadline)
        let stopped = consumer.assigned
        attempt("consumer.pause_failed") { consumer throws(KafkaError) in try consumer.setPaused(stopped) }
        while true {
            shared.handover.change { $0.isUrgent = true }
            // A partition that is lost meanwhile is no longer held, and has nothing to wait for.
            if isSettled(Array(held.keys)) { return true }
            pressure = shared.sink.pressure()
            // Looked at once more: the ledger thread may have come to the end between the two questions.
            if monotonicSeconds() >= deadline || isHeldUp(Array(held.keys)) { return isSettled(Array(held.keys)) }
            let intake = self.intake
            _ = consumer.poll(PollBound(wait: Self.busyWait, count: 64, bytes: 1 << 20)) { intake.take($0) }
            answerEvents()
            finishRevocations()
        }
    }
}
