/// The values of one execution of a `Statement`, in the order of `$1`, `$2`, ..., encoded as they are added.
///
/// All values are binary. `numeric`, `jsonb` and `uuid` have no form of their own: add them as text and write
/// `$1::text::jsonb` in the statement.
public struct Parameters: Sendable {
    private(set) var writer = ByteWriter(capacity: 256)
    private(set) var starts: [Int] = []
    /// Bytes of each value; -1 for NULL.
    private(set) var lengths: [Int32] = []
    private(set) var types: [UInt32] = []

    /// No values yet.
    public init() {}

    /// How many values were added.
    public var count: Int { types.count }

    /// Bytes of all values.
    public var byteCount: Int { writer.end }

    /// Forgets the values and keeps the memory, for the next execution.
    public mutating func removeAll() {
        writer.reset()
        starts.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
    }

    private mutating func add(_ type: PostgresType, since start: Int) {
        starts.append(start)
        lengths.append(Int32(writer.end - start))
        types.append(type.rawValue)
    }

    /// A `smallint`.
    public mutating func int16(_ value: Int16) {
        let start = writer.end
        writer.store(value)
        add(.int16, since: start)
    }

    /// An `integer`.
    public mutating func int32(_ value: Int32) {
        let start = writer.end
        writer.store(value)
        add(.int32, since: start)
    }

    /// A `bigint`.
    public mutating func int64(_ value: Int64) {
        let start = writer.end
        writer.store(value)
        add(.int64, since: start)
    }

    /// A `boolean`.
    public mutating func bool(_ value: Bool) {
        let start = writer.end
        writer.store(UInt8(value ? 1 : 0))
        add(.bool, since: start)
    }

    /// A `double precision`.
    public mutating func double(_ value: Double) {
        let start = writer.end
        writer.store(value.bitPattern)
        add(.double, since: start)
    }

    /// A `text`.
    ///
    /// One with a NUL makes the execution fail before it is sent.
    public mutating func text(_ value: String) {
        let start = writer.end
        var value = value
        value.withUTF8 { (source: UnsafeBufferPointer<UInt8>) in
            unsafe writer.text(UnsafeRawBufferPointer(source))
        }
        add(.text, since: start)
    }

    /// A `text`, or NULL.
    public mutating func text(_ value: String?) {
        guard let value else { return null(.text) }
        text(value)
    }

    /// A `text` given as UTF-8, which the server checks (22021).
    ///
    /// One with a NUL makes the execution fail before it is sent.
    public mutating func text(bytes: some Collection<UInt8>) {
        let start = writer.end
        write(bytes, isText: true)
        add(.text, since: start)
    }

    /// A `bytea`.
    public mutating func bytea(_ bytes: some Collection<UInt8>) {
        let start = writer.end
        write(bytes, isText: false)
        add(.bytea, since: start)
    }

    private mutating func write(_ bytes: some Collection<UInt8>, isText: Bool) {
        let contiguous: Void? = bytes.withContiguousStorageIfAvailable { (source: UnsafeBufferPointer<UInt8>) in
            let raw = UnsafeRawBufferPointer(source)
            if isText { unsafe writer.text(raw) } else { unsafe writer.copy(raw) }
        }
        if contiguous == nil { write(Array(bytes), isText: isText) }
    }

    /// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
    public mutating func timestamp(microsecondsSinceUnixEpoch value: Int64) {
        let start = writer.end
        writer.store(PostgresEpoch.from(unix: value))
        add(.timestamp, since: start)
    }

    /// NULL of a type.
    public mutating func null(_ type: PostgresType) {
        starts.append(0)
        lengths.append(-1)
        types.append(type.rawValue)
    }

    /// A one-dimensional array.
    public mutating func array(_ array: borrowing some ParameterArray) {
        let start = writer.end
        array.elements.write(to: &writer)
        add(array.elements.arrayType, since: start)
    }

    /// A `smallint[]` without NULLs.
    public mutating func int16s(_ values: some Sequence<Int16>) {
        var array = Int16Array()
        for value in values { array.append(value) }
        self.array(array)
    }

    /// An `integer[]` without NULLs.
    public mutating func int32s(_ values: some Sequence<Int32>) {
        var array = Int32Array()
        for value in values { array.append(value) }
        self.array(array)
    }

    /// A `bigint[]` without NULLs.
    public mutating func int64s(_ values: some Sequence<Int64>) {
        var array = Int64Array()
        for value in values { array.append(value) }
        self.array(array)
    }

    /// A `text[]` without NULLs.
    public mutating func texts(_ values: some Sequence<String>) {
        var array = TextArray()
        for value in values { array.append(value) }
        self.array(array)
    }

    /// A `bytea[]` without NULLs.
    public mutating func byteas(_ values: some Sequence<[UInt8]>) {
        var array = ByteaArray()
        for value in values { array.append(value) }
        self.array(array)
    }

    /// A `timestamptz[]` without NULLs, in microseconds since 1970-01-01T00:00:00Z.
    public mutating func timestamps(microsecondsSinceUnixEpoch values: some Sequence<Int64>) {
        var array = TimestampArray()
        for value in values { array.append(microsecondsSinceUnixEpoch: value) }
        self.array(array)
    }
}
