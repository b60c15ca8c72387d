internal import class Foundation.Thread
import Kafka
import Metrics
import Partitioner

/// What of a partition is to be tried.
struct ProbeRequest: Sendable {
    var source: TopicPartition
    var epoch: UInt32
    /// The offset that comes next and may be unreadable.
    var offset: Int64
}

/// What a try found.
struct ProbeResult: Sendable {
    enum Finding: Sendable, Equatable {
        /// The partition can be read.
        case readable
        /// These offsets cannot; the batch is larger than the consumer takes, or does not open.
        case unreadable(Range<Int64>, isTooLarge: Bool)
        /// The brokers did not answer in time.
        case unknown
    }

    var source: TopicPartition
    var epoch: UInt32
    var finding: Finding
}

/// Asks the brokers what the consumer cannot tell: what logs have, which partitions have something at their next offset
/// that cannot be read, and how far that goes.
///
/// On a thread of its own with a client of its own: each answer is waited for, which polling must not, and on the
/// consumer's connection it would come behind a fetch that waits for records. Ends when nothing was asked for a while.
struct ReadProbe: Sendable {
    /// How long the thread, and its client, stay after the last question.
    static let rest = Duration.seconds(30)
    /// How long one try may wait for the broker.
    static let tryBound = Duration.seconds(2)
    /// Tries for the end of one stretch at most; 64 suffice for any log.
    static let mostTries = 96

    /// What the poll thread and the probe tell each other.
    struct Desk {
        var requests: [ProbeRequest] = []
        var results: [ProbeResult] = []
        /// Logs to look at: one question at a time.
        var logs: [TopicPartition] = []
        var logAnswers: [(source: TopicPartition, start: Int64, end: Int64)]?
        var isRunning = false
    }

    let desk: Monitor<Desk>
    let settings: ClientSettings
    let log: Log

    /// Asks for tries.
    func ask(_ requests: [ProbeRequest]) { begin { $0.requests += requests } }

    /// Asks for the logs' bounds; `takeLogs` has the answer.
    func askLogs(_ sources: [TopicPartition]) { begin { $0.logs = sources } }

    /// What was found since the last call.
    func takeResults() -> [ProbeResult] {
        desk.withLock { desk in
            defer { if !desk.results.isEmpty { desk.results = [] } }
            return desk.results
        }
    }

    /// The answer to `askLogs`, once: empty when there is none.
    func takeLogs() -> [(source: TopicPartition, start: Int64, end: Int64)]? {
        desk.withLock { desk in
            defer { desk.logAnswers = nil }
            return desk.logAnswers
        }
    }

    /// Puts something on the desk; starts the thread when it does not run.
    private func begin(_ body: (inout Desk) -> Void) {
        let isNew = desk.change { desk in
            body(&desk)
            defer { desk.isRunning = true }
            return !desk.isRunning
        }
        guard isNew else { return }
        Thread.detachNewThread { [self] in
            Thread.current.name = "kafka-probe"
            run()
        }
    }

    private func run() {
        do throws(KafkaError) {
            var reader = try PartitionReader(settings)
            while let (round, logs) = next() {
                if !logs.isEmpty {
                    let answers = reader.logs(of: logs, within: Self.tryBound)
                    desk.withLock { $0.logAnswers = answers }
                }
                // First all that can be read, so that they wait for no search.
                var bad: [(request: ProbeRequest, isTooLarge: Bool)] = []
                for request in round {
                    switch reader.read(request.source, at: request.offset, within: Self.tryBound) {
                    case .record, .end: tell(request, .readable)
                    case .nothing: tell(request, .unknown)
                    case .unreadable: bad.append((request, false))
                    case .tooLarge: bad.append((request, true))
                    }
                }
                for (request, isTooLarge) in bad { search(request, isTooLarge, &reader) }
            }
        } catch {
            log.error("probe.not_made", [("error", .text(error.description))])
            desk.withLock { desk in
                desk.results += desk.requests.map {
                    ProbeResult(source: $0.source, epoch: $0.epoch, finding: .unknown)
                }
                desk.requests = []
                desk.logs = []
                desk.logAnswers = []
                desk.isRunning = false
            }
        }
    }

    private func search(_ request: ProbeRequest, _ isTooLarge: Bool, _ reader: inout PartitionReader) {
        guard let end = reader.logs(of: [request.source], within: Self.tryBound).first?.end else {
            return tell(request, .unknown)
        }
        var stretch = UnreadableStretch(first: request.offset, end: end)
        var tries = 0
        while let offset = stretch.next {
            tries += 1
            guard tries <= Self.mostTries else { return tell(request, .unknown) }
            switch reader.read(request.source, at: offset, within: Self.tryBound) {
            case .record, .end: stretch.tried(offset, isReadable: true)
            case .unreadable, .tooLarge: stretch.tried(offset, isReadable: false)
            case .nothing: return tell(request, .unknown)
            }
        }
        tell(request, .unreadable(stretch.range, isTooLarge: isTooLarge))
    }

    private func tell(_ request: ProbeRequest, _ finding: ProbeResult.Finding) {
        desk.withLock {
            $0.results.append(ProbeResult(source: request.source, epoch: request.epoch, finding: finding))
        }
    }

    /// What is asked for next; nil, and the end of the thread, when nothing was for a while.
    private func next() -> (requests: [ProbeRequest], logs: [TopicPartition])? {
        _ = desk.wait(within: Self.rest) { !$0.requests.isEmpty || !$0.logs.isEmpty }
        return desk.withLock { desk in
            guard !desk.requests.isEmpty || !desk.logs.isEmpty else {
                desk.isRunning = false
                return nil
            }
            defer {
                desk.requests = []
                desk.logs = []
            }
            return (desk.requests, desk.logs)
        }
    }
}
