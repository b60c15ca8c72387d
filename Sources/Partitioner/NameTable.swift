/// Names of the configuration, found by bytes without making a `String`.
///
/// Built once, then only read. One table holds the names of all scopes, one behind the other: ten thousand legal
/// entities with tables of their own would be as many places in memory to look at, and to pay for.
public struct NameTable: Sendable {
    private struct Entry: Sendable {
        var start: Int32
        var count: Int32
        var scope: Int32
        var value: Int32
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing: index into `entries` plus one, 0 = free.
    ///
    /// Never more than half full.
    private var slots: [Int32] = Array(repeating: 0, count: 16)

    /// An empty table.
    public init() {}

    /// Adds a name to a scope.
    ///
    /// Returns false, and changes nothing, when it is there already.
    public mutating func add(_ name: some Collection<UInt8>, scope: Int32 = 0, value: Int32) -> Bool {
        let name = Array(name)
        guard find(name, 0, name.count, scope: scope) == nil else { return false }
        entries.append(Entry(start: Int32(bytes.count), count: Int32(name.count), scope: scope, value: value))
        bytes += name
        if entries.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 2)
            for index in entries.indices { place(index) }
        } else {
            place(entries.count - 1)
        }
        return true
    }

    /// The value of the name that `bytes[start..<start + count]` spells in a scope, or nil.
    public func find(_ bytes: [UInt8], _ start: Int, _ count: Int, scope: Int32 = 0) -> Int32? {
        let mask = slots.count - 1
        var slot = Self.hash(bytes, start, count, scope) & mask
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot]) - 1]
            if entry.scope == scope, isEqual(entry, bytes, start, count) { return entry.value }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func place(_ index: Int) {
        let mask = slots.count - 1
        let entry = entries[index]
        var slot = Self.hash(bytes, Int(entry.start), Int(entry.count), entry.scope) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(index + 1)
    }

    // FNV-1a: names are short and come from configuration, so nobody can choose colliding ones.
    private static func hash(_ bytes: [UInt8], _ start: Int, _ count: Int, _ scope: Int32) -> Int {
        var hash = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: scope)) &* 0x9E37_79B9_7F4A_7C15
        for index in start..<start + count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7fff_ffff)
    }

    private func isEqual(_ entry: Entry, _ other: [UInt8], _ start: Int, _ count: Int) -> Bool {
        guard Int(entry.count) == count else { return false }
        let own = Int(entry.start)
        for index in 0..<count where bytes[own + index] != other[start + index] { return false }
        return true
    }
}
