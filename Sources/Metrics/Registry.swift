import Synchronization

/// Every metric of a process, and the page that Prometheus scrapes.
///
/// Register at start, keep the handles that `family.with(...)` returns, and update those: an update is one or a few
/// atomic instructions, while registering and resolving take a lock. All members may be called from any thread.
///
/// Programmer errors trap: a name or label outside Prometheus' rules, a counter whose name does not end in `_total`,
/// the same name registered with another shape, or a name that a histogram's `_bucket`, `_sum` or `_count` takes.
public final class Registry: Sendable {
    /// How many series one family holds unless told otherwise; what comes later folds into the label value `other`.
    public static let defaultMaximumSeries = 20_000

    private struct State {
        var families: [String: any RegisteredFamily] = [:]
        var sampleNames: [String: String] = [:]
        var scrapeBodies: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let bounds: SeriesBounds

    /// How many handles were resolved to `other` because their family was full.
    let foldedSeries: Counter
    /// How many updates were refused: counters going back, observations that are negative or no number.
    let refusedUpdates: Counter

    /// An empty registry.
    ///
    /// - Parameters:
    ///   - maximumSeries: how many series a family holds before further label values fold into `other`.
    ///   - processMetrics: whether the standard `process_*` metrics are read from /proc at each scrape.
    public init(maximumSeries: Int = Registry.defaultMaximumSeries, processMetrics: Bool = true) {
        precondition(maximumSeries > 0, "a family needs room for one series")
        let refusals = Counter(refusals: nil)
        let folds = Counter(refusals: refusals)
        foldedSeries = folds
        refusedUpdates = refusals
        bounds = SeriesBounds(series: maximumSeries, folded: folds)
        _ = add(
            FamilyShape(name: "sluice_metrics_series_folded_total", kind: .counter),
            help: "Handles that were given the label value other because their metric had reached its series limit.",
            make: { folds }, draw: Counter.draw)
        _ = add(
            FamilyShape(name: "sluice_metrics_updates_refused_total", kind: .counter),
            help: "Updates refused: a counter going back, a negative observation, or one that is no finite number.",
            make: { refusals }, draw: Counter.draw)
        if processMetrics { ProcessMetrics(in: self)?.refreshAtScrape(of: self) }
    }

    /// A family of counters; the name ends in `_total`.
    public func counter(_ name: String, help: String, labels: [String] = []) -> CounterFamily {
        let refusals = refusedUpdates
        return add(
            FamilyShape(name: name, kind: .counter, labels: labels), help: help,
            make: { Counter(refusals: refusals) }, draw: Counter.draw)
    }

    /// A family of gauges.
    public func gauge(_ name: String, help: String, labels: [String] = []) -> GaugeFamily {
        add(
            FamilyShape(name: name, kind: .gauge, labels: labels), help: help,
            make: { Gauge() }, draw: Gauge.draw)
    }

    /// A family of histograms with the given upper bounds, ascending; `+Inf` is added.
    public func histogram(_ name: String, help: String, labels: [String] = [], buckets: [Double]) -> HistogramFamily {
        let shape = FamilyShape(name: name, kind: .histogram, labels: labels, buckets: buckets)
        let refusals = refusedUpdates
        return add(
            shape, help: help,
            make: { Histogram(bounds: buckets, refusals: refusals) }, draw: Histogram.drawing(buckets: buckets))
    }

    /// A family of statesets: of `states`, at most one holds.
    ///
    /// In text 0.0.4, which has no statesets, each state is a gauge of 0 or 1 with a label named like the metric.
    public func stateSet(_ name: String, help: String, labels: [String], states: [String]) -> StateSetFamily {
        let shape = FamilyShape(name: name, kind: .stateSet, labels: labels, states: states)
        let refusals = refusedUpdates
        return add(
            shape, help: help,
            make: { StateSet(states: states, refusals: refusals) },
            draw: StateSet.drawing(label: name, states: states))
    }

    /// A family typed as a counter whose value is a Double that the process reads elsewhere, as CPU seconds.
    func readCounter(_ name: String, help: String) -> GaugeFamily {
        add(FamilyShape(name: name, kind: .counter), help: help, make: { Gauge() }, draw: Gauge.draw)
    }

    /// Runs `body` before each exposition, on the scraping thread: the place to refresh gauges.
    ///
    /// Two scrapes at once run it twice at once. It must not block for long: the scrape waits for it.
    public func onScrape(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.scrapeBodies.append(body) }
    }

    /// The page in Prometheus' text format 0.0.4, as UTF-8: metrics by name, series by their labels, so that the same
    /// state gives the same bytes. Content type: `Registry.textContentType`.
    public func textExposition() -> [UInt8] {
        for body in state.withLock({ $0.scrapeBodies }) { body() }
        let families = state.withLock { Array($0.families.values) }
        var page = TextExposition()
        for family in families.sorted(by: { $0.shape.name < $1.shape.name }) { family.draw(into: &page) }
        return page.bytes
    }

    /// The media type of `textExposition()`.
    public static let textContentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Returns the family of that name, made now or earlier; traps when it exists with another shape.
    private func add<Handle>(
        _ shape: FamilyShape, help: String,
        make: @escaping @Sendable () -> Handle,
        draw: @escaping Family<Handle>.Drawing
    ) -> Family<Handle> {
        shape.checkNames()
        return state.withLock { state in
            if let existing = state.families[shape.name] {
                guard existing.shape == shape, let family = existing as? Family<Handle> else {
                    preconditionFailure("metric \(shape.name) is registered twice with different shapes")
                }
                return family
            }
            for name in shape.sampleNames {
                if let owner = state.sampleNames.updateValue(shape.name, forKey: name) {
                    preconditionFailure("metric \(shape.name) would write samples named \(name), as \(owner) does")
                }
            }
            let family = Family(shape, help: help, bounds: bounds, make: make, draw: draw)
            state.families[shape.name] = family
            return family
        }
    }
}
