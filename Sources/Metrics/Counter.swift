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
}

extension Counter: Metric {
    static func draw(_ rows: DrawnRows<Counter>, of family: DrawnFamily, into page: inout Page) {
        for index in 0..<rows.count {
            let members = rows.begin(index, &page)
            var sum = 0
            rows.visit(members) { sum &+= $0.value }
            page.sample(family.drawn.name, integer: sum)
            if page.showsCreated { page.created(family.drawn, milliseconds: rows.created(members)) }
        }
    }
}

/// A counter whose value is a number that the process reads elsewhere, as seconds of CPU time.
public final class ReadCounter: Sendable {
    private let bits = Atomic<UInt64>(0)

    /// Raises the counter to `total`; a lower one, or none, changes nothing.
    ///
    /// Called by one thread at a time.
    public func raise(to total: Double) {
        guard total > value, total.isFinite else { return }
        bits.store(total.bitPattern, ordering: .relaxed)
    }

    /// The value now.
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

extension ReadCounter: Metric {
    static func draw(_ rows: DrawnRows<ReadCounter>, of family: DrawnFamily, into page: inout Page) {
        for index in 0..<rows.count {
            let members = rows.begin(index, &page)
            var sum = 0.0
            rows.visit(members) { sum += $0.value }
            page.sample(family.drawn.name, number: sum)
            if page.showsCreated { page.created(family.drawn, milliseconds: rows.created(members)) }
        }
    }
}
