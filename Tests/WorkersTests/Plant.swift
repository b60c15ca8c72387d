import Metrics
import OrderEvents
import Partitioner
import Store
import TestSupport

@testable import Workers

/// A service with its queues, its metrics and the positions that it has completed.
final class Plant: Sendable {
    let store: StoreFixture
    let queues: LaneQueues
    let service: WorkerService
    let registry = Registry(processMetrics: false)
    private let completed: Monitor<[SourcePosition]>

    init(_ store: StoreFixture, workers: Int = 2, batch: Int = 100) throws {
        self.store = store
        let completed = Monitor<[SourcePosition]>([])
        self.completed = completed
        queues = LaneQueues(
            lanes: store.lanes.lanes,
            bounds: LaneBounds(processBytes: 1 << 28, laneBytes: 1 << 26, batchEvents: batch, linger: 0))
        service = WorkerService(
            store: "eu", connection: try store.connectionSettings, sizes: WorkerService.Sizes(workers: workers),
            settings: store.settings, queues: queues, metrics: WorkersMetrics(registry),
            log: Log(minimumLevel: .error), sourceName: { SourceName(topic: "orders", partition: $0) },
            completed: { positions in completed.change { $0 += positions } })
        service.start()
    }

    func wait(for count: Int) -> Bool { completed.wait(within: patience) { $0.count >= count } }

    var positions: [SourcePosition] { completed.withLock { $0 } }

    /// The sum of a counter over all its series with these words in their labels.
    func counter(_ name: String, _ words: String...) -> Int {
        let text = String(decoding: registry.page(.text) ?? [], as: UTF8.self)
        return text.split(separator: "\n").filter { line in
            line.hasPrefix("\(name){") && words.allSatisfy { line.contains("\"\($0)\"") }
        }.reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "0").map { Int($0) } ?? 0) }
    }

    /// Waits until a gauge has this value for the legal entity; false: it did not.
    func gauge(_ name: String, _ entity: String, becomes value: Int) -> Bool {
        eventually {
            String(decoding: registry.page(.text) ?? [], as: UTF8.self).contains(
                "\(name){legal_entity=\"\(entity)\"} \(value)\n")
        }
    }
}
