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
    let entities: LabelTable
    let rests: LabelTable

    /// How many lines groups there are.
    var count: Int { plan.rows.count }

    /// Begins a row; its members, as indexes of the plan's sequence.
    @inline(__always)
    func begin(_ index: Int, _ page: inout Page) -> Range<Int> {
        let row = plan.rows[index]
        page.row(entity: entities.range(Int(row.entity)), rest: rests.range(Int(row.rest)))
        return row.members
    }

    /// Lends each of the members.
    ///
    /// `handles` keeps them alive meanwhile. To take each into account and out again, as the language would, is a
    /// third of a page's cost.
    @inline(__always)
    func visit(_ members: Range<Int>, _ body: (Handle) -> Void) {
        unsafe handles.withUnsafeBytes { bytes in
            let lent = unsafe bytes.assumingMemoryBound(to: Unmanaged<Handle>.self)
            for index in members {
                unsafe lent[Int(plan.order[index])]._withUnsafeGuaranteedRef { body($0) }
            }
        }
    }

    /// The first of the members; a row has one.
    func first(_ members: Range<Int>) -> Handle { handles[Int(plan.order[members.lowerBound])] }

    /// When the first of the members was made.
    func created(_ members: Range<Int>) -> Int64 {
        var first = Int64.max
        for index in members { first = min(first, slots[Int(plan.order[index])].created) }
        return first
    }
}
