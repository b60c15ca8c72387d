/// How far the reading of one partition is behind its log.
///
/// Pure: times are seconds of any clock that does not jump. What the last fetch told of the log's end is not the whole
/// truth: a paused partition is not fetched, behind the last readable record an open transaction may lie, and what
/// retention removed cannot be read any more. So the brokers are asked where there is doubt.
struct PartitionLag {
    /// Seconds for which a partition that should move has to stand still before the brokers are asked.
    static let patience = 1.0
    /// The same for one that has nothing to read, as far as the last fetch told: nobody knows when that was.
    static let idlePatience = 5.0
    /// The same for both when a broker's answer was refused lately.
    static let closePatience = 0.5

    /// What the brokers said when they were asked, and how far had been polled then.
    private var asked: (end: Int64, polled: Int64?)?
    /// The oldest offset of the log, as far as it is known.
    private(set) var logStart: Int64?
    private var polled: Int64?
    private var movedAt: Double
    private var behindSince: Double?

    /// Begins at `now`, with what the brokers said of the log's oldest offset.
    init(now: Double, logStart: Int64? = nil) {
        movedAt = now
        self.logStart = logStart
    }

    /// Whether the brokers have to be asked for the log's start and end.
    ///
    /// - Parameters:
    ///   - now: seconds.
    ///   - polled: offset behind the newest record taken, or nil.
    ///   - high: the log's end as the last fetch told it, or nil.
    ///   - isPaused: whether the partition is paused.
    ///   - isClose: whether a broker's answer was refused lately.
    /// - Returns: whether they have to be.
    mutating func isDoubtful(
        now: Double, polled: Int64?, high: Int64?, isPaused: Bool, isClose: Bool = false
    ) -> Bool {
        if polled != self.polled {
            self.polled = polled
            movedAt = now
        }
        // The log's start is asked for once at the beginning.
        if isPaused || logStart == nil { return true }
        let isBehind = high.map { $0 > polled ?? 0 } ?? true
        let patience = isBehind ? Self.patience : Self.idlePatience
        return now - movedAt >= (isClose ? Self.closePatience : patience)
    }

    /// Seconds for which nothing was taken, as of the last `isDoubtful`.
    func standstill(now: Double) -> Double { now - movedAt }

    /// Notes what the brokers said.
    mutating func answered(start: Int64, end: Int64, polled: Int64?) {
        logStart = max(start, logStart ?? start)
        asked = (end, polled)
    }

    /// Records between what is committed and the end of what can be read.
    ///
    /// - Parameters:
    ///   - committed: offset that is committed, or where reading began, or nil: at the oldest.
    ///   - polled: offset behind the newest record taken, or nil.
    ///   - high: the log's end as the last fetch told it, or nil.
    /// - Returns: how many offsets.
    func records(committed: Int64?, polled: Int64?, high: Int64?) -> Int64 {
        let from = max(committed ?? 0, logStart ?? 0)
        // An answer counts until reading has moved: then the fetch knows better.
        let end = asked.flatMap { $0.polled == polled ? $0.end : nil } ?? high
        return max(0, (end ?? from) - from)
    }

    /// Seconds since the oldest uncommitted record was appended.
    ///
    /// `age` is nil where no record near it was seen: then it is at least as old as the time for which there has been
    /// lag.
    mutating func seconds(now: Double, records: Int64, age: Double?) -> Double {
        guard records > 0 else {
            behindSince = nil
            return 0
        }
        let since = behindSince ?? now
        behindSince = since
        return age ?? now - since
    }
}
