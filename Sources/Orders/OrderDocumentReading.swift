import OrderEvents

/// A document of the store that is not what `writeDocument` wrote: the row was changed by hand, or by a newer version.
public struct OrderDocumentError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where and why, without the document's content.
    public var description: String
}

extension Order {
    /// Reads what `writeDocument` wrote.
    ///
    /// Members that this version does not know are passed over.
    ///
    /// `bytes` is the document; revision and version are the row's columns.
    public init(document bytes: [UInt8], revision: Int64, version: Int64) throws(OrderDocumentError) {
        self.init()
        self.revision = revision
        self.version = version
        var reader = DocumentReader(bytes: bytes)
        var order = self
        do throws(JSONError) {
            try reader.object { (reader, key) throws(JSONError) in try order.read(key, &reader) }
            try reader.end()
        } catch {
            throw OrderDocumentError(description: "the order's document cannot be read: \(error.description)")
        }
        if let word = reader.unknownWord {
            throw OrderDocumentError(description: "the order's document has a \(word) that this version does not know")
        }
        order.completeTermsTimes()
        self = order
    }

    private mutating func read(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "path":
            path = CanonicalState(name: try reader.text())
            if path == nil || path == .onHold { reader.unknownWord = "path" }
        case "reached":
            var times = reached
            try reader.object { (reader, name) throws(JSONError) in
                let time = try reader.integer()
                if let state = CanonicalState(name: name) { times[Int(state.rawValue)] = time }
            }
            reached = times
        case "milestones":
            var times = [Int64](repeating: 0, count: 8)
            try reader.object { (reader, name) throws(JSONError) in
                let time = try reader.integer()
                if let milestone = Milestone(name: name) { times[Int(milestone.rawValue)] = time }
            }
            milestones = times
        case "channels": channels = try reader.array { (r) throws(JSONError) in try r.channel() }
        case "holds": holds = try reader.array { (r) throws(JSONError) in try r.hold() }
        case "lines": lines = try reader.array { (r) throws(JSONError) in try r.line() }
        case "left": leftAt = try reader.time()
        case "lines_at": linesAt = Timestamp(microseconds: try reader.integer())
        case "warehouses": warehouses = try reader.array { (r) throws(JSONError) in try r.text() }
        case "parked": parked = Int32(clamping: max(0, try reader.integer()))
        case "open":
            open = try reader.array { (r) throws(JSONError) in ExceptionCode(rawValue: try r.text()) }
                .compactMap { $0 }
        default: try readFacts(key, &reader)
        }
    }

    /// What is told about the order as a whole, with times where they are not the time of the lines.
    private mutating func readTerms(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "currency": currency = try reader.text()
        case "currency_at": termsAt.currency = try reader.time()
        case "total": total = try reader.decimal()
        case "total_at": termsAt.total = try reader.time()
        case "customer": customerRef = try reader.text()
        case "customer_at": termsAt.customer = try reader.time()
        case "customer_name": customerName = try reader.text()
        case "customer_name_at": termsAt.customerName = try reader.time()
        default: try reader.skip()
        }
    }

    private mutating func completeTermsTimes() {
        let never = Timestamp(microseconds: 0)
        if !currency.isEmpty, termsAt.currency == never { termsAt.currency = linesAt }
        if total != nil, termsAt.total == never { termsAt.total = linesAt }
        if !customerRef.isEmpty, termsAt.customer == never { termsAt.customer = linesAt }
        if !customerName.isEmpty, termsAt.customerName == never { termsAt.customerName = linesAt }
    }

    private mutating func readFacts(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "names":
            names = try reader.array { (r) throws(JSONError) in try r.otherName() }.compactMap { $0 }
        case "shipments": shipments = try reader.array { (r) throws(JSONError) in try r.document() }
        case "invoices": invoices = try reader.array { (r) throws(JSONError) in try r.document() }
        case "payments": payments = try reader.array { (r) throws(JSONError) in try r.payment() }
        case "allocation": allocation = try reader.totals()
        case "cancellation": cancellation = try reader.totals()
        default: try readTerms(key, &reader)
        }
    }
}

/// Walks a document member by member.
struct DocumentReader {
    let bytes: [UInt8]
    private var reader = JSONReader()
    /// Where a word stands that this version does not know and must not guess.
    var unknownWord: String?

    init(bytes: [UInt8]) { self.bytes = bytes }

    // `let bytes = bytes`: a span of the property itself would lend the whole of `self` while its reader changes.

    mutating func end() throws(JSONError) {
        let bytes = bytes
        try reader.endDocument(bytes.span)
    }

    mutating func skip() throws(JSONError) {
        let bytes = bytes
        try reader.skipValue(bytes.span)
    }

    mutating func object(_ body: (inout DocumentReader, String) throws(JSONError) -> Void) throws(JSONError) {
        let bytes = bytes
        var object = try reader.beginObject(bytes.span)
        while let key = try reader.nextKey(&object, bytes.span) {
            try body(&self, String(decoding: bytes[key.start..<key.start + key.count], as: UTF8.self))
        }
    }

    mutating func array<Element>(
        _ body: (inout DocumentReader) throws(JSONError) -> Element
    ) throws(JSONError) -> [Element] {
        let bytes = bytes
        var array = try reader.beginArray(bytes.span)
        var elements: [Element] = []
        while try reader.nextElement(&array, bytes.span) { elements.append(try body(&self)) }
        return elements
    }

    mutating func text() throws(JSONError) -> String {
        let bytes = bytes
        let text = try reader.string(bytes.span)
        guard text.hasEscapes else {
            return String(decoding: bytes[text.start..<text.start + text.count], as: UTF8.self)
        }
        var unescaped: [UInt8] = []
        text.append(to: &unescaped, from: bytes.span)
        return String(decoding: unescaped, as: UTF8.self)
    }

    mutating func integer() throws(JSONError) -> Int64 {
        let bytes = bytes
        let number = try reader.number(bytes.span)
        var value: Int64 = 0
        let isNegative = bytes[number.start] == 0x2D
        // Built downwards: only so the lowest number has room.
        for byte in bytes[(number.start + (isNegative ? 1 : 0))..<number.start + number.count] {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            guard !overflowed, byte >= 0x30, byte <= 0x39 else { throw JSONError(.invalidNumber, at: number.start) }
            let (sum, sumOverflowed) = product.subtractingReportingOverflow(Int64(byte - 0x30))
            guard !sumOverflowed else { throw JSONError(.invalidNumber, at: number.start) }
            value = sum
        }
        guard isNegative || value != Int64.min else { throw JSONError(.invalidNumber, at: number.start) }
        return isNegative ? value : -value
    }

    mutating func decimal() throws(JSONError) -> ExactDecimal {
        let bytes = bytes
        let text = try reader.string(bytes.span)
        guard
            let value = ExactDecimal(ascii: bytes.span.extracting(text.start..<text.start + text.count))
        else { throw JSONError(.invalidNumber, at: text.start) }
        return value
    }

    mutating func time() throws(JSONError) -> Timestamp { Timestamp(microseconds: try integer()) }

    mutating func channel() throws(JSONError) -> Order.ChannelProgress {
        var value = Order.ChannelProgress(channel: "", lastAt: Timestamp(microseconds: 0))
        try object { (r, key) throws(JSONError) in
            switch key {
            case "channel": value.channel = try r.text()
            case "next": value.nextSequence = try r.integer()
            case "at": value.lastAt = try r.time()
            case "word": value.lastWord = try r.text()
            case "parked": value.highestParked = try r.integer()
            case "skipped": value.skipped = try r.array { (r) throws(JSONError) in try r.range() }
            case "released": value.releasedAt = try r.time()
            default: try r.skip()
            }
        }
        return value
    }

    private mutating func range() throws(JSONError) -> Order.NumberRange {
        let numbers = try array { (r) throws(JSONError) in try r.integer() }
        guard numbers.count == 2, numbers[0] <= numbers[1] else {
            unknownWord = "range of numbers"
            return Order.NumberRange(first: 0, last: 0)
        }
        return Order.NumberRange(first: numbers[0], last: numbers[1])
    }

    mutating func hold() throws(JSONError) -> Order.Hold {
        var value = Order.Hold(reason: "", channel: "", since: Timestamp(microseconds: 0), endedAt: nil)
        try object { (r, key) throws(JSONError) in
            switch key {
            case "reason": value.reason = try r.text()
            case "channel": value.channel = try r.text()
            case "since": value.since = try r.time()
            case "ended": value.endedAt = try r.time()
            case "retold": value.retoldAt = try r.time()
            case "unmatched": value.isUnmatched = try r.integer() != 0
            default: try r.skip()
            }
        }
        return value
    }

    mutating func line() throws(JSONError) -> Order.Line {
        var value = Order.Line(line: "", sku: "", quantity: nil, unitPrice: nil, tax: "")
        try object { (r, key) throws(JSONError) in
            switch key {
            case "line": value.line = try r.text()
            case "sku": value.sku = try r.text()
            case "quantity": value.quantity = try r.decimal()
            case "price": value.unitPrice = try r.decimal()
            case "tax": value.tax = try r.text()
            default: try r.skip()
            }
        }
        return value
    }

    mutating func otherName() throws(JSONError) -> Order.OtherName? {
        var kind: ReferenceKind?
        var issuer = ""
        var number = ""
        try object { (r, key) throws(JSONError) in
            switch key {
            case "kind": kind = ReferenceKind(name: try r.text())
            case "issuer": issuer = try r.text()
            case "value": number = try r.text()
            default: try r.skip()
            }
        }
        return kind.map { Order.OtherName(kind: $0, issuer: issuer, value: number) }
    }

    mutating func amount() throws(JSONError) -> Order.LineAmount? {
        var quantity: ExactDecimal?
        var line = ""
        var sku = ""
        var backordered: ExactDecimal?
        var expected = ""
        try object { (r, key) throws(JSONError) in
            switch key {
            case "line": line = try r.text()
            case "sku": sku = try r.text()
            case "quantity": quantity = try r.decimal()
            case "backordered": backordered = try r.decimal()
            case "expected": expected = try r.text()
            default: try r.skip()
            }
        }
        return quantity.map {
            Order.LineAmount(line: line, sku: sku, quantity: $0, backordered: backordered, expected: expected)
        }
    }

    mutating func document() throws(JSONError) -> Order.Document {
        var value = Order.Document(ref: "", carrier: "", tracking: "", lines: [], at: Timestamp(microseconds: 0))
        try object { (r, key) throws(JSONError) in
            switch key {
            case "ref": value.ref = try r.text()
            case "carrier": value.carrier = try r.text()
            case "tracking": value.tracking = try r.text()
            case "at": value.at = try r.time()
            case "lines": value.lines = try r.array { (r) throws(JSONError) in try r.amount() }.compactMap { $0 }
            default: try r.skip()
            }
        }
        return value
    }

    mutating func totals() throws(JSONError) -> Order.Totals {
        var value = Order.Totals(lines: [], reason: "", at: Timestamp(microseconds: 0))
        try object { (r, key) throws(JSONError) in
            switch key {
            case "reason": value.reason = try r.text()
            case "at": value.at = try r.time()
            case "lines": value.lines = try r.array { (r) throws(JSONError) in try r.amount() }.compactMap { $0 }
            default: try r.skip()
            }
        }
        return value
    }

    mutating func payment() throws(JSONError) -> Order.Payment {
        var value = Order.Payment(ref: "", status: .authorized, amount: nil, at: Timestamp(microseconds: 0))
        try object { (r, key) throws(JSONError) in
            switch key {
            case "ref": value.ref = try r.text()
            case "status":
                let name = try r.text()
                if let status = PaymentStatus.allCases.first(where: { $0.name == name }) {
                    value.status = status
                } else {
                    r.unknownWord = "payment status"
                }
            case "amount": value.amount = try r.decimal()
            case "at": value.at = try r.time()
            default: try r.skip()
            }
        }
        return value
    }
}
