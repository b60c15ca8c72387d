import Kafka
import Metrics
import Partitioner

// Partitions come and go. Assigned: the ledger's store is asked where to begin, and reading starts when it, and the
// brokers, have answered; polling goes on meanwhile. Revoked: nothing more is taken, the work in flight drains, its
// ledger and offsets are made durable, then the partition is given back. Lost: somebody else has it already; forget
// everything.
extension PollLoop {
    /// Answers everything that happened since the last round, in sequence.
    mutating func answerEvents() {
        for event in consumer.takeEvents() {
            switch event {
            case .assigned(let sources):
                noteBrokers(areAway: false)
                rebalance?.awaited -= 1
                if rebalance?.awaited == 0 { rebalance = nil }
                // Tells the group that the assignment was taken; the partitions follow when it is known where to begin.
                attempt("consumer.assign_failed") { consumer throws(KafkaError) in try consumer.assign([]) }
                prepare(sources)
                note("partition.assigned", "assigned", sources)
            case .revoked(let sources):
                let deadline = monotonicSeconds() + seconds(shared.settings.drainDeadline) - endingBound
                // Nothing was taken of those that wait to begin.
                tellEnding(sources.filter { starting[$0] != nil })
                for source in sources {
                    starting[source] = nil
                    if let one = held[source] { intake.shut(one.index) }
                }
                revoking.append((sources, deadline, false))
                note("partition.revoking", "revoked", sources)
            case .lost(let sources):
                release(sources)
                revoking.removeAll { !Set($0.partitions).isDisjoint(with: sources) }
                note("partition.lost", "lost", sources)
            case .unreadable(let place, let error):
                suspect(place, error)
            case .reachedEnd(let place):
                noteEnd(place)
            case .partitionFailed(let source, let error):
                shared.log.warning(
                    "partition.unavailable",
                    [
                        ("topic", .text(source.topic)), ("partition", .integer(Int(source.partition))),
                        ("error", .text(error.description)),
                    ])
            case .clientFailed(let error):
                noteFailure(error)
            case .committed(let offsets, let error):
                noteCommitted(offsets, error)
            case .statistics(let text):
                shared.metrics.statistics(text)
            }
        }
    }

    /// Asks the ledger thread where to begin with `sources`.
    private mutating func prepare(_ sources: [TopicPartition]) {
        for source in sources {
            let index = shared.sources.index(of: SourcePartition(topic: source.topic, partition: source.partition))
            let assignment = Handover.Assignment(partition: index, epoch: shared.nextEpoch())
            starting[source] = assignment
            _ = shared.handover.change { state in
                state.forget(index)
                return state.questions.insert(assignment)
            }
        }
    }

    /// Begins to read the partitions whose ledgered offset has come, if the brokers answer within the poll wait.
    mutating func startPartitions() {
        if starting.isEmpty { return }
        let answers = shared.handover.withLock { $0.answers }
        let ready = starting.filter { answers[$0.value] != nil }
        // Brokers that do not answer are asked at most four times a second.
        guard !ready.isEmpty, monotonicSeconds() - lastStart >= 0.25 || lastStart == 0 else { return }
        let sources = Array(ready.keys)
        do throws(KafkaError) {
            let bound = max(shared.settings.pollWait, .milliseconds(100))
            let committed = try consumer.committed(sources, within: bound)
            let ends = try consumer.endOffsets(sources, within: bound)
            lastStart = 0
            begin(ready, answers, committed: committed, ends: ends)
        } catch {
            lastStart = monotonicSeconds()
            shared.log.warning("partition.start_delayed", [("error", .text(error.description))])
        }
    }

    private mutating func begin(
        _ ready: [TopicPartition: Handover.Assignment], _ answers: [Handover.Assignment: PartitionOpening],
        committed: [PartitionOffset], ends: [PartitionOffset]
    ) {
        let committed = Dictionary(committed.map { ($0.source, $0.offset) }, uniquingKeysWith: { first, _ in first })
        let ends = Dictionary(ends.map { ($0.source, $0.offset) }, uniquingKeysWith: { first, _ in first })
        var offsets: [PartitionOffset] = []
        for (source, assignment) in ready {
            guard let topic = shared.settings.topics.firstIndex(of: source.topic), let end = ends[source], end >= 0,
                let opening = answers[assignment]
            else { continue }
            let known = committed[source].flatMap { $0 >= 0 ? $0 : nil }
            let start = StartOffset(ledgered: opening.nextOffset, committed: known, end: end)
            tell(start, source, ledgered: opening.nextOffset, committed: known, end: end)
            let sourcePartition = SourcePartition(topic: source.topic, partition: source.partition)
            let handles = shared.metrics.handles(of: sourcePartition)
            shared.ledger.assign(assignment.partition, epoch: assignment.epoch, from: start.offset)
            intake.open(
                assignment.partition, topic: Int32(topic), partition: source.partition, epoch: assignment.epoch,
                from: start.offset, handles: handles)
            let now = monotonicSeconds()
            var one = Held(
                index: assignment.partition, epoch: assignment.epoch, handles: handles,
                watch: PartitionWatch(now: now), lag: PartitionLag(now: now))
            one.start = start.offset
            one.confirmed = known
            // A ledger ahead of the commit (a crash between the two) is committed without waiting for new records.
            if let offset = start.offset, offset > known ?? -1 { one.committable = offset }
            held[source] = one
            starting[source] = nil
            beginCaution(source, assignment.partition, opening)
            offsets.append(PartitionOffset(source, start.offset ?? PartitionOffset.beginning))
        }
        shared.handover.withLock { state in
            for assignment in ready.values { state.answers[assignment] = nil }
        }
        attempt("consumer.assign_failed") { consumer throws(KafkaError) in try consumer.assign(offsets) }
        shared.noteAssigned(held.count)
    }

    private func tell(
        _ start: StartOffset, _ source: TopicPartition, ledgered: Int64?, committed: Int64?, end: Int64
    ) {
        let fields: [(String, LogValue)] = [
            ("topic", .text(source.topic)), ("partition", .integer(Int(source.partition))),
            ("offset.start", .integer(Int(start.offset ?? -2))), ("offset.ledger", .integer(Int(ledgered ?? -1))),
            ("offset.committed", .integer(Int(committed ?? -1))), ("offset.end", .integer(Int(end))),
        ]
        switch start.remark {
        case .ledgerAheadOfLog: shared.log.warning("ledger.ahead_of_log", fields)
        case .ledgerBehindCommitted: shared.log.info("ledger.behind_committed", fields)
        case nil: shared.log.debug("partition.started", fields)
        }
    }

    /// Gives back the revoked partitions whose work is settled, or held up, or whose time is over.
    mutating func finishRevocations() {
        if revoking.isEmpty { return }
        // Whoever is settled waits only for the ledger thread.
        shared.handover.change { $0.isUrgent = true }
        let now = monotonicSeconds()
        var waiting: [(partitions: [TopicPartition], deadline: Double, isEnding: Bool)] = []
        for var entry in revoking {
            let isSettled = isSettled(entry.partitions)
            if !entry.isEnding, isSettled || now >= entry.deadline || isHeldUp(entry.partitions) {
                // Also where records are left: who waits in vain is not who crashes.
                entry.isEnding = true
                entry.deadline = now + endingBound
                tellEnding(entry.partitions)
            }
            if !entry.isEnding || (isEnding(entry.partitions) && now < entry.deadline) {
                waiting.append(entry)
                continue
            }
            if !self.isSettled(entry.partitions) {
                let indexes = entry.partitions.compactMap { held[$0]?.index }
                let inFlight = indexes.reduce(0) { $0 + shared.ledger.inFlight($1) }
                shared.log.warning("partition.revoked_undrained", [("records", .integer(inFlight))])
            }
            commitNow(entry.partitions)
            release(entry.partitions)
            rebalance = (now, 2)
        }
        revoking = waiting
    }

    /// How much of the drain deadline is kept for telling the store that readings end, in seconds.
    private var endingBound: Double { min(1, seconds(shared.settings.drainDeadline) / 4) }

    /// Has the store told that the readings of `sources` end in good order.
    func tellEnding(_ sources: [TopicPartition]) {
        let endings = sources.compactMap { assignment(of: $0) }
        shared.handover.change { $0.endings.formUnion(endings) }
    }

    /// Whether the store has still to be told.
    func isEnding(_ sources: [TopicPartition]) -> Bool {
        let endings = sources.compactMap { assignment(of: $0) }
        return shared.handover.withLock { state in endings.contains { state.endings.contains($0) } }
    }

    private func assignment(of source: TopicPartition) -> Handover.Assignment? {
        held[source].map { Handover.Assignment(partition: $0.index, epoch: $0.epoch) } ?? starting[source]
    }

    /// Whether everything that was taken from `sources` is in the store's ledger.
    func isSettled(_ sources: [TopicPartition]) -> Bool {
        let indexes = sources.compactMap { held[$0]?.index }
        return shared.handover.withLock { state in indexes.allSatisfy { state.isSettled($0, in: shared.ledger) } }
    }

    /// Whether all that is open of `sources` waits for whoever may not go on, and what is done is ledgered as far as it
    /// can be.
    func isHeldUp(_ sources: [TopicPartition]) -> Bool {
        let indexes = sources.compactMap { held[$0]?.index }
        let isAppended = shared.handover.withLock { state in
            indexes.allSatisfy { state.isAppended($0, in: shared.ledger) }
        }
        guard isAppended else { return false }
        // The lanes are asked first: what ends meanwhile only makes the other less.
        let heldUp = shared.sink.heldUp(of: Set(indexes))
        return indexes.reduce(0) { $0 + shared.ledger.inFlight($1) } <= heldUp.waiting + heldUp.inFlight
    }

    /// Commits what is ledgered of `sources` and waits for it, within a bound.
    mutating func commitNow(_ sources: [TopicPartition]) {
        takeCommittable()
        let offsets = sources.compactMap { source -> PartitionOffset? in
            guard let one = held[source], let offset = one.committable, offset > one.confirmed ?? -1 else { return nil }
            return PartitionOffset(source, offset)
        }
        let bound = shared.settings.closeBound
        attempt("consumer.commit_failed") { consumer throws(KafkaError) in
            try consumer.commit(offsets, within: bound)
        }
    }

    /// Forgets `sources` and gives them back; what is still in flight of them has no effect any more.
    mutating func release(_ sources: [TopicPartition]) {
        let indexes = sources.compactMap { held[$0]?.index ?? starting[$0]?.partition }
        shared.ledger.revoke(indexes)
        shared.sink.forget(Set(indexes))
        shared.handover.withLock { state in for index in indexes { state.forget(index) } }
        for source in sources {
            if let one = held[source] {
                intake.close(one.index)
                one.handles.status.set(PartitionStatus.revoked.rawValue)
                shared.metrics.removeLag(of: SourcePartition(topic: source.topic, partition: source.partition))
            }
            held[source] = nil
            starting[source] = nil
            suspects[source] = nil
            cautions[source] = nil
        }
        attempt("consumer.unassign_failed") { consumer throws(KafkaError) in try consumer.unassign(sources) }
        shared.noteAssigned(held.count)
    }

    /// Begins again with partitions that must not go on as they are, without the group noticing.
    mutating func restart(_ sources: [TopicPartition]) {
        let mine = sources.filter { held[$0] != nil }
        if mine.isEmpty { return }
        release(mine)
        let leaving = Set(revoking.flatMap(\.partitions))
        prepare(mine.filter { !leaving.contains($0) })
    }

    private func note(_ event: String, _ change: String, _ sources: [TopicPartition]) {
        shared.metrics.rebalances.with(change).add(sources.count)
        shared.log.info(
            event,
            [
                ("partitions", .integer(sources.count)),
                ("sources", .text(sources.prefix(20).map(\.description).joined(separator: " "))),
            ])
    }
}
