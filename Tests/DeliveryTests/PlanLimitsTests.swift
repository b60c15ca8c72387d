import Testing

@testable import Delivery

/// Seeded randomness of the property tests; a failing test names its seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct PlanLimitsTests {
    /// Goal: over every window between two admissions no more than rate * window + burst went.
    @Test(arguments: UInt64(1)...40) func bucketNeverExceedsItsRateOverAnyWindow(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let rate = Double.random(in: 0.2...500, using: &random)
        let burst = Int.random(in: 1...10, using: &random)
        var bucket = TokenBucket(ratePerSecond: rate, burst: burst)
        var now: Int64 = Int64.random(in: -5_000_000_000...5_000_000_000, using: &random)
        var slots: [Int64] = []
        for _ in 0..<300 {
            if Bool.random(using: &random) {
                now += Int64.random(in: 0...(4_000_000_000 / Int64(rate + 1)), using: &random)
            }
            let slot = bucket.reserve(now: now)
            #expect(slot >= now, "seed \(seed)")
            slots.append(slot)
        }
        #expect(slots == slots.sorted(), "seed \(seed)")
        for first in slots.indices {
            for last in first..<slots.count {
                let window = Double(slots[last] - slots[first]) / 1_000_000_000
                let allowed = rate * window + Double(burst) + 0.000_001
                if Double(last - first + 1) > allowed {
                    Issue.record("seed \(seed): \(last - first + 1) in \(window) s at \(rate)/s, burst \(burst)")
                    return
                }
            }
        }
    }

    @Test func bucketWastesNothingWhenThereIsAlwaysSomebodyWaiting() {
        var bucket = TokenBucket(ratePerSecond: 20)
        var last: Int64 = 0
        for _ in 0...1000 { last = bucket.reserve(now: 0) }
        #expect(last == 1000 * 50_000_000)
    }

    @Test func idleTimeGivesNoMoreThanTheBurst() {
        var bucket = TokenBucket(ratePerSecond: 10, burst: 3)
        _ = bucket.reserve(now: 0)
        let now: Int64 = 3_600_000_000_000
        let slots = (0..<5).map { _ in bucket.reserve(now: now) - now }
        #expect(slots == [0, 0, 0, 100_000_000, 200_000_000])
    }

    @Test func backoffGrowsToItsCapAndIsJitteredFromZero() {
        let policy = RetryPolicy(base: .milliseconds(500), cap: .seconds(60))
        #expect(policy.delay(attempt: 1, random: 0) == .zero)
        #expect(policy.delay(attempt: 1, random: 0.5) == .milliseconds(250))
        #expect(policy.delay(attempt: 4, random: 0.5) == .seconds(2))
        var random = SplitMix(seed: 7)
        for attempt in [-3, 0, 1, 5, 20, 31, 64, 1000, Int.max] {
            for _ in 0..<50 {
                let delay = policy.delay(attempt: attempt, random: Double.random(in: 0..<1, using: &random))
                #expect(delay >= .zero && delay <= .seconds(60))
            }
        }
    }

    @Test func whatTheServerAsksForIsTheLeastButNotBeyondFifteenMinutes() {
        let policy = RetryPolicy(base: .milliseconds(500), cap: .seconds(60))
        #expect(policy.delay(attempt: 1, random: 0, retryAfter: .seconds(30)) == .seconds(30))
        #expect(policy.delay(attempt: 1, random: 0, retryAfter: .seconds(86_400)) == .seconds(900))
    }

    @Test func breakerOpensAfterFailuresInARowAndProbesAlone() {
        var breaker = Breaker(
            threshold: 3, firstOpen: .seconds(1), longestOpen: .seconds(3), probeTimeout: .seconds(10))
        breaker.failed(now: 0)
        breaker.failed(now: 0)
        breaker.succeeded()
        breaker.failed(now: 0)
        breaker.failed(now: 0)
        #expect(breaker.admit(now: 0) == .go)
        breaker.failed(now: 0)
        #expect(breaker.name == .open)
        #expect(breaker.admit(now: 999_999_999) == .wait(until: 1_000_000_000))
        // Answers to requests of before change nothing.
        breaker.succeeded()
        breaker.failed(now: 500_000_000)
        #expect(breaker.admit(now: 1_000_000_000) == .probe)
        #expect(breaker.name == .halfOpen)
        #expect(breaker.admit(now: 1_000_000_001) == .wait(until: 11_000_000_000))
        breaker.failed(now: 2_000_000_000)
        #expect(breaker.admit(now: 3_999_999_999) == .wait(until: 4_000_000_000))
        #expect(breaker.admit(now: 4_000_000_000) == .probe)
        breaker.succeeded()
        #expect(breaker.name == .closed && breaker.admit(now: 4_000_000_000) == .go)
    }

    @Test func aProbeThatIsNeverHeardOfIsReplaced() {
        var breaker = Breaker(
            threshold: 1, firstOpen: .seconds(1), longestOpen: .seconds(3), probeTimeout: .seconds(10))
        breaker.failed(now: 0)
        #expect(breaker.admit(now: 1_000_000_000) == .probe)
        #expect(breaker.admit(now: 11_000_000_000) == .probe)
        #expect(breaker.admit(now: 11_000_000_000) == .wait(until: 21_000_000_000))
    }

    /// Goal: whatever comes, an open time is never longer than the longest, and no two probes are out at once.
    @Test(arguments: UInt64(1)...50) func breakerKeepsItsBoundsInAnyHistory(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var breaker = Breaker(
            threshold: 2, firstOpen: .seconds(1), longestOpen: .seconds(8), probeTimeout: .seconds(20))
        var now: Int64 = 0
        var probeOutUntil: Int64?
        for _ in 0..<500 {
            now += Int64.random(in: 0...2_000_000_000, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                switch breaker.admit(now: now) {
                case .go: #expect(breaker.name == .closed, "seed \(seed)")
                case .probe:
                    if let until = probeOutUntil { #expect(now >= until, "seed \(seed)") }
                    probeOutUntil = now + 20_000_000_000
                case .wait(let until):
                    #expect(until > now && until <= now + 20_000_000_000, "seed \(seed)")
                }
            case 1:
                if breaker.name != .open { probeOutUntil = nil }
                breaker.succeeded()
            default:
                if breaker.name == .halfOpen { probeOutUntil = nil }
                breaker.failed(now: now)
            }
        }
    }
}
