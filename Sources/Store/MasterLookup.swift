public import Orders

/// Asks a legal entity's destination what it has of codes: the seam between validation and delivery, which has the
/// destination's limits and breaker.
public protocol MasterLookup: Sendable {
    /// Looks all of `codes` up, within the destination's limits and at a low share of them.
    ///
    /// At most one call a legal entity at a time. Returns at once; `then` is called once, on any thread.
    func look(
        up codes: [MasterCode], legalEntity: String, then: @escaping @Sendable (MasterLookupResult) -> Void)
}

/// What came of asking a destination.
public enum MasterLookupResult: Sendable {
    /// An answer for every code.
    case answered([MasterCode: LookedUp])
    /// The destination has no room just now: to be asked again soon.
    case busy
    /// The destination failed or cannot be reached: to be asked again later.
    ///
    /// `reason` is free of data.
    case failed(reason: String)
}
