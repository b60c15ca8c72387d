internal import Foundation
import Metrics
import OrderEvents
import Orders
internal import Store

// Promises about flows that end in Odoo: whether the visit that ended one kept it.

/// Flows that a visit ended.
struct EndedFlows: Equatable {
    /// How long the order was in each that the visit ended, by event time; microseconds.
    private(set) var took: [Flow: Int64] = [:]

    /// `before` and `after`: what Odoo had; `now`: when the visit was recorded, microseconds since 1970.
    init(_ order: Order, before: DeliveredState, after: DeliveredState, now: Int64) {
        let since = order.flowTimes
        func end(_ flow: Flow, if hasEnded: Bool) {
            guard hasEnded, let start = since[flow] else { return }
            took[flow] = max(0, now - start)
        }
        end(.acceptance, if: before.odooID == nil && after.odooID != nil)
        end(.cancellation, if: !before.cancelled && after.cancelled)
    }
}

extension DeliveryMetrics {
    /// Counts the promises that a visit kept or broke.
    func count(_ ended: EndedFlows, of legalEntity: String, promised: FlowTimes) {
        for (flow, took) in ended.took {
            guard let limit = promised[flow] else { continue }
            promises.with(legalEntity, flow.name, took <= limit ? "within" : "late").add()
        }
    }
}

extension Destination {
    /// Counts the promises that a recorded visit kept or broke.
    func count(_ taken: BacklogOrder, _ after: DeliveredState) {
        let before = taken.delivered.map { DeliveredState(document: $0) } ?? DeliveredState()
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        metrics.count(
            EndedFlows(taken.order, before: before, after: after, now: now), of: settings.legalEntity,
            promised: settings.promised)
    }
}
