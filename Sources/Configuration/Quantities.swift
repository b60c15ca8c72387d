/// Durations and sizes as people write them: a whole number and one unit.
enum Quantities {
    /// Unit names and milliseconds, longest unit last.
    private static let durationUnits: [(String, Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizeUnits: [(String, Int64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("KB", 1_000), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]

    static let durationFault = "must be a duration such as \"5ms\", \"30s\", \"15m\", \"2h\" or \"30d\""
    static let sizeFault = "must be a size such as \"64MiB\", \"1KiB\" or \"1GB\""
    static let durationPattern = "^[0-9]{1,15}(ms|s|m|h|d)$"
    static let sizePattern = "^[0-9]{1,15}(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)$"

    static func duration(_ text: String) -> Duration? {
        guard let milliseconds = quantity(text, durationUnits) else { return nil }
        return .milliseconds(milliseconds)
    }

    static func size(_ text: String) -> Int? {
        quantity(text, sizeUnits).flatMap(Int.init(exactly:))
    }

    /// `duration` in the largest unit that gives a whole number.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        return text(milliseconds, durationUnits)
    }

    /// `bytes` in the largest unit that gives a whole number.
    static func text(bytes: Int64) -> String { text(bytes, Array(sizeUnits.prefix(5))) }

    private static func text(_ amount: Int64, _ units: [(String, Int64)]) -> String {
        for (name, factor) in units.reversed() where amount != 0 && amount % factor == 0 {
            return "\(amount / factor)\(name)"
        }
        return "\(amount)\(units[0].0)"
    }

    private static func quantity(_ text: String, _ units: [(String, Int64)]) -> Int64? {
        let bytes = Array(text.utf8)
        let digits = bytes.prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        let unit = bytes.dropFirst(digits.count)
        guard let factor = units.first(where: { $0.0.utf8.elementsEqual(unit) })?.1 else { return nil }
        let number = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
