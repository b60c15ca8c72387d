import Allocations
import Embedded
import Foundation
import OrderEvents
import Partitioner

/// Decoding and routing of events in a marketplace's own JSON, against canonical events of the same content.
struct MappingCost {
    let options: Options

    func measure(_ figures: inout Figures) throws {
        let canonical = MicroPart.records(options.isSmoke ? 200 : 20_000)
        let mapped = try canonical.map(Self.marketplace)
        let path = HotPath(legalEntities: 20)
        let plain = EventDecoder(ChannelFormat(name: "plain", index: 0, kind: .canonical))
        let mapping = EventDecoder(ChannelFormat(name: "market", index: 0, kind: .mapped(try Self.mapping())))
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        try compare(canonical[0], plain, mapped[0], mapping, now)
        let rounds = options.isSmoke ? 1 : 5
        let pairs = options.isSmoke ? options.runs : max(options.runs, 5)
        var ours: [Double] = [], theirs: [Double] = []
        for _ in 0..<pairs {
            theirs.append(time(canonical, rounds, plain, path.lanes, now))
            ours.append(time(mapped, rounds, mapping, path.lanes, now))
        }
        figures.add(
            "mapping_ratio", zip(ours, theirs).map { $0 / $1 },
            note: "mapped event ÷ canonical one, decoded and routed; bar 2, aim 1.3")
        let before = allocations_of_this_thread()
        _ = time(mapped, 1, mapping, path.lanes, now)
        let made = Double(allocations_of_this_thread() - before) / Double(mapped.count)
        figures.add("mapped_allocations", [made], note: "an event: its lines, its facts, its references")
        figures.add("mapped_ns", ours, unit: "ns", note: "a mapped event of \(mapped[0].count) bytes")
        figures.add("canonical_ns", theirs, unit: "ns", note: "a canonical event of \(canonical[0].count) bytes")
    }

    private func time(
        _ values: [[UInt8]], _ rounds: Int, _ decoder: EventDecoder, _ lanes: LaneMap, _ now: Timestamp
    ) -> Double {
        MicroPart.nanoseconds(values.count * rounds) {
            var sum = 0
            for _ in 0..<rounds {
                for (offset, value) in values.enumerated() {
                    let taken = decoder.decode(value: value, key: nil, source: Self.source(offset, now))
                    if case .event(let event) = lanes.route(taken, channelName: "market") { sum += event.lines.count }
                }
            }
            return sum
        }
    }

    private static func source(_ offset: Int, _ now: Timestamp) -> SourcePosition {
        SourcePosition(partition: 0, epoch: 0, offset: Int64(offset), loggedAt: now, polledAt: now)
    }

    /// Both have to say the same, else the comparison is of nothing.
    private func compare(
        _ canonical: [UInt8], _ plain: EventDecoder, _ mapped: [UInt8], _ mapping: EventDecoder, _ now: Timestamp
    ) throws {
        func event(_ value: [UInt8], _ decoder: EventDecoder) throws -> OrderEvent {
            switch decoder.decode(value: value, key: nil, source: Self.source(0, now)) {
            case .event(let event): return event
            case .deadLetter(let letter): throw BenchError("a record cannot be read: \(letter.detail)")
            }
        }
        func words(_ event: OrderEvent) -> [String] {
            [event.eventID, event.orderRef, event.legalEntity, event.warehouse, event.currency, event.customerRef].map {
                event.text($0)
            }
                + event.lines.flatMap { line in
                    [
                        event.text(line.line), event.text(line.sku),
                        "\(line.quantity ?? .zero) \(line.unitPrice ?? .zero)",
                    ]
                } + (event.facts?.references ?? []).map { "\($0.kind.name) \(event.text($0.value))" }
        }
        let one = try event(canonical, plain)
        let other = try event(mapped, mapping)
        guard words(one) == words(other), one.status == other.status, one.occurredAt == other.occurredAt,
            one.sequence == other.sequence, one.total == other.total
        else { throw WrongWork(findings: ["the mapped event says something else than the canonical one"]) }
    }

    /// The content of a reference record as a marketplace would write it.
    private static func marketplace(_ value: [UInt8]) throws -> [UInt8] {
        guard let event = try JSONSerialization.jsonObject(with: Data(value)) as? [String: Any],
            let lines = event["lines"] as? [[String: Any]], let customer = event["customer"] as? [String: Any],
            let reference = (event["references"] as? [[String: Any]])?.first
        else { throw BenchError("a reference record has no such members") }
        func text(_ name: String, in object: [String: Any]? = nil) -> String { "\((object ?? event)[name] ?? "")" }
        let items = lines.map {
            #"{"position":"\#(text("line", in: $0))","sku":"\#(text("sku", in: $0))","#
                + #""qty":"\#(text("quantity", in: $0))","price":{"amount":"\#(text("unit_price", in: $0))"}}"#
        }
        let document =
            #"{"notificationId":"\#(text("event_id"))","payload":{"orderId":"\#(text("order_ref"))","#
            + #""merchant":"\#(text("legal_entity"))","fulfilment":{"node":"\#(text("warehouse"))"},"#
            + #""status":"\#(words[text("status")] ?? "")","updatedAt":"\#(text("occurred_at"))","#
            + #""revision":\#(text("sequence")),"currency":"\#(text("currency"))","total":"\#(text("total"))","#
            + #""buyer":{"id":"\#(text("ref", in: customer))"},"purchaseOrder":"\#(text("value", in: reference))","#
            + #""items":[\#(items.joined(separator: ","))]}}"#
        return Array(document.utf8)
    }

    private static let words = [
        "received": "Pending", "validated": "Unshipped", "allocated": "Picking", "partially_fulfilled": "PartlyShipped",
        "shipped": "Shipped", "invoiced": "Billed", "closed": "Closed", "cancelled": "Canceled",
    ]

    private static func mapping() throws -> Mapping {
        func fields(_ pointers: [MappedField: String]) throws -> [MappedField: FieldSource] {
            try pointers.mapValues { .at(try JSONPointer($0)) }
        }
        var mapping = Mapping()
        mapping.groups[.event] = Mapping.Group(
            fields: try fields([
                .eventID: "/notificationId", .orderRef: "/payload/orderId", .legalEntity: "/payload/merchant",
                .warehouse: "/payload/fulfilment/node", .status: "/payload/status", .occurredAt: "/payload/updatedAt",
                .sequence: "/payload/revision", .currency: "/payload/currency", .total: "/payload/total",
                .customerRef: "/payload/buyer/id",
            ]))
        mapping.groups[.lines] = Mapping.Group(
            at: try JSONPointer("/payload/items"),
            fields: try fields([.line: "/position", .sku: "/sku", .quantity: "/qty", .unitPrice: "/price/amount"]))
        var order = Mapping.Group(fields: try fields([.value: "/payload/purchaseOrder"]))
        order.fields[.kind] = .constant(ReferenceKind.purchaseOrder.name)
        mapping.references = [order]
        for (canonical, word) in words { mapping.statuses[word] = StatusWord(name: canonical) }
        return mapping
    }
}
