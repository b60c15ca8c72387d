public import Metrics
import OrderEvents
import Orders
internal import Store
internal import Synchronization

/// Every metric of the apply stage.
///
/// Updated once a batch; a batch counts by itself first.
public final class WorkersMetrics: Sendable {
    let events: CounterFamily
    let lastEvents: GaugeFamily
    let latency: HistogramFamily
    let timestampsRefused: CounterFamily
    let transitions: CounterFamily
    let stages: HistogramFamily
    let promises: CounterFamily
    let exceptions: CounterFamily
    let exceptionResolution: HistogramFamily
    let parkedReleased: CounterFamily
    let redelivered: CounterFamily
    let deadLetters: CounterFamily
    let batchSeconds: HistogramFamily
    let batchEvents: HistogramFamily
    let retries: CounterFamily
    let connections: GaugeFamily
    let connects: CounterFamily
    let workers: GaugeFamily
    let reached: GaugeFamily
    let verdicts: CounterFamily
    let validationOrders: GaugeFamily
    let validationOldest: GaugeFamily
    private let handled = Mutex<[String: HandledEvents]>([:])

    /// Registers the metrics of the apply stage.
    public init(_ registry: Registry) {
        events = registry.counter(
            "sluice_events_total", help: "Consumed records by what became of them.",
            labels: ["legal_entity", "channel", "outcome"])
        lastEvents = registry.gauge(
            "sluice_channel_last_event_timestamp_seconds",
            help: "When a channel last told something about a legal entity, as this instance heard it.",
            labels: ["legal_entity", "channel"], fold: .most)
        latency = registry.eventLatency()
        timestampsRefused = registry.counter(
            "sluice_timestamps_refused_total",
            help: "Times that were absent or in the future and were not observed as latency.",
            labels: ["legal_entity", "stage"])
        transitions = registry.counter(
            "sluice_transitions_total", help: "Transitions of the canonical state.",
            labels: ["legal_entity", "from", "to", "disposition"])
        stages = registry.histogram(
            "sluice_order_stage_seconds",
            help: "Cycle times: how long orders were in a state before they went on to another, by event time.",
            labels: ["legal_entity", "from", "to"], buckets: Registry.businessBuckets)
        promises = registry.promises()
        (exceptions, exceptionResolution) = registry.businessExceptions()
        parkedReleased = registry.counter(
            "sluice_parked_released_total", help: "Parked events that went on.", labels: ["legal_entity"])
        redelivered = registry.redelivered()
        deadLetters = registry.counter(
            "sluice_dead_letters_total", help: "Records that could not be read.", labels: ["topic", "reason"])
        batchSeconds = registry.histogram(
            "sluice_store_batch_seconds", help: "Time to apply one batch in the store, retries included.",
            labels: ["store"], buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60])
        batchEvents = registry.histogram(
            "sluice_store_batch_events", help: "Records in one batch.", labels: ["store"],
            buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000])
        retries = registry.counter(
            "sluice_store_retries_total", help: "Attempts of transactions that were done again.",
            labels: ["store", "sqlstate_class"])
        connections = registry.gauge(
            "sluice_store_connections", help: "Connections of the workers that are open.", labels: ["store"])
        connects = registry.counter(
            "sluice_store_connects_total", help: "Attempts of the workers to connect, by result.",
            labels: ["store", "result"])
        workers = registry.gauge(
            "sluice_store_workers", help: "Workers that apply batches: what is busy all the time is full.",
            labels: ["store"])
        reached = registry.gauge(
            "sluice_store_reached", help: "Whether the store answered the last connection that a worker tried.",
            labels: ["store"])
        verdicts = registry.counter(
            "sluice_validation_verdicts_total", help: "Verdicts that Sluice gave.", labels: ["legal_entity", "verdict"])
        validationOrders = registry.gauge(
            "sluice_validation_backlog_orders",
            help: "Orders whose verdict waits for a look at the destination, or for the next one.",
            labels: ["legal_entity"])
        validationOldest = registry.gauge(
            "sluice_validation_backlog_oldest_seconds", help: "Age of the oldest of them.", labels: ["legal_entity"],
            fold: .most)
    }
}

/// Events of one legal entity that had their outcome since the process began: for its rate.
final class HandledEvents: Sendable {
    let count = Atomic(0)
}

extension WorkersMetrics {
    /// Events of a legal entity that had their outcome since the process began, those of dead letters excepted.
    public func handledEvents(of legalEntity: String) -> Int {
        handledEvents(named: legalEntity).count.load(ordering: .relaxed)
    }

    /// Takes a lock: once for each entity and channel of an applier.
    func handledEvents(named legalEntity: String) -> HandledEvents {
        handled.withLock { handled in
            if let known = handled[legalEntity] { return known }
            let events = HandledEvents()
            handled[legalEntity] = events
            return events
        }
    }
}

/// Counts of one batch, added to the metrics when it is committed.
struct BatchCounts {
    private struct EventKey: Hashable {
        var entity: Int32
        var channel: Int32
        var outcome: Outcome
    }

    private struct StageKey: Hashable {
        var entity: Int32
        var from: CanonicalState
        var to: CanonicalState
    }

    /// Histograms of one legal entity.
    private final class Latency: Sendable {
        let source: Histogram
        let log: Histogram
        let process: Histogram

        init(_ family: HistogramFamily, _ entity: String) {
            source = family.with(entity, "source")
            log = family.with(entity, "log")
            process = family.with(entity, "process")
        }
    }

    /// Observations of one legal entity in one batch.
    private struct Observed {
        var source: Observations
        var log: Observations
        var process: Observations
        /// Times that were absent or in the future.
        var sourceRefused = 0
        var logRefused = 0

        init(_ latency: Latency) {
            source = Observations(for: latency.source)
            log = Observations(for: latency.log)
            process = Observations(for: latency.process)
        }

        /// Adds everything to the histograms and begins anew; gives the times that were refused.
        mutating func add(to latency: Latency) -> (source: Int, log: Int) {
            latency.source.add(&source)
            latency.log.add(&log)
            latency.process.add(&process)
            defer { (sourceRefused, logRefused) = (0, 0) }
            return (sourceRefused, logRefused)
        }
    }

    /// What is told of one entity, channel and outcome.
    private struct Told {
        var events: Counter
        var last: Gauge
        var handled: HandledEvents
    }

    /// Transitions of each legal entity, and cycle times, whose handles are kept at hand.
    ///
    /// Beyond, all are looked up anew. A path has five.
    private static let transitionsOfEntity = 16
    /// The same for few legal entities together.
    private static let leastTransitions = 4096

    private let maximumTransitions: Int
    private let metrics: WorkersMetrics
    private let settings: ApplySettings
    private var counters: [EventKey: Told] = [:]
    private var transitions: [TransitionKey: Counter] = [:]
    private var stages: [StageKey: Histogram] = [:]
    /// By index of the legal entity.
    private var latencies: [Latency?]
    /// What the batch observed, for each legal entity that it met; kept for the next batch.
    private var observed: [Observed] = []
    /// The legal entities that this batch met, each at the place of what is observed of it.
    private var met: [Int] = []
    /// Place in `observed` by index of the legal entity, -1: not met yet.
    private var places: [Int32]

    init(metrics: WorkersMetrics, settings: ApplySettings) {
        self.metrics = metrics
        self.settings = settings
        maximumTransitions = max(Self.leastTransitions, Self.transitionsOfEntity * settings.entities.count)
        latencies = Array(repeating: nil, count: settings.entities.count)
        places = Array(repeating: -1, count: settings.entities.count)
    }

    /// Adds what a batch did.
    ///
    /// `now`: when it was committed.
    mutating func add(
        _ batch: AppliedBatch, _ items: [Taken], now: Timestamp, sourceName: (Int32) -> SourceName?
    ) {
        // Items of one entity and channel come in runs.
        var run: (key: EventKey, count: Int)?
        for (taken, outcome) in zip(items, batch.outcomes) {
            guard let outcome else {
                let name = sourceName(taken.source.partition)
                metrics.redelivered.with(name?.topic ?? "unknown", String(name?.partition ?? -1)).add()
                continue
            }
            switch taken {
            case .event(let event):
                let key = EventKey(entity: event.entity, channel: event.channel, outcome: outcome)
                if let known = run, known.key == key {
                    run = (key, known.count + 1)
                } else {
                    if let ended = run { count(ended.key, ended.count, now) }
                    run = (key, 1)
                }
                if outcome == .applied { observe(event, now) }
            case .deadLetter(let letter):
                metrics.events.with("unknown", letter.channel.isEmpty ? "unknown" : letter.channel, outcome.name).add()
                let topic = sourceName(letter.source.partition)?.topic ?? "unknown"
                metrics.deadLetters.with(topic, letter.reason.rawValue).add()
            }
        }
        if let ended = run { count(ended.key, ended.count, now) }
        addObserved()
        addPlan(batch)
    }

    private mutating func count(_ key: EventKey, _ events: Int, _ now: Timestamp) {
        settings.feeds.hear(entity: key.entity, channel: key.channel, at: now.microseconds)
        let told = told(key)
        told.events.add(events)
        told.handled.count.add(events, ordering: .relaxed)
        told.last.set(Double(now.microseconds) / 1_000_000)
    }

    private mutating func told(_ key: EventKey) -> Told {
        if let known = counters[key] { return known }
        let (entity, channel) = (settings.entityName(key.entity), settings.channelName(key.channel))
        let told = Told(
            events: metrics.events.with(entity, channel, key.outcome.name),
            last: metrics.lastEvents.with(entity, channel), handled: metrics.handledEvents(named: entity))
        counters[key] = told
        return told
    }

    private mutating func add(_ stage: StageTime) {
        let key = StageKey(entity: stage.entity, from: stage.from, to: stage.to)
        if let known = stages[key] {
            known.observe(stage.seconds)
        } else {
            if stages.count >= maximumTransitions { stages.removeAll(keepingCapacity: true) }
            let histogram = metrics.stages.with(settings.entityName(stage.entity), stage.from.name, stage.to.name)
            stages[key] = histogram
            histogram.observe(stage.seconds)
        }
        if let (flow, took) = stage.left, let promised = settings.entities[Int(stage.entity)].promised[flow] {
            let result = took <= promised ? "within" : "late"
            metrics.promises.with(settings.entityName(stage.entity), flow.name, result).add()
        }
    }

    private mutating func counter(_ key: TransitionKey) -> Counter {
        if let known = transitions[key] { return known }
        if transitions.count >= maximumTransitions { transitions.removeAll(keepingCapacity: true) }
        let counter = metrics.transitions.with(
            settings.entityName(key.entity), key.from?.name ?? "none", key.to?.name ?? "none", key.disposition.name)
        transitions[key] = counter
        return counter
    }

    private mutating func observe(_ event: OrderEvent, _ now: Timestamp) {
        let index = Int(event.entity)
        guard let place = place(index) else { return }
        let source = event.source
        // A trace that nobody records is no example: nobody could look it up.
        let trace = source.trace.flatMap { $0.isSampled ? TraceID(high: $0.high, low: $0.low) : nil }
        observed[place].process.observe(max(0, now.seconds(since: source.polledAt)), trace: trace)
        if event.occurredAt <= source.polledAt {
            observed[place].source.observe(now.seconds(since: event.occurredAt), trace: trace)
        } else {
            observed[place].sourceRefused += 1
        }
        if let logged = source.loggedAt, logged <= source.polledAt {
            observed[place].log.observe(now.seconds(since: logged), trace: trace)
        } else {
            observed[place].logRefused += 1
        }
    }

    /// Where the batch collects what it observes of a legal entity.
    private mutating func place(_ entity: Int) -> Int? {
        guard places.indices.contains(entity) else { return nil }
        if places[entity] >= 0 { return Int(places[entity]) }
        let latency = latencies[entity] ?? Latency(metrics.latency, settings.entities[entity].name)
        latencies[entity] = latency
        if met.count == observed.count { observed.append(Observed(latency)) }
        places[entity] = Int32(met.count)
        met.append(entity)
        return met.count - 1
    }

    private func refuse(_ count: Int, _ entity: Int, _ stage: String) {
        if count > 0 { metrics.timestampsRefused.with(settings.entities[entity].name, stage).add(count) }
    }

    /// Adds what the batch observed to the histograms of the legal entities that it met.
    ///
    /// Each is changed by one call: to read of it and then change it makes the compiler copy all of them, which for a
    /// thousand legal entities in a batch is a million copies.
    private mutating func addObserved() {
        for place in met.indices {
            let entity = met[place]
            places[entity] = -1
            guard let latency = latencies[entity] else { continue }
            let refused = observed[place].add(to: latency)
            refuse(refused.source, entity, "source")
            refuse(refused.log, entity, "log")
        }
        met.removeAll(keepingCapacity: true)
    }

    /// Adds transitions, releases and exceptions, which the sweep of parked events makes too.
    mutating func addPlan(_ batch: AppliedBatch) {
        for (key, count) in batch.plan.transitions { counter(key).add(count) }
        for stage in batch.plan.stages { add(stage) }
        for (entity, count) in batch.plan.released {
            metrics.parkedReleased.with(settings.entityName(entity)).add(count)
        }
        for row in batch.plan.verdicts {
            let entity = settings.entityName(row.entity)
            metrics.verdicts.with(entity, row.verdict.name).add()
        }
        for (entity, code) in batch.written.opened { metrics.exceptions.with(entity, code).add() }
        for (entity, code, seconds) in batch.written.ended {
            metrics.exceptionResolution.with(entity, code).observe(max(0, seconds))
        }
    }
}
