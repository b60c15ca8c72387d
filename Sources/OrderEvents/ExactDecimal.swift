/// An exact decimal number: `mantissa` / 10^`scale`. Quantities and money; never floating point.
///
/// Normalised: no trailing zeros behind the point, so that equal numbers are equal values. At most 18 significant digits
/// and a scale of at most 9.
public struct ExactDecimal: Hashable, Sendable {
    /// All digits, with the sign.
    public let mantissa: Int64
    /// Digits behind the point, 0...9.
    public let scale: UInt8
}
