/// Which rows of an Odoo calls have conflicted over, and when the next call that wants them may go.
///
/// Odoo tries a call that meets another one on the same rows again and again, for ten seconds and more, and holds a
/// worker meanwhile. So what conflicted once is kept apart for a while: calls that want one of its rows go one at a
/// time, with a pause between them that doubles with each further conflict and halves with each call that went well.
/// Everything else goes on as before. Pure.
struct ConflictSpacing: Equatable, Sendable {
    /// Rows that are remembered; beyond them the one that conflicted longest ago goes.
    static let bound = 512
    /// Pause after a first conflict, in nanoseconds.
    static let firstPause: Int64 = 200_000_000
    /// Longest pause, in nanoseconds.
    static let longestPause: Int64 = 30_000_000_000
    /// How long after its last conflict a row is forgotten, in nanoseconds.
    static let memory: Int64 = 60_000_000_000

    private struct Spot: Equatable, Sendable {
        var pause: Int64
        var freeAt: Int64
        var conflictedAt: Int64
        var isTaken = false
    }

    /// What a call may do.
    enum Admission: Equatable, Sendable {
        /// Go; `ended` is to be told.
        case go
        /// Not before this time (monotonic nanoseconds).
        case wait(until: Int64)
        /// Not before another call has ended.
        case behind
    }

    private var spots: [String: Spot] = [:]

    /// How many rows are kept apart.
    var count: Int { spots.count }

    /// Asks whether a call that wants these rows may go at `now` (monotonic nanoseconds).
    mutating func ask(_ rows: Set<String>, now: Int64) -> Admission {
        guard !spots.isEmpty else { return .go }
        var earliest = now
        for row in rows {
            guard let spot = spots[row] else { continue }
            if spot.isTaken { return .behind }
            if now - spot.conflictedAt > Self.memory {
                spots[row] = nil
                continue
            }
            earliest = max(earliest, spot.freeAt)
        }
        guard earliest <= now else { return .wait(until: earliest) }
        for row in rows { spots[row]?.isTaken = true }
        return .go
    }

    /// A call that went has ended at `now`; a pause after a conflict is between half of it and all of it, by `random`
    /// in 0..<1.
    mutating func ended(_ rows: Set<String>, conflicted: Bool, now: Int64, random: Double) {
        for row in rows {
            if conflicted {
                let pause = min(Self.longestPause, spots[row].map { $0.pause * 2 } ?? Self.firstPause)
                makeRoom(for: row)
                spots[row] = Spot(
                    pause: pause, freeAt: now + Int64(Double(pause) * (0.5 + random / 2)), conflictedAt: now)
            } else if var spot = spots[row] {
                spot.pause /= 2
                spot.freeAt = now + spot.pause
                spot.isTaken = false
                spots[row] = spot
            }
        }
    }

    private mutating func makeRoom(for row: String) {
        guard spots[row] == nil, spots.count >= Self.bound else { return }
        let free = spots.filter { !$0.value.isTaken }
        let oldest = free.min { ($0.value.conflictedAt, $0.key) < ($1.value.conflictedAt, $1.key) }
        if let oldest { spots[oldest.key] = nil }
    }
}
