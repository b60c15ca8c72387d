// Time stamps as RFC 3339 writes them: `2026-11-23T12:34:56.789Z`, `2026-11-23T13:34:56+01:00`.
//
// Decisions where the RFC leaves room:
// - `T` and `Z` may be small letters; a space instead of `T` is refused.
// - Digits beyond microseconds are cut off, not rounded, so that no time moves into the next second.
// - A leap second (`:60`, only at 23:59 UTC) becomes the last microsecond of its minute: an event that happened then is
//   real, PostgreSQL and Unix time have no place for it, and cutting keeps it before midnight. Any other `:60` is
//   refused.
// - Times before 1970 and after 9999 (in UTC) are refused: they are mistakes.
// - An offset is at most 23:59; `-00:00` (unknown place, known time) counts as UTC.

extension Timestamp {
    /// Last point that is read or written: 9999-12-31T23:59:59.999999Z.
    public static let maximum = Timestamp(microseconds: 253_402_300_799_999_999)
    /// Longest text that is read.
    public static let maximumTextBytes = 64

    /// Reads an RFC 3339 date and time; nil for anything else.
    ///
    /// See the head of this file for the decisions.
    public init?(rfc3339 text: Span<UInt8>) {
        let count = text.count
        guard count >= 20, count <= Self.maximumTextBytes else { return nil }
        guard let year = Self.number(text, 0, 4), text[4] == 0x2D, let month = Self.number(text, 5, 2),
            text[7] == 0x2D, let day = Self.number(text, 8, 2), text[10] | 0x20 == 0x74,
            let hour = Self.number(text, 11, 2), text[13] == 0x3A, let minute = Self.number(text, 14, 2),
            text[16] == 0x3A, let second = Self.number(text, 17, 2)
        else { return nil }
        guard year >= 1969, month >= 1, month <= 12, day >= 1, day <= Self.days(inMonth: month, of: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if text[index] == 0x2E {
            index &+= 1
            var unit: Int64 = 100_000
            let first = index
            while index < count, text[index] &- 0x30 < 10 {
                fraction &+= Int64(text[index] &- 0x30) &* unit
                unit /= 10
                index &+= 1
            }
            guard index > first else { return nil }
        }
        guard let offset = Self.offsetMinutes(text, index) else { return nil }
        let minutes = Self.daysSinceEpoch(year: year, month: month, day: day) * 1440 + hour * 60 + minute - offset
        var seconds = second
        if second == 60 {
            guard Self.minuteOfDay(minutes) == 1439 else { return nil }
            seconds = 59
            fraction = 999_999
        }
        let microseconds = (Int64(minutes) * 60 + Int64(seconds)) * 1_000_000 + fraction
        guard microseconds >= 0, microseconds <= Self.maximum.microseconds else { return nil }
        self.init(microseconds: microseconds)
    }

    /// Reads an RFC 3339 date and time.
    ///
    /// Copies the text: not for the data path.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        self.init(rfc3339: bytes.span)
    }

    /// Reads digits that count units since 1970, with digits behind a point where they have some; those beyond
    /// microseconds are cut off.
    ///
    /// - Returns: nil for anything else (a minus, an exponent, spaces), and for points after 9999.
    init?(epoch text: Span<UInt8>, unit: Int64) {
        guard text.count > 0, text.count <= Self.maximumTextBytes else { return nil }
        var total: Int64 = 0
        var place = unit
        var digits = 0
        var behindPoint = false
        for index in 0..<text.count {
            let byte = text[index]
            if byte == 0x2E, !behindPoint, digits > 0 {
                behindPoint = true
                digits = 0
                continue
            }
            let digit = Int64(byte &- 0x30)
            guard digit < 10, byte >= 0x30 else { return nil }
            digits += 1
            if behindPoint {
                place /= 10
                total += digit * place
            } else {
                // The bound is far below what 64 bits hold, so neither step overflows.
                total = total * 10 + digit * unit
                guard total <= Self.maximum.microseconds else { return nil }
            }
        }
        guard digits > 0, total <= Self.maximum.microseconds else { return nil }
        self.init(microseconds: total)
    }

    /// The point as RFC 3339 in UTC, with as many places (0, 3 or 6) as it needs.
    ///
    /// Points outside 1970..9999 are written as the nearest end of that range.
    public var rfc3339: String {
        let clamped = min(max(microseconds, 0), Self.maximum.microseconds)
        let date = Self.civil(daysSinceEpoch: Int(clamped / 86_400_000_000))
        let ofDay = Int(clamped % 86_400_000_000)
        let fraction = ofDay % 1_000_000
        let seconds = ofDay / 1_000_000
        var text = Self.padded(date.year, 4) + "-" + Self.padded(date.month, 2) + "-" + Self.padded(date.day, 2) + "T"
        text += Self.padded(seconds / 3600, 2) + ":" + Self.padded(seconds / 60 % 60, 2) + ":"
        text += Self.padded(seconds % 60, 2)
        if fraction % 1000 != 0 {
            text += "." + Self.padded(fraction, 6)
        } else if fraction != 0 {
            text += "." + Self.padded(fraction / 1000, 3)
        }
        return text + "Z"
    }

    /// Whether `text` is a date of the calendar as `YYYY-MM-DD`, 1970..9999.
    static func isDate(_ text: Span<UInt8>) -> Bool {
        guard text.count == 10, text[4] == 0x2D, text[7] == 0x2D, let year = number(text, 0, 4),
            let month = number(text, 5, 2), let day = number(text, 8, 2)
        else { return false }
        return year >= 1970 && (1...12).contains(month) && day >= 1 && day <= days(inMonth: month, of: year)
    }

    /// The `count` digits at `index` as a number; nil when one is no digit.
    ///
    /// The caller has checked the bounds.
    @inline(__always) private static func number(_ text: Span<UInt8>, _ index: Int, _ count: Int) -> Int? {
        var result = 0
        for place in index..<index &+ count {
            let digit = text[place] &- 0x30
            guard digit < 10 else { return nil }
            result = result &* 10 &+ Int(digit)
        }
        return result
    }

    /// The offset at `index`, which has to be the rest of the text, in minutes east of UTC.
    private static func offsetMinutes(_ text: Span<UInt8>, _ index: Int) -> Int? {
        guard index < text.count else { return nil }
        let sign = text[index]
        if sign | 0x20 == 0x7A { return index + 1 == text.count ? 0 : nil }
        guard sign == 0x2B || sign == 0x2D, text.count == index + 6, text[index + 3] == 0x3A,
            let hours = number(text, index + 1, 2), let minutes = number(text, index + 4, 2), hours < 24, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (sign == 0x2D ? -1 : 1)
    }

    private static func minuteOfDay(_ minutes: Int) -> Int { (minutes % 1440 + 1440) % 1440 }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // The calendar is counted from 1 March of year 0, so that the leap day is the last day of a counted year: then a
    // month begins (153 m + 2) / 5 days after 1 March, m months on.

    /// Days from 1970-01-01 to 1 March of year 0, backwards.
    private static let epochFromMarchZero = 719_468

    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let counted = month > 2 ? year : year - 1
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let leapDays = counted / 4 - counted / 100 + counted / 400
        return counted * 365 + leapDays + (153 * monthFromMarch + 2) / 5 + day - 1 - epochFromMarchZero
    }

    private static func civil(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let days = daysSinceEpoch + epochFromMarchZero
        let era = days / 146_097
        let ofEra = days % 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * ofYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, ofYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

extension Timestamp: CustomStringConvertible {
    /// The point as RFC 3339 in UTC.
    public var description: String { rfc3339 }
}
