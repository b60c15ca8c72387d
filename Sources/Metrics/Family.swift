import Synchronization

/// Counters of one name.
public typealias CounterFamily = Family<Counter>
/// Gauges of one name.
public typealias GaugeFamily = Family<Gauge>
/// Histograms of one name.
public typealias HistogramFamily = Family<Histogram>
/// Statesets of one name.
public typealias StateSetFamily = Family<StateSet>

/// What a registry knows of a family, whatever its handles are.
protocol RegisteredFamily: AnyObject, Sendable {
    var shape: FamilyShape { get }
    func draw(into page: inout TextExposition)
}

/// How many series a family holds, and who counts what did not fit.
struct SeriesBounds: Sendable {
    /// Room beyond `series` for label sets whose first value was folded, so that the other labels stay readable.
    static let foldedSeries = 1_000

    let series: Int
    let folded: Counter
}

/// All series of one metric name, one per set of label values.
///
/// `with` resolves a handle under a lock: do it at start or when a lane, partition or entity appears, never per event.
/// A family without labels has its one series from the start, so that its first scrape says 0.
public final class Family<Handle: AnyObject & Sendable>: Sendable {
    typealias Drawing = @Sendable (_ shape: DrawnShape, _ series: Series, _ page: inout TextExposition) -> Void

    /// One label set, rendered (`a="1",b="2"`), and its handle.
    struct Series: Sendable {
        let labels: [UInt8]
        let handle: Handle
    }

    private struct State {
        var handles: [[UInt8]: Handle] = [:]
        var ordered: [Series] = []
        var isOrdered = true
    }

    let shape: FamilyShape
    private let drawn: DrawnShape
    private let bounds: SeriesBounds
    private let make: @Sendable () -> Handle
    private let drawing: Drawing
    private let state = Mutex(State())

    init(
        _ shape: FamilyShape, help: String, bounds: SeriesBounds,
        make: @escaping @Sendable () -> Handle, draw: @escaping Drawing
    ) {
        self.shape = shape
        self.bounds = bounds
        self.make = make
        drawn = DrawnShape(shape, help: help)
        drawing = draw
        if shape.labels.isEmpty { _ = with() }
    }

    /// The handle of these label values, in the order of the labels; the same values give the same handle.
    ///
    /// Control bytes are dropped from a value and values over 256 bytes are cut. When the family is full the first
    /// value becomes `other` (all of them when even that has no room), which `sluice_metrics_series_folded_total`
    /// counts. Handles that share `other` add up as counters and histograms; of gauges the last write stays.
    public func with(_ values: String...) -> Handle { with(values: values) }

    /// The handle of these label values, as an array.
    public func with(values: [String]) -> Handle {
        precondition(values.count == shape.labels.count, "\(shape.name) takes the labels \(shape.labels)")
        let labels = drawn.labels(values)
        return state.withLock { state in
            if let handle = state.handles[labels] { return handle }
            if state.handles.count < bounds.series { return insert(labels, into: &state) }
            bounds.folded.add(1)
            return folded(values, in: &state)
        }
    }

    /// Takes the series of these values off the page, as when a partition is revoked. Its handles go on, unseen.
    public func remove(_ values: String...) {
        precondition(values.count == shape.labels.count, "\(shape.name) takes the labels \(shape.labels)")
        let labels = drawn.labels(values)
        state.withLock { state in
            guard state.handles.removeValue(forKey: labels) != nil else { return }
            state.ordered.removeAll { $0.labels == labels }
        }
    }

    private func insert(_ labels: [UInt8], into state: inout State) -> Handle {
        let handle = make()
        state.handles[labels] = handle
        state.ordered.append(Series(labels: labels, handle: handle))
        state.isOrdered = false
        return handle
    }

    private func folded(_ values: [String], in state: inout State) -> Handle {
        let first = drawn.labels([DrawnShape.other] + values.dropFirst())
        if let handle = state.handles[first] { return handle }
        if state.handles.count < bounds.series + SeriesBounds.foldedSeries { return insert(first, into: &state) }
        let all = drawn.labels(values.map { _ in DrawnShape.other })
        return state.handles[all] ?? insert(all, into: &state)
    }
}

extension Family: RegisteredFamily {
    func draw(into page: inout TextExposition) {
        // The lock is held for the sort only: `with` never waits for a page to be drawn.
        let series = state.withLock { state in
            if !state.isOrdered {
                state.ordered.sort { $0.labels.lexicographicallyPrecedes($1.labels) }
                state.isOrdered = true
            }
            return state.ordered
        }
        guard !series.isEmpty else { return }
        page.begin(drawn)
        for one in series { drawing(drawn, one, &page) }
    }
}
