import Kafka
import Metrics
import OrderEvents
import Partitioner
import Synchronization

/// The poll thread's work: owns the consumer from its making to its end.
///
/// One round polls a burst and hands it on, or waits for room, answers what happened meanwhile, pauses, commits. No
/// step waits longer than the poll wait, but for the commit before partitions are given up. Whatever waits for
/// something (offsets to begin at, work to drain) is a list that each round looks at again.
struct PollLoop: ~Copyable {
    /// Between two polls while something is waited for: paused partitions, a revocation, the end.
    static let busyWait = Duration.milliseconds(5)
    /// Partitions whose leaders are woken in one go at most.
    static let mostWoken = 64
    /// Seconds between two looks at lag and status.
    static let surveyInterval = 0.5
    /// Seconds between two questions to the brokers about the logs of partitions that are in doubt.
    static let questionInterval = 2.0
    /// Seconds that a look at the turns may cost for each partition, as a share of the time between two: a twentieth.
    static let turnCost = 0.000_02
    /// Seconds without commits after giving partitions back, if no new assignment comes.
    static let longestRebalance = 15.0
    /// The same after a commit that was refused because of a rebalance.
    static let unsureRebalance = 6.0

    /// One partition of this consumer.
    struct Held {
        let index: Int32
        let epoch: UInt32
        let handles: IngestMetrics.Handles
        var watch: PartitionWatch
        var lag: PartitionLag
        /// Where reading began; nil: at the oldest record.
        var start: Int64?
        /// What may be committed, by the ledger thread.
        var committable: Int64?
        /// What was sent to the brokers and has no answer yet, and when.
        var sent: (offset: Int64, at: Double)?
        /// What the brokers have confirmed.
        var confirmed: Int64?
    }

    /// What the brokers are asked about logs.
    struct Question {
        let askedAt: Double
        /// How far each partition was polled then.
        let polled: [TopicPartition: Int64?]
        /// Partitions that were paused then.
        let paused: Set<TopicPartition>
        /// What was jumped over.
        let gaps: [Int32: Range<Int64>]
        let wasBrokerAway: Bool
    }

    let shared: IngestShared
    let intake: Intake
    var consumer: Consumer
    /// Partitions being read.
    var held: [TopicPartition: Held] = [:]
    /// Assigned partitions that wait for the offset to begin at.
    var starting: [TopicPartition: Handover.Assignment] = [:]
    /// Partitions that are read with care.
    var cautions: [TopicPartition: Caution] = [:]
    /// Partitions that the group wants back, until when their work may take (seconds), and whether it is done and the
    /// store is being told that they end in good order.
    var revoking: [(partitions: [TopicPartition], deadline: Double, isEnding: Bool)] = []
    var lastSurvey = 0.0
    var lastQuestion = 0.0
    var question: Question?
    var lastCommit = 0.0
    var lastStart = 0.0
    /// When a revocation was answered (seconds) and how many assignments end the rebalance: the one that completes
    /// this generation, after which we join again, and the one of the next.
    ///
    /// Nil: no rebalance is known of.
    var rebalance: (since: Double, awaited: Int)?
    /// What the lanes said last, and what it means for the next round.
    var pressure = Pressure.none
    var answer = BackPressure.Answer.poll
    var backPressure = BackPressure()
    var turns = FetchTurns()
    var lastTurns = 0.0
    var turnsTold = 0
    var wakeRule = WakeRule()
    /// Partitions whose next offset may be unreadable; paused until that is known.
    var suspects: [TopicPartition: Suspect] = [:]
    var lastSuspicion = -Double.infinity
    /// When the library last told that it refused a broker's answer.
    var lastRefusal = -Double.infinity
    /// When a poll last found nothing: all that was fetched before has been taken.
    var lastEmptyPoll = -Double.infinity
    let probe: ReadProbe
    /// Partitions that were resumed in the last round: their leaders are woken in this one.
    var resumed: Set<TopicPartition> = []
    /// Partitions were paused since the library was last woken.
    ///
    /// Its threads may sleep because its queue was full of what is thrown away now, and no fetch has told since whether
    /// the others have more.
    var mayAllSleep = false
    var isFatal = false
    var isBrokerAway = false
    var hasBeenAssigned = false

    init(shared: IngestShared) throws(KafkaError) {
        var consumer = try Consumer(shared.settings.clientSettings())
        try consumer.subscribe(shared.settings.topics)
        self.shared = shared
        self.consumer = consumer
        probe = ReadProbe(desk: Monitor(ReadProbe.Desk()), settings: shared.settings.clientSettings(), log: shared.log)
        intake = Intake(
            decoder: shared.decoder, sink: shared.sink, ledger: shared.ledger, metrics: shared.metrics)
    }

    /// Polls until stopping is asked for or the client can go no further.
    mutating func run() {
        while !isFatal, !shared.isStopping {
            round()
        }
    }

    /// One round; see the type.
    mutating func round() {
        shared.lastRound.store(Int64(monotonicSeconds() * 1000), ordering: .relaxed)
        if answer == .hold {
            shared.sink.waitForChange(of: pressure, within: min(Self.busyWait * 10, shared.settings.pollWait))
        } else {
            pollBurst()
        }
        answerEvents()
        answerOddities()
        answerSuspects()
        startPartitions()
        stepCarefully()
        finishRevocations()
        applyPressure()
        commit()
        survey()
        logClient()
    }

    private mutating func pollBurst() {
        let isWaiting = !revoking.isEmpty || !consumer.paused.isEmpty
        let settings = shared.settings
        let wait = wakeRule.wait(atMost: settings.pollWait)
        let bound = PollBound(
            wait: isWaiting ? min(Self.busyWait, wait) : wait, count: settings.burstRecords, bytes: settings.burstBytes)
        let intake = self.intake
        let records = consumer.poll(bound) { message in intake.take(message) }
        if intake.finishBurst() > 0 { noteBrokers(areAway: false) }
        if records == 0 { lastEmptyPoll = monotonicSeconds() }
        var behind = resumed
        resumed = []
        var rule = wakeRule
        let open = consumer.assigned.subtracting(consumer.paused)
        if rule.polled(records, isBehind: { mayAllSleep || !partitionsBehind(open).isEmpty }) {
            behind.formUnion(mayAllSleep ? open : partitionsBehind(open))
            mayAllSleep = false
        }
        wakeRule = rule
        consumer.wake(Array(behind.prefix(Self.mostWoken)))
    }

    /// Those of `sources` whose log has records that were not polled, as far as the last fetch told.
    private func partitionsBehind(_ sources: Set<TopicPartition>) -> Set<TopicPartition> {
        sources.filter { source in
            guard let index = held[source]?.index, let high = consumer.highWatermark(source) else { return false }
            return high > intake.expected(index) ?? 0
        }
    }

    // MARK: - Back-pressure

    private mutating func applyPressure() {
        pressure = shared.sink.pressure()
        let leaving = Set(revoking.flatMap(\.partitions))
        let careful = cautions.keys.filter { source in held[source].map { intake.isHolding($0.index) } ?? false }
        let stopped = leaving.union(suspects.keys).union(careful)
        let staying = consumer.assigned.subtracting(stopped)
        let full = staying.filter { source in
            held[source].map { pressure.partitions.contains($0.index) } ?? false
        }
        let isFull =
            isOpenBoundReached() || pressure.everything || (!staying.isEmpty && full.count == staying.count)
        answer = backPressure.answer(isFull: isFull, now: monotonicSeconds())
        let wanted =
            switch answer {
            // While one partition has room the full ones are paused at once: it must not wait for them.
            case .poll: full.union(standingBack(staying.subtracting(full)))
            case .hold: consumer.paused.subtracting(stopped)
            case .pause: staying
            }
        setPaused(wanted.union(stopped))
    }

    /// Which of `open` are to let others go first.
    private mutating func standingBack(_ open: Set<TopicPartition>) -> [TopicPartition] {
        let now = monotonicSeconds()
        if now - lastTurns >= max(0.005, Self.turnCost * Double(open.count)) {
            lastTurns = now
            let behind = partitionsBehind(open)
            turns.look(
                open.compactMap { source in
                    held[source].map {
                        FetchTurns.Seat(
                            partition: $0.index, next: intake.expected($0.index), isBehind: behind.contains(source))
                    }
                }, now: now)
            shared.metrics.fetchTurns.add(turns.count - turnsTold)
            turnsTold = turns.count
        }
        let standing = turns.standingBack
        return standing.isEmpty ? [] : open.filter { held[$0].map { standing.contains($0.index) } ?? false }
    }

    private mutating func setPaused(_ wanted: Set<TopicPartition>) {
        let gone = consumer.paused.subtracting(wanted)
        if !gone.isEmpty { resumed.formUnion(gone) }
        let isMorePaused = !wanted.isSubset(of: consumer.paused)
        if isMorePaused { mayAllSleep = true }
        if isMorePaused || !gone.isEmpty { wakeRule.expectRecords() }
        attempt("consumer.pause_failed") { consumer throws(KafkaError) in try consumer.setPaused(wanted) }
    }

    private func isOpenBoundReached() -> Bool {
        let open = shared.ledger.openRecords
        // A quarter of room before going on, so that the bound is not crossed back and forth at every burst.
        let limit = shared.settings.maximumOpenRecords
        let isFull = open >= limit || (shared.isOpenBoundReached && open > limit - limit / 4)
        if isFull != shared.isOpenBoundReached {
            shared.setOpenBoundReached(isFull)
            shared.log.warning(
                isFull ? "ingest.open_bound_reached" : "ingest.open_bound_left", [("records", .integer(open))])
        }
        return isFull
    }

    // MARK: - Committing

    private mutating func commit() {
        takeCommittable()
        let now = monotonicSeconds()
        guard now - lastCommit >= seconds(shared.settings.commitInterval) else { return }
        // A commit with the old generation would make the library (2.0) think that it lost its partitions.
        if let rebalance, now - rebalance.since < Self.longestRebalance { return }
        lastCommit = now
        var offsets: [PartitionOffset] = []
        for (source, one) in held {
            guard let wanted = one.committable, wanted > one.confirmed ?? -1 else { continue }
            // An answer that does not come is asked for again after the time of a request.
            if let sent = one.sent, now - sent.at < 10, sent.offset >= wanted { continue }
            offsets.append(PartitionOffset(source, wanted))
            held[source]?.sent = (wanted, now)
        }
        attempt("consumer.commit_failed") { consumer throws(KafkaError) in try consumer.commit(offsets) }
    }

    /// Takes the offsets that the ledger thread has made durable.
    mutating func takeCommittable() {
        let commits = shared.handover.withLock { state in
            defer { if !state.commits.isEmpty { state.commits = [:] } }
            return state.commits
        }
        if commits.isEmpty { return }
        for source in held.keys {
            guard let one = held[source], let ready = commits[one.index], ready.epoch == one.epoch else { continue }
            held[source]?.committable = ready.nextOffset
        }
    }

    /// Notes the answer to an asynchronous commit.
    mutating func noteCommitted(_ offsets: [PartitionOffset], _ error: KafkaError?) {
        if let error {
            shared.metrics.commitFailures.add()
            if error.code == .rebalanceInProgress, rebalance == nil {
                rebalance = (monotonicSeconds() - Self.longestRebalance + Self.unsureRebalance, 1)
            }
            shared.log.warning("consumer.commit_failed", [("error", .text(error.description))])
        }
        for entry in offsets {
            guard let one = held[entry.source] else { continue }
            if one.sent?.offset == entry.offset { held[entry.source]?.sent = nil }
            if error == nil { held[entry.source]?.confirmed = max(one.confirmed ?? -1, entry.offset) }
        }
        if error == nil { noteBrokers(areAway: false) }
    }

    /// Runs `body` with the consumer; a failure is told and tried again by a later round.
    mutating func attempt(_ event: String, _ body: (inout Consumer) throws(KafkaError) -> Void) {
        do throws(KafkaError) {
            try body(&consumer)
        } catch {
            shared.log.warning(event, [("error", .text(error.description))])
        }
    }

    // MARK: - The client's own words

    private func logClient() {
        let (lines, dropped) = consumer.takeLogLines()
        for line in lines {
            let fields: [(String, LogValue)] = [("facility", .text(line.facility)), ("text", .text(line.text))]
            // Everything from the library heals by itself or comes as an event too.
            // AUTOCREATE only says that an old broker cannot be told not to create topics.
            if line.level <= 4, line.facility != "AUTOCREATE" {
                shared.log.warning("kafka.client", fields)
            } else {
                shared.log.debug("kafka.client", fields)
            }
        }
        if dropped > 0 { shared.log.warning("kafka.client_lines_dropped", [("lines", .integer(dropped))]) }
    }

    mutating func noteBrokers(areAway: Bool) {
        if !areAway, !hasBeenAssigned {
            hasBeenAssigned = true
            shared.status.withLock { $0.hasBeenAssigned = true }
        }
        guard areAway != isBrokerAway else { return }
        isBrokerAway = areAway
        shared.status.withLock { $0.areBrokersAway = areAway }
        if areAway {
            shared.log.warning("brokers.away", [("brokers", .text(shared.settings.brokers.joined(separator: ",")))])
        } else {
            shared.log.info("brokers.back")
        }
    }
}

/// A duration in seconds.
func seconds(_ duration: Duration) -> Double {
    let (whole, attoseconds) = duration.components
    return Double(whole) + Double(attoseconds) / 1e18
}
