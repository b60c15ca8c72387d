/// Keeps requests away from a destination that fails, and lets a single one try whether it is back.
///
/// Pure.
///
/// - closed: everything goes; after `threshold` failures in a row -> open.
/// - open: nothing goes until its time is over; the next request then -> half-open, as the probe.
/// - half-open: the probe alone goes; it succeeds -> closed, it fails -> open, for twice as long as before (up to
///   `longestOpen`). A probe that is never heard of again is given up after `probeTimeout`.
public struct Breaker: Equatable, Sendable {
    /// What a request may do.
    public enum Admission: Equatable, Sendable {
        /// Go.
        case go
        /// Go, as the only one: the destination's fate hangs on it.
        case probe
        /// Not before this time (monotonic nanoseconds).
        case wait(until: Int64)
    }

    /// The state by its name, for the stateset of the metrics.
    public enum Name: String, CaseIterable, Sendable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    private enum State: Equatable, Sendable {
        case closed(failures: Int)
        case open(until: Int64, turn: Int)
        case halfOpen(probeUntil: Int64, turn: Int)
    }

    /// How long it is open at most, unless it is made otherwise.
    public static let longestOpen: Duration = .seconds(60)

    private let threshold: Int
    private let firstOpen: Int64
    private let longestOpen: Int64
    private let probeTimeout: Int64
    private var state = State.closed(failures: 0)

    /// A closed breaker.
    public init(
        threshold: Int = 5, firstOpen: Duration = .seconds(1), longestOpen: Duration = Self.longestOpen,
        probeTimeout: Duration = .seconds(160)
    ) {
        self.threshold = max(1, threshold)
        self.firstOpen = Self.nanoseconds(firstOpen)
        self.longestOpen = Self.nanoseconds(longestOpen)
        self.probeTimeout = Self.nanoseconds(probeTimeout)
    }

    /// The state by its name.
    public var name: Name {
        switch state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        }
    }

    /// Asks whether a request may go at `now` (monotonic nanoseconds).
    public mutating func admit(now: Int64) -> Admission {
        switch state {
        case .closed: return .go
        case .open(let until, let turn):
            guard now >= until else { return .wait(until: until) }
            state = .halfOpen(probeUntil: now + probeTimeout, turn: turn)
            return .probe
        case .halfOpen(let probeUntil, let turn):
            guard now >= probeUntil else { return .wait(until: probeUntil) }
            state = .halfOpen(probeUntil: now + probeTimeout, turn: turn)
            return .probe
        }
    }

    /// Whether `admit` would let a request go at `now`.
    public func admits(now: Int64) -> Bool {
        switch state {
        case .closed: true
        case .open(let until, _): now >= until
        case .halfOpen(let probeUntil, _): now >= probeUntil
        }
    }

    /// A request was answered, be it with a refusal: the destination works.
    ///
    /// While open, this is the late answer to a request of before, and does not close.
    public mutating func succeeded() {
        switch state {
        case .closed, .halfOpen: state = .closed(failures: 0)
        case .open: break
        }
    }

    /// A request failed by the destination's fault at `now` (monotonic nanoseconds).
    public mutating func failed(now: Int64) {
        switch state {
        case .closed(let failures) where failures + 1 < threshold: state = .closed(failures: failures + 1)
        case .closed: state = .open(until: now + openTime(turn: 0), turn: 0)
        case .halfOpen(_, let turn): state = .open(until: now + openTime(turn: turn + 1), turn: turn + 1)
        case .open: break
        }
    }

    /// A request that might go was not made; if it was the probe, another may go at once.
    public mutating func withdrawn(now: Int64) {
        if case .halfOpen(_, let turn) = state { state = .open(until: now, turn: turn) }
    }

    /// The destination asked to be left alone until a time (monotonic nanoseconds): then a single request tries.
    public mutating func rest(until: Int64) {
        if case .open(let other, let turn) = state {
            state = .open(until: max(other, until), turn: turn)
        } else {
            state = .open(until: until, turn: 0)
        }
    }

    private func openTime(turn: Int) -> Int64 {
        let (product, overflow) = firstOpen.multipliedReportingOverflow(by: 1 << Int64(min(turn, 30)))
        return overflow ? longestOpen : min(product, longestOpen)
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
