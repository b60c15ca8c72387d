import Glibc
import Synchronization

/// The upper bounds of a histogram's buckets, ascending, with their labels rendered; shared by all series that have
/// them.
final class Buckets: Sendable {
    let bounds: [Double]
    /// `le="0.005"` of each bucket, `+Inf` last: numbers as OpenMetrics wants them, in every format, so that a series
    /// stays the same when a scraper changes formats.
    let edges: [[UInt8]]
    /// The bounds again, eight to a vector; those that are missing are above everything.
    let first: SIMD8<Double>
    let more: [SIMD8<Double>]

    init(_ bounds: [Double]) {
        self.bounds = bounds
        var vectors = stride(from: 0, to: max(1, bounds.count), by: 8).map { start in
            var vector = SIMD8<Double>(repeating: .infinity)
            for (lane, bound) in bounds[start...].prefix(8).enumerated() { vector[lane] = bound }
            return vector
        }
        first = vectors.removeFirst()
        more = vectors
        edges = (bounds.map(\.description) + ["+Inf"]).map { Array("le=\"\($0)\"".utf8) }
    }

    /// The bucket of a size, from 0.
    @inline(__always)
    func index(of size: Double) -> Int {
        let size = SIMD8(repeating: size)
        var above = SIMD8<Int64>(repeating: 0)
        above.replace(with: 1, where: size .> first)
        for vector in more { above.replace(with: above &+ 1, where: size .> vector) }
        return Int(above.wrappedSum())
    }
}

/// What one scrape shows of a histogram, or of several together.
struct HistogramCells: Equatable {
    /// Per bucket, not cumulative; the last is above every bound.
    var counts: [Int] = []
    var sum = 0.0

    mutating func reset(width: Int) {
        sum = 0
        if counts.count == width {
            for index in counts.indices { counts[index] = 0 }
        } else {
            counts = Array(repeating: 0, count: width)
        }
    }
}

/// Observations counted by size, whose `_count`, `_sum` and buckets agree in every scrape.
///
/// There are two sets of cells, hot and cold, as in Prometheus' Go client. An observer takes a ticket, whose top bit
/// says which set is hot, adds to that set's sum and last to its bucket. A scrape reads the hot set when nobody
/// observes meanwhile, which the tickets tell. Otherwise it flips the bit, waits until the buckets of the set that is
/// now cold hold as many observations as tickets were sold before the flip, reads it, and moves it into the hot set. So
/// an observation is three atomic instructions without a lock, and a scrape never sees half of one. The ticket's other
/// 63 bits count all observations ever: after the move the hot set holds all of them again.
///
/// Who observes many at a time collects them in `Observations` first.
@safe public final class Histogram: Sendable {
    private static let hotBit: UInt64 = 1 << 63
    /// How often a scrape yields to observers that are between ticket and bucket before it reads without them.
    private static let maximumYields = 100_000

    let buckets: Buckets
    private let refusals: Counter
    private let ticket = Atomic<UInt64>(0)
    private let scraping = Mutex<Void>(())
    /// By bucket, or empty; written only by who knows a trace.
    private let exemplars = Mutex<[Exemplar?]>([])
    /// Twice (the sum's bits, then a count per bucket).
    // Safe: allocated and initialised in init, freed in deinit, never replaced, and each cell is an atomic.
    nonisolated(unsafe) private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    /// Cells per set: the sum, a bucket per bound, and the one above all bounds.
    private let width: Int

    init(_ buckets: Buckets, refusals: Counter) {
        self.buckets = buckets
        self.refusals = refusals
        width = buckets.bounds.count + 2
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
        let bucket = buckets.index(of: seconds) + 1
        let set = sell(count)
        add(seconds * Double(count), toSumAt: set)
        // Releasing, and last: a scrape that counts this observation has its sum too.
        unsafe cells[set + bucket].wrappingAdd(UInt64(count), ordering: .releasing)
    }

    /// The same, as an example for its bucket: OpenMetrics shows the trace of the last one.
    ///
    /// Costs a lock that nobody waits for; meant for who knows a trace, not for each event.
    public func observe(_ seconds: Double, trace: TraceID?) {
        observe(seconds)
        if let trace { show(seconds, trace, at: Log.systemClock().wall) }
    }

    /// Makes an observation the example of its bucket.
    private func show(_ seconds: Double, _ trace: TraceID, at milliseconds: Int64) {
        guard seconds >= 0, seconds.isFinite else { return }
        _ = exemplars.withLockIfAvailable { exemplars in
            if exemplars.isEmpty { exemplars = Array(repeating: nil, count: width - 1) }
            exemplars[buckets.index(of: seconds)] = Exemplar(trace: trace, value: seconds, milliseconds: milliseconds)
        }
    }

    /// Counts what was collected, whole or not at all for any scrape, and empties it.
    public func add(_ observations: inout Observations) {
        let count = observations.count
        if observations.refused > 0 { refusals.add(observations.refused) }
        defer { observations.reset() }
        guard count > 0 else { return }
        precondition(observations.fits(buckets), "observations of other buckets")
        if count == 1 {
            // With very many legal entities each has one event in a batch: its size is the sum.
            observe(observations.sum)
        } else {
            let set = sell(count)
            add(observations.sum, toSumAt: set)
            for (index, count) in observations.counts.enumerated() where count > 0 {
                unsafe cells[set + 1 + index].wrappingAdd(UInt64(count), ordering: .releasing)
            }
        }
        if let example = observations.example { show(example.seconds, example.trace, at: Log.systemClock().wall) }
    }

    /// Takes tickets; returns where the hot set begins.
    ///
    /// Acquiring: who is sent to a set by a flip must see that the scrape before it had emptied that set.
    private func sell(_ count: Int) -> Int {
        let sold = ticket.wrappingAdd(UInt64(count), ordering: .acquiring).oldValue
        return sold & Self.hotBit == 0 ? 0 : width
    }

    /// A state in which every observation is either whole or absent.
    func snapshot() -> HistogramCells {
        var sum = HistogramCells()
        sum.reset(width: width - 1)
        var scratch: [UInt64] = []
        addSnapshot(to: &sum, &scratch)
        return sum
    }

    /// Adds such a state to `total`, which has as many buckets; `scratch`: memory that is used again.
    func addSnapshot(to total: inout HistogramCells, _ scratch: inout [UInt64]) {
        // One scrape at a time: a second flip before the move would mix the sets. Observers never take this lock.
        scraping.withLock { _ in
            // What was never observed costs a scrape nothing.
            if ticket.load(ordering: .relaxed) & ~Self.hotBit == 0 { return }
            if addQuiet(to: &total, &scratch) { return }
            let sold = ticket.wrappingAdd(Self.hotBit, ordering: .acquiringAndReleasing).oldValue
            let cold = sold & Self.hotBit == 0 ? 0 : width
            let expected = sold & ~Self.hotBit
            var yields = 0
            while observations(in: cold) != expected, yields < Self.maximumYields {
                sched_yield()
                yields += 1
            }
            move(from: cold, to: width - cold, &total)
        }
    }

    /// Adds what the hot set holds when nobody observes meanwhile, and says whether that was so.
    ///
    /// As many are in the buckets as tickets were sold, and none was sold while they were read: then each of them is
    /// there with its sum. Nearly always, for each histogram by itself, and it writes nothing, which costs a page of
    /// thousands of them far less than a flip.
    private func addQuiet(to total: inout HistogramCells, _ scratch: inout [UInt64]) -> Bool {
        let sold = ticket.load(ordering: .acquiring)
        let hot = sold & Self.hotBit == 0 ? 0 : width
        var count: UInt64 = 0
        scratch.removeAll(keepingCapacity: true)
        for bucket in 1..<width {
            let one = unsafe cells[hot + bucket].load(ordering: .acquiring)
            scratch.append(one)
            count &+= one
        }
        let sum = Double(bitPattern: unsafe cells[hot].load(ordering: .acquiring))
        guard count == sold & ~Self.hotBit, ticket.load(ordering: .acquiring) == sold else { return false }
        for bucket in total.counts.indices { total.counts[bucket] += Int(truncatingIfNeeded: scratch[bucket]) }
        total.sum += sum
        return true
    }

    /// The example of each bucket; empty: there is none.
    var examples: [Exemplar?] { exemplars.withLock { $0 } }

    private func observations(in set: Int) -> UInt64 {
        var total: UInt64 = 0
        for bucket in 1..<width { total &+= unsafe cells[set + bucket].load(ordering: .acquiring) }
        return total
    }

    /// Takes each cell out of `cold` whole, so that even an observer who was stopped there for long loses nothing.
    private func move(from cold: Int, to hot: Int, _ total: inout HistogramCells) {
        let sum = Double(bitPattern: unsafe cells[cold].exchange(0, ordering: .acquiringAndReleasing))
        add(sum, toSumAt: hot)
        total.sum += sum
        for bucket in 1..<width {
            // An empty cell that fills after this look is counted by the next scrape that reads this set.
            if unsafe cells[cold + bucket].load(ordering: .relaxed) == 0 { continue }
            let count = unsafe cells[cold + bucket].exchange(0, ordering: .acquiringAndReleasing)
            total.counts[bucket - 1] += Int(truncatingIfNeeded: count)
            unsafe cells[hot + bucket].wrappingAdd(count, ordering: .relaxed)
        }
    }

    private func add(_ amount: Double, toSumAt index: Int) {
        var old = unsafe cells[index].load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            // Releasing: who reads this sum sees that its ticket was sold.
            let (done, seen) = unsafe cells[index].weakCompareExchange(
                expected: old, desired: new, successOrdering: .releasing, failureOrdering: .relaxed)
            if done { return }
            old = seen
        }
    }
}

extension Histogram: Metric {
    static func draw(_ rows: DrawnRows<Histogram>, of family: DrawnFamily, into page: inout Page) {
        var cells = HistogramCells()
        var scratch: [UInt64] = []
        for index in 0..<rows.count {
            let members = rows.begin(index, &page)
            let first = rows.first(members)
            let edges = first.buckets.edges
            cells.reset(width: edges.count)
            rows.visit(members) { $0.addSnapshot(to: &cells, &scratch) }
            // Of several together, the first's: any of them is an example.
            let examples = page.format == .openMetrics ? first.examples : []
            var total = 0
            for (bucket, edge) in edges.enumerated() {
                total += cells.counts[bucket]
                page.bucket(
                    family.drawn.bucketName, edge: edge, count: total, examples.isEmpty ? nil : examples[bucket])
            }
            page.sample(family.drawn.sumName, number: cells.sum)
            page.sample(family.drawn.countName, integer: total)
            if page.showsCreated { page.created(family.drawn, milliseconds: rows.created(members)) }
        }
    }
}
