/// How the records of a partition are taken after its readers ended again and again without a word.
///
/// A record that ends the process when it is read, decoded or applied would do so for ever, and for every instance that
/// gets its partition. So after two such ends without progress the records are taken in small groups, each noted in the
/// store before it is looked at, and the next one when all of it has its durable outcome. Where a reader ended with a
/// group in hand they are taken one at a time: who ends the process then is known, and after three ends it becomes a
/// dead letter without being looked at.
///
/// Pure. A `kill -9` looks the same, and costs little: no record is given up that was not alone in hand. One that was
/// in hand at such an end is taken again only after a rest with nothing in hand: who is killed for another reason,
/// again and again, most likely ends in that rest, which counts for nothing.
struct Caution {
    /// Ends without a word, in a row, after which records are taken with care.
    static let uncleanEnds = 2
    /// Ends of one record alone after which it is given up.
    static let suspectEnds = 3
    /// Seconds with nothing in hand before a suspect is taken again; a bad record ends its reader in far less.
    static let rest = 3.0
    /// Records of a partition that are taken with care; then, or at the end of its log, it counts as healthy.
    static let records = 200
    /// Records of a group, as long as no reader ended with one in hand.
    static let group = 50

    /// What to do now.
    enum Step: Equatable {
        /// Nothing.
        case wait
        /// Have it noted that the record at this offset, or the group that it begins, is in hand.
        case note(Int64)
        /// Take so many of the waiting records.
        case take(Int)
        /// Make the first waiting record a dead letter, unseen.
        case giveUp
        /// Take all that waits; caution is over.
        case end
    }

    private let condemned: Int64?
    private let suspect: Int64?
    private let began: Double
    private let group: Int
    private var left = Caution.records
    /// The log's end, which was told while records waited.
    var logEnd: Int64?

    /// The caution that a partition needs whose reading begins at `now` (seconds); nil for none.
    init?(_ opening: PartitionOpening, now: Double) {
        guard opening.uncleanEnds >= Self.uncleanEnds else { return nil }
        condemned = opening.suspect.flatMap { $0.ends >= Self.suspectEnds ? $0.offset : nil }
        suspect = opening.suspect.flatMap { $0.ends > 0 ? $0.offset : nil }
        began = now
        group = opening.suspect == nil ? Self.group : 1
    }

    /// What to do, when no record is with a worker.
    ///
    /// - Parameters:
    ///   - first: offset of the first record that waits, or nil.
    ///   - noted: the offset that was noted last, or nil.
    ///   - now: seconds.
    /// - Returns: the step.
    mutating func step(first: Int64?, noted: Int64?, now: Double) -> Step {
        if left == 0 { return .end }
        guard let first else { return .wait }
        if first == suspect, first != condemned, now - began < Self.rest { return .wait }
        guard first == condemned || first == noted else { return .note(first) }
        if first == condemned {
            left -= 1
            return .giveUp
        }
        let count = min(group, left)
        left -= count
        return .take(count)
    }
}
