/// Rendered labels by index, in one piece of memory: a page copies each of them from there up to 100,000 times.
struct LabelTable: Sendable {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int32] = []

    /// How many there are.
    var count: Int { ends.count }

    /// Where the label of that index is in `bytes`.
    @inline(__always)
    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index]) }

    subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    mutating func append(_ label: [UInt8]) {
        bytes += label
        ends.append(Int32(bytes.count))
    }

    /// The place of each label in their sequence.
    var ranks: [Int32] {
        var ranks = [Int32](repeating: 0, count: count)
        let sequence = (0..<count).sorted { self[$0].lexicographicallyPrecedes(self[$1]) }
        for (rank, index) in sequence.enumerated() { ranks[index] = Int32(rank) }
        return ranks
    }
}
