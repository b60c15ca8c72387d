public import Metrics
internal import Store

/// Every metric of the delivery stage.
public final class DeliveryMetrics: Sendable {
    let requests: CounterFamily
    let requestSeconds: HistogramFamily
    let visits: CounterFamily
    let spaced: GaugeFamily
    let concurrency: GaugeFamily
    let inFlight: GaugeFamily
    let breaker: StateSetFamily
    let owned: GaugeFamily
    let fenced: CounterFamily
    let latency: HistogramFamily
    let promises: CounterFamily
    private let exceptions: CounterFamily
    private let resolution: HistogramFamily
    let backlogOrders: GaugeFamily
    let backlogOldest: GaugeFamily
    let backlogDrain: GaugeFamily

    /// Registers the metrics of the delivery stage.
    public init(_ registry: Registry) {
        requests = registry.counter(
            "sluice_odoo_requests_total", help: "Calls to Odoo by how they ended.",
            labels: ["legal_entity", "operation", "result"])
        requestSeconds = registry.histogram(
            "sluice_odoo_request_seconds", help: "Time of calls to Odoo, from permission to answer.",
            labels: ["legal_entity", "operation", "result"],
            buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120])
        visits = registry.counter(
            "sluice_delivery_visits_total",
            help: "Visits of orders: first ones, and those repeated because the last one did not succeed.",
            labels: ["legal_entity", "attempt"])
        spaced = registry.gauge(
            "sluice_odoo_spaced_rows",
            help: "Rows of Odoo over which calls conflicted, and for which they go one at a time now.",
            labels: ["legal_entity"])
        concurrency = registry.gauge(
            "sluice_odoo_limit_concurrency", help: "Calls that the destination bears at once.",
            labels: ["legal_entity"], core: 1)
        inFlight = registry.gauge(
            "sluice_odoo_in_flight", help: "Orders in delivery.", labels: ["legal_entity"], core: 1)
        breaker = registry.stateSet(
            "sluice_odoo_breaker_state", help: "State of the destination's circuit breaker.", labels: ["legal_entity"],
            states: [Breaker.Name.closed, .halfOpen, .open].map(\.rawValue), core: 1)
        owned = registry.gauge(
            "sluice_delivery_owner", help: "1 where this instance delivers the legal entity's orders.",
            labels: ["legal_entity"])
        fenced = registry.counter(
            "sluice_delivery_fenced_total",
            help: "Deliveries whose result was not recorded, because another instance had taken over.",
            labels: ["legal_entity"])
        latency = registry.eventLatency()
        promises = registry.promises()
        (exceptions, resolution) = registry.businessExceptions()
        backlogOrders = registry.gauge(
            "sluice_backlog_orders", help: "Orders whose delivered version is behind.", labels: ["legal_entity"],
            core: 1)
        backlogOldest = registry.gauge(
            "sluice_backlog_oldest_seconds", help: "Age of the oldest order in the backlog.", labels: ["legal_entity"],
            fold: .most, core: 1)
        backlogDrain = registry.gauge(
            "sluice_backlog_drain_seconds",
            help: "How long the backlog takes at the rate of the last minute; +Inf when nothing moves.",
            labels: ["legal_entity"], fold: .most, core: 1)
    }

    /// Counts the exceptions that recorded visits opened and ended.
    func count(_ changes: CheckResult) {
        for (entity, code) in changes.opened { exceptions.with(entity, code).add() }
        for (entity, code, seconds) in changes.ended { resolution.with(entity, code).observe(max(0, seconds)) }
    }
}

/// What is shown of one legal entity's destination whatever happens, resolved once: with thousands of them looking the
/// handles up costs far more than setting them.
struct DestinationMetrics: Sendable {
    let concurrency: Gauge
    let inFlight: Gauge
    let breaker: StateSet
    let owned: Gauge
    let spaced: Gauge
    let backlogOrders: Gauge
    let backlogOldest: Gauge
    let backlogDrain: Gauge

    init(_ metrics: DeliveryMetrics, _ legalEntity: String) {
        concurrency = metrics.concurrency.with(legalEntity)
        inFlight = metrics.inFlight.with(legalEntity)
        breaker = metrics.breaker.with(legalEntity)
        owned = metrics.owned.with(legalEntity)
        spaced = metrics.spaced.with(legalEntity)
        backlogOrders = metrics.backlogOrders.with(legalEntity)
        backlogOldest = metrics.backlogOldest.with(legalEntity)
        backlogDrain = metrics.backlogDrain.with(legalEntity)
    }
}
