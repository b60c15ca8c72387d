import OrderEvents

/// When the records of one partition were appended, roughly: enough to tell how old the oldest uncommitted one is.
///
/// Pure. Keeps one sample a burst; when full, every second one is dropped, so that old stretches get coarser. The age may
/// be over by the length of a burst, never under.
struct LogClock {
    /// Samples at most.
    static let capacity = 256

    private var samples: [(offset: Int64, at: Timestamp)] = []

    /// Notes that the record at `offset` has the timestamp `at`; offsets ascend.
    mutating func note(_ offset: Int64, at: Timestamp) {
        if samples.count >= Self.capacity {
            samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
        samples.append((offset, at))
    }

    /// Forgets what lies wholly before `next`.
    mutating func drop(before next: Int64) {
        // The last sample at or before `next` stays: the record at `next` is not older than it.
        while samples.count > 1, samples[1].offset <= next { samples.removeFirst() }
    }

    /// Seconds since the record at `next` was appended; nil when no record around it was seen.
    func age(of next: Int64, now: Timestamp) -> Double? {
        guard let sample = samples.last(where: { $0.offset <= next }) ?? samples.first else { return nil }
        return max(0, now.seconds(since: sample.at))
    }
}
