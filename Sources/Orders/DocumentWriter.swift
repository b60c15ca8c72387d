import OrderEvents

/// Writes JSON members; leaves empty ones out.
struct DocumentWriter {
    var bytes: [UInt8] = []
    private var needsComma = false

    // Each piece asks for room once and is then written byte by byte into it: appending single bytes to the array asks
    // every time whether it is alone in having it, and was a third of what a worker did.

    mutating func open(_ bracket: Unicode.Scalar) {
        let comma = separate(next: false)
        bytes.append(addingCapacity: 2) { (out: inout OutputSpan<UInt8>) in
            if comma { out.append(0x2C) }
            out.append(UInt8(truncatingIfNeeded: bracket.value))
        }
    }

    mutating func close(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(truncatingIfNeeded: bracket.value))
        needsComma = true
    }

    mutating func key(_ name: String) {
        let comma = separate(next: false)
        let name = name.utf8
        bytes.append(addingCapacity: name.count + 4) { (out: inout OutputSpan<UInt8>) in
            if comma { out.append(0x2C) }
            out.append(0x22)
            let span = name.span
            for index in span.indices { out.append(span[index]) }
            out.append(0x22)
            out.append(0x3A)
        }
    }

    mutating func value(_ text: String) {
        let comma = separate(next: true)
        let text = text.utf8
        // An escape takes six bytes at most.
        bytes.append(addingCapacity: text.count * 6 + 3) { (out: inout OutputSpan<UInt8>) in
            if comma { out.append(0x2C) }
            out.append(0x22)
            let span = text.span
            for index in span.indices {
                let byte = span[index]
                if byte >= 0x20, byte != 0x22, byte != 0x5C { out.append(byte) } else { Self.escape(byte, &out) }
            }
            out.append(0x22)
        }
    }

    private static func escape(_ byte: UInt8, _ out: inout OutputSpan<UInt8>) {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        out.append(0x5C)
        guard byte < 0x20 else { return out.append(byte) }
        out.append(0x75)
        out.append(0x30)
        out.append(0x30)
        out.append(digit(byte >> 4))
        out.append(digit(byte & 15))
    }

    mutating func number(_ value: Int64) {
        let comma = separate(next: true)
        bytes.append(addingCapacity: 21) { (out: inout OutputSpan<UInt8>) in
            if comma { out.append(0x2C) }
            var digits: InlineArray<20, UInt8> = .init(repeating: 0)
            var count = 0
            var rest = value.magnitude
            repeat {
                digits[count] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
                count += 1
            } while rest > 0
            if value < 0 { out.append(0x2D) }
            while count > 0 {
                count -= 1
                out.append(digits[count])
            }
        }
    }

    /// Whether a comma is due, and whether one is before what comes `next`.
    private mutating func separate(next: Bool) -> Bool {
        defer { needsComma = next }
        return needsComma
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
}
