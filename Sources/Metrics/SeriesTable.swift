/// Whose series a page shows.
enum PageScope: Equatable {
    /// Everybody's, within the budget.
    case all
    /// One legal entity's, with all labels; its index.
    case entity(Int32)
}

/// What a page shows under one label set: one series, or several together; `members` are places in `SeriesPlan.order`.
struct SeriesRow: Equatable {
    var entity: Int32
    var rest: Int32
    var members: Range<Int>
}

/// The rows of a family in the sequence of the page.
struct SeriesPlan {
    var rows: [SeriesRow] = []
    /// Places of series.
    var order: [Int32] = []
}

/// The label sets of a family, by place, without what they are the labels of.
///
/// Apart from `Family`, because code that is generic is slow where there are 100,000 of something.
struct SeriesTable {
    /// One label set.
    struct Slot {
        var entity: Int32
        var rest: Int32
        /// Whether it is shown under its legal entity, where that one is.
        var isAdmitted: Bool
        var isRemoved = false
        /// When it was made, milliseconds since the Unix epoch.
        var created: Int64
    }

    /// Labels beside the legal entity, rendered, by index.
    private(set) var rests = LabelTable()
    private(set) var slots: [Slot] = []
    private var restIndexes: [[UInt8]: Int32] = [:]
    private var places: [UInt64: Int32] = [:]
    /// Made when a page is drawn after a change.
    private var plan: SeriesPlan?
    /// The entities' version that `plan` was made for.
    private var version = 0

    /// The index of labels beside the legal entity, or nil when they are new.
    func index(ofRest rest: [UInt8]) -> Int32? { restIndexes[rest] }

    mutating func add(rest: [UInt8]) -> Int32 {
        let index = Int32(rests.count)
        rests.append(rest)
        restIndexes[rest] = index
        return index
    }

    /// The place of a label set, or nil; removed ones have theirs.
    func place(_ entity: Int32, _ rest: Int32) -> Int? { places[Self.key(entity, rest)].map(Int.init) }

    /// Adds a label set; its place is the next one.
    mutating func append(_ slot: Slot) {
        places[Self.key(slot.entity, slot.rest)] = Int32(slots.count)
        slots.append(slot)
        plan = nil
    }

    /// Takes a label set off the page, or puts it back.
    mutating func remove(_ place: Int, _ isRemoved: Bool, created: Int64) {
        slots[place].isRemoved = isRemoved
        slots[place].created = created
        plan = nil
    }

    /// What a page shows; `otherRest`: labels of what belongs to entities that are not shown, or nil: each its own.
    mutating func plan(
        _ scope: PageScope, _ entities: EntityTable.View, isSummed: Bool, otherRest: Int32?
    ) -> SeriesPlan {
        if case .entity(let entity) = scope { return own(entity) }
        if let plan, version == entities.version { return plan }
        let made = makePlan(entities, isSummed, otherRest)
        plan = made
        version = entities.version
        return made
    }

    private func makePlan(_ entities: EntityTable.View, _ isSummed: Bool, _ otherRest: Int32?) -> SeriesPlan {
        let restRanks = rests.ranks
        func shown(_ slot: Slot) -> (entity: Int32, rest: Int32) {
            if slot.entity == EntityTable.process { return (slot.entity, slot.rest) }
            let isNamed = !isSummed && slot.isAdmitted && entities.isShown[Int(slot.entity)]
            if isNamed, slot.entity != EntityTable.other { return (slot.entity, slot.rest) }
            return (EntityTable.other, otherRest ?? slot.rest)
        }
        var order: [Int32] = []
        order.reserveCapacity(slots.count)
        for (place, slot) in slots.enumerated() where !slot.isRemoved { order.append(Int32(place)) }
        order = Self.sorted(order, ranks: rests.count) { restRanks[Int(shown(slots[Int($0)]).rest)] }
        order = Self.sorted(order, ranks: entities.ranks.count) { entities.ranks[Int(shown(slots[Int($0)]).entity)] }
        var plan = SeriesPlan(rows: [], order: order)
        for (index, place) in order.enumerated() {
            let shown = shown(slots[Int(place)])
            if let last = plan.rows.indices.last, plan.rows[last].entity == shown.entity,
                plan.rows[last].rest == shown.rest
            {
                plan.rows[last].members = plan.rows[last].members.lowerBound..<index + 1
            } else {
                plan.rows.append(SeriesRow(entity: shown.entity, rest: shown.rest, members: index..<index + 1))
            }
        }
        return plan
    }

    /// Places by their ranks, those of one rank in the sequence in which they are.
    ///
    /// Counted instead of compared: a family may have some hundred thousands, and a scrape waits for each of them.
    private static func sorted(_ places: [Int32], ranks: Int, by rank: (Int32) -> Int32) -> [Int32] {
        var starts = [Int32](repeating: 0, count: ranks + 1)
        for place in places { starts[Int(rank(place)) + 1] += 1 }
        for index in starts.indices.dropFirst() { starts[index] += starts[index - 1] }
        var sorted = [Int32](repeating: 0, count: places.count)
        for place in places {
            let rank = Int(rank(place))
            sorted[Int(starts[rank])] = place
            starts[rank] += 1
        }
        return sorted
    }

    /// The series of one legal entity, by their other labels.
    private func own(_ entity: Int32) -> SeriesPlan {
        let ranks = rests.ranks
        let order = slots.indices.filter { slots[$0].entity == entity && !slots[$0].isRemoved }
            .sorted { ranks[Int(slots[$0].rest)] < ranks[Int(slots[$1].rest)] }
        return SeriesPlan(
            rows: order.enumerated().map { index, place in
                SeriesRow(entity: entity, rest: slots[place].rest, members: index..<index + 1)
            }, order: order.map { Int32($0) })
    }

    private static func key(_ high: Int32, _ low: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: high)) << 32 | UInt64(UInt32(bitPattern: low))
    }
}
