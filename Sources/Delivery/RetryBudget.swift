/// How many repeated deliveries may go beside first ones: while a destination fails, its calls must not multiply.
///
/// Each first attempt earns a tenth of a repeated one; so there are at most 1.1 calls for each first attempt, beyond a
/// small store and one repeated attempt in `interval`, without which orders that failed would never be tried again
/// where nothing new comes. Pure.
public struct RetryBudget: Equatable, Sendable {
    /// What a first attempt earns.
    public static let share = 0.1

    private let bound: Double
    private let interval: Int64
    private var left: Double
    private var nextFree: Int64?

    /// A budget with a full store of `bound`.
    public init(bound: Int = 10, interval: Duration = .seconds(1)) {
        self.bound = Double(max(1, bound))
        let (seconds, attoseconds) = interval.components
        self.interval = max(1, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        left = Double(max(1, bound))
    }

    /// How many repeated attempts may go at `now` (monotonic nanoseconds).
    public func allows(now: Int64) -> Int {
        let stored = Int(left)
        return stored > 0 || now < nextFree ?? now ? stored : 1
    }

    /// So many attempts went.
    public mutating func went(first: Int, repeated: Int, now: Int64) {
        let before = left
        left = min(bound, max(0, left + Double(first) * Self.share - Double(repeated)))
        if repeated > 0, before < 1 { nextFree = now + interval }
    }

    /// The destination works: what failed before may come back at its own pace.
    public mutating func refill() { left = bound }
}

/// Whether a destination fails: by how its last calls ended.
///
/// A lost answer now and then is no failing: what was cut off is done again. Where a fifth of the calls fails, doing
/// all of it again would be a fifth more of what it cannot bear. Pure.
public struct FailingShare: Equatable, Sendable {
    /// How many calls are looked at.
    static let calls = 20
    /// Failures among them from which on it fails.
    static let failing = 4
    /// Failures among them down to which it works again.
    static let working = 1

    private var last: UInt32 = 0
    /// Whether it fails.
    public private(set) var isFailing = false

    /// A destination that works.
    public init() {}

    /// A call ended.
    public mutating func ended(failed: Bool) {
        last = (last << 1 | (failed ? 1 : 0)) & (1 << UInt32(Self.calls) - 1)
        if last.nonzeroBitCount >= Self.failing { isFailing = true }
        if last.nonzeroBitCount <= Self.working { isFailing = false }
    }
}
