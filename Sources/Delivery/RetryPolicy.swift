/// How long to wait before a delivery is tried again: exponential backoff with full jitter.
///
/// Pure.
///
/// Full jitter (anything between nothing and the backoff) spreads the orders of an outage evenly instead of letting
/// them return in waves.
public struct RetryPolicy: Equatable, Sendable {
    /// Longest wait that a server's `Retry-After` may ask for.
    public static let longestRetryAfter: Duration = .seconds(900)

    /// Backoff before the first retry.
    public var base: Duration
    /// Largest backoff.
    public var cap: Duration

    /// A policy; see the properties.
    public init(base: Duration = .milliseconds(500), cap: Duration = .seconds(300)) {
        self.base = base
        self.cap = cap
    }

    /// The wait after the `attempt`-th failure in a row.
    ///
    /// - Parameters:
    ///   - attempt: 1 for the first failure; less counts as 1.
    ///   - random: uniform in 0..<1.
    ///   - retryAfter: what the server asked for: the least that is waited, cut to 15 minutes.
    /// - Returns: the wait.
    public func delay(attempt: Int, random: Double, retryAfter: Duration? = nil) -> Duration {
        let exponent = min(max(attempt, 1) - 1, 30)
        let backoff = min(cap, base * (1 << exponent))
        let jittered = backoff * min(max(random, 0), 1)
        guard let retryAfter else { return jittered }
        return min(retryAfter, Self.longestRetryAfter) + jittered
    }
}
