/// A point in time as date and clock time in UTC, by the proleptic Gregorian calendar and without leap seconds.
struct CivilTime: Equatable {
    private static let millisecondsPerDay: Int64 = 86_400_000
    /// 400 years repeat exactly.
    private static let daysPerEra = 146_097

    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    var millisecond: Int

    /// - Parameter milliseconds: since 1970-01-01T00:00:00Z; held within the years 0 to 9999 that RFC 3339 can write.
    init(milliseconds: Int64) {
        let held = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        var days = Int(held / Self.millisecondsPerDay)
        var rest = Int(held % Self.millisecondsPerDay)
        if rest < 0 {
            days -= 1
            rest += Int(Self.millisecondsPerDay)
        }
        millisecond = rest % 1_000
        second = rest / 1_000 % 60
        minute = rest / 60_000 % 60
        hour = rest / 3_600_000

        // Count from 0000-03-01, so that a leap day is the last day of its year.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - (Self.daysPerEra - 1)) / Self.daysPerEra
        let dayOfEra = shifted - era * Self.daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Appends the time as RFC 3339 with milliseconds: `2026-11-23T12:34:56.789Z`.
    func append(to bytes: inout [UInt8]) {
        for (number, digits, after) in [
            (year, 4, "-"), (month, 2, "-"), (day, 2, "T"), (hour, 2, ":"), (minute, 2, ":"), (second, 2, "."),
            (millisecond, 3, "Z"),
        ] {
            var place = 1
            for _ in 1..<digits { place *= 10 }
            while place > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / place % 10))
                place /= 10
            }
            bytes += after.utf8
        }
    }
}
