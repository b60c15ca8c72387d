import OrderEvents
import Testing

/// Goal: the stored hash never changes and spreads well.
@Suite struct StableHashTests {
    private func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
        let bytes = Array(text.utf8)
        return StableHash.hash(bytes.span, seed: seed)
    }

    /// Computed by a second implementation, in Python.
    ///
    /// These values are in databases: a change of this table is a bug, whatever the reason.
    @Test func goldenValuesStay() {
        #expect(hash("") == 3_013_827_243_371_198_053)
        #expect(hash("a") == 10_127_706_881_514_624_567)
        #expect(hash("1234567") == 4_266_282_060_265_186_663)
        #expect(hash("12345678") == 953_505_110_752_922_625)
        #expect(hash("123456789012345") == 12_007_118_820_177_846_439)
        #expect(hash("1234567890123456") == 15_667_943_748_896_984_747)
        #expect(hash("The order of one legal entity, however many systems take part.") == 8_207_925_228_124_949_702)
        #expect(hash("a", seed: 1) == 4_155_630_029_799_277_953)
        let bytes = Array("amazon-eu/302-8812345".utf8)
        let key = Slice(start: 0, count: UInt32(bytes.count))
        let seed = StableHash.orderKeySeed(entity: "ACME-DE")
        #expect(StableHash.orderKey(seed: seed, bytes: bytes.span, orderRef: key) == 1_082_142_943_854_511_229)
    }

    /// The tail is read byte by byte at the end of memory and as a word before it: both have to agree.
    @Test func hashDoesNotDependOnWhatFollows() {
        let bytes = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        for start in 0..<8 {
            for count in 0..<24 {
                let copy = Array(bytes[start..<start + count])
                #expect(StableHash.hash(bytes.span.extracting(start..<start + count)) == StableHash.hash(copy.span))
            }
        }
    }

    @Test func eachInputBitTurnsAboutHalfOfTheHash() {
        for count in [1, 7, 8, 9, 16, 24, 31, 450] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let before = StableHash.hash(bytes.span)
            var turned = 0
            for bit in 0..<count * 8 {
                var other = bytes
                other[bit / 8] ^= 1 << UInt8(bit % 8)
                let flips = (StableHash.hash(other.span) ^ before).nonzeroBitCount
                #expect(flips >= 8, "bit \(bit) of \(count) bytes")
                turned += flips
            }
            let mean = Double(turned) / Double(count * 8)
            #expect(mean > 28 && mean < 36, "\(count) bytes: \(mean)")
        }
    }

    @Test func numberedKeysDoNotCollide() {
        var seen: Set<UInt64> = []
        var low = Array(repeating: 0, count: 64)
        for number in 0..<100_000 {
            let value = hash("302-\(number)")
            seen.insert(value)
            low[Int(value % 64)] += 1
        }
        #expect(seen.count == 100_000)
        // 1,562 keys are expected in each; five standard deviations are about 200.
        #expect(low.allSatisfy { (1_360...1_770).contains($0) })
    }

    @Test func entityAndReferenceDoNotRunIntoEachOther() {
        let bytes = Array("bc".utf8)
        let a = StableHash.orderKey(
            seed: StableHash.orderKeySeed(entity: "a"), bytes: bytes.span, orderRef: Slice(start: 0, count: 2))
        let b = StableHash.orderKey(
            seed: StableHash.orderKeySeed(entity: "ab"), bytes: bytes.span, orderRef: Slice(start: 1, count: 1))
        #expect(a != b)
    }
}
