import Synchronization

/// Counters of one name.
public typealias CounterFamily = Family<Counter>
/// Gauges of one name.
public typealias GaugeFamily = Family<Gauge>
/// Histograms of one name.
public typealias HistogramFamily = Family<Histogram>
/// Statesets of one name.
public typealias StateSetFamily = Family<StateSet>
/// Counters of one name that are read elsewhere.
public typealias ReadCounterFamily = Family<ReadCounter>

/// What a registry knows of a family, whatever its handles are.
protocol RegisteredFamily: AnyObject, Sendable {
    var family: DrawnFamily { get }
    func draw(_ scope: PageScope, into page: inout Page)
}

/// What families of one registry share.
struct FamilyContext: Sendable {
    /// Room beyond the bound for label sets whose first value was folded, so that the other labels stay readable.
    static let foldedSets = 1_000

    /// How many sets of labels, beside the legal entity, a family holds; later ones fold.
    var maximumSets: Int
    var entities: EntityTable
    /// Who counts what did not fit.
    var folded: Counter
}

/// All series of one metric name, one per set of label values.
///
/// `with` resolves a handle under a lock: do it at start or when a lane, partition or entity appears, never per event.
/// A family without labels has its one series from the start, so that its first scrape says 0.
public final class Family<Handle: AnyObject & Sendable>: Sendable {
    typealias Making = @Sendable (_ values: [String]) -> Handle
    typealias Drawing = @Sendable (_ rows: DrawnRows<Handle>, _ family: DrawnFamily, _ page: inout Page) -> Void

    private struct State {
        var table = SeriesTable()
        /// By place in the table.
        var handles: [Handle] = []
    }

    let family: DrawnFamily
    private let context: FamilyContext
    private let make: Making
    private let drawing: Drawing
    private let state = Mutex(State())

    init(
        _ shape: FamilyShape, help: String, context: FamilyContext, make: @escaping Making,
        draw: @escaping Drawing
    ) {
        self.context = context
        self.make = make
        family = DrawnFamily(shape: shape, drawn: DrawnShape(shape, help: help))
        drawing = draw
        if shape.labels.isEmpty { _ = with() }
    }

    private var shape: FamilyShape { family.shape }

    /// The handle of these label values, in the order of the labels; the same values give the same handle.
    ///
    /// Control bytes are dropped from a value and values over 256 bytes are cut. A legal entity that is not configured
    /// is `other`. When the family is full the first of the other values becomes `other` (all of them when even that
    /// has no room), which `sluice_metrics_series_folded_total` counts.
    public func with(_ values: String...) -> Handle { with(values: values) }

    /// The handle of these label values, as an array.
    public func with(values: [String]) -> Handle {
        let (entity, others) = split(values)
        let labels = family.drawn.rest(others)
        return state.withLock { state in
            let rest = rest(labels, others, &state.table)
            guard let place = state.table.place(entity, rest) else { return insert(entity, rest, values, &state) }
            if state.table.slots[place].isRemoved {
                state.handles[place] = make(values)
                state.table.remove(place, false, created: Log.systemClock().wall)
            }
            return state.handles[place]
        }
    }

    /// Takes the series of these values off the page, as when a partition is revoked.
    ///
    /// Its handles go on, unseen.
    public func remove(_ values: String...) {
        let (entity, others) = split(values)
        let labels = family.drawn.rest(others)
        state.withLock { state in
            guard let rest = state.table.index(ofRest: labels), let place = state.table.place(entity, rest) else {
                return
            }
            state.table.remove(place, true, created: 0)
        }
    }

    private func split(_ values: [String]) -> (entity: Int32, others: ArraySlice<String>) {
        precondition(values.count == shape.labels.count, "\(shape.name) takes the labels \(shape.labels)")
        guard shape.isOfEntities else { return (EntityTable.process, values[...]) }
        return (context.entities.index(of: values[0]), values.dropFirst())
    }

    /// The index of the labels beside the legal entity, folded when there is no room for them.
    private func rest(_ labels: [UInt8], _ values: ArraySlice<String>, _ table: inout SeriesTable) -> Int32 {
        if let known = table.index(ofRest: labels) { return known }
        if table.rests.count < context.maximumSets { return table.add(rest: labels) }
        context.folded.add(1)
        let first = family.drawn.rest([DrawnShape.other] + values.dropFirst())
        if let known = table.index(ofRest: first) { return known }
        if table.rests.count < context.maximumSets + FamilyContext.foldedSets { return table.add(rest: first) }
        return otherRest(&table)
    }

    private func otherRest(_ table: inout SeriesTable) -> Int32 {
        let labels = family.drawn.otherRest
        return table.index(ofRest: labels) ?? table.add(rest: labels)
    }

    private func insert(_ entity: Int32, _ rest: Int32, _ values: [String], _ state: inout State) -> Handle {
        let handle = make(values)
        var isAdmitted = true
        if shape.isOfEntities, shape.coreSets == 0, !shape.isSummed {
            let lines = shape.lines(isRoomy: context.entities.isRoomy)
            isAdmitted = context.entities.admit(entity, lines: lines)
            if !isAdmitted { context.folded.add(1) }
        }
        state.handles.append(handle)
        state.table.append(
            SeriesTable.Slot(entity: entity, rest: rest, isAdmitted: isAdmitted, created: Log.systemClock().wall))
        return handle
    }
}

extension Family: RegisteredFamily {
    func draw(_ scope: PageScope, into page: inout Page) {
        if scope != .all, !shape.isOfEntities { return }
        let entities = context.entities.view
        // The lock is held to find the sequence only: `with` never waits for a page to be drawn.
        let rows = state.withLock { state in
            let other = shape.foldsParts ? otherRest(&state.table) : nil
            let plan = state.table.plan(scope, entities, isSummed: shape.isSummed, otherRest: other)
            return DrawnRows(
                plan: plan, slots: state.table.slots, handles: state.handles, entities: entities.labels,
                rests: state.table.rests)
        }
        guard rows.count > 0 else { return }
        page.family(family.drawn, entities: rows.entities, rests: rows.rests) { drawing(rows, family, &$0) }
    }
}
