import OrderEvents

// What can be told of an order by itself: required fields, currency, quantities, sums, tax codes. Money is added up
// exactly; nothing passes through floating point.

extension Order {
    /// What is wrong with the order by itself; empty: nothing, or nobody has told its lines yet.
    public func offlineFindings(_ rules: ValidationRules) -> [ValidationFinding] {
        guard !lines.isEmpty else { return [] }
        var notes = LineNotes()
        checkTerms(rules, &notes)
        checkLines(rules, &notes)
        checkSums(rules, &notes)
        return notes.findings
    }

    private func checkTerms(_ rules: ValidationRules, _ notes: inout LineNotes) {
        if currency.isEmpty {
            if total != nil || lines.contains(where: { $0.unitPrice != nil }) {
                notes.add(.invalidOrder, "the amounts have no currency")
            }
        } else if !Self.isCurrency(currency) {
            notes.add(.invalidOrder, "the currency is no ISO 4217 code")
        }
        if let total, total.isNegative { notes.add(.invalidOrder, "the total is negative") }
        if rules.check.contains(.customer), customerRef.isEmpty {
            notes.add(.unknownCustomer, "the order names no customer")
        }
    }

    private func checkLines(_ rules: ValidationRules, _ notes: inout LineNotes) {
        // Usually few lines, for which a set costs more than it spares.
        var numbers: Set<String> = []
        let isShort = lines.count <= 8
        let isPriced = lines.contains { $0.unitPrice != nil }
        for (index, line) in lines.enumerated() {
            let isUsed =
                isShort ? lines[..<index].contains { $0.line == line.line } : !numbers.insert(line.line).inserted
            if isUsed { notes.add(.invalidOrder, "number used twice", line) }
            if line.sku.isEmpty { notes.add(.invalidOrder, "no article", line) }
            if let quantity = line.quantity {
                if quantity.isNegative || quantity.isZero { notes.add(.invalidOrder, "quantity not above zero", line) }
            } else {
                notes.add(.invalidOrder, "no quantity", line)
            }
            // Odoo would take no price for a price of zero.
            if isPriced, line.unitPrice == nil { notes.add(.invalidOrder, "no price, where others have one", line) }
            if let taxes = rules.taxes, !line.tax.isEmpty, taxes[line.tax] == nil {
                notes.add(.unknownTax, "tax code that is not configured", line, line.tax)
            }
        }
    }

    /// Holds the total against quantity × price of all lines.
    ///
    /// A total may be told with or without taxes: where lines name taxes, what the taxes come to may be on top of it. A
    /// tax's rate is the percentage in its name in the destination (`19% S`), a part of a hundredth of rounding a line
    /// included; where a name has none, anything up to the double may be tax.
    private func checkSums(_ rules: ValidationRules, _ notes: inout LineNotes) {
        guard let total, !total.isNegative else { return }
        var net = Amount.zero
        var tax = Amount.zero
        var isTaxed = false
        var areRatesKnown = true
        for line in lines {
            // What lacks something has a finding of its own.
            guard let quantity = line.quantity, let price = line.unitPrice else { return }
            let amount = Amount(quantity) * price
            net += amount
            guard !line.tax.isEmpty else { continue }
            isTaxed = true
            if let rate = taxName(line, rules).flatMap(Self.rate(inName:)) {
                tax += amount * rate
            } else {
                areRatesKnown = false
            }
        }
        guard let told = Amount(total).value, let lowest = net.value, let taxes = (tax / 100).value,
            let tolerance = Amount(rules.priceTolerance).value
        else { return notes.add(.invalidOrder, "the amounts are too large to be added up") }
        if (told - lowest).magnitude <= tolerance.magnitude { return }
        if isTaxed {
            let rounding = tolerance + Amount.halfHundredth * Int128(lines.count)
            if areRatesKnown, (told - lowest - taxes).magnitude <= rounding.magnitude { return }
            // More than double prices is no tax.
            if !areRatesKnown, told > lowest, told - lowest <= lowest { return }
        }
        notes.add(.priceMismatch, "the total differs from what the lines come to")
    }

    private static func isCurrency(_ code: String) -> Bool {
        code.utf8.count == 3 && code.utf8.allSatisfy { (0x41...0x5A).contains($0) }
    }

    /// The percentage that a tax's name gives: `19% S`, `USt. 7,5 %`.
    static func rate(inName name: String) -> ExactDecimal? {
        var digits: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39: digits.append(byte)
            case 0x2E where !digits.isEmpty, 0x2C where !digits.isEmpty: digits.append(0x2E)
            case 0x25 where !digits.isEmpty: return ExactDecimal(ascii: digits.span)
            case 0x20 where !digits.isEmpty: break
            default: digits.removeAll()
            }
        }
        return nil
    }
}

/// Money at 18 places: what a quantity times a price needs.
///
/// nil once something did not fit.
private struct Amount {
    static let zero = Amount(value: 0)
    /// 0.005: what rounding to a hundredth may change.
    static let halfHundredth: Int128 = 5_000_000_000_000_000

    var value: Int128?

    private init(value: Int128?) { self.value = value }

    /// Fits always: 18 digits and 18 places.
    init(_ number: ExactDecimal) {
        // 10^9 at once, and what the scale leaves of the other nine places.
        var factor: Int128 = 1_000_000_000
        for _ in number.scale..<9 { factor *= 10 }
        value = Int128(number.mantissa) * factor
    }

    /// Largest amount, at 18 places: sums and differences of two such fit.
    private static let bound: Int128 = 10_000_000_000_000_000_000_000_000_000_000_000_000

    private static func bounded(_ value: Int128) -> Amount {
        Amount(value: value.magnitude <= bound.magnitude ? value : nil)
    }

    static func += (a: inout Amount, b: Amount) {
        guard let x = a.value, let y = b.value else { return a.value = nil }
        a = bounded(x + y)
    }

    /// Exact for a quantity times a price, because the zeros that the places added are taken off first.
    static func * (a: Amount, b: ExactDecimal) -> Amount {
        guard var value = a.value else { return a }
        var left = Int(b.scale)
        while left > 0, value % 10 == 0 {
            value /= 10
            left -= 1
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: Int128(b.mantissa))
        guard !overflow else { return Amount(value: nil) }
        var rest = product
        for _ in 0..<left { rest /= 10 }
        return bounded(rest)
    }

    static func / (a: Amount, b: Int128) -> Amount { Amount(value: a.value.map { $0 / b }) }
}

/// Gathers reasons: one finding for each kind of fault, with the lines that have it.
struct LineNotes {
    /// Lines that one finding names; of the others it gives the number.
    static let namedLines = 20

    private var texts: [(code: ExceptionCode, text: String, lines: [String], count: Int)] = []

    /// A fault of the order as a whole.
    mutating func add(_ code: ExceptionCode, _ text: String) {
        texts.append((code, text, [], 0))
    }

    /// A fault of a line; `what` is the article or code that has it.
    mutating func add(_ code: ExceptionCode, _ text: String, _ line: Order.Line, _ what: String = "") {
        let name = Self.safe(line.line) + (what.isEmpty ? "" : " (\(Self.safe(what)))")
        let known = texts.firstIndex { $0.code == code && $0.text == text }
        if known == nil { texts.append((code, text, [], 0)) }
        let index = known ?? texts.count - 1
        texts[index].count += 1
        if texts[index].lines.count < Self.namedLines { texts[index].lines.append(name) }
    }

    /// `text` for people: printable ASCII, at most 40 bytes.
    static func safe(_ text: String) -> String {
        let kept = text.utf8.prefix(40).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }
        return String(decoding: kept, as: UTF8.self) + (text.utf8.count > 40 ? "..." : "")
    }

    /// One for each kind of fault, in the sequence in which they were met.
    var findings: [ValidationFinding] {
        texts.map { note in
            guard note.count > 0 else { return ValidationFinding(note.code, note.text) }
            let more = note.count > note.lines.count ? " and \(note.count - note.lines.count) more" : ""
            let lines = note.lines.joined(separator: ", ") + more
            return ValidationFinding(note.code, "\(note.count == 1 ? "line" : "lines") \(lines): \(note.text)")
        }
    }
}
