import Synchronization

/// Which one of a few states holds; none does until the first `set`.
public final class StateSet: Sendable {
    private static let none = -1

    private let states: [String]
    private let current = Atomic<Int>(StateSet.none)
    private let refusals: Counter

    init(states: [String], refusals: Counter) {
        self.states = states
        self.refusals = refusals
    }

    /// Makes `state` the one that holds.
    ///
    /// A word that the family was not registered with changes nothing and is counted in
    /// `sluice_metrics_updates_refused_total`: a gauge must not stop the process.
    public func set(_ state: String) {
        guard let index = states.firstIndex(of: state) else {
            refusals.add(1)
            return
        }
        current.store(index, ordering: .relaxed)
    }

    /// The state that holds, or nil before the first `set`.
    public var state: String? {
        let index = current.load(ordering: .relaxed)
        return index == Self.none ? nil : states[index]
    }

    static func drawing(label: String, states: [String]) -> Family<StateSet>.Drawing {
        let rendered = states.map { state in
            var bytes: [UInt8] = []
            DrawnShape.label(Array(label.utf8), state, into: &bytes)
            return bytes
        }
        return { shape, series, page in
            let current = series.handle.current.load(ordering: .relaxed)
            for (index, state) in rendered.enumerated() {
                page.sample(shape, labels: series.labels, more: state, integer: index == current ? 1 : 0)
            }
        }
    }
}
