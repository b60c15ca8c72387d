/// Rows in PostgreSQL's binary COPY format, for `COPY ... FROM STDIN (FORMAT binary)`.
///
/// A signature and two empty header words, then each row as its number of columns and each field as length and bytes,
/// then -1 (manual: COPY, "Binary Format"). Binary COPY converts nothing: a field has to be of the column's own type
/// (`int32` into `integer`, `int64` into `bigint`).
///
/// More than `rowsPerCopy` rows go as several statements one after the other, so they belong into one transaction.
public struct CopyBuffer: Sendable {
    /// What one COPY takes.
    ///
    /// The server buffers up to 1,000 rows of a COPY, and keeps account of their buffers in a hash table in which all
    /// of them collide (PostgreSQL 15, resowner.c), so its cost grows with the square of the rows; below, with the
    /// statements. docs/BENCHMARKS.md, "What was tried for the floor", has the figures.
    public static let rowsPerCopy = 250

    /// Rows that are ready to be copied in, as `finish` gives them.
    public struct Rows: Sendable {
        let bytes: [UInt8]
        let ends: [Int]
    }

    private(set) var writer: ByteWriter
    /// Where the data of each COPY ends, but for the last one until `end`.
    private(set) var ends: [Int] = []
    private var missingFields: Int16 = 0
    private var isFinished = false
    /// How many rows were begun.
    public private(set) var rows = 0

    /// An empty buffer with room for `capacity` bytes.
    public init(capacity: Int = 65536) {
        writer = ByteWriter(capacity: capacity)
        writeHeader()
    }

    private mutating func writeHeader() {
        writer.store(0x5047_434f_5059_0aff as UInt64)  // "PGCOPY\n\377"
        writer.store(0x0d0a_0000 as UInt32)  // "\r\n\0", and the first byte of the flags
        writer.store(0 as UInt32)  // the rest of the flags, and the first byte of the extension's length
        writer.store(0 as UInt16)
        writer.store(0 as UInt8)
    }

    /// The bytes so far, header included.
    public var byteCount: Int { writer.end }

    /// Whether a text with a NUL was added; `Connection.copyIn` refuses such a buffer.
    public var containsNUL: Bool { writer.containsNUL }

    /// Begins a row of `columns` fields, which have to follow.
    public mutating func beginRow(columns: Int16) {
        precondition(missingFields == 0 && !isFinished && columns > 0, "the row before this one is not complete")
        if rows > 0, rows % Self.rowsPerCopy == 0 {
            endPart()
            writeHeader()
        }
        missingFields = columns
        rows += 1
        writer.store(columns)
    }

    @inline(__always) private mutating func beginField() {
        precondition(missingFields > 0, "more fields than the row has columns")
        missingFields -= 1
    }

    @inline(__always) private mutating func fixed<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        beginField()
        writer.sized(value)
    }

    /// A `smallint`.
    public mutating func int16(_ value: Int16) { fixed(value) }

    /// An `integer`.
    public mutating func int32(_ value: Int32) { fixed(value) }

    /// A `bigint`.
    public mutating func int64(_ value: Int64) { fixed(value) }

    /// A `boolean`.
    public mutating func bool(_ value: Bool) { fixed(UInt8(value ? 1 : 0)) }

    /// A `double precision`.
    public mutating func double(_ value: Double) { fixed(value.bitPattern) }

    /// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
    public mutating func timestamp(microsecondsSinceUnixEpoch value: Int64) {
        fixed(PostgresEpoch.from(unix: value))
    }

    /// A `text` (also `json`, `varchar`).
    public mutating func text(_ value: String) {
        beginField()
        writer.sized(value)
    }

    /// A `text`, or NULL.
    public mutating func text(_ value: String?) {
        if let value { text(value) } else { null() }
    }

    /// A `text`: `count` UTF-8 bytes from index `start`, which have to be inside the array.
    public mutating func text(_ bytes: [UInt8], _ start: Int, _ count: Int) {
        beginField()
        writer.sized(bytes, start, count, isText: true)
    }

    /// A `text`, given as UTF-8.
    public mutating func text(bytes: [UInt8]) { text(bytes, 0, bytes.count) }

    /// A `bytea`.
    public mutating func bytea(_ bytes: [UInt8]) { bytea(bytes, 0, bytes.count) }

    /// A `bytea`: `count` bytes from index `start`, which have to be inside the array.
    public mutating func bytea(_ bytes: [UInt8], _ start: Int, _ count: Int) {
        beginField()
        writer.sized(bytes, start, count, isText: false)
    }

    /// A `jsonb`, given as JSON text in UTF-8.
    public mutating func jsonb(_ bytes: [UInt8], _ start: Int, _ count: Int) {
        precondition(start >= 0 && count >= 0 && start <= bytes.count - count)
        beginField()
        writer.store(Int32(count + 1))
        writer.store(1 as UInt8)  // the version of the format
        writer.text(bytes, start, count)
    }

    /// A `uuid`, in the order in which it is written.
    public mutating func uuid(high: UInt64, low: UInt64) {
        beginField()
        writer.store(Int32(16))
        writer.store(high)
        writer.store(low)
    }

    /// NULL, of whatever type the column has.
    public mutating func null() {
        beginField()
        writer.store(Int32(-1))
    }

    /// Ends the data and gives it away; the buffer is empty afterwards, without memory.
    ///
    /// `Connection.copyIn` also takes the buffer itself, which keeps the memory for the next batch.
    public mutating func finish() -> Rows {
        end()
        let taken = Rows(bytes: writer.take(), ends: ends)
        restart()
        return taken
    }

    /// Empties the buffer and keeps its memory.
    public mutating func reset() {
        writer.reset()
        restart()
    }

    private mutating func restart() {
        missingFields = 0
        isFinished = false
        rows = 0
        ends.removeAll(keepingCapacity: true)
        writeHeader()
    }

    mutating func end() {
        precondition(missingFields == 0, "the last row is not complete")
        guard !isFinished else { return }
        isFinished = true
        endPart()
    }

    private mutating func endPart() {
        writer.store(-1 as Int16)
        ends.append(writer.end)
    }
}
