/// A family's constant bytes, rendered once at registration.
struct DrawnShape: Sendable {
    /// The label value of what is not shown by a name of its own.
    static let other = "other"
    /// Longest label value in bytes; a topic name has at most 249.
    static let maximumLabelBytes = 256

    let name: [UInt8]
    /// `NAME_created`, as only OpenMetrics has it; empty where the kind has none.
    let createdName: [UInt8]
    /// The names of a histogram's lines.
    let bucketName: [UInt8]
    let sumName: [UInt8]
    let countName: [UInt8]
    private let headers: (text: [UInt8], openMetrics: [UInt8])
    /// Names of the labels that a series has beside the legal entity.
    private let restNames: [[UInt8]]

    init(_ shape: FamilyShape, help: String) {
        name = Array(shape.name.utf8)
        bucketName = name + "_bucket".utf8
        sumName = name + "_sum".utf8
        countName = name + "_count".utf8
        restNames = shape.labels.dropFirst(shape.isOfEntities ? 1 : 0).map { Array($0.utf8) }
        switch shape.kind {
        case .counter, .histogram: createdName = Array("\(shape.baseName)_created".utf8)
        case .gauge, .stateSet, .info: createdName = []
        }
        headers = (Self.textHeader(shape, help), Self.openMetricsHeader(shape, help))
    }

    /// The lines that begin a family.
    func header(_ format: PageFormat) -> [UInt8] {
        switch format {
        case .text: headers.text
        case .openMetrics: headers.openMetrics
        }
    }

    private static func textHeader(_ shape: FamilyShape, _ help: String) -> [UInt8] {
        let type =
            switch shape.kind {
            case .counter: "counter"
            case .gauge, .stateSet, .info: "gauge"
            case .histogram: "histogram"
            }
        var header = Array("# HELP \(shape.name) ".utf8)
        escape(help, quotes: false, into: &header)
        header += Array("\n# TYPE \(shape.name) \(type)\n".utf8)
        return header
    }

    private static func openMetricsHeader(_ shape: FamilyShape, _ help: String) -> [UInt8] {
        let name = shape.baseName
        var header = Array("# TYPE \(name) \(shape.kind.rawValue)\n".utf8)
        if let unit = shape.unit { header += Array("# UNIT \(name) \(unit)\n".utf8) }
        header += Array("# HELP \(name) ".utf8)
        escape(help, quotes: true, into: &header)
        header.append(UInt8(ascii: "\n"))
        return header
    }

    /// `a="1",b="2"` of the labels beside the legal entity, without braces.
    func rest(_ values: some Collection<String>) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in zip(restNames, values) {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            Self.label(name, value, into: &bytes)
        }
        return bytes
    }

    /// The same with `other` for each value.
    var otherRest: [UInt8] { rest(restNames.map { _ in Self.other }) }

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
        // Nearly every text, and handles are looked up by what is rendered here.
        if text.utf8.allSatisfy(isPlain) { return bytes.append(contentsOf: text.utf8) }
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

    /// Printable ASCII that is escaped nowhere.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "\"")
    }
}
