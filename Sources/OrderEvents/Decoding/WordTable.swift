/// A fixed set of words, found by their bytes.
///
/// Built once; a look-up of a usual word costs two loads and a comparison.
///
/// The first sixteen bytes of a word are kept as two numbers, so that only longer words touch a second memory. Words
/// are compared as bytes: Swift's `String` takes differently composed characters as equal, which PostgreSQL does not.
struct WordTable: Sendable {
    private struct Slot: Sendable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// Bytes of the word; -1 for a free slot.
        var count: Int32 = -1
        var value: UInt8 = 0
        /// Where the word's bytes are in `rest`, for words of more than sixteen bytes.
        var start: Int32 = 0
    }

    /// Most words in one table; whoever gives more has to refuse them first.
    static let maximumWords = 1000

    private var slots: [Slot]
    private var rest: [UInt8] = []
    private let shift: UInt64

    /// A table of `words`; of equal words the first counts.
    init(_ words: [(word: String, value: UInt8)]) {
        var size = 8
        while size < words.count * 3 { size *= 2 }
        slots = Array(repeating: Slot(), count: size)
        shift = UInt64(64 - size.trailingZeroBitCount)
        for entry in words.prefix(Self.maximumWords) { insert(Array(entry.word.utf8), entry.value) }
    }

    private mutating func insert(_ word: [UInt8], _ value: UInt8) {
        guard self.value(of: word.span, 0, word.count) == nil else { return }
        var slot = Slot()
        slot.low = word.span.word(at: 0, length: min(word.count, 8))
        slot.high = word.count > 8 ? word.span.word(at: 8, length: min(word.count - 8, 8)) : 0
        slot.count = Int32(word.count)
        slot.value = value
        if word.count > 16 {
            slot.start = Int32(rest.count)
            rest += word
        }
        var index = place(slot.low, slot.high)
        while slots[index].count >= 0 { index = (index + 1) & (slots.count - 1) }
        slots[index] = slot
    }

    @inline(__always) private func place(_ low: UInt64, _ high: UInt64) -> Int {
        Int(truncatingIfNeeded: ((low ^ (high &* 31)) &* 0x9D39_2A1F_64C7_8B5D) &>> shift)
    }

    /// The value of the word of `count` bytes at `start`, or nil.
    @inline(__always) func value(of bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt8? {
        let low = bytes.word(at: start, length: count)
        let high = count > 8 ? bytes.word(at: start &+ 8, length: count &- 8) : 0
        if count <= 16 { return value(low: low, high: high, count: count) }
        var index = place(low, high)
        while true {
            let slot = slots[index]
            if slot.count < 0 { return nil }
            if slot.low == low, slot.high == high, Int(slot.count) == count, sameRest(slot, bytes, start) {
                return slot.value
            }
            index = (index &+ 1) & (slots.count &- 1)
        }
    }

    /// The value of the word of `count` bytes, at most sixteen, in two words whose bytes behind it are zero.
    @inline(__always) func value(low: UInt64, high: UInt64, count: Int) -> UInt8? {
        var index = place(low, high)
        while true {
            let slot = slots[index]
            if slot.low == low, slot.high == high, Int(slot.count) == count { return slot.value }
            if slot.count < 0 { return nil }
            index = (index &+ 1) & (slots.count &- 1)
        }
    }

    private func sameRest(_ slot: Slot, _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        for offset in 16..<Int(slot.count) where rest[Int(slot.start) + offset] != bytes[start + offset] {
            return false
        }
        return true
    }
}
