/// An exact decimal number: `mantissa` / 10^`scale`.
///
/// Quantities and money; never floating point.
///
/// Normalised: no trailing zeros behind the point, so that equal numbers are equal values. At most 18 significant
/// digits and a scale of at most 9. What does not fit is nil, never rounded and never a trap.
public struct ExactDecimal: Hashable, Sendable {
    /// All digits, with the sign.
    public let mantissa: Int64
    /// Digits behind the point, 0...9.
    public let scale: UInt8

    /// Largest `scale`.
    public static let maximumScale: UInt8 = 9
    /// First mantissa that is too large: 10^18.
    public static let mantissaBound: Int64 = 1_000_000_000_000_000_000
    /// Longest text that is read; longer ones are refused unread.
    public static let maximumTextBytes = 64
    /// Nothing.
    public static let zero = ExactDecimal(normalised: 0, scale: 0)
    /// One.
    public static let one = ExactDecimal(normalised: 1, scale: 0)

    private init(normalised mantissa: Int64, scale: UInt8) {
        self.mantissa = mantissa
        self.scale = scale
    }

    /// The number `mantissa` / 10^`scale`, normalised; nil when it takes more than 18 digits or 9 places.
    public init?(mantissa: Int64, scale: Int = 0) {
        self.init(wide: Int128(mantissa), scale: scale)
    }

    /// Normalises; `scale` is 0...18, the sum of two scales.
    private init?(wide mantissa: Int128, scale: Int) {
        guard (0...18).contains(scale) else { return nil }
        var mantissa = mantissa
        var scale = scale
        while scale > 0, mantissa % 10 == 0 {
            mantissa /= 10
            scale -= 1
        }
        guard scale <= Int(Self.maximumScale), mantissa.magnitude < Self.mantissaBound.magnitude else { return nil }
        self.init(normalised: Int64(truncatingIfNeeded: mantissa), scale: UInt8(truncatingIfNeeded: scale))
    }

    /// Reads decimal text: an optional minus, digits, and optionally a point and digits.
    ///
    /// - Returns: nil for anything else (plus, spaces, exponents, a bare point), for more than `maximumTextBytes`,
    ///   and for numbers beyond 18 significant digits or 9 places; zeros around the number do not count.
    public init?(ascii text: Span<UInt8>) {
        guard text.count <= Self.maximumTextBytes else { return nil }
        var index = 0
        var isNegative = false
        if text.count > 0, text[0] == 0x2D {
            isNegative = true
            index = 1
        }
        var mantissa: Int64 = 0
        var scale: UInt8 = 0
        var zeros: UInt8 = 0
        var digits = 0
        var behindPoint = false
        while index < text.count {
            let byte = text[index]
            index &+= 1
            if byte == 0x2E, !behindPoint, digits > 0 {
                behindPoint = true
                digits = 0
                continue
            }
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            digits &+= 1
            if behindPoint {
                // Zeros behind the point are held back until a digit shows that they are not at the end.
                if digit == 0 {
                    zeros &+= 1
                    continue
                }
                guard zeros < Self.maximumScale, scale &+ zeros < Self.maximumScale else { return nil }
                for _ in 0..<zeros {
                    guard mantissa < Self.mantissaBound / 10 else { return nil }
                    mantissa &*= 10
                }
                scale &+= zeros &+ 1
                zeros = 0
            }
            guard mantissa < Self.mantissaBound / 10 else { return nil }
            mantissa = mantissa &* 10 &+ Int64(digit)
        }
        guard digits > 0 else { return nil }
        self.init(normalised: isNegative ? -mantissa : mantissa, scale: scale)
    }

    /// Reads decimal text; see `init(ascii:)`.
    ///
    /// Copies the text: not for the data path.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(ascii: bytes.span)
    }

    /// Whether the number is below zero.
    public var isNegative: Bool { mantissa < 0 }
    /// Whether the number is zero.
    public var isZero: Bool { mantissa == 0 }

    /// The mantissa at `places` places, which are at least `scale` and at most 9.
    private func widened(_ places: UInt8) -> Int128 {
        var result = Int128(mantissa)
        for _ in scale..<max(places, scale) { result *= 10 }
        return result
    }

    /// The exact sum; nil when it does not fit.
    public static func + (a: ExactDecimal, b: ExactDecimal) -> ExactDecimal? {
        if a.scale == b.scale, a.scale == 0 { return ExactDecimal(mantissa: a.mantissa + b.mantissa) }
        let places = max(a.scale, b.scale)
        return ExactDecimal(wide: a.widened(places) + b.widened(places), scale: Int(places))
    }

    /// The exact difference; nil when it does not fit.
    public static func - (a: ExactDecimal, b: ExactDecimal) -> ExactDecimal? { a + -b }

    /// The number with the other sign.
    public static prefix func - (a: ExactDecimal) -> ExactDecimal {
        ExactDecimal(normalised: -a.mantissa, scale: a.scale)
    }

    /// The exact product; nil when it does not fit.
    public static func * (a: ExactDecimal, b: ExactDecimal) -> ExactDecimal? {
        ExactDecimal(wide: Int128(a.mantissa) * Int128(b.mantissa), scale: Int(a.scale) + Int(b.scale))
    }
}

extension ExactDecimal: Comparable {
    /// Whether `a` is the smaller number.
    public static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
        if a.scale == b.scale { return a.mantissa < b.mantissa }
        let places = max(a.scale, b.scale)
        return a.widened(places) < b.widened(places)
    }
}

extension ExactDecimal: CustomStringConvertible {
    /// Decimal text that reads back as this number: `-0.5`, `29.75`, `2`.
    public var description: String {
        // From the last digit to the first; a point needs a digit before it.
        var text: InlineArray<24, UInt8> = .init(repeating: 0)
        var start = text.count
        var rest = mantissa.magnitude
        var digits = 0
        repeat {
            if digits == Int(scale), scale > 0 {
                start -= 1
                text[start] = 0x2E
            }
            start -= 1
            text[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            digits += 1
        } while rest > 0 || digits <= Int(scale)
        if mantissa < 0 {
            start -= 1
            text[start] = 0x2D
        }
        return String(decoding: (start..<text.count).map { text[$0] }, as: UTF8.self)
    }
}
