/// How a source partition is doing, in the words of `sluice_consumer_partition_status`.
enum PartitionStatus: String, CaseIterable, Sendable {
    /// Caught up, or moving.
    case ok
    /// Lag, and nothing committed for a while.
    case warn
    /// Lag and records taken, but nothing committed for long: the work behind it stands still.
    case stall
    /// Lag, and no record taken for long: reading stands still.
    case stop
    /// Not being read because a bound is reached.
    case paused
    /// Given back to the group.
    case revoked
}

/// Follows one partition to tell its status.
///
/// Pure: times are seconds of any clock that does not jump.
struct PartitionWatch {
    private var committed: Int64?
    private var polled: Int64?
    private var committedAt: Double
    private var polledAt: Double

    /// Begins to watch at `now`.
    init(now: Double) {
        committedAt = now
        polledAt = now
    }

    /// The status at `now`.
    ///
    /// - Parameters:
    ///   - now: seconds.
    ///   - committed: offset that is committed, or nil.
    ///   - polled: offset behind the newest record taken, or nil.
    ///   - lag: records behind the committed offset.
    ///   - isPaused: whether the partition is paused.
    ///   - limit: seconds without movement after which it stands still.
    /// - Returns: the status.
    mutating func observe(
        now: Double, committed: Int64?, polled: Int64?, lag: Int64, isPaused: Bool, limit: Double
    ) -> PartitionStatus {
        if committed != self.committed || lag == 0 {
            self.committed = committed
            committedAt = now
        }
        if polled != self.polled || lag == 0 || isPaused {
            self.polled = polled
            polledAt = now
        }
        if now - committedAt >= limit, !isPaused { return now - polledAt >= limit ? .stop : .stall }
        if isPaused { return .paused }
        return now - committedAt >= limit / 6 ? .warn : .ok
    }
}
