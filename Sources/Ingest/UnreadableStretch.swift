/// Finds where a stretch of a log that cannot be read ends, by trying offsets.
///
/// Pure. A batch does not tell how many records it has before it is opened. Its first few offsets are tried one by one,
/// because what is too large to be read is usually a single record; then the steps double, and the end is found by
/// halving. Readable records between two unreadable batches are missed only when there are fewer than a step of them.
struct UnreadableStretch {
    /// Offsets that are tried one by one.
    static let closelyTried = 8

    /// Where it begins.
    let first: Int64
    /// The last offset that is known to be unreadable.
    private var low: Int64
    /// The first that is known to be readable, or the log's end.
    private var high: Int64
    private var step: Int64 = 1
    private var isHalving = false

    /// A stretch that begins at `first`, in a log that ends at `end`.
    init(first: Int64, end: Int64) {
        self.first = first
        low = first
        high = max(end, first + 1)
    }

    /// The offset to try next; nil when the end is found.
    var next: Int64? {
        guard high - low > 1 else { return nil }
        let stepped = low + step
        return isHalving || stepped >= high ? low + (high - low) / 2 : stepped
    }

    /// Notes whether the log can be read at `offset`, which `next` gave.
    mutating func tried(_ offset: Int64, isReadable: Bool) {
        if isReadable {
            high = min(high, offset)
            isHalving = true
        } else {
            low = max(low, offset)
            if low - first >= Self.closelyTried { step *= 2 }
        }
    }

    /// The offsets that cannot be read, when `next` is nil.
    var range: Range<Int64> { first..<high }
}
