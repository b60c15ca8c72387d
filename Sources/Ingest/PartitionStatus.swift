/// How a source partition is doing, in the words of `sluice_consumer_partition_status`.
enum PartitionStatus: String, CaseIterable, Sendable {
    /// Caught up, or moving.
    case ok
    /// Lag, and nothing committed for a while.
    case warn
    /// Lag and records taken, but nothing committed for long: the work behind it stands still.
    case stall
    /// Lag, or no broker to tell, and no record taken for long: reading stands still.
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
    ///   - unread: records that were not taken yet; nil: all of the lag.
    ///   - isPaused: whether the partition is paused.
    ///   - isReachable: whether the brokers are there; without them nobody knows how much there is to read.
    ///   - limit: seconds without movement after which it stands still.
    /// - Returns: the status.
    mutating func observe(
        now: Double, committed: Int64?, polled: Int64?, lag: Int64, unread: Int64? = nil, isPaused: Bool,
        isReachable: Bool = true, limit: Double
    ) -> PartitionStatus {
        let isCaughtUp = lag == 0 && isReachable
        if committed != self.committed || isCaughtUp {
            self.committed = committed
            committedAt = now
        }
        let isReadOut = (unread ?? lag) == 0 && isReachable
        if polled != self.polled || isReadOut || isPaused {
            self.polled = polled
            polledAt = now
        }
        if now - committedAt >= limit, !isPaused { return now - polledAt >= limit ? .stop : .stall }
        if isPaused { return .paused }
        return now - committedAt >= limit / 6 ? .warn : .ok
    }
}
