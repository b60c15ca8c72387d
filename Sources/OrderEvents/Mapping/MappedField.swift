// The vocabulary of a mapping: what of an order event a channel's documents can give. The names are those of the
// canonical event, so that whoever knows it knows the mapping.

/// A field of an order event, within its group.
///
/// The names are those that a channel's `fields` have.
public enum MappedField: String, CaseIterable, Hashable, Sendable {
    case eventID = "event_id"
    case orderRef = "order_ref"
    case legalEntity = "legal_entity"
    case warehouse
    case status
    case milestone
    case occurredAt = "occurred_at"
    case sequence
    case currency
    case total
    case customerRef = "customer.ref"
    case customerName = "customer.name"
    case customerGroup = "customer.group"
    case kind
    case issuer
    case value
    case line
    case sku
    case quantity
    case unitPrice = "unit_price"
    case tax
    case backordered
    case expected
    case ref
    case carrier
    case tracking
    case amount
    case reason

    /// The look-up table that translates the field's words where the channel has one of that name; nil: none does.
    public func table(in group: MappedGroup) -> String? {
        switch self {
        case .legalEntity, .warehouse, .currency, .sku, .tax, .carrier: rawValue
        case .customerRef: "customer"
        case .customerGroup: "customer_group"
        case .status: group == .payment ? "payment_status" : nil
        case .reason: group == .hold ? "hold_reason" : nil
        default: nil
        }
    }

    /// Whether a word of the table's field that is not in the table is drift: its words are a closed set.
    static let closedTables: Set<String> = [
        "legal_entity", "warehouse", "currency", "tax", "carrier", "customer_group", "payment_status", "hold_reason",
    ]
}

/// Fields that stand together in an order event.
///
/// The names are the paths below a channel's `fields`.
public enum MappedGroup: String, CaseIterable, Hashable, Sendable {
    case event = ""
    case reference
    case references
    case lines
    case allocation = "allocation.lines"
    case shipment
    case shipmentLines = "shipment.lines"
    case invoice
    case invoiceLines = "invoice.lines"
    case payment
    case cancellation
    case cancellationLines = "cancellation.lines"
    case hold

    /// Whether an array gives the group, so that its fields are relative to the elements.
    public enum Place: Sendable {
        /// Always in an array.
        case array
        /// In an array, or once in the surrounding element.
        case arrayOrOnce
        /// Once.
        case once
    }

    /// Where the group may stand.
    public var place: Place {
        switch self {
        case .lines, .allocation, .shipmentLines, .invoiceLines, .cancellationLines: .array
        case .references, .shipment, .invoice, .payment: .arrayOrOnce
        case .event, .reference, .cancellation, .hold: .once
        }
    }

    /// The group that this one is a part of: its array is looked for in that one's elements.
    public var parent: MappedGroup {
        switch self {
        case .shipmentLines: .shipment
        case .invoiceLines: .invoice
        default: .event
        }
    }

    /// The fields that it has.
    public var fields: [MappedField] {
        switch self {
        case .event:
            [
                .eventID, .orderRef, .legalEntity, .warehouse, .status, .milestone, .occurredAt, .sequence, .currency,
                .total, .customerRef, .customerName, .customerGroup,
            ]
        case .reference, .references: [.kind, .issuer, .value]
        case .lines: [.line, .sku, .quantity, .unitPrice, .tax]
        case .allocation: [.line, .sku, .quantity, .backordered, .expected]
        case .shipment: [.ref, .carrier, .tracking]
        case .shipmentLines, .invoiceLines, .cancellationLines: [.line, .sku, .quantity]
        case .invoice: [.ref]
        case .payment: [.ref, .status, .amount]
        case .cancellation, .hold: [.reason]
        }
    }
}

/// How a channel writes a value, where it may differ from the canonical event.
public enum FieldFormat: String, CaseIterable, Sendable {
    /// A date and time by RFC 3339; how times are written where nothing else is said.
    case rfc3339
    /// Seconds since 1970, as a number or its digits; digits behind the point count as they are.
    case epochSeconds = "epoch_s"
    /// Milliseconds since 1970, as a number or its digits.
    case epochMilliseconds = "epoch_ms"
    /// A date as `YYYY-MM-DD`; how `expected` is written where nothing else is said.
    case date
    /// A decimal that may also be a JSON number with a point, which counts exactly as it is written.
    case number
}
