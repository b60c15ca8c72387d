/// Observations of one thread, collected without an atomic instruction and then added to a histogram at once.
///
/// A batch that observes each of its events pays a few nanoseconds for each, and the atomics once. One value serves
/// any number of histograms with the same buckets, one after the other: adding empties it.
public struct Observations: Sendable {
    private let buckets: Buckets
    private let firstBounds: SIMD8<Double>
    /// How many were within each of the first eight bounds: a comparison is added as it is, nothing is looked for.
    private var firstWithin = SIMD8<Int64>(repeating: 0)
    private var moreWithin: [SIMD8<Int64>]
    private(set) var sum = 0.0
    private(set) var count = 0
    private(set) var refused = 0
    /// The last observation whose trace is known.
    private(set) var example: (seconds: Double, trace: TraceID)?

    /// None yet, for histograms with the buckets of `histogram`.
    public init(for histogram: Histogram) {
        buckets = histogram.buckets
        firstBounds = histogram.buckets.first
        moreWithin = Array(repeating: SIMD8(repeating: 0), count: histogram.buckets.more.count)
    }

    /// Counts one observation; negative and non-finite ones are refused, as by a histogram.
    @inlinable @inline(__always)
    public mutating func observe(_ seconds: Double) {
        // False for what is no number, too.
        guard seconds >= 0, seconds < .infinity else { return refuse() }
        count(seconds)
    }

    /// The same, as an example for its bucket.
    public mutating func observe(_ seconds: Double, trace: TraceID?) {
        observe(seconds)
        if let trace { example = (seconds, trace) }
    }

    @usableFromInline
    mutating func refuse() { refused += 1 }

    @usableFromInline
    mutating func count(_ seconds: Double) {
        let size = SIMD8(repeating: seconds)
        firstWithin.replace(with: firstWithin &+ 1, where: size .<= firstBounds)
        for index in moreWithin.indices {
            moreWithin[index].replace(with: moreWithin[index] &+ 1, where: size .<= buckets.more[index])
        }
        sum += seconds
        count += 1
    }

    /// How many fell into each bucket, the one above all bounds last.
    var counts: [Int] {
        var counts: [Int] = []
        counts.reserveCapacity(buckets.edges.count)
        var before = 0
        for index in buckets.bounds.indices {
            let vector = index < 8 ? firstWithin : moreWithin[index / 8 - 1]
            let within = Int(vector[index % 8])
            counts.append(within - before)
            before = within
        }
        counts.append(count - before)
        return counts
    }

    /// Whether they can be added to a histogram with these buckets.
    func fits(_ others: Buckets) -> Bool { buckets === others || buckets.bounds == others.bounds }

    mutating func reset() {
        refused = 0
        example = nil
        guard count > 0 else { return }
        firstWithin = SIMD8(repeating: 0)
        for index in moreWithin.indices { moreWithin[index] = SIMD8(repeating: 0) }
        sum = 0
        count = 0
    }
}
