/// How much a log line matters.
public enum LogLevel: Int, Comparable, CaseIterable, Sendable {
    /// Per batch, for a developer.
    case debug
    /// The life of the process and of its parts.
    case info
    /// Degraded, and healing by itself.
    case warning
    /// Data at risk: someone must act.
    case error

    /// The word in the line and in configuration.
    public var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// The level that `name` stands for, or nil.
    public init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    /// Whether `a` matters less than `b`.
    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// The value of a log field.
public enum LogValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    /// Text, cut to 256 bytes in the line.
    case text(String)
    /// A whole number.
    case integer(Int)
    /// A number; NaN and infinities, which JSON lacks, become text.
    case number(Double)
    /// True or false.
    case flag(Bool)

    /// Text from bytes that may not be UTF-8: what is not becomes U+FFFD.
    public static func text(bytes: some Collection<UInt8>) -> LogValue {
        .text(String(decoding: bytes.prefix(LogLine.maximumValueBytes + 1), as: UTF8.self))
    }

    /// Text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A flag.
    public init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// One line of the log as bytes: a JSON object and a newline.
///
/// Whatever the fields hold, the result is one line of valid JSON that a terminal shows without obeying it, and short
/// enough (`maximumBytes` is Linux' PIPE_BUF) that a pipe takes it in one piece.
struct LogLine {
    /// Longest line; fields that do not fit are left out and counted in `log.fields_dropped`.
    static let maximumBytes = 4_096
    /// Longest value in bytes, before escaping; a longer one is cut and ends in an ellipsis.
    static let maximumValueBytes = 256
    /// Longest name of an event or a field in bytes.
    static let maximumNameBytes = 64
    /// Most fields in a line.
    static let maximumFields = 32

    /// Room for `,"log.fields_dropped":N}` and the newline.
    private static let reservedBytes = 64
    private static let reservedNames = ["ts", "level", "event"]

    /// Renders one line.
    ///
    /// - Parameters:
    ///   - milliseconds: since the Unix epoch.
    ///   - level: how much it matters.
    ///   - event: the constant name of what happened.
    ///   - fields: the data, with dot keys. A name that the line has already gets `field.` before it, or is dropped.
    /// - Returns: the line as UTF-8, at most `maximumBytes` with its newline.
    static func render(
        milliseconds: Int64, level: LogLevel, event: String, fields: [(String, LogValue)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line += "{\"ts\":\"".utf8
        CivilTime(milliseconds: milliseconds).append(to: &line)
        line += "\",\"level\":\"".utf8
        line += level.name.utf8
        line += "\",\"event\":".utf8
        string(Bytes.prefix(of: event, maximum: maximumNameBytes), into: &line)
        var names = reservedNames
        var dropped = 0
        for (name, value) in fields {
            let name = reservedNames.contains(name) ? "field." + name : name
            guard names.count < maximumFields + reservedNames.count, !names.contains(name),
                append(name, value, to: &line)
            else {
                dropped += 1
                continue
            }
            names.append(name)
        }
        if dropped > 0 {
            line += ",\"log.fields_dropped\":".utf8
            Bytes.append(dropped, to: &line)
        }
        line += "}\n".utf8
        return line
    }

    /// Appends `,"name":value` unless the line would grow too long.
    private static func append(_ name: String, _ value: LogValue, to line: inout [UInt8]) -> Bool {
        let start = line.count
        line.append(UInt8(ascii: ","))
        string(Bytes.prefix(of: name, maximum: maximumNameBytes), into: &line)
        line.append(UInt8(ascii: ":"))
        switch value {
        case .text(let text): string(cut(text), into: &line)
        case .integer(let integer): Bytes.append(integer, to: &line)
        case .number(let number) where number.isFinite: line += Page.text(number).utf8
        case .number(let number): string(Page.text(number)[...], into: &line)
        case .flag(let flag): line += (flag ? "true" : "false").utf8
        }
        guard line.count > maximumBytes - reservedBytes else { return true }
        line.removeSubrange(start...)
        return false
    }

    private static func cut(_ text: String) -> Substring {
        guard text.utf8.count > maximumValueBytes else { return text[...] }
        let ellipsis = "\u{2026}"
        return Bytes.prefix(of: text, maximum: maximumValueBytes - ellipsis.utf8.count) + ellipsis
    }

    /// Appends a JSON string.
    ///
    /// Beyond what JSON demands, escapes DEL, the C1 controls (with U+0085) and the line separators U+2028 and U+2029,
    /// which terminals obey and some readers take for the end of the line; and the marks that turn the direction of
    /// writing or show nothing, so that what a person sees is what is there.
    private static func string(_ text: Substring, into line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": line += "\\\"".utf8
            case "\\": line += "\\\\".utf8
            case "\n": line += "\\n".utf8
            case "\r": line += "\\r".utf8
            case "\t": line += "\\t".utf8
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FEFF}":
                line += "\\u".utf8
                for shift in [12, 8, 4, 0] { line.append(hexDigits[Int(scalar.value >> UInt32(shift)) & 15]) }
            default:
                line += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
