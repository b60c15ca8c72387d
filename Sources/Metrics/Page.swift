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
struct Page {
    let format: PageFormat
    /// Whether legal entities' series say when they were made; those of the process always do.
    let isRoomy: Bool
    private var buffer: [UInt8]
    private var used = 0
    /// `{a="1",b="2"` of the row that is being written; empty without labels.
    private var labels: [UInt8] = []
    private var isOfEntity = false

    init(_ format: PageFormat, isRoomy: Bool = true, expectedBytes: Int = 0) {
        self.format = format
        self.isRoomy = isRoomy
        buffer = Array(repeating: 0, count: max(expectedBytes, 1024))
    }

    /// What is written.
    var bytes: [UInt8] { Array(buffer[..<used]) }

    /// Starts a family.
    mutating func begin(_ shape: DrawnShape) { put(shape.header(format)) }

    /// Starts the lines of one label set: whose it is, and its other labels.
    mutating func row(entity: [UInt8], rest: [UInt8]) {
        labels.removeAll(keepingCapacity: true)
        isOfEntity = !entity.isEmpty
        if !entity.isEmpty || !rest.isEmpty { labels.append(UInt8(ascii: "{")) }
        labels += entity
        if !entity.isEmpty && !rest.isEmpty { labels.append(UInt8(ascii: ",")) }
        labels += rest
    }

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
        start(name, more)
        put(integer)
        put(UInt8(ascii: "\n"))
    }

    /// One sample with a floating-point value.
    mutating func sample(_ name: [UInt8], more: [UInt8] = [], number: Double) {
        start(name, more)
        put(number)
        put(UInt8(ascii: "\n"))
    }

    /// One bucket, with the example that fell into it last, if any.
    mutating func bucket(_ name: [UInt8], edge: [UInt8], count: Int, _ exemplar: Exemplar?) {
        start(name, edge)
        put(count)
        if let exemplar, format == .openMetrics {
            put(Array(" # {trace_id=\"\(exemplar.trace.hexadecimal)\"} ".utf8))
            put(exemplar.value)
            put(UInt8(ascii: " "))
            put(milliseconds: exemplar.milliseconds)
        }
        put(UInt8(ascii: "\n"))
    }

    /// When the row was made, where the format says so; `milliseconds` since the Unix epoch.
    mutating func created(_ shape: DrawnShape, milliseconds: Int64) {
        guard format == .openMetrics, isRoomy || !isOfEntity else { return }
        start(shape.createdName, [])
        put(milliseconds: milliseconds)
        put(UInt8(ascii: "\n"))
    }

    /// The shortest decimal that reads back as `number`; whole numbers without a fraction, as Prometheus writes them.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static let eof = Array("# EOF\n".utf8)
    /// A number takes no more.
    private static let maximumNumberBytes = 32

    // MARK: Bytes

    private mutating func start(_ name: [UInt8], _ more: [UInt8]) {
        reserve(name.count + labels.count + more.count + 4)
        put(name)
        if labels.isEmpty && more.isEmpty { return put(UInt8(ascii: " ")) }
        put(labels)
        if !more.isEmpty {
            put(labels.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            put(more)
        }
        put(UInt8(ascii: "}"))
        put(UInt8(ascii: " "))
    }

    private mutating func reserve(_ count: Int) {
        if used + count <= buffer.count { return }
        buffer += [UInt8](repeating: 0, count: max(buffer.count, count))
    }

    @inline(__always)
    private mutating func put(_ part: [UInt8]) {
        let count = part.count
        reserve(count)
        let start = used
        unsafe buffer.withUnsafeMutableBytes { target in
            unsafe part.withUnsafeBytes { source in
                if let to = target.baseAddress, let from = source.baseAddress {
                    unsafe memcpy(to + start, from, count)
                }
            }
        }
        used += count
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        reserve(1)
        buffer[used] = byte
        used += 1
    }

    private mutating func put(_ number: Int) {
        reserve(Self.maximumNumberBytes)
        if number < 0 { put(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var digits = 1
        var power: UInt = 10
        while digits < 20, rest >= power {
            digits += 1
            power = power > .max / 10 ? .max : power * 10
        }
        var place = used + digits
        used = place
        repeat {
            place -= 1
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        } while rest > 0
    }

    private mutating func put(_ number: Double) {
        if let whole = Int(exactly: number), whole.magnitude < 1 << 53, whole != 0 || number.sign == .plus {
            return put(whole)
        }
        reserve(Self.maximumNumberBytes)
        for byte in Self.text(number).utf8 { put(byte) }
    }

    /// Seconds with three places.
    private mutating func put(milliseconds: Int64) {
        put(Int(milliseconds / 1000))
        put(UInt8(ascii: "."))
        let rest = Int(milliseconds % 1000)
        for divisor in [100, 10, 1] { put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / divisor % 10)) }
    }
}
