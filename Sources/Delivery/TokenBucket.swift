/// The request limit of a destination, as the generic cell rate algorithm: exact in whole nanoseconds, no drift.
///
/// Pure.
///
/// Over any window of `w` seconds at most `rate * w + burst` requests are admitted.
public struct TokenBucket: Equatable, Sendable {
    /// Nanoseconds between two requests at the full rate.
    private let interval: Int64
    /// How much earlier than its slot a request may go.
    private let tolerance: Int64
    /// When the next request would be due at the exact rate.
    private var due: Int64?

    /// A bucket that is full.
    ///
    /// - Parameters:
    ///   - ratePerSecond: more than 0; less than one in a million seconds counts as that.
    ///   - burst: how many requests may go at once; at least 1.
    public init(ratePerSecond: Double, burst: Int = 1) {
        let rate = max(ratePerSecond, 0.000_001)
        interval = Int64((1_000_000_000 / rate).rounded(.up))
        tolerance = interval * Int64(max(burst, 1) - 1)
    }

    /// When the next free slot begins, which stays free; `now` where it is not later.
    public func next(now: Int64) -> Int64 { max(now, (due ?? now) - tolerance) }

    /// Takes the next free slot and says when it begins: at once when that is not later than `now`.
    ///
    /// Whoever takes a slot waits for it; slots are given in the sequence of the calls. The number of waiting requests
    /// is bounded by the destination's concurrency.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: monotonic nanoseconds, not before `now`.
    public mutating func reserve(now: Int64) -> Int64 {
        let slot = max(now, (due ?? now) - tolerance)
        due = max(due ?? now, slot) + interval
        return slot
    }
}
