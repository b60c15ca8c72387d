import Embedded
import Foundation
import Kafka

/// A topic full of a load, drained by `sluice run`: what speed, memory and scale have in common.
///
/// On a real Kafka the topic is filled once and read by each run in a consumer group of its own. The mock cluster
/// forgets what is older than a few megabytes, so there each run has a topic of its own that is filled while it is
/// read.
struct Drain {
    /// Records that may be in the mock cluster beyond what has its outcome: well within what it keeps.
    static let mockLead = 20_000

    let stage: Stage
    let load: ReferenceLoad
    private let topic: String?

    /// Fills the topic, on a real Kafka.
    init(_ stage: Stage, _ load: ReferenceLoad) throws {
        self.stage = stage
        self.load = load
        guard stage.options.kafkaHome != nil else {
            topic = nil
            return
        }
        let topic = try Self.makeTopic(stage)
        let start = ContinuousClock.now
        let count = try load.produce(to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic))
        SluiceBench.say("filled \(topic) with \(count) records in \(Self.seconds(since: start)) s")
        self.topic = topic
    }

    /// The topic, on a real Kafka.
    var name: String? { topic }

    static func makeTopic(_ stage: Stage) throws -> String {
        let topic = stage.name("reference")
        try stage.broker.createTopic(
            topic, partitions: Stage.partitions, settings: ["message.timestamp.type": "LogAppendTime"])
        return topic
    }

    static func seconds(since start: ContinuousClock.Instant) -> String {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return Figures.number(((Double(seconds) + Double(attoseconds) / 1e18) * 10).rounded() / 10)
    }

    /// One run over the whole load, verified.
    func run(_ what: String) throws -> SluiceRun.Result {
        try run(what, started: { _ in }, drained: { _, _ in })
    }

    /// The same; what `started` makes when the process runs is handed to `drained` when the load has its outcomes.
    func run<Watch>(
        _ what: String, logLevel: String = "warning", started: (SluiceRun) throws -> Watch,
        drained: (SluiceRun, Watch) throws -> Void
    ) throws -> SluiceRun.Result {
        let start = ContinuousClock.now
        let topic = try topic ?? Self.makeTopic(stage)
        let run = try SluiceRun(
            stage, topic: topic, legalEntities: load.settings.legalEntities, logLevel: logLevel)
        defer { try? run.clear() }
        let watch = try started(run)
        if self.topic == nil { try feed(run, topic) }
        try run.waitForRecords(load.records)
        try drained(run, watch)
        let result = try run.finish(
            StoreProbe.Expectation(records: load.records, events: load.events, orders: load.orders))
        SluiceBench.say(
            """
            \(what): \(Figures.number(result.commits.rowsPerSecond.rounded())) events/s, \
            \(load.records / max(1, result.commits.transactions)) a transaction, peak \
            \(Figures.number(result.peakMiB.rounded())) MiB, \(Self.seconds(since: start)) s in all
            """)
        return result
    }

    private func feed(_ run: SluiceRun, _ topic: String) throws {
        var done = 0
        _ = try load.produce(to: ReferenceLoad.Target(brokers: stage.brokers, topic: topic)) { produced, serve in
            let end = ContinuousClock.now + .seconds(120)
            while produced - done > Self.mockLead {
                guard run.isRunning, ContinuousClock.now < end else {
                    throw BenchError("sluice run does not keep up with the mock cluster")
                }
                done = try run.ledgerRecords()
                serve()
                usleep(20_000)
            }
        }
    }
}
