internal import Metrics
internal import OrderEvents
internal import Postgres
internal import Store

/// How many of `total` servers each of several instances delivers to.
///
/// Everybody reckons the same from the same facts: no two numbers differ by more than one, their sum is `total`, and
/// who has more keeps more. Pure.
enum OwnerShare {
    /// The share of `me` among `owners` and what they have; all of it where it is not among them.
    static func share(of me: String, among owners: [(name: String, owned: Int)], total: Int) -> Int {
        let ranks = owners.sorted { ($1.owned, $0.name) < ($0.owned, $1.name) }
        guard let rank = ranks.firstIndex(where: { $0.name == me }) else { return total }
        return total / owners.count + (rank < total % owners.count ? 1 : 0)
    }
}

/// Which destinations this instance delivers to.
///
/// Legal entities that have one Odoo in common go together, because they share its limits: whoever owns the first of
/// them by name claims the others. Instances that serve the same legal entities share the servers evenly: each claims
/// free ones up to its share, and gives up what is more when its visits there have ended. The thread of the delivery
/// desk owns this.
struct OwnedDestinations {
    /// A server's destinations, by their places; the first one decides.
    private struct Unit {
        var members: [Int]
        var leader: Int { members[0] }
    }

    private let destinations: [Destination]
    private let entities: [String]
    private let units: [Unit]
    private let owner: String
    private let group: String
    /// What this instance owns, by destination.
    private(set) var leases: [DeliveryLease?]
    /// Destinations of units that are given up as soon as no visit is under way there.
    private var leaving: Set<Int> = []
    private var hasLeft = false

    /// The instance's own name, which tells those apart that serve other legal entities: its end is the same for all
    /// that serve these.
    static func owner(_ name: String, serving entities: [String]) -> String { name + group(entities) }

    private static func group(_ entities: [String]) -> String {
        let bytes = Array(entities.sorted().joined(separator: "\n").utf8)
        return ":" + String(StableHash.hash(bytes.span), radix: 16)
    }

    init(_ destinations: [Destination], owner: String) {
        self.destinations = destinations
        self.owner = owner
        entities = destinations.map(\.settings.legalEntity)
        group = Self.group(entities)
        let names = entities
        let byServer = Dictionary(grouping: destinations.indices) { destinations[$0].settings.url }
        units = byServer.values.map { Unit(members: $0.sorted { names[$0] < names[$1] }) }
            .sorted { names[$0.leader] < names[$1.leader] }
        leases = Array(repeating: nil, count: destinations.count)
    }

    /// Whether orders of the destination are taken.
    func serves(_ index: Int) -> Bool { leases[index] != nil && !leaving.contains(index) }

    /// Says that this instance lives, claims what is its share and gives up what is more; gives what is new.
    ///
    /// `isBusy` says whether a visit of the destination is under way.
    mutating func renew(
        isBusy: (Int) -> Bool, _ connection: inout Connection
    ) throws(StoreError) -> [Int] {
        // The lease begins in the store after this moment, so it ends there later than it does here.
        let margin = DeliveryService.ownershipMargin.components.attoseconds / 1_000_000_000
        let until = Destination.nanoseconds() + DeliveryService.ownershipMicroseconds * 1000 - margin
        let isNew = try Ownership.heartbeat(owner: owner, lease: DeliveryService.ownershipMicroseconds, &connection)
        let before = leases
        if isNew {
            // What it had is anybody's, also where nobody has claimed it yet.
            try Ownership.giveUp(owner: owner, &connection)
            leases = leases.map { _ in nil }
        }
        try share(isBusy: isBusy, &connection)
        for (index, destination) in destinations.enumerated() { destination.owns(leases[index], until: until) }
        let known = Set(before.compactMap { $0 })
        let new = leases.indices.filter { index in leases[index].map { !known.contains($0) } ?? false }
        try Ownership.inherit(new.map { entities[$0] }, &connection)
        return new
    }

    private mutating func share(isBusy: (Int) -> Bool, _ connection: inout Connection) throws(StoreError) {
        let owners = try Ownership.living(group: group, counting: units.map { entities[$0.leader] }, &connection)
        let share = OwnerShare.share(of: owner, among: owners, total: units.count)
        let mine = units.filter { leases[$0.leader] != nil }
        if mine.count < share {
            try claim(units.map(\.leader), limit: share - mine.count, &connection)
        }
        let led = units.filter { leases[$0.leader] != nil }
        try claim(led.flatMap(\.members), limit: entities.count, &connection)
        // The last ones by name go.
        leaving = Set(led.map(\.members).suffix(max(0, led.count - share)).flatMap { $0 })
        // Whose first one is another instance's are that one's.
        for unit in units where leases[unit.leader] == nil { leaving.formUnion(unit.members) }
        try giveUp(isBusy: isBusy, &connection)
    }

    /// The instance is about to end: gives up what has no visit under way.
    ///
    /// To be called again as visits end; so one destination that hangs keeps no other one from its next owner.
    mutating func leave(isBusy: (Int) -> Bool, _ connection: inout Connection) throws(StoreError) {
        if !hasLeft {
            try Ownership.leave(owner: owner, &connection)
            leaving = Set(units.flatMap(\.members))
            hasLeft = true
        }
        try giveUp(isBusy: isBusy, &connection)
    }

    /// Gives up what is leaving and has no visit under way.
    private mutating func giveUp(isBusy: (Int) -> Bool, _ connection: inout Connection) throws(StoreError) {
        let ended = units.filter { unit in
            leaving.contains(unit.leader) && unit.members.contains { leases[$0] != nil }
                && !unit.members.contains(where: isBusy)
        }.flatMap(\.members).filter { leases[$0] != nil }
        try Ownership.giveUp(ended.map { entities[$0] }, owner: owner, &connection)
        for index in ended {
            leases[index] = nil
            destinations[index].owns(nil, until: 0)
        }
    }

    /// Claims at most `limit` of what this instance does not have of `wanted`.
    private mutating func claim(
        _ wanted: [Int], limit: Int, _ connection: inout Connection
    ) throws(StoreError) {
        let lacking = wanted.filter { leases[$0] == nil }
        let found = try Ownership.claim(lacking.map { entities[$0] }, limit: limit, owner: owner, &connection)
        let byEntity = Dictionary(found.map { ($0.legalEntity, $0) }) { first, _ in first }
        for index in lacking { leases[index] = byEntity[entities[index]] }
    }
}
