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
}
