import Synchronization

/// A number that only grows, from 0 when the process starts.
public final class Counter: Sendable {
    private let total = Atomic<Int>(0)
    private let refusals: Counter?

    init(refusals: Counter?) { self.refusals = refusals }

    /// Adds `n`; a negative `n` changes nothing and is counted in `sluice_metrics_updates_refused_total`.
    ///
    /// Relaxed ordering: a scrape needs some recent value of each counter, not an order between counters.
    public func add(_ n: Int = 1) {
        guard n >= 0 else {
            refusals?.add(1)
            return
        }
        total.wrappingAdd(n, ordering: .relaxed)
    }

    /// Raises the counter to a total that is kept elsewhere; a lower one changes nothing.
    public func raise(to n: Int) { total.max(n, ordering: .relaxed) }

    /// The value now.
    public var value: Int { total.load(ordering: .relaxed) }

    @Sendable static func draw(_ shape: DrawnShape, _ series: Family<Counter>.Series, _ page: inout TextExposition) {
        page.sample(shape, labels: series.labels, integer: series.handle.value)
    }
}
