// Rows are written in key order: legal entity, then the bytes of the event id or of the order's reference. Indexes of
// the configuration follow the names' order.

/// Place of a row among those of its table.
///
/// Holds the first 24 bytes of its last part as three numbers, so that comparing two of them follows no pointer. Keys
/// that agree so far stay in the sequence in which they came: the sequence only has to be the same for two transactions
/// that lock the same rows, and rows that differ later than this meet as deadlocks at worst, which are retried.
struct KeyRank {
    private let owner: UInt32
    private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// The row.
    let index: Int

    /// A row that sorts by nothing else.
    init(entity: Int32, index: Int) {
        owner = UInt32(bitPattern: entity)
        self.index = index
    }

    /// The row at `index`, by entity and bytes.
    init(entity: Int32, index: Int, _ bytes: Span<UInt8>) {
        owner = UInt32(bitPattern: entity)
        self.index = index
        words = (Self.word(bytes, 0), Self.word(bytes, 8), Self.word(bytes, 16))
    }

    /// Eight bytes in the order in which they compare; what is missing is zero, which comes first.
    private static func word(_ bytes: Span<UInt8>, _ start: Int) -> UInt64 {
        var word: UInt64 = 0
        let end = min(bytes.count, start + 8)
        guard start < end else { return 0 }
        for index in start..<end { word = word << 8 | UInt64(bytes[index]) }
        return word << UInt64((8 - (end - start)) * 8)
    }

    private static func goesFirst(_ a: KeyRank, _ b: KeyRank) -> Bool {
        if a.owner != b.owner { return a.owner < b.owner }
        if a.words.0 != b.words.0 { return a.words.0 < b.words.0 }
        if a.words.1 != b.words.1 { return a.words.1 < b.words.1 }
        return a.words.2 < b.words.2
    }

    /// The rows' indexes in key order.
    static func sorted(_ ranks: consuming [KeyRank]) -> [Int] {
        var ranks = ranks
        ranks.sort(by: goesFirst)
        return ranks.map(\.index)
    }
}
