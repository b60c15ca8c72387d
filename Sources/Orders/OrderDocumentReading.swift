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
        var times: [(CanonicalState, Int64)] = []
        do throws(JSONError) {
            try reader.object { (reader, key) throws(JSONError) in
                guard key == "reached" else { return try order.read(key, &reader) }
                try reader.object { (reader, name) throws(JSONError) in
                    let time = try reader.integer()
                    if let state = CanonicalState(name: name) { times.append((state, time)) }
                }
            }
            try reader.end()
        } catch {
            throw OrderDocumentError(description: "the order's document cannot be read: \(error.description)")
        }
        if let fault = order.fault(reader.unknownWord) {
            throw OrderDocumentError(description: "the order's document has a \(fault) that this version does not know")
        }
        order.reached = order.toldTimes
        for (state, time) in times { order.reached[Int(state.rawValue)] = time }
        order.completeTerms()
        self = order
    }

    /// What is wrong with what was read; nil: nothing.
    private func fault(_ unknown: String?) -> String? {
        if let unknown { return unknown }
        let known = 0..<channels.count
        func isKnown(_ channel: Int16) -> Bool { known.contains(Int(channel)) }
        func isKnown(_ origin: Origin) -> Bool { !origin.isTold || isKnown(origin.channel) }
        var origins = [linesBy, termsBy.currency, termsBy.total, termsBy.customer, termsBy.customerName]
        for shipment in toldShipments {
            origins += [shipment.by.carrier, shipment.by.tracking, shipment.by.warehouse, shipment.by.lines]
        }
        origins += invoices.map(\.linesBy) + payments.flatMap { [$0.statusBy, $0.amountBy] }
        origins += allocations.map(\.by) + cancellations.map(\.by)
        let isComplete =
            words.allSatisfy { isKnown($0.channel) && $0.word != .onHold } && marks.allSatisfy { isKnown($0.channel) }
            && claims.allSatisfy { isKnown($0.channel) } && origins.allSatisfy(isKnown)
        return isComplete ? nil : "channel"
    }

    private mutating func read(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "path":
            path = CanonicalState(name: try reader.text())
            if path == nil || path == .onHold { reader.unknownWord = "path" }
        case "milestones":
            var times = milestones
            try reader.object { (reader, name) throws(JSONError) in
                let time = try reader.integer()
                if let milestone = Milestone(name: name) { times[Int(milestone.rawValue)] = time }
            }
            milestones = times
        case "channels": channels = try reader.array { (r) throws(JSONError) in try r.channel() }
        case "words": words = try reader.array { (r) throws(JSONError) in try r.word() }.compactMap { $0 }
        case "marks": marks = try reader.array { (r) throws(JSONError) in try r.mark() }
        case "holds": holds = try reader.array { (r) throws(JSONError) in try r.hold() }
        case "claims": claims = try reader.array { (r) throws(JSONError) in try r.claim() }.compactMap { $0 }
        case "trace": trace = try reader.eventTrace()
        case "parked": parked = Int32(clamping: max(0, try reader.integer()))
        case "validation": validation = try reader.validation()
        case "open":
            open = try reader.array { (r) throws(JSONError) in ExceptionCode(rawValue: try r.text()) }
                .compactMap { $0 }
        default: try readOrder(key, &reader)
        }
    }

    /// What is told about the order as a whole.
    private mutating func readOrder(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "lines": lines = try reader.array { (r) throws(JSONError) in try r.line() }
        case "lines_by": linesBy = try reader.origin()
        case "currency": currency = try reader.text()
        case "currency_by": termsBy.currency = try reader.origin()
        case "total": total = try reader.decimal()
        case "total_by": termsBy.total = try reader.origin()
        case "customer": customerRef = try reader.text()
        case "customer_by": termsBy.customer = try reader.origin()
        case "customer_name": customerName = try reader.text()
        case "customer_name_by": termsBy.customerName = try reader.origin()
        case "warehouses": warehouses = try reader.array { (r) throws(JSONError) in try r.warehouse() }
        case "names":
            names = try reader.array { (r) throws(JSONError) in try r.otherName() }.compactMap { $0 }
        default: try readFacts(key, &reader)
        }
    }

    private mutating func readFacts(_ key: String, _ reader: inout DocumentReader) throws(JSONError) {
        switch key {
        case "shipments": toldShipments = try reader.array { (r) throws(JSONError) in try r.shipment() }
        case "invoices": invoices = try reader.array { (r) throws(JSONError) in try r.invoice() }
        case "payments": payments = try reader.array { (r) throws(JSONError) in try r.payment() }
        case "allocations":
            allocations = try reader.array { (r) throws(JSONError) in try r.allocation() }.compactMap { $0 }
        case "cancellations":
            cancellations = try reader.array { (r) throws(JSONError) in try r.cancellation() }.compactMap { $0 }
        default: try reader.skip()
        }
    }

    /// Who told what is not said again where it is who told the lines.
    private mutating func completeTerms() {
        if !currency.isEmpty, !termsBy.currency.isTold { termsBy.currency = linesBy }
        if total != nil, !termsBy.total.isTold { termsBy.total = linesBy }
        if !customerRef.isEmpty, !termsBy.customer.isTold { termsBy.customer = linesBy }
        if !customerName.isEmpty, !termsBy.customerName.isTold { termsBy.customerName = linesBy }
    }
}
