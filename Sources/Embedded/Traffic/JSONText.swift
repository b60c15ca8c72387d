import OrderEvents

/// Writes JSON as bytes, in the sequence in which it is called.
///
/// What it writes is valid as long as objects and lists are closed as they were opened.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    init() { bytes.reserveCapacity(1024) }

    mutating func beginObject(_ key: StaticString? = nil) { open(key, UInt8(ascii: "{")) }
    mutating func beginList(_ key: StaticString) { open(key, UInt8(ascii: "[")) }
    mutating func endObject() { close(UInt8(ascii: "}")) }
    mutating func endList() { close(UInt8(ascii: "]")) }

    mutating func text(_ key: StaticString, _ value: String) {
        name(key)
        quoted(value)
    }

    mutating func number(_ key: StaticString, _ value: Int) {
        name(key)
        bytes.append(contentsOf: String(value).utf8)
    }

    /// Decimal text of hundredths: 1250 is "12.50".
    mutating func cents(_ key: StaticString, _ value: Int) {
        text(key, "\(value / 100).\(Catalog.padded(value % 100, 2))")
    }

    /// RFC 3339 in UTC with milliseconds.
    mutating func time(_ key: StaticString, _ microseconds: Int64) {
        name(key)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: CalendarText.rfc3339(microseconds: microseconds))
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func open(_ key: StaticString?, _ bracket: UInt8) {
        if let key { name(key) } else { separate() }
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func name(_ key: StaticString) {
        separate()
        quoted(key.description)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func quoted(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Times as events write them.
enum CalendarText {
    /// How long a written time is.
    static let length = 24

    /// `2026-11-23T12:34:56.789Z`; the years 0 to 9999.
    static func rfc3339(microseconds: Int64) -> [UInt8] {
        var text = Array("0000-00-00T00:00:00.000Z".utf8)
        write(microseconds: microseconds, into: &text, at: 0)
        return text
    }

    /// Writes `length` bytes at `at`.
    ///
    /// The date by Hinnant's civil_from_days: days counted in 400-year eras from March.
    static func write(microseconds: Int64, into text: inout [UInt8], at: Int) {
        let milliseconds = Int(microseconds / 1000)
        let (days, inDay) = (milliseconds / 86_400_000, milliseconds % 86_400_000)
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        digits(year, 4, into: &text, at: at)
        digits(month, 2, into: &text, at: at + 5)
        digits(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, 2, into: &text, at: at + 8)
        digits(inDay / 3_600_000, 2, into: &text, at: at + 11)
        digits(inDay / 60_000 % 60, 2, into: &text, at: at + 14)
        digits(inDay / 1000 % 60, 2, into: &text, at: at + 17)
        digits(inDay % 1000, 3, into: &text, at: at + 20)
    }

    /// The last `count` decimal digits of `number`, with leading zeros.
    static func digits(_ number: Int, _ count: Int, into text: inout [UInt8], at: Int) {
        var rest = number
        var index = at + count - 1
        while index >= at {
            text[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            index -= 1
        }
    }
}
