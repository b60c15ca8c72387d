/// A fixed set of words, found by their bytes.
///
/// Built once; a look-up of a usual word costs two loads and a comparison.
///
/// The first sixteen bytes of a word are kept as two numbers, so that only longer words touch a second memory. Words
/// are compared as bytes: Swift's `String` takes differently composed characters as equal, which PostgreSQL does not.
/// A word may belong to a scope, so that many small sets, such as the members of many objects, share one table.
struct WordTable: Sendable {
    /// A word, what it stands for, and the set that it belongs to.
    struct Entry {
        var word: String
        var value: UInt16
        var scope: UInt16 = 0
    }

    private struct Slot: Sendable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// Bytes of the word; -1 for a free slot.
        var count: Int32 = -1
        var value: UInt16 = 0
        var scope: UInt16 = 0
        /// Where the word's bytes are in `rest`, for words of more than sixteen bytes.
        var start: Int32 = 0
    }

    /// Most words in one set; whoever gives more has to refuse them first.
    static let maximumWords = 1000

    private var slots: [Slot]
    private var rest: [UInt8] = []
    private let shift: UInt64

    /// A table of `words`; of equal words the first counts.
    init(_ words: [(word: String, value: UInt8)]) {
        self.init(words.prefix(Self.maximumWords).map { Entry(word: $0.word, value: UInt16($0.value)) })
    }

    /// A table of `entries`; of equal words of one scope the first counts.
    init(_ entries: [Entry]) {
        var size = 8
        while size < entries.count * 3 { size *= 2 }
        slots = Array(repeating: Slot(), count: size)
        shift = UInt64(64 - size.trailingZeroBitCount)
        for entry in entries { insert(Array(entry.word.utf8), entry) }
    }

    private mutating func insert(_ word: [UInt8], _ entry: Entry) {
        guard self.value(of: word.span, 0, word.count, scope: entry.scope) == nil else { return }
        var slot = Slot()
        slot.low = word.span.word(at: 0, length: min(word.count, 8))
        slot.high = word.count > 8 ? word.span.word(at: 8, length: min(word.count - 8, 8)) : 0
        slot.count = Int32(word.count)
        slot.value = entry.value
        slot.scope = entry.scope
        if word.count > 16 {
            slot.start = Int32(rest.count)
            rest += word
        }
        var index = place(slot.low, slot.high, entry.scope)
        while slots[index].count >= 0 { index = (index + 1) & (slots.count - 1) }
        slots[index] = slot
    }

    @inline(__always) private func place(_ low: UInt64, _ high: UInt64, _ scope: UInt16) -> Int {
        let mixed = low ^ (high &* 31) ^ (UInt64(scope) &* 0xC2B2_AE3D_27D4_EB4F)
        return Int(truncatingIfNeeded: (mixed &* 0x9D39_2A1F_64C7_8B5D) &>> shift)
    }

    /// The value of the word of `count` bytes at `start`, or nil.
    @inline(__always) func value(of bytes: Span<UInt8>, _ start: Int, _ count: Int, scope: UInt16 = 0) -> UInt16? {
        let low = bytes.word(at: start, length: count)
        let high = count > 8 ? bytes.word(at: start &+ 8, length: count &- 8) : 0
        if count <= 16 { return value(low: low, high: high, count: count, scope: scope) }
        var index = place(low, high, scope)
        while true {
            let slot = slots[index]
            if slot.count < 0 { return nil }
            if slot.low == low, slot.high == high, Int(slot.count) == count, slot.scope == scope,
                sameRest(slot, bytes, start)
            {
                return slot.value
            }
            index = (index &+ 1) & (slots.count &- 1)
        }
    }

    /// The value of the word of `count` bytes, at most sixteen, in two words whose bytes behind it are zero.
    @inline(__always) func value(low: UInt64, high: UInt64, count: Int, scope: UInt16 = 0) -> UInt16? {
        var index = place(low, high, scope)
        while true {
            let slot = slots[index]
            if slot.low == low, slot.high == high, Int(slot.count) == count, slot.scope == scope { return slot.value }
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
