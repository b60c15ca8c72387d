import OrderEvents

/// When the records of one partition were appended, roughly: enough to tell how old the oldest uncommitted one is.
///
/// Pure. Keeps samples at even distances; when full, every second one is dropped and the distance doubles. The age
/// may be over by one distance, never under.
struct LogClock {
    /// Samples at most.
    static let capacity = 256

    private var samples: [(offset: Int64, at: Timestamp)] = []
    /// Offsets between two samples at least.
    private var distance: Int64 = 1

    /// Notes that the record at `offset` has the timestamp `at`; offsets ascend.
    mutating func note(_ offset: Int64, at: Timestamp) {
        if let last = samples.last, offset - last.offset < distance { return }
        if samples.count >= Self.capacity {
            samples = stride(from: 0, to: samples.count, by: 2).map { samples[$0] }
            distance *= 2
        }
        samples.append((offset, at))
    }

    /// Forgets what lies wholly before `next`.
    mutating func drop(before next: Int64) {
        // The last sample at or before `next` stays: the record at `next` is not older than it.
        let kept = samples.lastIndex { $0.offset <= next } ?? 0
        if kept > 0 { samples.removeFirst(kept) }
        if samples.count <= Self.capacity / 4 { distance = 1 }
    }

    /// Seconds since the record at `next` was appended; nil when no record around it was seen.
    func age(of next: Int64, now: Timestamp) -> Double? {
        guard let sample = samples.last(where: { $0.offset <= next }) ?? samples.first else { return nil }
        return max(0, now.seconds(since: sample.at))
    }
}
