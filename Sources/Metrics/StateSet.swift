import Synchronization

/// Which one of a few states holds; none does until the first `set`.
///
/// Of several legal entities together it is the one that comes last in the family's list, so list the good ones first.
public final class StateSet: Sendable {
    private static let none = -1

    private let words: StateWords
    private let current = Atomic<Int>(StateSet.none)
    private let refusals: Counter

    init(_ words: StateWords, refusals: Counter) {
        self.words = words
        self.refusals = refusals
    }

    /// Makes `state` the one that holds.
    ///
    /// A word that the family was not registered with changes nothing and is counted in
    /// `sluice_metrics_updates_refused_total`: a gauge must not stop the process.
    public func set(_ state: String) {
        guard let index = words.states.firstIndex(of: state) else {
            refusals.add(1)
            return
        }
        current.store(index, ordering: .relaxed)
    }

    /// The state that holds, or nil before the first `set`.
    public var state: String? {
        let index = current.load(ordering: .relaxed)
        return index == Self.none ? nil : words.states[index]
    }
}

/// The states of a family, and their labels rendered.
final class StateWords: Sendable {
    let states: [String]
    let labels: [[UInt8]]

    init(_ states: [String], label: String) {
        self.states = states
        labels = states.map { state in
            var bytes: [UInt8] = []
            DrawnShape.label(Array(label.utf8), state, into: &bytes)
            return bytes
        }
    }
}

extension StateSet: Metric {
    static func draw(_ rows: DrawnRows<StateSet>, of family: DrawnFamily, into page: inout Page) {
        for index in 0..<rows.count {
            let members = rows.begin(index, &page)
            let words = rows.first(members).words
            var current = none
            rows.visit(members) { current = max(current, $0.current.load(ordering: .relaxed)) }
            for (index, label) in words.labels.enumerated() {
                page.sample(family.drawn.name, more: label, integer: index == current ? 1 : 0)
            }
        }
    }
}
