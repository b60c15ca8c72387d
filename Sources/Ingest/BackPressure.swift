/// How the poll thread meets full lanes.
///
/// Pure. A pause throws away what the library fetched ahead, so it is the last resort: while everything is full for a
/// moment, the thread does not poll, and goes on where it was. Only when nothing has got room for so long that the
/// backlog does not move is everything paused, because polling has to go on for the group's sake.
struct BackPressure {
    /// What to do until the next look.
    enum Answer: Equatable {
        /// Poll.
        case poll
        /// Do not poll; wait for room.
        case hold
        /// Pause everything and poll, for the events.
        case pause
    }

    /// Seconds for which everything may be full without a pause.
    static let patience = 1.0

    private var fullSince: Double?

    /// The answer at `now` (seconds), when all that could be polled would find no room, or not.
    mutating func answer(isFull: Bool, now: Double) -> Answer {
        guard isFull else {
            fullSince = nil
            return .poll
        }
        let since = fullSince ?? now
        fullSince = since
        return now - since < Self.patience ? .hold : .pause
    }
}

/// When to wake the library, by `Consumer.wake`, because records should come and do not.
///
/// Pure.
struct WakeRule {
    /// How long a poll waits for records that should be there: the first time, doubled each time.
    static let firstWait = Duration.milliseconds(4)
    /// Wakes in a row after which nothing is expected any more: the library does not sleep for so long.
    ///
    /// What lies behind the last record may be nothing that anybody can read: an open transaction, a marker.
    static let mostWakes = 10

    /// Empty polls since the last record; nil: nothing is expected.
    private var emptyPolls: Int?

    /// How long the next poll may wait.
    func wait(atMost longest: Duration) -> Duration {
        guard let emptyPolls else { return longest }
        return min(longest, Self.firstWait * (1 << emptyPolls))
    }

    /// Records should come: partitions were resumed.
    mutating func expectRecords() { emptyPolls = 0 }

    /// Notes what a poll brought and returns whether to wake the library.
    ///
    /// `isBehind` tells whether the logs have more.
    mutating func polled(_ records: Int, isBehind: () -> Bool) -> Bool {
        if records > 0 {
            emptyPolls = 0
            return false
        }
        guard let count = emptyPolls, count < Self.mostWakes, isBehind() else {
            emptyPolls = nil
            return false
        }
        emptyPolls = count + 1
        return true
    }
}
