import OrderEvents

// The parts of a document.

extension DocumentReader {
    mutating func origin() throws(JSONError) -> Origin {
        let numbers = try numbers(1, 4)
        var origin = Origin(at: numbers[0])
        if numbers.count > 1 { origin.channel = Int16(clamping: numbers[1]) }
        if numbers.count > 2 { origin.sequence = numbers[2] }
        if numbers.count > 3 { origin.rank = UInt8(clamping: numbers[3]) }
        return origin
    }

    mutating func word() throws(JSONError) -> Order.ToldWord? {
        let numbers = try numbers(3, 5)
        guard let word = CanonicalState(rawValue: UInt8(clamping: numbers[1])) else {
            unknownWord = "word"
            return nil
        }
        let flags = numbers.count > 4 ? Order.ToldWord.Flags(rawValue: UInt8(clamping: numbers[4])) : .begins
        return Order.ToldWord(
            channel: Int16(clamping: numbers[0]), word: word, first: numbers[2],
            last: numbers.count > 3 ? numbers[3] : numbers[2], flags: flags)
    }

    mutating func mark() throws(JSONError) -> Order.HoldMark {
        var value = Order.HoldMark(at: 0, sequence: 0, channel: 0, isRelease: false, reason: "")
        try object { (r, key) throws(JSONError) in
            switch key {
            case "hold": value.at = try r.integer()
            case "release":
                value.at = try r.integer()
                value.isRelease = true
            case "reason": value.reason = try r.text()
            case "by": value.channel = Int16(clamping: try r.integer())
            case "number": value.sequence = try r.integer()
            case "flags": value.flags = Order.HoldMark.Flags(rawValue: UInt8(clamping: try r.integer()))
            default: try r.skip()
            }
        }
        return value
    }

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
            default: try r.skip()
            }
        }
        return value
    }

    mutating func eventTrace() throws(JSONError) -> Order.EventTrace? {
        var context: TraceContext?
        var version: Int64 = 0
        try object { (r, key) throws(JSONError) in
            switch key {
            case "parent": context = TraceContext(traceparent: Array(try r.text().utf8).span)
            case "version": version = try r.integer()
            default: try r.skip()
            }
        }
        return context.map { Order.EventTrace(context: $0, version: version) }
    }

    private mutating func range() throws(JSONError) -> Order.NumberRange {
        let numbers = try numbers(2, 2)
        guard numbers[0] <= numbers[1] else {
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
            case "violated": value.isViolated = try r.integer() != 0
            default: try r.skip()
            }
        }
        return value
    }

    mutating func claim() throws(JSONError) -> Order.Claim? {
        var kind: Order.Claim.Kind?
        var value = Order.Claim(kind: .terms, channel: 0, at: 0, key: "")
        try object { (r, key) throws(JSONError) in
            switch key {
            case "kind": kind = Order.Claim.Kind(rawValue: try r.text())
            case "key": value.key = try r.text()
            case "at": value.at = try r.integer()
            case "by": value.channel = Int16(clamping: try r.integer())
            default: try r.skip()
            }
        }
        guard let kind else {
            unknownWord = "claim"
            return nil
        }
        value.kind = kind
        return value
    }

    mutating func warehouse() throws(JSONError) -> Order.Warehouse {
        var value = Order.Warehouse(code: "", since: 0)
        try object { (r, key) throws(JSONError) in
            switch key {
            case "code": value.code = try r.text()
            case "since": value.since = try r.integer()
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

    mutating func amounts() throws(JSONError) -> [Order.LineAmount] {
        try array { (r) throws(JSONError) in
            var line = ""
            var sku = ""
            var quantity: ExactDecimal?
            try r.object { (r, key) throws(JSONError) in
                switch key {
                case "line": line = try r.text()
                case "sku": sku = try r.text()
                case "quantity": quantity = try r.decimal()
                default: try r.skip()
                }
            }
            return quantity.map { Order.LineAmount(line: line, sku: sku, quantity: $0) }
        }.compactMap { $0 }
    }

    mutating func shipment() throws(JSONError) -> Order.Shipment {
        var value = Order.Shipment(ref: "", at: Timestamp(microseconds: 0))
        var carrier: Origin?
        var tracking: Origin?
        var warehouse: Origin?
        try object { (r, key) throws(JSONError) in
            switch key {
            case "ref": value.ref = try r.text()
            case "by_tracking": value.isByTracking = try r.integer() != 0
            case "carrier": value.carrier = try r.text()
            case "tracking": value.tracking = try r.text()
            case "warehouse": value.warehouse = try r.text()
            case "at": value.at = try r.time()
            case "lines": value.lines = try r.amounts()
            case "lines_by": value.by.lines = try r.origin()
            case "carrier_by": carrier = try r.origin()
            case "tracking_by": tracking = try r.origin()
            case "warehouse_by": warehouse = try r.origin()
            default: try r.skip()
            }
        }
        value.by.carrier = carrier ?? value.by.lines
        value.by.tracking = tracking ?? value.by.lines
        value.by.warehouse = warehouse ?? value.by.lines
        return value
    }

    mutating func invoice() throws(JSONError) -> Order.Invoice {
        var value = Order.Invoice(ref: "", at: Timestamp(microseconds: 0))
        try object { (r, key) throws(JSONError) in
            switch key {
            case "ref": value.ref = try r.text()
            case "at": value.at = try r.time()
            case "lines": value.lines = try r.amounts()
            case "lines_by": value.linesBy = try r.origin()
            default: try r.skip()
            }
        }
        return value
    }

    mutating func payment() throws(JSONError) -> Order.Payment {
        var value = Order.Payment(ref: "", status: .authorized, amount: nil)
        var amountBy: Origin?
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
            case "by": value.statusBy = try r.origin()
            case "amount_by": amountBy = try r.origin()
            default: try r.skip()
            }
        }
        value.amountBy = amountBy ?? value.statusBy
        return value
    }

    mutating func allocation() throws(JSONError) -> Order.Allocation? {
        var value = Order.Allocation(warehouse: "", line: "", sku: "", quantity: .zero, backordered: nil, expected: "")
        var quantity: ExactDecimal?
        try object { (r, key) throws(JSONError) in
            switch key {
            case "warehouse": value.warehouse = try r.text()
            case "line": value.line = try r.text()
            case "sku": value.sku = try r.text()
            case "quantity": quantity = try r.decimal()
            case "backordered": value.backordered = try r.decimal()
            case "expected": value.expected = try r.text()
            case "by": value.by = try r.origin()
            default: try r.skip()
            }
        }
        guard let quantity else { return nil }
        value.quantity = quantity
        return value
    }

    mutating func cancellation() throws(JSONError) -> Order.Cancellation? {
        var value = Order.Cancellation(line: "", sku: "", quantity: .zero, reason: "")
        var quantity: ExactDecimal?
        try object { (r, key) throws(JSONError) in
            switch key {
            case "line": value.line = try r.text()
            case "sku": value.sku = try r.text()
            case "quantity": quantity = try r.decimal()
            case "reason": value.reason = try r.text()
            case "by": value.by = try r.origin()
            default: try r.skip()
            }
        }
        guard let quantity else { return nil }
        value.quantity = quantity
        return value
    }
}
