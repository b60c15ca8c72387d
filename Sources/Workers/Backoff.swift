/// Waiting before the next attempt: exponential with full jitter, so that those who failed together do not come back
/// together.
struct Backoff: Sendable {
    /// First ceiling, in microseconds.
    let base: Int64
    /// Highest ceiling, in microseconds.
    let cap: Int64

    /// Between attempts that met another transaction.
    static let contention = Backoff(base: 2_000, cap: 200_000)
    /// Between attempts to reach a store that is away.
    static let outage = Backoff(base: 50_000, cap: 2_000_000)
    /// Between attempts while the program, its schema or its rights are wrong.
    static let fault = Backoff(base: 1_000_000, cap: 30_000_000)

    /// Microseconds to wait after `attempt` failures (from 1).
    ///
    /// `random`: 64 random bits.
    func delay(attempt: Int, random: UInt64) -> Int64 {
        let ceiling = min(cap, base << Int64(min(max(0, attempt - 1), 20)))
        return Int64(random % UInt64(max(1, ceiling)))
    }
}
