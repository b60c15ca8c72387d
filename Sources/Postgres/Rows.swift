internal import CLibpq

/// The result of a statement, owned until the value goes out of scope.
///
/// Columns count from 0. NULL reads as zero, false or empty: ask `isNull` first, or use the `optional` readers. A
/// column of another type than the reader's traps, because statement and reader are written together. Results of
/// `Connection.query` are binary; those of `execute` are text, of which integers, booleans, doubles and texts can be
/// read.
@safe public struct Rows: ~Copyable {
    private let result: OpaquePointer
    private let isBinary: Bool
    /// How many rows came back.
    public let count: Int
    /// How many columns each row has.
    public let columns: Int
    /// How many rows an INSERT, UPDATE, DELETE, MERGE or COPY touched; for a SELECT, how many it gave.
    public let affected: Int

    /// Takes the result over.
    init(owning result: OpaquePointer) {
        unsafe self.result = unsafe result
        count = Int(unsafe PQntuples(result))
        columns = Int(unsafe PQnfields(result))
        isBinary = unsafe PQbinaryTuples(result) == 1
        affected = Int(unsafe String(cString: PQcmdTuples(result))) ?? 0
    }

    deinit { unsafe PQclear(result) }

    /// Whether a field is NULL.
    public func isNull(_ row: Int, _ column: Int) -> Bool {
        check(row, column)
        return unsafe PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    private func check(_ row: Int, _ column: Int) {
        precondition(row >= 0 && row < count && column >= 0 && column < columns, "no such field in the result")
    }

    /// Lends a field's bytes; of no length for NULL.
    public func withBytes<R, E: Error>(_ row: Int, _ column: Int, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(unsafe raw(row, column).bytes)
    }

    private func raw(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        check(row, column)
        let length = unsafe PQgetlength(result, Int32(row), Int32(column))
        return unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)), count: Int(length))
    }

    /// An integer of any width.
    public func int64(_ row: Int, _ column: Int) -> Int64 {
        if isNull(row, column) { return 0 }
        let field = unsafe raw(row, column)
        guard isBinary else {
            guard let value = Int64(unsafe String(decoding: field, as: UTF8.self)) else {
                preconditionFailure("column \(column) is not an integer")
            }
            return value
        }
        switch field.count {
        case 8: return Int64(bigEndian: unsafe field.loadUnaligned(as: Int64.self))
        case 4: return Int64(Int32(bigEndian: unsafe field.loadUnaligned(as: Int32.self)))
        case 2: return Int64(Int16(bigEndian: unsafe field.loadUnaligned(as: Int16.self)))
        default: preconditionFailure("column \(column) is not an integer")
        }
    }

    /// An integer that fits 32 bits.
    public func int32(_ row: Int, _ column: Int) -> Int32 { Int32(int64(row, column)) }

    /// An integer that fits 16 bits.
    public func int16(_ row: Int, _ column: Int) -> Int16 { Int16(int64(row, column)) }

    /// A `boolean`.
    public func bool(_ row: Int, _ column: Int) -> Bool {
        let field = unsafe raw(row, column)
        guard let first = unsafe field.first else { return false }
        precondition(field.count == 1, "column \(column) is not a boolean")
        return first == 1 || first == UInt8(ascii: "t")
    }

    /// A `double precision` or `real`.
    public func double(_ row: Int, _ column: Int) -> Double {
        if isNull(row, column) { return 0 }
        let field = unsafe raw(row, column)
        guard isBinary else {
            guard let value = Double(unsafe String(decoding: field, as: UTF8.self)) else {
                preconditionFailure("column \(column) is not a number")
            }
            return value
        }
        switch field.count {
        case 8: return Double(bitPattern: UInt64(bigEndian: unsafe field.loadUnaligned(as: UInt64.self)))
        case 4: return Double(Float(bitPattern: UInt32(bigEndian: unsafe field.loadUnaligned(as: UInt32.self))))
        default: preconditionFailure("column \(column) is not a number")
        }
    }

    /// A `text`, or any column of a text result.
    public func text(_ row: Int, _ column: Int) -> String {
        unsafe String(decoding: unsafe raw(row, column), as: UTF8.self)
    }

    /// The bytes of a `bytea` or of a `text`.
    public func bytes(_ row: Int, _ column: Int) -> [UInt8] {
        unsafe Array(unsafe raw(row, column))
    }

    /// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z; infinity is the end of the range.
    public func timestamp(_ row: Int, _ column: Int) -> Int64 {
        precondition(isBinary, "timestamps are read from binary results only")
        return isNull(row, column) ? 0 : PostgresEpoch.toUnix(int64(row, column))
    }

    /// An integer, or nil for NULL.
    public func optionalInt64(_ row: Int, _ column: Int) -> Int64? { isNull(row, column) ? nil : int64(row, column) }

    /// A text, or nil for NULL.
    public func optionalText(_ row: Int, _ column: Int) -> String? { isNull(row, column) ? nil : text(row, column) }

    /// Bytes, or nil for NULL.
    public func optionalBytes(_ row: Int, _ column: Int) -> [UInt8]? { isNull(row, column) ? nil : bytes(row, column) }

    /// A time in microseconds since 1970-01-01T00:00:00Z, or nil for NULL.
    public func optionalTimestamp(_ row: Int, _ column: Int) -> Int64? {
        isNull(row, column) ? nil : timestamp(row, column)
    }

    /// The elements of a `text[]`; empty for NULL.
    public func texts(_ row: Int, _ column: Int) -> [String?] {
        unsafe elements(row, column) { unsafe String(decoding: unsafe $0, as: UTF8.self) }
    }

    /// The elements of a `bigint[]`, `integer[]` or `smallint[]`; empty for NULL.
    public func int64s(_ row: Int, _ column: Int) -> [Int64?] {
        unsafe elements(row, column) { field in
            switch field.count {
            case 8: Int64(bigEndian: unsafe field.loadUnaligned(as: Int64.self))
            case 4: Int64(Int32(bigEndian: unsafe field.loadUnaligned(as: Int32.self)))
            case 2: Int64(Int16(bigEndian: unsafe field.loadUnaligned(as: Int16.self)))
            default: preconditionFailure("column \(column) is not an array of integers")
            }
        }
    }

    /// Walks what `array_send` wrote: dimensions, flags, element type, size and lower bound of each dimension,
    /// elements.
    private func elements<T>(_ row: Int, _ column: Int, _ read: (UnsafeRawBufferPointer) -> T) -> [T?] {
        let field = unsafe raw(row, column)
        guard unsafe !field.isEmpty else { return [] }
        precondition(isBinary && (field.count) >= 12, "column \(column) is not a binary array")
        func word(_ offset: Int) -> Int {
            Int(Int32(bigEndian: unsafe field.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        let dimensions = word(0)
        precondition(dimensions <= 1, "column \(column) has more than one dimension")
        guard dimensions == 1 else { return [] }
        var offset = 20
        var values: [T?] = []
        values.reserveCapacity(word(12))
        for _ in 0..<word(12) {
            let length = word(offset)
            offset += 4
            if length < 0 {
                values.append(nil)
            } else {
                unsafe values.append(read(unsafe UnsafeRawBufferPointer(rebasing: field[offset..<(offset + length)])))
                offset += length
            }
        }
        return values
    }
}
