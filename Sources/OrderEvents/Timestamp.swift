/// A point in time: microseconds since 1970-01-01T00:00:00Z, the resolution of PostgreSQL's `timestamptz`.
public struct Timestamp: Comparable, Hashable, Sendable {
    /// Microseconds since the Unix epoch.
    public var microseconds: Int64

    /// The point `microseconds` after the Unix epoch.
    @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Whether `a` is earlier than `b`.
    @inlinable public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

    /// Seconds from `earlier` to this point; negative when this point is before it.
    @inlinable public func seconds(since earlier: Timestamp) -> Double {
        Double(microseconds - earlier.microseconds) / 1_000_000
    }
}
