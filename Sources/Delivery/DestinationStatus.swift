/// How a destination is doing, as this instance sees it.
public struct DestinationStatus: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// The state of its breaker, in the words of `sluice_odoo_breaker_state`.
    public var breaker: String
    /// Calls that the server is thought to bear at once.
    public var limit: Int
    /// Calls to the server under way, those of other legal entities that share it included.
    public var inFlight: Int
    /// Whether this instance delivers to it.
    public var isOwner: Bool
}

extension DeliveryService {
    /// How each destination is doing.
    public var statuses: [DestinationStatus] { destinations.map(\.status) }
}
