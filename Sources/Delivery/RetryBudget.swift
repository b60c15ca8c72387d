/// How many repeated deliveries may go beside first ones: while a destination fails, its calls must not multiply.
///
/// Each first attempt earns an eleventh of a repeated one, and only what was earned is spent: up to any moment there
/// are fewer than 1.1 attempts for each first one, beyond the store at the beginning. Where no first attempt came for
/// a whole `interval`, one repeated attempt goes unearned, because orders that failed would else never be tried again
/// where nothing new comes. Pure.
public struct RetryBudget: Equatable, Sendable {
    /// First attempts that earn a repeated one.
    ///
    /// One more than 1.1 says: what was under way when a destination begins to fail, and what goes unearned, is part of
    /// the 1.1 as well.
    public static let price = 11

    private let bound: Int
    private let interval: Int64
    /// Earned and not spent, in first attempts; below 0 where more went than was allowed.
    private var left: Int
    /// From when on one may go unearned (monotonic nanoseconds); nil: now.
    private var quietFrom: Int64?

    /// A budget.
    ///
    /// - Parameters:
    ///   - stored: repeated attempts that may go before any first one.
    ///   - bound: repeated attempts that are kept for later at most.
    ///   - interval: how long no first attempt came before a repeated one goes unearned.
    public init(stored: Int = 0, bound: Int = 10, interval: Duration = .seconds(1)) {
        self.bound = max(1, bound) * Self.price
        let (seconds, attoseconds) = interval.components
        self.interval = max(1, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        left = min(self.bound, max(0, stored) * Self.price)
    }

    /// How many repeated attempts may go at `now` (monotonic nanoseconds).
    public func allows(now: Int64) -> Int {
        if left >= Self.price { return left / Self.price }
        return quietFrom.map { now >= $0 } ?? true ? 1 : 0
    }

    /// So many attempts went at `now`; the repeated ones were allowed before.
    public mutating func went(first: Int, repeated: Int, now: Int64) {
        let isUnearned = repeated == 1 && left < Self.price && allows(now: now) == 1
        // What goes unearned is paid for later: a destination that fails now and then is silent now and then, too.
        left = min(bound, max(-bound, left - repeated * Self.price) + first)
        if first > 0 || isUnearned { quietFrom = now + interval }
    }

    /// The destination begins to fail at `now`: nothing is earned yet.
    public mutating func begin(now: Int64) {
        left = 0
        quietFrom = now + interval
    }
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
