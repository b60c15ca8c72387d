/// What a family hands out, and how its numbers, or those of several together, are drawn.
protocol Metric: AnyObject, Sendable {
    static func draw(_ rows: DrawnRows<Self>, of family: DrawnFamily, into page: inout Page)
}

/// What does not change of a family.
struct DrawnFamily: Sendable {
    let shape: FamilyShape
    let drawn: DrawnShape
}

/// A family at one moment.
///
/// Whoever draws it goes through it himself, so that what happens 100,000 times a page is not generic.
struct DrawnRows<Handle: AnyObject & Sendable> {
    let plan: SeriesPlan
    let slots: [SeriesTable.Slot]
    let handles: [Handle]
    /// Labels by index.
    let entities: [[UInt8]]
    let rests: [[UInt8]]

    /// How many lines groups there are.
    var count: Int { plan.rows.count }

    /// Begins a row; its members' places.
    @inline(__always)
    func begin(_ index: Int, _ page: inout Page) -> ArraySlice<Int32> {
        let row = plan.rows[index]
        page.row(entity: entities[Int(row.entity)], rest: rests[Int(row.rest)])
        return plan.order[row.members]
    }

    /// When the first of the members was made.
    func created(_ members: ArraySlice<Int32>) -> Int64 {
        var first = Int64.max
        for place in members { first = min(first, slots[Int(place)].created) }
        return first
    }
}
