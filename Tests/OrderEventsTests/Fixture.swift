import OrderEvents
import Testing

/// Events and channels of the decoder's tests.
enum Fixture {
    static let source = SourcePosition(
        partition: 3, epoch: 2, offset: 41, loggedAt: Timestamp(microseconds: 5), polledAt: Timestamp(microseconds: 9))

    /// Every member of the canonical event.
    static let full = #"""
        {"version":1,"event_id":"wms-5521","legal_entity":"ACME-DE","warehouse":"BER1","order_ref":"amazon-eu/302-8812345-1234567","status":"partially_fulfilled",
         "milestone":"tracking","occurred_at":"2026-11-23T12:34:56.789Z","sequence":5,"currency":"EUR","total":"29.75","customer":{"ref":"C-100","name":"A. Customer"},
         "references":[{"kind":"wms_order","value":"W-77"},{"kind":"tracking","issuer":"dhl","value":"00340434"}],
         "lines":[{"line":"1","sku":"ABC-123","quantity":"2","unit_price":"12.50","tax":"DE19"}],
         "allocation":{"lines":[{"line":"1","quantity":"1","backordered":"1","expected":"2026-12-01"}]},
         "shipment":{"ref":"S-1","carrier":"DHL","tracking":"00340434","lines":[{"line":"1","quantity":"1"}]},
         "invoice":{"ref":"INV-1","lines":[{"line":"1","quantity":"1"}]},
         "cancellation":{"lines":[{"line":"1","quantity":"1"}],"reason":"customer"},
         "payment":{"ref":"P-1","status":"captured","amount":"29.75"},"hold":{"reason":"credit"}}
        """#

    /// The least that an event has, with `members` before it.
    static func least(_ members: String = "") -> String {
        #"{"# + members + (members.isEmpty ? "" : ",")
            + #""event_id":"e1","legal_entity":"ACME","occurred_at":"2026-11-23T12:34:56Z","order_ref":"o1","status":"received"}"#
    }

    static let canonical = EventDecoder(ChannelFormat(name: "portal", index: 7, kind: .canonical))

    /// A source at a pointer.
    static func at(_ pointer: String) throws -> FieldSource { .at(try JSONPointer(pointer)) }

    static func fields(_ pointers: [MappedField: String]) throws -> [MappedField: FieldSource] {
        try pointers.mapValues(at)
    }

    static func mapping() throws -> Mapping {
        var mapping = Mapping(
            statuses: [
                "Unshipped": .state(.received), "Shipped": .state(.shipped), "Freed": .release, "7": .state(.closed),
                "Ausgeführt \u{1F69A}": .state(.shipped),
            ],
            milestones: ["Delivered": .delivered, "Shipped": .tracking])
        mapping.groups[.event] = Mapping.Group(
            fields: try fields([
                .eventID: "/notificationId", .orderRef: "/payload/orderId", .legalEntity: "/payload/merchant",
                .warehouse: "/payload/fulfilment/node", .status: "/payload/status", .occurredAt: "/payload/updatedAt",
                .sequence: "/payload/revision", .currency: "/payload/currency", .total: "/payload/total",
                .customerRef: "/payload/buyers/0/id", .customerName: "/payload/buyers/0/a~1b~0c",
            ]))
        mapping.groups[.lines] = Mapping.Group(
            at: try JSONPointer("/payload/items"),
            fields: try fields([
                .line: "/no", .sku: "/sku", .quantity: "/qty", .unitPrice: "/price/amount", .tax: "/price/tax",
            ]))
        return mapping
    }

    static let mapped = #"""
        {"notificationId":4711,"noise":{"payload":{"orderId":"no"}},"payload":{"orderId":"302-1","merchant":"ACME-DE","status":"Shipped",
         "updatedAt":"2026-11-23T12:34:56+01:00","revision":3,"currency":"EUR","total":"29.75","fulfilment":{"node":"FC-BER","type":1},
         "buyers":[{"id":99,"a/b~c":"A. Customer"},{"id":"other","a/b~c":"B"}],
         "items":[{"no":1,"sku":"ABC","qty":2,"price":{"amount":"12.50","tax":"DE19"}},{"sku":55,"qty":"0.5","price":null}]}}
        """#

    static func mappedDecoder(
        issuer: String? = "amazon-eu", kind: ReferenceKind = .order, _ change: (inout Mapping) throws -> Void = { _ in }
    ) throws -> EventDecoder {
        var mapping = try mapping()
        try change(&mapping)
        return EventDecoder(
            ChannelFormat(name: "amazon-eu", index: 2, kind: .mapped(mapping), orderKind: kind, issuer: issuer))
    }

    static func decode(_ text: String, by decoder: EventDecoder = canonical) -> Taken {
        decoder.decode(value: Array(text.utf8), key: nil, source: source)
    }

    static func event(_ text: String, by decoder: EventDecoder = canonical) throws -> OrderEvent {
        switch decode(text, by: decoder) {
        case .event(let event): return event
        case .deadLetter(let letter):
            Issue.record("\(letter.reason): \(letter.detail)")
            throw Unexpected.deadLetter
        }
    }

    static func letter(_ text: String, by decoder: EventDecoder = canonical) throws -> DeadLetter {
        switch decode(text, by: decoder) {
        case .deadLetter(let letter): return letter
        case .event:
            Issue.record("an event, not a dead letter: \(text)")
            throw Unexpected.event
        }
    }

    enum Unexpected: Error { case event, deadLetter }
}
