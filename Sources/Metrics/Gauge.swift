import Synchronization

/// A number that goes up and down.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    /// Makes the value `v`; NaN and infinities are shown as they are.
    public func set(_ v: Double) { bits.store(v.bitPattern, ordering: .relaxed) }

    /// Adds `d`, which may be negative.
    public func add(_ d: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + d).bitPattern
            let (done, seen) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if done { return }
            old = seen
        }
    }

    /// The value now.
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    @Sendable static func draw(_ shape: DrawnShape, _ series: Family<Gauge>.Series, _ page: inout TextExposition) {
        page.sample(shape, labels: series.labels, number: series.handle.value)
    }
}
