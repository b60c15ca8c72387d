import OrderEvents

// The order as the JSON text that the store keeps. Absent members have their empty value, so that the usual document is
// short: it is written again with every change of the order. Times are microseconds since 1970.

extension Order {
    /// Appends the document to `out`.
    ///
    /// What is a column of its own (revision, version, state) is not in it.
    public func writeDocument(to out: inout [UInt8]) {
        var writer = DocumentWriter()
        swap(&writer.bytes, &out)
        writer.open("{")
        if let path { writer.member("path", path.name) }
        writeTimes(&writer)
        writeProgress(&writer)
        writeOrder(&writer)
        writeFacts(&writer)
        if parked > 0 { writer.member("parked", Int64(parked)) }
        if !open.isEmpty {
            writer.array("open", open) { writer, code in writer.value(code.rawValue) }
        }
        writer.close("}")
        swap(&writer.bytes, &out)
    }

    private func writeTimes(_ writer: inout DocumentWriter) {
        writer.key("reached")
        writer.open("{")
        for state in CanonicalState.allCases where reached[Int(state.rawValue)] != 0 {
            writer.member(state.name, reached[Int(state.rawValue)])
        }
        writer.close("}")
        if let leftAt { writer.member("left", leftAt.microseconds) }
        guard !milestones.isEmpty else { return }
        writer.key("milestones")
        writer.open("{")
        for milestone in Milestone.allCases where milestones[Int(milestone.rawValue)] != 0 {
            writer.member(milestone.name, milestones[Int(milestone.rawValue)])
        }
        writer.close("}")
    }

    private func writeProgress(_ writer: inout DocumentWriter) {
        writer.array("channels", channels) { writer, channel in
            writer.open("{")
            writer.member("channel", channel.channel)
            if channel.nextSequence != 0 { writer.member("next", channel.nextSequence) }
            writer.member("at", channel.lastAt.microseconds)
            writer.member("word", channel.lastWord)
            if channel.highestParked != 0 { writer.member("parked", channel.highestParked) }
            writer.array("skipped", channel.skipped) { writer, range in
                writer.open("[")
                writer.number(range.first)
                writer.number(range.last)
                writer.close("]")
            }
            if let released = channel.releasedAt { writer.member("released", released.microseconds) }
            writer.close("}")
        }
        writer.array("holds", holds) { writer, hold in
            writer.open("{")
            writer.member("reason", hold.reason)
            writer.member("channel", hold.channel)
            writer.member("since", hold.since.microseconds)
            if let ended = hold.endedAt { writer.member("ended", ended.microseconds) }
            if let retold = hold.retoldAt { writer.member("retold", retold.microseconds) }
            if hold.isUnmatched { writer.member("unmatched", 1) }
            writer.close("}")
        }
    }

    private func writeOrder(_ writer: inout DocumentWriter) {
        writer.array("lines", lines) { writer, line in
            writer.open("{")
            writer.member("line", line.line)
            writer.member("sku", line.sku)
            writer.member("quantity", line.quantity)
            writer.member("price", line.unitPrice)
            writer.member("tax", line.tax)
            writer.close("}")
        }
        if linesAt.microseconds != 0 { writer.member("lines_at", linesAt.microseconds) }
        writer.member("currency", currency)
        writer.member("total", total)
        writer.member("customer", customerRef)
        writer.member("customer_name", customerName)
        // Usually told together with the lines: then their time is not repeated.
        if !currency.isEmpty, termsAt.currency != linesAt {
            writer.member("currency_at", termsAt.currency.microseconds)
        }
        if total != nil, termsAt.total != linesAt { writer.member("total_at", termsAt.total.microseconds) }
        if !customerRef.isEmpty, termsAt.customer != linesAt {
            writer.member("customer_at", termsAt.customer.microseconds)
        }
        if !customerName.isEmpty, termsAt.customerName != linesAt {
            writer.member("customer_name_at", termsAt.customerName.microseconds)
        }
        writer.array("warehouses", warehouses) { writer, code in writer.value(code) }
        writer.array("names", names) { writer, name in
            writer.open("{")
            writer.member("kind", name.kind.name)
            writer.member("issuer", name.issuer)
            writer.member("value", name.value)
            writer.close("}")
        }
    }

    private func writeFacts(_ writer: inout DocumentWriter) {
        writer.array("shipments", shipments) { writer, shipment in writer.document(shipment) }
        writer.array("invoices", invoices) { writer, invoice in writer.document(invoice) }
        writer.array("payments", payments) { writer, payment in
            writer.open("{")
            writer.member("ref", payment.ref)
            writer.member("status", payment.status.name)
            writer.member("amount", payment.amount)
            writer.member("at", payment.at.microseconds)
            writer.close("}")
        }
        if let allocation { writer.totals("allocation", allocation) }
        if let cancellation { writer.totals("cancellation", cancellation) }
    }
}

/// Writes JSON members; leaves empty ones out.
struct DocumentWriter {
    var bytes: [UInt8] = []
    private var needsComma = false

    private mutating func separate() {
        if needsComma { bytes.append(0x2C) }
        needsComma = false
    }

    mutating func open(_ bracket: Unicode.Scalar) {
        separate()
        bytes.append(UInt8(truncatingIfNeeded: bracket.value))
    }

    mutating func close(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(truncatingIfNeeded: bracket.value))
        needsComma = true
    }

    mutating func key(_ name: String) {
        separate()
        bytes.append(0x22)
        bytes.append(contentsOf: name.utf8)
        bytes.append(0x22)
        bytes.append(0x3A)
    }

    mutating func value(_ text: String) {
        separate()
        bytes.append(0x22)
        for byte in text.utf8 {
            if byte >= 0x20, byte != 0x22, byte != 0x5C {
                bytes.append(byte)
            } else {
                escape(byte)
            }
        }
        bytes.append(0x22)
        needsComma = true
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x22, 0x5C: bytes.append(contentsOf: [0x5C, byte])
        default:
            bytes.append(contentsOf: "\\u00".utf8)
            let hex = Array("0123456789abcdef".utf8)
            bytes.append(hex[Int(byte >> 4)])
            bytes.append(hex[Int(byte & 15)])
        }
    }

    mutating func number(_ value: Int64) {
        separate()
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var count = 0
        var rest = value.magnitude
        repeat {
            digits[count] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            count += 1
        } while rest > 0
        if value < 0 { bytes.append(0x2D) }
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
        needsComma = true
    }

    mutating func member(_ name: String, _ text: String) {
        guard !text.isEmpty else { return }
        key(name)
        value(text)
    }

    mutating func member(_ name: String, _ value: Int64) {
        key(name)
        number(value)
    }

    mutating func member(_ name: String, _ value: ExactDecimal?) {
        guard let value else { return }
        key(name)
        self.value(value.description)
    }

    mutating func array<Element>(
        _ name: String, _ elements: [Element], _ body: (inout DocumentWriter, Element) -> Void
    ) {
        guard !elements.isEmpty else { return }
        key(name)
        open("[")
        for element in elements { body(&self, element) }
        close("]")
    }

    mutating func amounts(_ lines: [Order.LineAmount]) {
        array("lines", lines) { writer, line in
            writer.open("{")
            writer.member("line", line.line)
            writer.member("sku", line.sku)
            writer.member("quantity", line.quantity)
            writer.member("backordered", line.backordered)
            writer.member("expected", line.expected)
            writer.close("}")
        }
    }

    mutating func document(_ document: Order.Document) {
        open("{")
        member("ref", document.ref)
        member("carrier", document.carrier)
        member("tracking", document.tracking)
        member("at", document.at.microseconds)
        amounts(document.lines)
        close("}")
    }

    mutating func totals(_ name: String, _ totals: Order.Totals) {
        key(name)
        open("{")
        member("reason", totals.reason)
        member("at", totals.at.microseconds)
        amounts(totals.lines)
        close("}")
    }
}
