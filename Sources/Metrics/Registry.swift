import Synchronization

/// Every metric of a process, and the page that Prometheus scrapes.
///
/// Register at start, keep the handles that `family.with(...)` returns, and update those: an update is one or a few
/// atomic instructions, while registering and resolving take a lock. All members may be called from any thread.
///
/// A metric whose first label is `legal_entity` is one of legal entities: its series are shown under their names as
/// far as the budget goes (`SeriesShares`), what is left over together as `other`. So the sum over a metric is right.
///
/// Programmer errors trap: a name or label outside Prometheus' rules, a counter whose name does not end in `_total`,
/// the same name registered with another shape, or a name that another metric's samples take.
public final class Registry: Sendable {
    /// How many label sets beside the legal entity one family holds unless told otherwise; what comes later folds into
    /// the label value `other`.
    public static let defaultMaximumSets = 20_000
    /// How many series a page has unless told otherwise.
    public static let defaultSeries = 100_000

    private struct State {
        var families: [String: any RegisteredFamily] = [:]
        var sampleNames: [String: String] = [:]
        var scrapeBodies: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let context: FamilyContext
    private let lastBytes = Atomic<Int>(0)

    /// How many label sets are shown as `other`.
    let foldedSeries: Counter
    /// How many updates were refused: counters going back, observations that are negative or no number.
    let refusedUpdates: Counter

    /// An empty registry.
    ///
    /// - Parameters:
    ///   - entities: the legal entities of the configuration; nil: any name that is met, without a budget.
    ///   - series: how many series a page has, at most.
    ///   - maximumSets: how many label sets beside the legal entity a family holds.
    ///   - processMetrics: whether the standard `process_*` metrics are read from /proc at each scrape.
    public init(
        entities: [ShownEntity]? = nil, series: Int = Registry.defaultSeries,
        maximumSets: Int = Registry.defaultMaximumSets, processMetrics: Bool = true
    ) {
        precondition(maximumSets > 0, "a family needs room for one series")
        let refusals = Counter(refusals: nil)
        let folds = Counter(refusals: refusals)
        foldedSeries = folds
        refusedUpdates = refusals
        context = FamilyContext(
            maximumSets: maximumSets, entities: EntityTable(entities, series: series), folded: folds)
        _ = add(
            FamilyShape(name: "sluice_metrics_series_folded_total", kind: .counter),
            help: "Label sets shown as other, because the share of their legal entity or their metric was full.",
            make: { _ in folds })
        _ = add(
            FamilyShape(name: "sluice_metrics_updates_refused_total", kind: .counter),
            help: "Updates refused: a counter going back, a negative observation, or one that is no finite number.",
            make: { _ in refusals })
        guard processMetrics else { return }
        ProcessMetrics(in: self)?.refreshAtScrape(of: self)
        ThreadMetrics(in: self)?.refreshAtScrape(of: self)
    }

    /// A family of counters; the name ends in `_total`.
    ///
    /// `core`: how many label sets of each legal entity are always shown under it.
    public func counter(_ name: String, help: String, labels: [String] = [], core: Int = 0) -> CounterFamily {
        let refusals = refusedUpdates
        return add(
            FamilyShape(name: name, kind: .counter, labels: labels, coreSets: core), help: help,
            make: { _ in Counter(refusals: refusals) })
    }

    /// A family of gauges; `fold`: what the gauges of several legal entities are together.
    public func gauge(
        _ name: String, help: String, labels: [String] = [], fold: GaugeFold = .sum, core: Int = 0
    ) -> GaugeFamily {
        add(
            FamilyShape(name: name, kind: .gauge, labels: labels, fold: fold, coreSets: core), help: help,
            make: { _ in Gauge() })
    }

    /// A family of histograms with the given upper bounds, ascending; `+Inf` is added.
    ///
    /// `byLast`: other bounds for series whose last label has one of these values.
    public func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: [Double], byLast: [String: [Double]] = [:],
        core: Int = 0
    ) -> HistogramFamily {
        let shape = FamilyShape(
            name: name, kind: .histogram, labels: labels, buckets: buckets, bucketsByValue: byLast, coreSets: core)
        let refusals = refusedUpdates
        let usual = Buckets(buckets)
        let special = byLast.mapValues { Buckets($0) }
        return add(
            shape, help: help,
            make: { Histogram($0.last.flatMap { special[$0] } ?? usual, refusals: refusals) })
    }

    /// A family of statesets: of `states`, at most one holds.
    ///
    /// In text 0.0.4, which has no statesets, each state is a gauge of 0 or 1 with a label named like the metric.
    public func stateSet(
        _ name: String, help: String, labels: [String], states: [String], core: Int = 0
    ) -> StateSetFamily {
        let shape = FamilyShape(name: name, kind: .stateSet, labels: labels, states: states, coreSets: core)
        let refusals = refusedUpdates
        let words = StateWords(states, label: name)
        return add(shape, help: help, make: { _ in StateSet(words, refusals: refusals) })
    }

    /// Words about the process that do not change while it lives; the name ends in `_info`.
    ///
    /// In text 0.0.4, which has no infos, a gauge of 1.
    public func info(_ name: String, help: String, _ words: [(label: String, value: String)]) {
        let family: GaugeFamily = add(
            FamilyShape(name: name, kind: .info, labels: words.map(\.label)), help: help, make: { _ in Gauge() })
        family.with(values: words.map(\.value)).set(1)
    }

    /// A family of counters whose values the process reads elsewhere, as CPU seconds; the name ends in `_total`.
    public func readCounter(_ name: String, help: String, labels: [String] = []) -> ReadCounterFamily {
        add(FamilyShape(name: name, kind: .counter, labels: labels), help: help, make: { _ in ReadCounter() })
    }

    /// Runs `body` before each page, on the scraping thread: the place to refresh gauges.
    ///
    /// Two scrapes at once run it twice at once. It must not block for long: the scrape waits for it.
    public func onScrape(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.scrapeBodies.append(body) }
    }

    /// The page, as UTF-8: metrics by name, series by their labels, so that the same state gives the same bytes.
    ///
    /// `legalEntity`: whose series alone, with all labels and nothing folded; nil: everybody's and the process', within
    /// the budget.
    ///
    /// - Returns: nil for a legal entity that is not configured.
    public func page(_ format: PageFormat, legalEntity: String? = nil) -> [UInt8]? {
        var scope = PageScope.all
        if let legalEntity {
            guard let index = context.entities.indexShown(legalEntity) else { return nil }
            scope = .entity(index)
        }
        for body in state.withLock({ $0.scrapeBodies }) { body() }
        let families = state.withLock { Array($0.families.values) }
        // A little more than the last one: numbers grow, series come.
        let last = scope == .all ? lastBytes.load(ordering: .relaxed) : 0
        var page = Page(
            format, isRoomy: scope != .all || context.entities.isRoomy, expectedBytes: last + last / 32 + 4096)
        for family in families.sorted(by: { $0.family.shape.name < $1.family.shape.name }) {
            family.draw(scope, into: &page)
        }
        let bytes = page.end()
        if scope == .all { lastBytes.store(bytes.count, ordering: .relaxed) }
        return bytes
    }

    /// The page in the format that a request's `Accept` header prefers, with its media type.
    public func page(
        accept: String?, legalEntity: String? = nil
    ) -> (contentType: String, bytes: [UInt8])? {
        let format = Accept.format(accept)
        return page(format, legalEntity: legalEntity).map { (format.contentType, $0) }
    }

    /// Whether legal entities have room for series that nothing has happened to yet.
    public var isRoomy: Bool { context.entities.isRoomy }

    /// What is registered, by name.
    public var families: [FamilySummary] {
        let families = state.withLock { Array($0.families.values) }
        return families.map { FamilySummary($0.family.shape) }.sorted { $0.name < $1.name }
    }

    /// Returns the family of that name, made now or earlier; traps when it exists with another shape.
    private func add<Handle: Metric>(
        _ shape: FamilyShape, help: String, make: @escaping Family<Handle>.Making
    ) -> Family<Handle> {
        shape.checkNames()
        return state.withLock { state in
            if let existing = state.families[shape.name] {
                guard existing.family.shape == shape, let family = existing as? Family<Handle> else {
                    preconditionFailure("metric \(shape.name) is registered twice with different shapes")
                }
                return family
            }
            for name in shape.sampleNames {
                if let owner = state.sampleNames.updateValue(shape.name, forKey: name) {
                    preconditionFailure("metric \(shape.name) would write samples named \(name), as \(owner) does")
                }
            }
            if shape.coreSets > 0 {
                context.entities.reserve(shape.coreSets * shape.lines(isRoomy: context.entities.isRoomy))
            }
            let family = Family<Handle>(
                shape, help: help, context: context, make: make, draw: { Handle.draw($0, of: $1, into: &$2) })
            state.families[shape.name] = family
            return family
        }
    }
}

/// A metric as it is registered, for who reckons how many series it may have.
public struct FamilySummary: Sendable {
    /// Its name, the one of text 0.0.4.
    public let name: String
    /// Its kind.
    public let kind: MetricKind
    /// Its labels, but `le` and the one of a stateset.
    public let labels: [String]
    /// Lines of a page for each label set, at most.
    public let linesOfSeries: Int
    /// Whether a page of all legal entities has their sum only.
    public let isSummed: Bool
    /// Whether labels that belong to a legal entity fold with it.
    public let foldsParts: Bool

    init(_ shape: FamilyShape) {
        name = shape.name
        kind = shape.kind
        labels = shape.labels
        linesOfSeries = shape.linesOfSeries
        isSummed = shape.isSummed
        foldsParts = shape.foldsParts
    }
}
