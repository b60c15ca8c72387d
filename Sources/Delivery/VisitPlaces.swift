/// How many orders may be taken for a destination: as many as it has places for, and as the process has.
///
/// An order in delivery is in memory. So all destinations together have `inAll` places; while they are taken, each may
/// still have its share of them, and urgent orders the places that are kept for them. Pure.
struct VisitPlaces: Equatable, Sendable {
    /// Orders of one store that may be in delivery at once, but for shares and urgent ones.
    static let inAll = 2048
    /// Orders that are taken from the backlog at once: others wait for their turn meanwhile.
    static let atOnce = 100
    /// How many of a destination's places only urgent orders may have: they never wait for a place.
    static let urgent = 20

    /// Orders that a destination may have in delivery before its server has answered for the first time: half of them
    /// urgent ones.
    static let first = 2 * urgent

    /// Orders that may be taken now.
    var count: Int
    /// Only urgent ones.
    var urgentOnly: Bool

    /// Places of a destination that may have `limit` orders in delivery and has `own`, when `taken` are in delivery
    /// for all `destinations`.
    init(limit: Int, own: Int, taken: Int, destinations: Int) {
        let room = min(limit - own, Self.atOnce)
        let kept = limit == 1 ? 0 : Self.urgent
        let shared = max(Self.share(of: destinations) - own, Self.inAll - taken)
        let usual = min(room, limit - own - kept, shared)
        urgentOnly = usual <= 0
        count = max(0, urgentOnly ? min(room, max(1, kept)) : usual)
    }

    /// What a destination may have in delivery whatever the others have.
    static func share(of destinations: Int) -> Int { max(2, inAll / max(1, destinations)) }
}
