import Glibc
import Synchronization

/// Observations counted by size, whose `_count`, `_sum` and buckets agree in every scrape.
///
/// There are two sets of cells, hot and cold, as in Prometheus' Go client. An observer takes a ticket, whose top bit
/// says which set is hot, adds to that set's sum and last to its bucket. A scrape flips the bit, waits until the
/// buckets of the set that is now cold hold as many observations as tickets were sold before the flip, reads it, and
/// moves it into the hot set. So an observation is three atomic instructions without a lock, and a scrape never sees
/// half of one. The ticket's other 63 bits count all observations ever: after the move the hot set holds all of them
/// again.
@safe public final class Histogram: Sendable {
    /// What one scrape shows of a histogram.
    struct Snapshot: Equatable {
        /// Per bucket, not cumulative; the last is above every bound.
        var counts: [Int]
        var sum: Double
    }

    private static let hotBit: UInt64 = 1 << 63
    /// How often a scrape yields to observers that are between ticket and bucket before it reads without them.
    private static let maximumYields = 100_000

    private let bounds: [Double]
    private let refusals: Counter
    private let ticket = Atomic<UInt64>(0)
    private let scraping = Mutex<Void>(())
    /// Twice (the sum's bits, then a count per bucket).
    // Safe: allocated and initialised in init, freed in deinit, never replaced, and each cell is an atomic.
    nonisolated(unsafe) private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    /// Cells per set: the sum, a bucket per bound, and the one above all bounds.
    private let width: Int

    init(bounds: [Double], refusals: Counter) {
        self.bounds = bounds
        self.refusals = refusals
        width = bounds.count + 2
        unsafe cells = .allocate(capacity: 2 * width)
        for index in 0..<2 * width { unsafe (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe cells.deinitialize(count: 2 * width)
        unsafe cells.deallocate()
    }

    /// Counts `count` observations of this size (seconds, unless the metric's name says another unit).
    ///
    /// A negative or non-finite size, or a negative count, changes nothing but `sluice_metrics_updates_refused_total`.
    public func observe(_ seconds: Double, count: Int = 1) {
        guard seconds >= 0, seconds.isFinite, count > 0 else {
            if count != 0 { refusals.add(1) }
            return
        }
        var bucket = 1
        for bound in bounds where seconds > bound { bucket += 1 }
        // Acquiring: who is sent to a set by a flip must see that the scrape before it had emptied that set.
        let sold = ticket.wrappingAdd(UInt64(count), ordering: .acquiring).oldValue
        let set = sold & Self.hotBit == 0 ? 0 : width
        add(seconds * Double(count), toSumAt: set)
        // Releasing, and last: a scrape that counts this observation has its sum too.
        unsafe cells[set + bucket].wrappingAdd(UInt64(count), ordering: .releasing)
    }

    /// A state in which every observation is either whole or absent.
    func snapshot() -> Snapshot {
        // One scrape at a time: a second flip before the move would mix the sets. Observers never take this lock.
        scraping.withLock { _ in
            let sold = ticket.wrappingAdd(Self.hotBit, ordering: .acquiringAndReleasing).oldValue
            let cold = sold & Self.hotBit == 0 ? 0 : width
            let expected = sold & ~Self.hotBit
            var yields = 0
            while observations(in: cold) != expected, yields < Self.maximumYields {
                sched_yield()
                yields += 1
            }
            return move(from: cold, to: width - cold)
        }
    }

    private func observations(in set: Int) -> UInt64 {
        var total: UInt64 = 0
        for bucket in 1..<width { total &+= unsafe cells[set + bucket].load(ordering: .acquiring) }
        return total
    }

    /// Takes each cell out of `cold` whole, so that even an observer who was stopped there for long loses nothing.
    private func move(from cold: Int, to hot: Int) -> Snapshot {
        let sum = Double(bitPattern: unsafe cells[cold].exchange(0, ordering: .acquiringAndReleasing))
        add(sum, toSumAt: hot)
        var counts: [Int] = []
        counts.reserveCapacity(width - 1)
        for bucket in 1..<width {
            let count = unsafe cells[cold + bucket].exchange(0, ordering: .acquiringAndReleasing)
            counts.append(Int(truncatingIfNeeded: count))
            if count > 0 { unsafe cells[hot + bucket].wrappingAdd(count, ordering: .relaxed) }
        }
        return Snapshot(counts: counts, sum: sum)
    }

    private func add(_ amount: Double, toSumAt index: Int) {
        var old = unsafe cells[index].load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (done, seen) = unsafe cells[index].weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if done { return }
            old = seen
        }
    }

    static func drawing(buckets: [Double]) -> Family<Histogram>.Drawing {
        let edges = (buckets + [.infinity]).map { Array("le=\"\(TextExposition.text($0))\"".utf8) }
        let bucketSuffix = Array("_bucket".utf8)
        let sumSuffix = Array("_sum".utf8)
        let countSuffix = Array("_count".utf8)
        return { shape, series, page in
            let snapshot = series.handle.snapshot()
            var total = 0
            for (edge, count) in zip(edges, snapshot.counts) {
                total += count
                page.sample(shape, suffix: bucketSuffix, labels: series.labels, more: edge, integer: total)
            }
            page.sample(shape, suffix: sumSuffix, labels: series.labels, number: snapshot.sum)
            page.sample(shape, suffix: countSuffix, labels: series.labels, integer: total)
        }
    }
}
