// Builders of one-dimensional arrays in PostgreSQL's binary form. Each appended element is copied once into one buffer;
// `Parameters.array` moves the buffer with one copy more. A builder can be emptied and used again.

/// The encoded elements of an array under construction.
public struct ArrayElements: Sendable {
    let elementType: PostgresType
    let arrayType: PostgresType
    private(set) var count: Int32 = 0
    private var hasNull = false
    private var writer = ByteWriter(capacity: 256)

    init(_ elementType: PostgresType, _ arrayType: PostgresType) {
        self.elementType = elementType
        self.arrayType = arrayType
    }

    @inline(__always) mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        writer.sized(value)
        count += 1
    }

    @inline(__always) mutating func append(_ text: String) {
        writer.sized(text)
        count += 1
    }

    @inline(__always) mutating func append(_ bytes: [UInt8], _ start: Int, _ length: Int, isText: Bool) {
        writer.sized(bytes, start, length, isText: isText)
        count += 1
    }

    mutating func appendNull() {
        writer.store(Int32(-1))
        hasNull = true
        count += 1
    }

    mutating func removeAll() {
        writer.reset()
        count = 0
        hasNull = false
    }

    /// Dimensions, flags, element type, then size and lower bound of the one dimension, then the elements:
    /// `array_recv`.
    func write(to target: inout ByteWriter) {
        target.store(Int32(count == 0 ? 0 : 1))
        target.store(Int32(hasNull ? 1 : 0))
        target.store(elementType.rawValue)
        guard count > 0 else { return }
        target.store(count)
        target.store(Int32(1))
        target.copy(writer)
    }
}

/// A one-dimensional array that can be a parameter.
public protocol ParameterArray: Sendable {
    /// The encoded elements.
    var elements: ArrayElements { get }
}

/// Builds a `text[]`.
public struct TextArray: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.text, .texts)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a text; one with a NUL makes the execution fail before it is sent.
    public mutating func append(_ text: String) { elements.append(text) }

    /// Appends a text, or NULL.
    public mutating func append(_ text: String?) {
        if let text { elements.append(text) } else { elements.appendNull() }
    }

    /// Appends UTF-8 bytes, which the server checks (22021).
    public mutating func append(bytes: [UInt8]) { elements.append(bytes, 0, bytes.count, isText: true) }

    /// Appends `count` UTF-8 bytes from index `start`, which have to be inside the array.
    public mutating func append(_ bytes: [UInt8], _ start: Int, _ count: Int) {
        elements.append(bytes, start, count, isText: true)
    }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds a `bytea[]`.
public struct ByteaArray: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.bytea, .byteas)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends bytes.
    public mutating func append(_ bytes: [UInt8]) { elements.append(bytes, 0, bytes.count, isText: false) }

    /// Appends `count` bytes from index `start`, which have to be inside the array.
    public mutating func append(_ bytes: [UInt8], _ start: Int, _ count: Int) {
        elements.append(bytes, start, count, isText: false)
    }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds a `smallint[]`.
public struct Int16Array: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.int16, .int16s)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a value.
    public mutating func append(_ value: Int16) { elements.append(value) }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds an `integer[]`.
public struct Int32Array: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.int32, .int32s)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a value.
    public mutating func append(_ value: Int32) { elements.append(value) }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds a `bigint[]`.
public struct Int64Array: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.int64, .int64s)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a value.
    public mutating func append(_ value: Int64) { elements.append(value) }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds a `boolean[]`.
public struct BoolArray: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.bool, .bools)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a value.
    public mutating func append(_ value: Bool) { elements.append(UInt8(value ? 1 : 0)) }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}

/// Builds a `timestamptz[]`.
public struct TimestampArray: ParameterArray {
    /// The encoded elements.
    public private(set) var elements = ArrayElements(.timestamp, .timestamps)

    /// An empty array.
    public init() {}

    /// How many elements were appended, NULLs included.
    public var count: Int { Int(elements.count) }

    /// Appends a time in microseconds since 1970-01-01T00:00:00Z.
    public mutating func append(microsecondsSinceUnixEpoch value: Int64) {
        elements.append(PostgresEpoch.from(unix: value))
    }

    /// Appends a NULL.
    public mutating func appendNull() { elements.appendNull() }

    /// Empties the array and keeps its memory.
    public mutating func removeAll() { elements.removeAll() }
}
