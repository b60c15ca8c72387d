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
}

extension Gauge: Metric {
    static func draw(_ rows: DrawnRows<Gauge>, of family: DrawnFamily, into page: inout Page) {
        for index in 0..<rows.count {
            let members = rows.begin(index, &page)
            var value: Double?
            rows.visit(members) { gauge in
                let one = gauge.value
                guard let others = value else { return value = one }
                switch family.shape.fold {
                case .sum: value = others + one
                case .most: value = max(others, one)
                }
            }
            page.sample(family.drawn.name, number: value ?? 0)
        }
    }
}
