// Families that several stages add to.

extension Registry {
    /// `sluice_event_latency_seconds`, which the stages share.
    ///
    /// Eight buckets a stage, each from what is good to what is bad there: milliseconds of processing, hours of
    /// business. They are most of what a legal entity costs, so more would leave less by name.
    public func eventLatency() -> HistogramFamily {
        let stages: [String: [Double]] = [
            "process": [0.0025, 0.01, 0.025, 0.1, 0.25, 1, 10, 60],
            "log": [0.01, 0.025, 0.1, 0.25, 1, 5, 60, 900],
            "source": [1, 5, 30, 120, 600, 3600, 14_400, 86_400],
            "delivery": [0.5, 2.5, 10, 30, 120, 600, 3600, 14_400],
        ]
        return histogram(
            "sluice_event_latency_seconds",
            help: "Age of applied events: since they happened (source), were logged (log), were polled (process), and "
                + "from applied to confirmed by Odoo (delivery).",
            labels: ["legal_entity", "stage"], buckets: stages["log"] ?? [1], byLast: stages, core: stages.count)
    }

    /// What the business waits for: from a second to weeks.
    public static var businessBuckets: [Double] {
        [1, 10, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800, 2_592_000]
    }

    /// `sluice_business_exceptions_total` and `sluice_business_exception_resolution_seconds`.
    public func businessExceptions() -> (opened: CounterFamily, resolution: HistogramFamily) {
        (
            counter(
                "sluice_business_exceptions_total", help: "Business exceptions opened.",
                labels: ["legal_entity", "code"]),
            histogram(
                "sluice_business_exception_resolution_seconds", help: "How long business exceptions were open.",
                labels: ["legal_entity", "code"], buckets: Self.businessBuckets)
        )
    }

    /// `sluice_redelivered_records_total`.
    public func redelivered() -> CounterFamily {
        counter(
            "sluice_redelivered_records_total",
            help: "Records polled again whose position had its outcome already; counted in no other outcome.",
            labels: ["topic", "partition"])
    }

    /// `sluice_books_imbalance_records`.
    public func booksImbalance() -> GaugeFamily {
        gauge(
            "sluice_books_imbalance_records",
            help: "Records polled by this process without a row of their outcome (or rows too many), as compared.",
            labels: ["topic", "partition"])
    }

    /// `sluice_sla_orders_total`: orders that left a flow for which their legal entity promises a time.
    public func promises() -> CounterFamily {
        counter(
            "sluice_sla_orders_total",
            help: "Orders that left a flow with a promised time, by whether they did within it (within, late).",
            labels: ["legal_entity", "flow", "result"])
    }
}
