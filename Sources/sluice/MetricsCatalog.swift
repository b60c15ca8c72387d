import Delivery
import Ingest
import Metrics
import Workers

/// Every metric of the pipeline, registered in one place: for the pipeline itself, and for `sluice check`, which
/// reckons how many series a configuration may have.
struct MetricsCatalog {
    let workers: WorkersMetrics
    let delivery: DeliveryMetrics
    let ingest: IngestMetrics
    let store: StoreMetrics

    /// `group`: the consumer group.
    init(_ registry: Registry, group: String) {
        workers = WorkersMetrics(registry)
        delivery = DeliveryMetrics(registry)
        let statistics = KafkaStatistics(registry)
        ingest = IngestMetrics(registry, group: group, statistics: { statistics.note($0) })
        store = StoreMetrics(registry)
        _ = BacklogLimits.families(in: registry)
        _ = LaneGauges(registry, lanes: [], stores: [])
    }
}

/// Metrics of what a store holds, and of the work that is done on it in the background.
struct StoreMetrics: Sendable {
    let openExceptions: GaugeFamily
    let parked: GaugeFamily
    let parkedOldest: GaugeFamily
    let orders: GaugeFamily
    let oldest: GaugeFamily
    let retained: CounterFamily
    let exceptions: CounterFamily
    let resolution: HistogramFamily
    let looked: CounterFamily
    let lastPass: GaugeFamily
    let silentFeeds: GaugeFamily
    let imbalance: GaugeFamily
    let booksChecked: GaugeFamily
    /// Whether there is room for states in which a legal entity never had an order.
    let isRoomy: Bool

    init(_ registry: Registry) {
        isRoomy = registry.isRoomy
        openExceptions = registry.gauge(
            "sluice_business_exceptions_open", help: "Business exceptions that are open.",
            labels: ["legal_entity", "code"])
        parked = registry.gauge(
            "sluice_parked_events", help: "Events that wait in the store for what is missing.",
            labels: ["legal_entity"])
        parkedOldest = registry.gauge(
            "sluice_parked_oldest_seconds", help: "How long the parked event that waits longest has waited.",
            labels: ["legal_entity"], fold: .most)
        orders = registry.gauge(
            "sluice_orders_in_state", help: "Orders by canonical state, as of the last walk through them.",
            labels: ["legal_entity", "state"])
        oldest = registry.gauge(
            "sluice_order_state_oldest_seconds", help: "Age of the order that has been in the state longest.",
            labels: ["legal_entity", "state"], fold: .most)
        retained = registry.counter(
            "sluice_store_retention_rows_total", help: "Rows that retention moved or removed, by stage.",
            labels: ["store", "stage"])
        (exceptions, resolution) = registry.businessExceptions()
        looked = registry.counter(
            "sluice_checks_orders_total", help: "Orders that the scheduled checks looked at.", labels: ["store"])
        lastPass = registry.gauge(
            "sluice_checks_last_pass_timestamp_seconds",
            help: "When a pass of the scheduled checks last came to its end, by this instance or another.",
            labels: ["store"])
        silentFeeds = registry.gauge(
            "sluice_feed_silent",
            help: "Whether a channel that must be heard is silent for longer than it may be, as this instance saw it.",
            labels: ["legal_entity", "channel"])
        imbalance = registry.booksImbalance()
        booksChecked = registry.gauge(
            "sluice_books_checked_timestamp_seconds",
            help: "Up to when what this process ledgered was compared with the rows.", labels: ["store"])
    }
}
