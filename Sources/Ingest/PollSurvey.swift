import Kafka
import Metrics
import OrderEvents
import Partitioner
import Synchronization

// What operators see of each partition: how far it is behind, and whether it moves.
extension PollLoop {
    /// Looks at lag and status, twice a second.
    mutating func survey() {
        let now = monotonicSeconds()
        guard now - lastSurvey >= Self.surveyInterval else { return }
        lastSurvey = now
        askWhereInDoubt(now)
        let wall = wallClock()
        let leaving = Set(revoking.flatMap(\.partitions))
        var found: [PartitionSurvey] = []
        for source in Array(held.keys) {
            guard var one = held[source] else { continue }
            let position = one.confirmed ?? one.start
            let polled = intake.expected(one.index)
            let high = consumer.highWatermark(source)
            let records = one.lag.records(committed: position, polled: polled, high: high)
            let unread = one.lag.records(committed: polled ?? position, polled: polled, high: high)
            let from = max(position ?? 0, one.lag.logStart ?? 0)
            let age = records > 0 ? intake.age(one.index, of: from, now: wall) : nil
            one.handles.lagRecords.set(Double(records))
            one.handles.lagSeconds.set(one.lag.seconds(now: now, records: records, age: age))
            let status = one.watch.observe(
                now: now, committed: one.confirmed, polled: polled, lag: records, unread: unread,
                isPaused: consumer.paused.contains(source) && suspects[source] == nil
                    && !turns.standingBack.contains(one.index), isReachable: !isBrokerAway,
                limit: seconds(shared.settings.stallAfter))
            one.handles.status.set((leaving.contains(source) ? .revoked : status).rawValue)
            held[source] = one
            found.append(
                PartitionSurvey(
                    topic: source.topic, partition: source.partition, lagRecords: Double(records),
                    lagSeconds: one.lag.seconds(now: now, records: records, age: age),
                    status: (leaving.contains(source) ? .revoked : status).rawValue))
        }
        shared.survey.withLock { [found] in $0 = found }
        shared.metrics.openRecords.set(Double(shared.ledger.openRecords))
    }

    /// Asks the brokers for the logs of partitions that are paused, stand still or jumped over something, every two
    /// seconds; the answer is noted by a later look.
    private mutating func askWhereInDoubt(_ now: Double) {
        noteLogs(now)
        let isClose = now - lastRefusal < Self.closeLook
        var doubtful: [TopicPartition: Int64?] = [:]
        for source in held.keys {
            guard let polled = held[source].map({ intake.expected($0.index) }) else { continue }
            let isDoubtful = held[source]?.lag.isDoubtful(
                now: now, polled: polled, high: consumer.highWatermark(source),
                isPaused: consumer.paused.contains(source), isClose: isClose)
            // Whether brokers that were away are back shows by an answer, where there is nothing to read or commit.
            if isDoubtful == true || isBrokerAway { doubtful[source] = polled }
        }
        guard question == nil, now - lastQuestion >= (isClose ? Self.surveyInterval : Self.questionInterval) else {
            return
        }
        let gaps = intake.takeGaps()
        for (source, one) in held where gaps[one.index] != nil { doubtful[source] = intake.expected(one.index) }
        if doubtful.isEmpty { return }
        lastQuestion = now
        question = Question(
            askedAt: now, polled: doubtful, paused: consumer.paused, gaps: gaps, wasBrokerAway: isBrokerAway)
        probe.askLogs(Array(doubtful.keys))
    }

    private mutating func noteLogs(_ now: Double) {
        guard let question, let logs = probe.takeLogs() else { return }
        self.question = nil
        // Brokers that do not answer are asked again; what is known stays.
        if logs.isEmpty { return }
        // An answer to a question of before says nothing.
        if question.wasBrokerAway { noteBrokers(areAway: false) }
        for log in logs {
            guard let one = held[log.source], let polled = question.polled[log.source] else { continue }
            held[log.source]?.lag.answered(start: log.start, end: log.end, polled: polled)
            suspectStandstill(log.source, one, end: log.end, question, now)
            // A gap may be compaction or markers; below the log's start it is loss.
            guard let gap = question.gaps[one.index], log.start > gap.lowerBound else { continue }
            tellExpired(gap.lowerBound..<min(log.start, gap.upperBound), log.source, one.handles)
        }
    }

    /// Tells that retention was faster than we.
    func tellExpired(_ range: Range<Int64>, _ source: TopicPartition, _ handles: IngestMetrics.Handles) {
        handles.expired.add(range.count)
        shared.log.error(
            "log.expired_unread",
            fields(source, range.upperBound) + [
                ("offset.expected", .integer(Int(range.lowerBound))),
                ("remedy", "raise the topic's retention, find out why reading was so far behind"),
            ])
    }
}
