import Foundation
import Metrics
import OrderEvents
import Partitioner
import Synchronization
import Workers

/// Gauges of lanes and of what waits in memory, refreshed at each scrape.
///
/// Where series are scarce, a lane is shown from the first time that something waits in it: most never do.
final class LaneGauges: Sendable {
    private struct Shown: Sendable {
        var events: Gauge
        var bytes: Gauge
        var oldest: Gauge
    }

    private let events: GaugeFamily
    private let bytes: GaugeFamily
    private let oldest: GaugeFamily
    private let blocked: GaugeFamily
    private let lanes: [Lane]
    private let stores: [String]
    private let shown = Mutex<[Int: Shown]>([:])

    init(_ registry: Registry, lanes: [Lane], stores: [String]) {
        events = registry.gauge(
            "sluice_lane_queue_events", help: "Events that wait in a lane.", labels: ["legal_entity", "warehouse"])
        bytes = registry.gauge(
            "sluice_lane_queue_bytes", help: "Memory of the events that wait in a lane.",
            labels: ["legal_entity", "warehouse"])
        oldest = registry.gauge(
            "sluice_lane_oldest_seconds", help: "Time since the oldest waiting event of a lane was polled.",
            labels: ["legal_entity", "warehouse"], fold: .most)
        blocked = registry.gauge(
            "sluice_blocked_bytes",
            help: "Memory of the events that wait for whoever may not go on, or drain after they could not.",
            labels: ["store"])
        self.lanes = lanes
        self.stores = stores
        guard registry.isRoomy else { return }
        shown.withLock { shown in for (index, lane) in lanes.enumerated() { shown[index] = show(lane) } }
    }

    /// Reads `queues`, one for each store, before every page.
    func refreshAtScrape(of registry: Registry, _ queues: [LaneQueues]) {
        registry.onScrape { self.refresh(queues) }
    }

    private func refresh(_ queues: [LaneQueues]) {
        let now = Date().timeIntervalSince1970
        var filled: [Int: LaneSchedule.Depth] = [:]
        for (store, queue) in zip(stores, queues) {
            let depths = queue.depths()
            blocked.with(store).set(Double(depths.blockedBytes))
            for (lane, depth) in depths.lanes { filled[lane] = depth }
        }
        shown.withLock { shown in
            for lane in filled.keys where shown[lane] == nil { shown[lane] = show(lanes[lane]) }
            for (lane, gauges) in shown {
                let depth = filled[lane]
                gauges.events.set(Double(depth?.events ?? 0))
                gauges.bytes.set(Double(depth?.bytes ?? 0))
                gauges.oldest.set(depth?.oldest.map { max(0, now - Double($0.microseconds) / 1_000_000) } ?? 0)
            }
        }
    }

    private func show(_ lane: Lane) -> Shown {
        Shown(
            events: events.with(lane.legalEntity, lane.warehouse), bytes: bytes.with(lane.legalEntity, lane.warehouse),
            oldest: oldest.with(lane.legalEntity, lane.warehouse))
    }
}
