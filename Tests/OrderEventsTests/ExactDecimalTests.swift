import OrderEvents
import Testing

/// Goal: decimals are exact, normalised, and what does not fit is nil.
@Suite struct ExactDecimalTests {
    @Test(arguments: [
        ("0", "0"), ("-0", "0"), ("0.000", "0"), ("1", "1"), ("-1", "-1"), ("12.50", "12.5"), ("007", "7"),
        ("0.000000001", "0.000000001"), ("-0.5", "-0.5"), ("100", "100"), ("1.000000000000000000", "1"),
        ("999999999999999999", "999999999999999999"), ("-999999999999999999", "-999999999999999999"),
        ("999999999.999999999", "999999999.999999999"), ("10.01", "10.01"), ("0.10", "0.1"),
    ])
    func textIsReadAndWrittenNormalised(_ text: String, _ expected: String) {
        let number = ExactDecimal(text)
        #expect(number?.description == expected)
        #expect(ExactDecimal(expected) == number)
    }

    @Test(arguments: [
        "", "-", "+1", ".5", "5.", "1.2.3", "1e3", "1E3", " 1", "1 ", "1,5", "--1", "0x1", "NaN", "١",
        "1000000000000000000", "0.0000000001", "1.0000000001", "9999999999.999999999", "1-",
        "00000000000000000000000000000000000000000000000000000000000000001", "1.\u{0}",
    ])
    func anythingElseIsRefused(_ text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test func arithmeticIsExact() throws {
        let tenth = try #require(ExactDecimal("0.1"))
        let fifth = try #require(ExactDecimal("0.2"))
        #expect((tenth + fifth)?.description == "0.3")
        #expect((tenth - fifth)?.description == "-0.1")
        #expect((tenth - tenth) == .zero)
        #expect((tenth * fifth)?.description == "0.02")
        #expect(try #require(ExactDecimal("12.5")) * #require(ExactDecimal("2")) == ExactDecimal("25"))
        #expect(-tenth == ExactDecimal("-0.1"))
        #expect(ExactDecimal(mantissa: 2500, scale: 2) == ExactDecimal("25"))
        #expect(ExactDecimal(mantissa: 1, scale: 10) == nil)
        #expect(ExactDecimal(mantissa: 1, scale: -1) == nil)
        #expect(ExactDecimal(mantissa: .min) == nil)
    }

    @Test func overflowIsNil() throws {
        let largest = try #require(ExactDecimal("999999999999999999"))
        let smallest = try #require(ExactDecimal("0.000000001"))
        #expect(largest + .one == nil)
        #expect(-largest - .one == nil)
        #expect(largest + smallest == nil)
        #expect(largest * largest == nil)
        #expect(smallest * smallest == nil)
        #expect(largest * .zero == .zero)
        #expect(largest * smallest == ExactDecimal("999999999.999999999"))
    }

    @Test func orderIsByValueAcrossScales() throws {
        let texts = ["-2", "-1.5", "-0.000000001", "0", "0.000000001", "0.5", "0.51", "1", "999999999999999999"]
        let numbers = try texts.map { try #require(ExactDecimal($0)) }
        for (left, a) in numbers.enumerated() {
            for (right, b) in numbers.enumerated() { #expect((a < b) == (left < right)) }
        }
    }

    /// Against plain integer arithmetic on numbers of one scale.
    @Test func sumsAgreeWithIntegers() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<5_000 {
            let a = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
            let b = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
            let scale = Int.random(in: 0...9, using: &random)
            let left = ExactDecimal(mantissa: a, scale: scale)
            let right = ExactDecimal(mantissa: b, scale: scale)
            guard let left, let right else {
                Issue.record("\(a), \(b) at \(scale)")
                continue
            }
            #expect(left + right == ExactDecimal(mantissa: a + b, scale: scale))
            #expect(left - right == ExactDecimal(mantissa: a - b, scale: scale))
            #expect((left < right) == (a < b))
            #expect(ExactDecimal(left.description) == left)
        }
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
