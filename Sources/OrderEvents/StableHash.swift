// The hash that is stored.
//
// `contentHash` of events and hashes of order keys are kept in databases and compared with those of later versions, so
// the function never changes: a test holds golden values. A better function would be a second one beside this.
//
// Two lanes take the even and the odd eight-byte words, so that their multiplications overlap. A lane's step (xor the
// word, multiply by an odd constant, fold the upper half down) can be undone, so two inputs of one length that differ
// in a single word always end in different lanes, and the last mixing can be undone too. Beyond that it behaves like a
// random function for data that nobody crafted. It is not cryptographic: who can choose both contents can make two
// contents of one hash, and gains that his own changed event counts as a duplicate of his own event.

/// A fixed 64-bit hash of bytes; see the head of this file.
public enum StableHash {
    // Odd, about half of the bits set, no pattern: digits behind the point of the square roots of 2, 3, 5 and 7.
    private static let even: UInt64 = 0x6A09_E667_F3BC_C909
    private static let odd: UInt64 = 0xBB67_AE85_84CA_A73B
    private static let last: UInt64 = 0x3C6E_F372_FE94_F82B
    private static let finish: UInt64 = 0xA54F_F53A_5F1D_36F1

    /// The hash of `bytes`; other seeds give independent functions.
    public static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        hash(bytes, 0, bytes.count, seed: seed)
    }

    /// The hash of the `count` bytes from `start`; faster than of a part, whose end hides what may be loaded.
    static func hash(_ bytes: Span<UInt8>, _ start: Int, _ count: Int, seed: UInt64 = 0) -> UInt64 {
        let end = start &+ count
        var a = seed ^ (UInt64(truncatingIfNeeded: count) &* finish)
        var b = seed &+ last
        var index = start
        while index &+ 16 <= end {
            a = step(a, bytes.word(at: index), even)
            b = step(b, bytes.word(at: index &+ 8), odd)
            index &+= 16
        }
        if index &+ 8 <= end {
            a = step(a, bytes.word(at: index), even)
            index &+= 8
        }
        if index < end { b = step(b, bytes.word(at: index, length: end &- index), odd) }
        return mixed(a ^ (b << 29 | b >> 35))
    }

    /// The seed for the order keys of one legal entity: the hash of its name and a zero byte.
    public static func orderKeySeed(entity: String) -> UInt64 {
        let name = Array(entity.utf8) + [0]
        return hash(name.span)
    }

    /// The hash of the order key (legal entity, order reference).
    ///
    /// - Parameters:
    ///   - seed: `orderKeySeed` of the legal entity.
    ///   - bytes: the bytes of the event that holds the reference.
    ///   - orderRef: the order reference within them.
    /// - Returns: the hash, equal for equal keys.
    public static func orderKey(seed: UInt64, bytes: Span<UInt8>, orderRef: Slice) -> UInt64 {
        let key = bytes.extracting(Int(orderRef.start)..<Int(orderRef.start) + Int(orderRef.count))
        return hash(key, seed: seed)
    }

    @inline(__always) private static func step(_ lane: UInt64, _ word: UInt64, _ factor: UInt64) -> UInt64 {
        let product = (lane ^ word) &* factor
        return product ^ (product >> 32)
    }

    /// Spreads each bit over the whole word; can be undone.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 33)) &* finish
        value = (value ^ (value >> 29)) &* last
        return value ^ (value >> 32)
    }
}
