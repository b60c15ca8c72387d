internal import Foundation
internal import Odoo
internal import OrderEvents
internal import Orders
internal import Store

// What the delivery thread works with.

/// Deliveries per second over about the last minute.
struct DrainRate {
    private var counts: [ContinuousClock.Instant] = []
    /// Deliveries that are remembered; a faster destination is measured over a shorter time.
    static let bound = 4096

    mutating func delivered() {
        if counts.count >= Self.bound { counts.removeFirst(Self.bound / 4) }
        counts.append(.now)
    }

    mutating func perSecond() -> Double {
        let now = ContinuousClock.now
        counts.removeAll { $0 < now - .seconds(60) }
        guard let first = counts.first else { return 0 }
        let (seconds, attoseconds) = first.duration(to: now).components
        return Double(counts.count) / max(1, Double(seconds) + Double(attoseconds) * 1e-18)
    }
}

/// A value behind a lock with a condition.
///
/// Safe: the value is only touched while the condition's lock is held.
final class Gate<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<R>(_ body: (inout Value) -> R) -> R {
        condition.lock()
        defer { condition.unlock() }
        return body(&value)
    }

    func change<R>(_ body: (inout Value) -> R) -> R {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&value)
    }

    func wait(within bound: Duration, until isReady: (inout Value) -> Bool) -> Bool {
        let (seconds, attoseconds) = bound.components
        let end = Date(timeIntervalSinceNow: Double(seconds) + Double(attoseconds) * 1e-18)
        condition.lock()
        defer { condition.unlock() }
        while !isReady(&value) {
            if !condition.wait(until: end) { return isReady(&value) }
        }
        return true
    }
}

extension Backlog.Turn {
    /// How soon the calls of a visit go.
    var urgency: Errand.Urgency {
        switch self {
        case .urgent: .critical
        case .usual: .urgent
        case .whenever: .usual
        }
    }
}

extension Destination {
    /// Visits Odoo for one order, as the task's errand.
    func visit(_ taken: BacklogOrder, via odoo: OdooOrders) async -> DeliveryResult {
        var delivered = taken.delivered.map { DeliveredState(document: $0) } ?? DeliveredState()
        if delivered.uncertainSince == nil, let began = taken.unrecordedVisit {
            delivered.uncertainSince = Timestamp(microseconds: began)
        }
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        let order = DeliveryOrder(
            taken.order, legalEntity: settings.legalEntity, orderRef: taken.orderRef, warehouses: settings.warehouses,
            taxes: settings.taxes, verdict: settings.validates ? taken.order.validation.verdict : nil)
        let result = await delivery.deliver(order, delivered, via: odoo, now: now)
        denied(by: result.failure)
        return result
    }
}
