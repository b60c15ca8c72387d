/// A header of a polled record, copied.
public struct PolledHeader: Equatable, Sendable {
    /// Name; not necessarily unique in a record.
    public var name: String
    /// Value; nil for a header without one.
    public var value: [UInt8]?

    /// A header; see the properties.
    public init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}
