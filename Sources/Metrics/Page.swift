import Glibc

/// A format of Prometheus' pages.
public enum PageFormat: Sendable {
    /// Text 0.0.4.
    case text
    /// OpenMetrics 1.0.
    case openMetrics

    /// The media type that an answer names.
    public var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// A page that is being written.
///
/// The only code that knows the formats: families hand over numbers and rendered labels. A page of 100,000 lines is
/// some megabytes, so a line is a few copies of bytes into memory that is there already.
@safe struct Page {
    let format: PageFormat
    /// Whether legal entities' series say when they were made; those of the process always do.
    let isRoomy: Bool
    private var buffer: [UInt8]
    private var used = 0
    // Safe: lent by `family` for as long as it runs, and empty otherwise. Arrays here would be retained and released
    // for each line, which takes longer than to write it.
    private var entities = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private var rests = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Where the labels of the row that is being written are in the tables.
    private var row = RowLabels()

    init(_ format: PageFormat, isRoomy: Bool = true, expectedBytes: Int = 0) {
        self.format = format
        self.isRoomy = isRoomy
        buffer = Array(repeating: 0, count: max(expectedBytes, 1024))
    }

    /// What is written.
    var bytes: [UInt8] { Array(buffer[..<used]) }

    /// Whether the row says when it was made.
    var showsCreated: Bool { format == .openMetrics && (isRoomy || row.entity.isEmpty) }

    /// Writes a family: `rows` draws its rows, which have their labels from these tables.
    mutating func family(
        _ shape: DrawnShape, entities: LabelTable, rests: LabelTable, rows: (inout Page) -> Void
    ) {
        put(shape.header(format))
        unsafe entities.bytes.withUnsafeBytes { entities in
            unsafe rests.bytes.withUnsafeBytes { rests in
                unsafe (self.entities, self.rests) = (entities, rests)
                rows(&self)
            }
        }
        unsafe (self.entities, self.rests) = (.init(start: nil, count: 0), .init(start: nil, count: 0))
        row = RowLabels()
    }

    /// Starts the lines of one label set: whose it is, and its other labels; where they are in the tables.
    @inline(__always)
    mutating func row(entity: Range<Int>, rest: Range<Int>) { row = RowLabels(entity: entity, rest: rest) }

    /// Ends the page; gives its bytes away.
    mutating func end() -> [UInt8] {
        if format == .openMetrics { put(Self.eof) }
        buffer.removeLast(buffer.count - used)
        defer {
            buffer = []
            used = 0
        }
        return buffer
    }

    /// One sample of the row: `name{labels,more} value`.
    mutating func sample(_ name: [UInt8], more: [UInt8] = [], integer: Int) {
        line(name, more) { $0.put(integer) }
    }

    /// One sample with a floating-point value.
    mutating func sample(_ name: [UInt8], more: [UInt8] = [], number: Double) {
        line(name, more) { $0.put(number) }
    }

    /// One bucket, with the example that fell into it last, if any.
    mutating func bucket(_ name: [UInt8], edge: [UInt8], count: Int, _ exemplar: Exemplar?) {
        guard let exemplar, format == .openMetrics else { return line(name, edge) { $0.put(count) } }
        let trace = Array(" # {trace_id=\"\(exemplar.trace.hexadecimal)\"} ".utf8)
        line(name, edge, beside: trace.count + 2 * Pen.maximumNumberBytes) { pen in
            pen.put(count)
            pen.put(trace)
            pen.put(exemplar.value)
            pen.put(UInt8(ascii: " "))
            pen.put(milliseconds: exemplar.milliseconds)
        }
    }

    /// When the row was made, where `showsCreated` says so; `milliseconds` since the Unix epoch.
    mutating func created(_ shape: DrawnShape, milliseconds: Int64) {
        line(shape.createdName, []) { $0.put(milliseconds: milliseconds) }
    }

    /// The shortest decimal that reads back as `number`; whole numbers without a fraction, as Prometheus writes them.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static let eof = Array("# EOF\n".utf8)

    // MARK: Bytes

    /// Writes a line; `value` writes one number, and at most `beside` bytes more.
    @inline(__always)
    private mutating func line(_ name: [UInt8], _ more: [UInt8], beside: Int = 0, _ value: (inout Pen) -> Void) {
        // Braces, two commas, a space, the number, the end of the line.
        reserve(name.count + row.count + more.count + beside + Pen.maximumNumberBytes + 8)
        let entity = unsafe UnsafeRawBufferPointer(rebasing: entities[row.entity])
        let rest = unsafe UnsafeRawBufferPointer(rebasing: rests[row.rest])
        used = Self.write(&buffer, at: used) { pen in
            pen.put(name)
            unsafe pen.put(entity, rest, more)
            pen.put(UInt8(ascii: " "))
            value(&pen)
            pen.put(UInt8(ascii: "\n"))
        }
    }

    private mutating func put(_ bytes: [UInt8]) {
        reserve(bytes.count)
        used = Self.write(&buffer, at: used) { $0.put(bytes) }
    }

    private mutating func reserve(_ count: Int) {
        if used + count <= buffer.count { return }
        buffer += [UInt8](repeating: 0, count: max(buffer.count / 4, count))
    }

    /// Lends a pen at `place` of `buffer`; returns where it ended.
    @inline(__always)
    private static func write(_ buffer: inout [UInt8], at place: Int, _ body: (inout Pen) -> Void) -> Int {
        unsafe buffer.withUnsafeMutableBytes { memory in
            var pen = unsafe Pen(memory, at: place)
            body(&pen)
            return pen.place
        }
    }
}

/// Where a row's labels are in the tables of its family.
struct RowLabels {
    /// Empty for what is no legal entity's.
    var entity = 0..<0
    var rest = 0..<0

    /// Bytes of both.
    var count: Int { entity.count + rest.count }
}
