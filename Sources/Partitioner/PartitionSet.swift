/// Indexes of source partitions, which are small and dense.
struct PartitionSet: Sendable {
    private var words: [UInt64] = []

    mutating func insert(_ partition: Int32) {
        guard partition >= 0 else { return }
        let word = Int(partition >> 6)
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(partition & 63)
    }

    mutating func formUnion(_ other: PartitionSet) {
        while words.count < other.words.count { words.append(0) }
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    mutating func subtract(_ other: PartitionSet) {
        for index in words.indices where index < other.words.count { words[index] &= ~other.words[index] }
    }

    mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    func add(to partitions: inout Set<Int32>) {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                partitions.insert(Int32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }
}
