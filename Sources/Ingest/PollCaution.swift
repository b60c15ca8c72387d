import Kafka
import Metrics
import OrderEvents
import Partitioner

// Partitions whose readers ended again and again: see `Caution`.
extension PollLoop {
    /// Begins to be careful with a partition, where that is due.
    mutating func beginCaution(_ source: TopicPartition, _ index: Int32, _ opening: PartitionOpening) {
        guard let caution = Caution(opening, now: monotonicSeconds()) else { return }
        cautions[source] = caution
        intake.beginHolding(index)
        shared.log.warning(
            "partition.careful",
            fields(source, opening.suspect?.offset ?? -1) + [("ends", .integer(opening.uncleanEnds))])
    }

    /// Takes what may be taken of partitions that are read with care.
    mutating func stepCarefully() {
        if cautions.isEmpty { return }
        cautions = cautions.filter { held[$0.key] != nil }
        // One record or group in the whole process, and its outcome ledgered before the next: who ends the process must
        // be in it, or others that were in hand too would be suspected.
        let indexes = cautions.keys.compactMap { held[$0]?.index }
        let isSettled = shared.handover.withLock { state in
            indexes.allSatisfy { state.isSettled($0, in: shared.ledger) }
        }
        // What waits for a legal entity that is paused ends no process, and must not hold up the others.
        if !isSettled, !isWaiting(indexes) {
            shared.handover.change { $0.isUrgent = true }
            return
        }
        let waiting = held.filter { cautions[$0.key] != nil && intake.isHolding($0.value.index) }
        if let first = waiting.min(by: { $0.value.index < $1.value.index }) { stepCarefully(first.key, first.value) }
    }

    /// Whether nothing of these partitions is with a worker, and what is done is ledgered.
    private func isWaiting(_ indexes: [Int32]) -> Bool {
        let isAppended = shared.handover.withLock { state in
            indexes.allSatisfy { state.isAppended($0, in: shared.ledger) }
        }
        guard isAppended else { return false }
        let waiting = shared.sink.heldUp(of: Set(indexes)).waiting
        return waiting > 0 && indexes.reduce(0) { $0 + shared.ledger.inFlight($1) } <= waiting
    }

    private mutating func stepCarefully(_ source: TopicPartition, _ one: Held) {
        let assignment = Handover.Assignment(partition: one.index, epoch: one.epoch)
        let noted = shared.handover.withLock { $0.taken[assignment] }
        let (first, trace) = (intake.firstHeld(one.index), intake.firstHeldTrace(one.index))
        let step = cautions[source]?.step(first: first, noted: noted, now: monotonicSeconds())
        switch step {
        case .note(let offset):
            shared.handover.change { if $0.takes[assignment] != offset { $0.takes[assignment] = offset } }
        case .take(let count):
            intake.takeHeld(one.index, count, unseen: false)
        case .giveUp:
            intake.takeHeld(one.index, 1, unseen: true)
            let trace = trace.map { [("trace.id", LogValue.text($0.traceID))] } ?? []
            shared.log.error(
                "record.given_up",
                fields(source, first ?? -1) + trace + [("remedy", "look at the dead letter; report the crash")])
        case .end:
            intake.takeHeld(one.index, .max, unseen: false)
            intake.endHolding(one.index)
        case .wait, nil:
            return
        }
        _ = intake.finishBurst()
        if !intake.isHolding(one.index), let end = cautions[source]?.logEnd {
            shared.ledger.reached(one.index, offset: end)
            endCaution(source, one.index)
        }
        if step == .end { cautions[source] = nil }
    }

    /// Whoever ended the readers is not among the records that there are: the last of them is in hand or done.
    private mutating func endCaution(_ source: TopicPartition, _ index: Int32) {
        guard cautions.removeValue(forKey: source) != nil else { return }
        intake.endHolding(index)
    }

    /// Notes the log's end: behind what waits to be taken with care.
    mutating func noteEnd(_ place: PartitionOffset) {
        guard let one = held[place.source] else { return }
        if intake.isHolding(one.index) {
            cautions[place.source]?.logEnd = place.offset
        } else {
            shared.ledger.reached(one.index, offset: place.offset)
            endCaution(place.source, one.index)
        }
    }
}
