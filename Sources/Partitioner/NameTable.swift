/// Names of the configuration, found by bytes without making a `String`.
///
/// Built once, then only read.
public struct NameTable: Sendable {
    private var names: [[UInt8]] = []
    private var values: [Int32] = []
    /// Open addressing: index into `names` plus one, 0 = free.
    ///
    /// Never more than half full.
    private var slots: [Int32] = Array(repeating: 0, count: 16)

    /// An empty table.
    public init() {}

    /// Adds a name.
    ///
    /// Returns false, and changes nothing, when it is there already.
    public mutating func add(_ name: some Collection<UInt8>, value: Int32) -> Bool {
        let bytes = Array(name)
        guard find(bytes, 0, bytes.count) == nil else { return false }
        names.append(bytes)
        values.append(value)
        if names.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 2)
            for index in names.indices { place(index) }
        } else {
            place(names.count - 1)
        }
        return true
    }

    /// The value of the name that `bytes[start..<start + count]` spells, or nil.
    public func find(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int32? {
        let mask = slots.count - 1
        var slot = Self.hash(bytes, start, count) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if Self.equal(names[index], bytes, start, count) { return values[index] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func place(_ index: Int) {
        let mask = slots.count - 1
        var slot = Self.hash(names[index], 0, names[index].count) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(index + 1)
    }

    // FNV-1a: names are short and come from configuration, so nobody can choose colliding ones.
    private static func hash(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in start..<start + count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7fff_ffff)
    }

    private static func equal(_ name: [UInt8], _ bytes: [UInt8], _ start: Int, _ count: Int) -> Bool {
        guard name.count == count else { return false }
        for index in 0..<count where name[index] != bytes[start + index] { return false }
        return true
    }
}
