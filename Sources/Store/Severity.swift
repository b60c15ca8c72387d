public import OrderEvents

extension ExceptionCode {
    /// How much it matters: info, warning or error.
    public var severity: String {
        switch self {
        case .sequenceGap, .orderNotBegun, .releaseWithoutHold, .unknownReference, .backordered: "info"
        case .keyReused, .referenceCollision, .parkingFull, .overShipment, .overInvoice, .odooRejected, .invalidOrder:
            "error"
        default: "warning"
        }
    }
}
