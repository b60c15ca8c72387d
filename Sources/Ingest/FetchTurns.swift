/// Whose records are fetched next, when several partitions have more than can be taken.
///
/// The library fetches its partitions in turn, but begins with the same ones each time its queue was full, and a broker
/// answers with the first batch whole, whatever bound it was given: those partitions would be read to their end before
/// the others begin. So whoever waits while the others get `records` of each has them stand back, paused, until all
/// that wait have got something. A pause throws away what was fetched ahead of a partition: one answer for a turn. So
/// those whose log has always more, to whom one answer sooner or later is nothing, wait longer than whoever comes
/// anew or reads its log to the end: the library has come round by itself mostly.
///
/// Pure.
struct FetchTurns {
    /// A partition that may be polled.
    struct Seat {
        let partition: Int32
        /// The offset to be polled next; nil: at the oldest record.
        let next: Int64?
        /// Whether the log has more.
        let isBehind: Bool
    }

    /// Records of others, for each partition that is behind, after which one waits.
    static let records: Int64 = 2_048
    /// The same, at most.
    static let mostRecords: Int64 = 8_192
    /// The same for a partition that got as many and was behind all the time: twice what a batch of a megabyte has.
    static let floodRecords: Int64 = 4_096
    /// The same, at most.
    static let mostFloodRecords: Int64 = 65_536
    /// Seconds without a turn after which nobody stands back any more: what lies next may be nothing that anybody can
    /// read.
    static let patience = 0.25

    private struct Turn {
        var next: Int64?
        /// How much all had got when it last got something, or began to wait.
        var mark: Int64
        /// Whether that was something.
        var hasGot = false
        /// Records that it has got since it was last not behind.
        var streak: Int64 = 0
        /// The others stood back in vain: it counts again when it gets something.
        var isSkipped = false
    }

    private var turns: [Int32: Turn] = [:]
    /// Records that all have got.
    private var total: Int64 = 0
    /// When one that waits last had a turn, while others stand back.
    private var movedAt: Double?
    /// Who was waiting at the last look.
    private var awaited: Set<Int32> = []
    /// Partitions that are to be paused.
    private(set) var standingBack: Set<Int32> = []
    /// How often others stood back.
    private(set) var count = 0

    /// Looks who has got how much.
    ///
    /// `seats`: all partitions that nothing else keeps from being polled; `now`: seconds.
    mutating func look(_ seats: [Seat], now: Double) {
        let before = turns
        turns = [:]
        var got: [Int32: Int64] = [:]
        for seat in seats {
            let last = before[seat.partition]?.next
            guard let next = seat.next, last == nil ? before[seat.partition] != nil : last != next else { continue }
            let records = max(0, next - (last ?? next))
            got[seat.partition] = records
            total += records
        }
        for seat in seats {
            // Whoever is not behind begins anew.
            let last = seat.isBehind ? before[seat.partition] : nil
            var turn = last ?? Turn(next: nil, mark: total)
            turn.next = seat.next
            if let records = got[seat.partition] {
                turn = Turn(next: seat.next, mark: total, hasGot: true, streak: last.map { $0.streak + records } ?? 0)
            }
            turns[seat.partition] = turn
        }
        let behind = seats.filter(\.isBehind).map(\.partition)
        let limit = min(Self.mostRecords, Self.records * Int64(behind.count))
        let floodLimit = min(Self.mostFloodRecords, Self.floodRecords * Int64(behind.count))
        func waits(_ partition: Int32) -> Bool {
            guard let turn = turns[partition], !turn.isSkipped else { return false }
            return total - turn.mark >= (turn.streak >= Self.floodRecords ? floodLimit : limit)
        }
        let waiting = behind.filter { waits($0) && !standingBack.contains($0) }
        guard let movedAt else {
            if waiting.isEmpty { return }
            self.movedAt = now
            awaited = Set(waiting)
            count += 1
            standingBack = Set(behind.filter { turns[$0]?.hasGot == true && !waits($0) })
            return
        }
        standingBack.formUnion(got.keys)
        let hasMoved = !awaited.isDisjoint(with: got.keys)
        if hasMoved { self.movedAt = now }
        awaited = Set(waiting)
        guard waiting.isEmpty || (!hasMoved && now - movedAt >= Self.patience) else { return }
        for partition in waiting { turns[partition]?.isSkipped = true }
        self.movedAt = nil
        standingBack = []
    }
}
