import Ingest
import OperatorAPI
import Synchronization
import Workers

/// Whether the process works, and whether it is of use.
final class Health: Sendable {
    /// How long the poll thread may take for a round; what it does never waits longer than some tens of milliseconds.
    static let longestRound = 60.0

    let isStopping = Atomic(false)
    /// Another configuration takes this one's place.
    let isChanging = Atomic(false)
    private let prepared: Mutex<Set<String>> = Mutex([])
    private let stores: [String]
    private let workers: [WorkerService]
    private let ingest: IngestService

    init(stores: [String], workers: [WorkerService], ingest: IngestService) {
        self.stores = stores
        self.workers = workers
        self.ingest = ingest
    }

    /// A store was reached and has its schema.
    func prepared(_ store: String) { prepared.withLock { _ = $0.insert(store) } }

    /// What only another process would help against; empty: this one lives.
    ///
    /// About this process only: nothing that it depends on counts.
    func faults() -> [Live.Reason] {
        let status = ingest.status
        if status.hasGivenUp {
            return [Live.Reason(dependency: "consumer", reason: "failed for good, again and again")]
        }
        if let seconds = status.secondsSinceRound, seconds > Self.longestRound {
            return [Live.Reason(dependency: "poll thread", reason: "has stood still for \(Int(seconds)) s")]
        }
        return []
    }

    /// What keeps the process from being of use; empty: ready.
    func reasons() -> [Live.Reason] {
        var reasons = faults()
        if isChanging.load(ordering: .relaxed) {
            reasons.append(Live.Reason(dependency: "process", reason: "is changing its configuration"))
        } else if isStopping.load(ordering: .relaxed) {
            reasons.append(Live.Reason(dependency: "process", reason: "is stopping"))
        }
        let known = prepared.withLock { $0 }
        for (store, worker) in zip(stores, workers) {
            if !known.contains(store) {
                reasons.append(Live.Reason(dependency: "store \(store)", reason: "not reached yet, or not migrated"))
            } else if !worker.isStoreReached {
                reasons.append(Live.Reason(dependency: "store \(store)", reason: "not reached"))
            }
        }
        let status = ingest.status
        // Kafka is read when the stores are there; before, nothing is known of it.
        guard known.count == stores.count else { return reasons }
        if !status.isPolling {
            reasons.append(Live.Reason(dependency: "kafka", reason: "the poll thread does not run"))
        } else if status.areBrokersAway {
            reasons.append(Live.Reason(dependency: "kafka", reason: "no broker is reached"))
        } else if !status.hasBeenAssigned {
            reasons.append(Live.Reason(dependency: "kafka", reason: "the group has not answered yet"))
        }
        return reasons
    }
}
