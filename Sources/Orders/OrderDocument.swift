import OrderEvents

// The order as the JSON text that the store keeps. Absent members have their empty value, so that the usual document is
// short: it is written again with every change of the order. Times are microseconds since 1970, channels are named by
// their place in `channels`, words and flags by their raw values.

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
        writeTold(&writer)
        writeOrder(&writer)
        writeFacts(&writer)
        writer.validation(validation)
        if let trace {
            writer.key("trace")
            writer.open("{")
            writer.member("parent", trace.context.traceparent)
            writer.member("version", trace.version)
            writer.close("}")
        }
        if parked > 0 { writer.member("parked", Int64(parked)) }
        if !open.isEmpty {
            writer.array("open", open) { writer, code in writer.value(code.rawValue) }
        }
        writer.close("}")
        swap(&writer.bytes, &out)
    }

    /// When each state would have been reached if every word counted: what `reached` usually is.
    var toldTimes: SIMD16<Int64> {
        var times = SIMD16<Int64>(repeating: 0)
        for told in words where !told.flags.contains(.claim) {
            let state = Int(told.word.rawValue)
            if times[state] == 0 || told.first < times[state] { times[state] = told.first }
        }
        return times
    }

    private func writeTimes(_ writer: inout DocumentWriter) {
        let told = toldTimes
        if told != reached {
            writer.key("reached")
            writer.open("{")
            for state in CanonicalState.allCases where reached[Int(state.rawValue)] != told[Int(state.rawValue)] {
                writer.member(state.name, reached[Int(state.rawValue)])
            }
            writer.close("}")
        }
        guard milestones != SIMD8<Int64>(repeating: 0) else { return }
        writer.key("milestones")
        writer.open("{")
        for milestone in Milestone.allCases where milestones[Int(milestone.rawValue)] != 0 {
            writer.member(milestone.name, milestones[Int(milestone.rawValue)])
        }
        writer.close("}")
    }

    private func writeTold(_ writer: inout DocumentWriter) {
        writer.array("channels", channels) { writer, channel in
            writer.open("{")
            writer.member("channel", channel.channel)
            if channel.nextSequence != 0 { writer.member("next", channel.nextSequence) }
            writer.member("at", channel.lastAt.microseconds)
            writer.member("word", channel.lastWord)
            if channel.highestParked != 0 { writer.member("parked", channel.highestParked) }
            writer.array("skipped", channel.skipped) { writer, range in writer.numbers(range.first, range.last) }
            writer.close("}")
        }
        writer.array("words", words) { writer, told in
            writer.open("[")
            writer.number(Int64(told.channel))
            writer.number(Int64(told.word.rawValue))
            writer.number(told.first)
            if told.last != told.first || told.flags != .begins { writer.number(told.last) }
            if told.flags != .begins { writer.number(Int64(told.flags.rawValue)) }
            writer.close("]")
        }
        writer.array("marks", marks) { writer, mark in
            writer.open("{")
            writer.member(mark.isRelease ? "release" : "hold", mark.at)
            writer.member("reason", mark.reason)
            if mark.channel != 0 { writer.member("by", Int64(mark.channel)) }
            if mark.sequence != 0 { writer.member("number", mark.sequence) }
            if !mark.flags.isEmpty { writer.member("flags", Int64(mark.flags.rawValue)) }
            writer.close("}")
        }
        writer.array("holds", holds) { writer, hold in
            writer.open("{")
            writer.member("reason", hold.reason)
            writer.member("channel", hold.channel)
            writer.member("since", hold.since.microseconds)
            if let ended = hold.endedAt { writer.member("ended", ended.microseconds) }
            if hold.isViolated { writer.member("violated", 1) }
            writer.close("}")
        }
        writer.array("claims", claims) { writer, claim in
            writer.open("{")
            writer.member("kind", claim.kind.rawValue)
            writer.member("key", claim.key)
            writer.member("at", claim.at)
            writer.member("by", Int64(claim.channel))
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
        writer.origin("lines_by", linesBy, besides: .none)
        writer.member("currency", currency)
        writer.member("total", total)
        writer.member("customer", customerRef)
        writer.member("customer_name", customerName)
        // Usually told together with the lines: then who told them is not repeated.
        if !currency.isEmpty { writer.origin("currency_by", termsBy.currency, besides: linesBy) }
        if total != nil { writer.origin("total_by", termsBy.total, besides: linesBy) }
        if !customerRef.isEmpty { writer.origin("customer_by", termsBy.customer, besides: linesBy) }
        if !customerName.isEmpty { writer.origin("customer_name_by", termsBy.customerName, besides: linesBy) }
        writer.array("warehouses", warehouses) { writer, warehouse in
            writer.open("{")
            writer.member("code", warehouse.code)
            writer.member("since", warehouse.since)
            writer.close("}")
        }
        writer.array("names", names) { writer, name in
            writer.open("{")
            writer.member("kind", name.kind.name)
            writer.member("issuer", name.issuer)
            writer.member("value", name.value)
            writer.close("}")
        }
    }

    private func writeFacts(_ writer: inout DocumentWriter) {
        writer.array("shipments", toldShipments) { writer, shipment in writer.shipment(shipment) }
        writer.array("invoices", invoices) { writer, invoice in
            writer.open("{")
            writer.member("ref", invoice.ref)
            writer.member("at", invoice.at.microseconds)
            writer.amounts(invoice.lines)
            writer.origin("lines_by", invoice.linesBy, besides: .none)
            writer.close("}")
        }
        writer.array("payments", payments) { writer, payment in
            writer.open("{")
            writer.member("ref", payment.ref)
            writer.member("status", payment.status.name)
            writer.member("amount", payment.amount)
            writer.origin("by", payment.statusBy, besides: .none)
            writer.origin("amount_by", payment.amountBy, besides: payment.statusBy)
            writer.close("}")
        }
        writer.array("allocations", allocations) { writer, told in
            writer.open("{")
            writer.member("warehouse", told.warehouse)
            writer.member("line", told.line)
            writer.member("sku", told.sku)
            writer.member("quantity", told.quantity)
            writer.member("backordered", told.backordered)
            writer.member("expected", told.expected)
            writer.origin("by", told.by, besides: .none)
            writer.close("}")
        }
        writer.array("cancellations", cancellations) { writer, told in
            writer.open("{")
            writer.member("line", told.line)
            writer.member("sku", told.sku)
            writer.member("quantity", told.quantity)
            writer.member("reason", told.reason)
            writer.origin("by", told.by, besides: .none)
            writer.close("}")
        }
    }
}

extension DocumentWriter {
    fileprivate mutating func numbers(_ first: Int64, _ last: Int64) {
        open("[")
        number(first)
        number(last)
        close("]")
    }

    /// Time, channel, number and rank, as far as they are not zero; nothing for who told it `besides`.
    fileprivate mutating func origin(_ name: String, _ origin: Origin, besides usual: Origin) {
        guard origin != usual else { return }
        key(name)
        open("[")
        number(origin.at)
        if origin.channel != 0 || origin.sequence != 0 || origin.rank != 0 { number(Int64(origin.channel)) }
        if origin.sequence != 0 || origin.rank != 0 { number(origin.sequence) }
        if origin.rank != 0 { number(Int64(origin.rank)) }
        close("]")
    }

    fileprivate mutating func amounts(_ lines: [Order.LineAmount]) {
        array("lines", lines) { writer, line in
            writer.open("{")
            writer.member("line", line.line)
            writer.member("sku", line.sku)
            writer.member("quantity", line.quantity)
            writer.close("}")
        }
    }

    fileprivate mutating func shipment(_ shipment: Order.Shipment) {
        open("{")
        member("ref", shipment.ref)
        if shipment.isByTracking { member("by_tracking", 1) }
        member("carrier", shipment.carrier)
        member("tracking", shipment.tracking)
        member("warehouse", shipment.warehouse)
        member("at", shipment.at.microseconds)
        amounts(shipment.lines)
        origin("lines_by", shipment.by.lines, besides: .none)
        origin("carrier_by", shipment.by.carrier, besides: shipment.by.lines)
        origin("tracking_by", shipment.by.tracking, besides: shipment.by.lines)
        origin("warehouse_by", shipment.by.warehouse, besides: shipment.by.lines)
        close("}")
    }
}
