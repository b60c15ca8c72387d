/// How the records of a partition are taken after its readers ended again and again without a word.
///
/// A record that ends the process when it is read, decoded or applied would do so for ever, and for every instance that
/// gets its partition. So after two such ends with next to no progress the records are taken one at a time, each noted
/// in the store before it is looked at, and the next one when it has its durable outcome. Who ends the process then is
/// known, and after three ends it becomes a dead letter without being looked at.
///
/// Pure. A `kill -9` looks the same, and costs no more than some slow records: no record is given up that was not alone
/// in hand three times.
struct Caution {
    /// Ends without a word, in a row, after which records are taken alone.
    static let uncleanEnds = 2
    /// Ends of one record alone after which it is given up.
    static let suspectEnds = 3
    /// Records of a partition that are taken alone; then it counts as healthy.
    static let records = 200

    /// What to do now.
    enum Step: Equatable {
        /// Nothing.
        case wait
        /// Have it noted that the record at this offset is taken alone.
        case note(Int64)
        /// Take the first waiting record.
        case take
        /// Make the first waiting record a dead letter, unseen.
        case giveUp
        /// Take all that waits; caution is over.
        case end
    }

    private let condemned: Int64?
    private var left = Caution.records
    /// The log's end, which was told while records waited.
    var logEnd: Int64?

    /// The caution that a partition needs; nil for none.
    init?(_ opening: PartitionOpening) {
        guard opening.uncleanEnds >= Self.uncleanEnds else { return nil }
        condemned = opening.suspect.flatMap { $0.ends >= Self.suspectEnds ? $0.offset : nil }
    }

    /// What to do.
    ///
    /// - Parameters:
    ///   - first: offset of the first record that waits, or nil.
    ///   - noted: the offset that was noted last, or nil.
    ///   - inFlight: records of the partition that are taken and have no durable outcome.
    /// - Returns: the step.
    mutating func step(first: Int64?, noted: Int64?, inFlight: Int) -> Step {
        if left == 0 { return .end }
        guard let first, inFlight == 0 else { return .wait }
        guard first == condemned || first == noted else { return .note(first) }
        left -= 1
        return first == condemned ? .giveUp : .take
    }
}
