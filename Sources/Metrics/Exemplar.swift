/// The trace of W3C Trace Context that an observation belongs to: 16 bytes, of which at least one is not 0.
public struct TraceID: Equatable, Sendable {
    /// The first eight bytes, big-endian.
    public var high: UInt64
    /// The last eight bytes, big-endian.
    public var low: UInt64

    /// The given bytes.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 32 lower-case hexadecimal digits.
    var hexadecimal: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// An observation that a bucket shows for all that fell into it.
struct Exemplar: Equatable, Sendable {
    var trace: TraceID
    var value: Double
    /// Since the Unix epoch.
    var milliseconds: Int64
}
