/// A family's constant bytes, rendered once at registration.
struct DrawnShape: Sendable {
    /// The label value of series beyond a family's bound.
    static let other = "other"
    /// Longest label value in bytes; a topic name has at most 249.
    static let maximumLabelBytes = 256

    let name: [UInt8]
    let header: [UInt8]
    private let labelNames: [[UInt8]]

    init(_ shape: FamilyShape, help: String) {
        name = Array(shape.name.utf8)
        labelNames = shape.labels.map { Array($0.utf8) }
        let type =
            switch shape.kind {
            case .counter: "counter"
            case .gauge, .stateSet: "gauge"
            case .histogram: "histogram"
            }
        var header = Array("# HELP \(shape.name) ".utf8)
        Self.escape(help, quotes: false, into: &header)
        header += Array("\n# TYPE \(shape.name) \(type)\n".utf8)
        self.header = header
    }

    /// `a="1",b="2"` without braces, ready to have a bucket's or state's label appended.
    func labels(_ values: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in zip(labelNames, values) {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            Self.label(name, value, into: &bytes)
        }
        return bytes
    }

    /// Appends `name="value"`.
    static func label(_ name: [UInt8], _ value: String, into bytes: inout [UInt8]) {
        bytes += name
        bytes.append(UInt8(ascii: "="))
        bytes.append(UInt8(ascii: "\""))
        escape(Bytes.prefix(of: value, maximum: maximumLabelBytes), quotes: true, into: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends `text` with backslash, newline and (in label values) quote escaped, and other control characters left
    /// out: text 0.0.4 has no escape for them, and a NUL makes Prometheus refuse the whole page.
    private static func escape(_ text: some StringProtocol, quotes: Bool, into bytes: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
            case "\n": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case "\"" where quotes: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": continue
            default: bytes += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}

/// A page in Prometheus' text format 0.0.4 that is being written.
///
/// The only code that knows the format: families hand over numbers and pre-rendered labels. Another format, as
/// OpenMetrics, is another writer with these functions.
struct TextExposition {
    private(set) var bytes: [UInt8] = []

    /// Starts a family: its HELP and TYPE lines.
    mutating func begin(_ shape: DrawnShape) { bytes += shape.header }

    /// One sample: `name_suffix{labels,more} value`.
    mutating func sample(
        _ shape: DrawnShape, suffix: [UInt8] = [], labels: [UInt8], more: [UInt8] = [], integer: Int
    ) {
        begin(shape, suffix, labels, more)
        Bytes.append(integer, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// One sample with a floating-point value.
    mutating func sample(
        _ shape: DrawnShape, suffix: [UInt8] = [], labels: [UInt8], more: [UInt8] = [], number: Double
    ) {
        begin(shape, suffix, labels, more)
        bytes += Self.text(number).utf8
        bytes.append(UInt8(ascii: "\n"))
    }

    /// The shortest decimal that reads back as `number`; whole numbers without a fraction, as Prometheus writes them.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private mutating func begin(_ shape: DrawnShape, _ suffix: [UInt8], _ labels: [UInt8], _ more: [UInt8]) {
        bytes += shape.name
        bytes += suffix
        if !labels.isEmpty || !more.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes += labels
            if !labels.isEmpty && !more.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes += more
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }
}
