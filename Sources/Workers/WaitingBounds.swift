import OrderEvents
internal import Store
internal import Synchronization

/// How many events may wait in the store.
///
/// What would wait beyond is rejected, `parking_full`: it claims no key, so that it can be sent again, and nothing else
/// stops.
struct WaitingBounds: Sendable {
    /// Events of one order.
    var perOrder: Int32 = 500
    /// Events for one name that is not known.
    var perReference = 500
    /// Events of one legal entity, about: instances learn of each other's every few seconds.
    var perEntity = 100_000
}

/// How many events of each legal entity wait in a store, as far as this process knows.
///
/// Read from the store now and then, and counted on in between.
final class WaitingCounts: Sendable {
    private struct State: Sendable {
        var counts: [Int32: Int] = [:]
        var full: Set<Int32> = []
    }

    let bounds: WaitingBounds
    private let state = Mutex(State())

    init(bounds: WaitingBounds = WaitingBounds()) { self.bounds = bounds }

    /// Legal entities of which no further event may wait.
    var full: Set<Int32> { state.withLock { $0.full } }

    /// Takes what the store says.
    func refresh(_ read: [ParkedCounts], _ settings: ApplySettings) {
        var counts: [Int32: Int] = [:]
        let indexes = read.isEmpty ? [:] : settings.entityIndexes()
        for count in read {
            if let entity = indexes[count.legalEntity] { counts[entity] = Int(count.events) }
        }
        let full = Set(counts.lazy.filter { $0.value >= self.bounds.perEntity }.map(\.key))
        state.withLock { $0 = State(counts: counts, full: full) }
    }

    /// Counts what a committed batch parked and released.
    func add(_ plan: BatchPlan) {
        guard !plan.parked.isEmpty else { return }
        state.withLock { state in
            for row in plan.parked where row.parked.isNew != (row.releasedOutcome != nil) {
                let entity = row.parked.event.entity
                let count = max(0, state.counts[entity, default: 0] + (row.parked.isNew ? 1 : -1))
                state.counts[entity] = count
                if count >= bounds.perEntity { state.full.insert(entity) } else { state.full.remove(entity) }
            }
        }
    }
}
