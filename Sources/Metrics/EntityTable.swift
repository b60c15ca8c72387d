import Synchronization

/// A legal entity that metrics are told of.
public struct ShownEntity: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// How much it weighs: where not all can be shown by name, the heaviest are.
    public var weight: Int

    /// A legal entity; see the properties.
    public init(name: String, weight: Int = 1) {
        self.name = name
        self.weight = weight
    }
}

/// How the series of a page are shared out among legal entities.
public struct SeriesShares: Equatable, Sendable {
    /// What a legal entity has at least when it is shown by name: together with what a page has beside, no more than
    /// 100 each where they are 1,000 and the budget is 100,000.
    public static let leastShare = 93
    /// One part of so many is for what is shown once: `other`, sums over legal entities, topics, the process.
    public static let reserve = 16

    /// The names that are shown, the heaviest first, then by name.
    public let shown: [String]
    /// How many fold into `other`: the lightest, the last by name.
    public let folded: Int
    /// How many series each that is shown may have.
    public let share: Int

    /// Shares out `series` lines of a page.
    public init(_ entities: [ShownEntity], series: Int) {
        let room = series - series / Self.reserve
        let sorted = entities.sorted { ($1.weight, $0.name) < ($0.weight, $1.name) }
        let count = min(sorted.count, room / Self.leastShare)
        shown = sorted.prefix(count).map(\.name)
        folded = sorted.count - count
        share = count == 0 ? 0 : room / count
    }

    /// Whether there is room for what is of less use: when each series was made, and series of what never happened.
    public var isRoomy: Bool { share >= 2 * Self.leastShare }
}

/// The legal entities that label metrics, and which of them a page shows by name.
///
/// Grows only; an index stays what it is.
final class EntityTable: Sendable {
    /// The index of series without a legal entity.
    static let process: Int32 = 0
    /// The index of all that are not shown by name.
    static let other: Int32 = 1
    /// The index of what could not be read.
    static let unknown: Int32 = 2
    /// Names that a table without a configuration takes; later ones are `other`.
    private static let maximumNames = 20_000

    /// What drawing needs; a value, so that it stays the same for a whole family.
    struct View: Sendable {
        /// Changes with whatever is below.
        var version = 0
        /// `legal_entity="A"`, by index; empty for `process`.
        var labels = LabelTable()
        var isShown: [Bool] = []
        /// Place of each label in their sequence.
        var ranks: [Int32] = []
    }

    private struct State {
        var view = View()
        var byName: [String: Int32] = [:]
        var byLabel: [[UInt8]: Int32] = [:]
        /// Series beside the reserved ones that each is shown with.
        var used: [Int] = []
        /// What each may have beside the reserved ones; nil: anything.
        var share: Int?
        var reserved = 0
        var isRoomy = true
    }

    private let state = Mutex(State())
    private let isOpen: Bool

    /// `entities`: those of the configuration; nil: whatever name is met.
    init(_ entities: [ShownEntity]?, series: Int) {
        isOpen = entities == nil
        state.withLock { state in
            state.view.labels.append([])
            state.view.isShown = [true]
            state.used = [0]
            _ = Self.index(DrawnShape.other, true, &state)
            _ = Self.index("unknown", true, &state)
            if let entities {
                let shares = SeriesShares(entities, series: series)
                for name in shares.shown { _ = Self.index(name, true, &state) }
                for entity in entities { _ = Self.index(entity.name, false, &state) }
                state.share = shares.share
                state.isRoomy = shares.isRoomy
            }
            Self.sort(&state)
        }
    }

    /// Reserves so many series of each legal entity's share.
    func reserve(_ lines: Int) { state.withLock { $0.reserved += lines } }

    /// The index of a name: `other` where it is not configured.
    func index(of name: String) -> Int32 {
        state.withLock { state in
            if let known = state.byName[name] { return known }
            guard isOpen, state.view.labels.count < Self.maximumNames else { return Self.other }
            let index = Self.index(name, true, &state)
            Self.sort(&state)
            return index
        }
    }

    /// The index of a name that a page may be asked for.
    func indexShown(_ name: String) -> Int32? {
        state.withLock { state in state.byName[name].flatMap { $0 == Self.other ? nil : $0 } }
    }

    /// Whether a new label set of so many lines is shown under its legal entity; takes its place if so.
    func admit(_ entity: Int32, lines: Int) -> Bool {
        state.withLock { state in
            let index = Int(entity)
            guard entity > Self.unknown, let share = state.share, state.view.isShown[index] else { return true }
            guard state.used[index] + state.reserved + lines <= share else { return false }
            state.used[index] += lines
            return true
        }
    }

    /// What drawing needs.
    var view: View { state.withLock { $0.view } }
    /// Whether each series of a legal entity says when it was made.
    var isRoomy: Bool { state.withLock { $0.isRoomy } }

    private static func index(_ name: String, _ isShown: Bool, _ state: inout State) -> Int32 {
        if let known = state.byName[name] { return known }
        var label: [UInt8] = []
        DrawnShape.label(Array(FamilyShape.entityLabel.utf8), name, into: &label)
        // Names that are drawn alike are one: a page with a series twice is refused whole.
        let index = state.byLabel[label] ?? Int32(state.view.labels.count)
        state.byName[name] = index
        guard state.byLabel.updateValue(index, forKey: label) == nil else { return index }
        state.view.labels.append(label)
        state.view.isShown.append(isShown)
        state.used.append(0)
        return index
    }

    private static func sort(_ state: inout State) {
        state.view.ranks = state.view.labels.ranks
        state.view.version += 1
    }
}
