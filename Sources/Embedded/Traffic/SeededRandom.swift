/// A small generator of pseudo-random numbers: the same seed gives the same numbers on every machine.
///
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Not for secrets.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The sequence of `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number in 0..<`bound`; 0 when `bound` is not positive.
    ///
    /// The bias is below `bound` / 2^64.
    public mutating func below(_ bound: Int) -> Int {
        guard bound > 0 else { return 0 }
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number in `range`.
    public mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True in `percent` of a hundred draws.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// A bijection of 64-bit numbers that scatters neighbours.
    public static func mixed(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Spreads a share evenly: out of n opportunities about n times `share` are taken, whatever the seed.
///
/// Independent draws would leave a rare kind out of a short run now and then; this cannot. An opportunity that turns
/// out unusable stays due.
struct Quota {
    private let share: Double
    private var due: Double
    private var threshold: Double

    /// A quota that begins at a random phase.
    init(share: Double, random: inout SeededRandom) {
        self.share = share
        due = share > 0 ? Double(random.below(1000)) / 1000 : 0
        threshold = Self.nextThreshold(&random)
    }

    /// Counts one opportunity; true when it is to be taken.
    ///
    /// Unusable opportunities are counted, never taken.
    mutating func take(usable: Bool = true, _ random: inout SeededRandom) -> Bool {
        due += share
        guard usable, due >= threshold else { return false }
        due -= threshold
        threshold = Self.nextThreshold(&random)
        return true
    }

    /// Uniform in 0.5...1.5, so that what is taken is not periodic but its share is kept.
    private static func nextThreshold(_ random: inout SeededRandom) -> Double {
        0.5 + Double(random.below(1001)) / 1000
    }
}
