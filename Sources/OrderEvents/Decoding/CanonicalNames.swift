/// The member names of the canonical event, at all its levels.
///
/// The raw value is the name's bit in `JSONReader.know`.
enum CanonicalName: UInt8, CaseIterable {
    case version, eventID, legalEntity, warehouse, orderRef, status, milestone, occurredAt, sequence, currency, total
    case customer, references, reference, lines, allocation, shipment, invoice, cancellation, payment, hold
    case ref, name, kind, issuer, value, line, sku, quantity, unitPrice, tax, backordered, expected, carrier, tracking
    case reason, amount

    /// The name as documents write it.
    var word: String {
        switch self {
        case .eventID: "event_id"
        case .legalEntity: "legal_entity"
        case .orderRef: "order_ref"
        case .occurredAt: "occurred_at"
        case .unitPrice: "unit_price"
        default: String(describing: self)
        }
    }

    /// All names, found by their bytes.
    static let table = WordTable(allCases.map { ($0.word, $0.rawValue) })
}

/// The words that the values of the canonical event may have.
enum CanonicalWords {
    /// The value that stands for `release` in `statuses`, where the others are raw values of `CanonicalState`.
    private static let release: UInt8 = 0

    static let statuses = WordTable(CanonicalState.allCases.map { ($0.name, $0.rawValue) } + [("release", release)])
    static let milestones = WordTable(Milestone.allCases.map { ($0.name, $0.rawValue) })
    static let referenceKinds = WordTable(ReferenceKind.allCases.map { ($0.name, $0.rawValue) })
    static let paymentStatuses = WordTable(PaymentStatus.allCases.map { ($0.name, $0.rawValue) })
    static let holdReasons = WordTable(
        ["credit", "fraud", "payment", "stock", "address", "manual"].map { ($0, UInt8(0)) })

    /// The value that stands for a status.
    static func value(of status: StatusWord) -> UInt8 {
        switch status {
        case .state(let state): state.rawValue
        case .release: release
        }
    }

    /// The status that a value of `statuses` stands for.
    static func status(_ value: UInt8) -> StatusWord? {
        value == release ? .release : CanonicalState(rawValue: value).map(StatusWord.state)
    }
}
