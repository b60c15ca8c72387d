/// How many calls an Odoo bears at once, learned from how long they take.
///
/// A call that takes about as long as it ever did found a free worker; one that takes twice as long waited for one. So
/// the limit grows while calls are quick and it is used up, by one for each of its rounds (doubling at the start and
/// after an outage), and shrinks as calls grow slow. Odoo itself never says that it has too much. Pure.
public struct ConcurrencyLimit: Equatable, Sendable {
    /// Slowness, as a multiple of the quickest, from which on the limit shrinks.
    static let slow = 2.0
    /// Slowness that it shrinks to.
    static let wanted = 1.6
    /// Shapes of calls that are remembered: operations by classes of size.
    static let shapes = 256
    /// How much of the quickest time is forgotten with each call of its shape: it may have been luck.
    private static let ageing = 1.0001

    /// The largest value.
    public internal(set) var ceiling: Int
    private var limit: Double
    private var isStarting = true
    private var quickest: [String: Double] = [:]
    private var round: [Double] = []
    private var isUsedUp = false

    /// A limit of 1 that will grow fast, up to `ceiling`.
    public init(ceiling: Int) {
        self.ceiling = max(1, ceiling)
        limit = 1
    }

    /// How many calls may be under way.
    public var value: Int { min(ceiling, max(1, Int(limit))) }

    /// A call of `shape` was answered.
    ///
    /// - Parameters:
    ///   - shape: calls of one shape take about equally long.
    ///   - seconds: how long it took.
    ///   - inFlight: how many were under way, this one included.
    public mutating func answered(shape: String, seconds: Double, inFlight: Int) {
        let known = quickest[shape]
        if known == nil, quickest.count >= Self.shapes { quickest.removeAll(keepingCapacity: true) }
        let best = min(seconds, (known ?? seconds) * Self.ageing)
        quickest[shape] = best
        round.append(seconds / max(best, 0.000_001))
        if inFlight >= value { isUsedUp = true }
        guard round.count >= max(4, value) else { return }
        let slowness = round.sorted()[round.count / 2]
        round.removeAll(keepingCapacity: true)
        defer { isUsedUp = false }
        if slowness > Self.slow {
            isStarting = false
            // At one call at a time nobody waits for anybody: the server itself is slower now.
            if value == 1 { quickest.removeAll(keepingCapacity: true) }
            limit = max(1, limit * max(0.5, Self.wanted / slowness))
        } else if isUsedUp {
            limit = min(Double(ceiling), isStarting ? limit * 2 : limit + 1)
        }
    }

    /// A call failed in a way that tells of too much: no answer, a conflict, a request to wait.
    public mutating func overloaded() {
        // Once a round.
        guard isStarting || !round.isEmpty || limit > 1 else { return }
        isStarting = false
        round.removeAll(keepingCapacity: true)
        isUsedUp = false
        limit = max(1, limit / 2)
    }

    /// The server is back from an outage: everybody waits for it, so it starts with one call.
    public mutating func restart() {
        limit = 1
        isStarting = true
        round.removeAll(keepingCapacity: true)
        isUsedUp = false
    }

    /// The class of size of a call for `records` records: sizes of one class differ by half at most.
    static func sizeClass(_ records: Int) -> Int {
        var size = 1
        while size * 3 / 2 < records { size = max(size + 1, size * 3 / 2) }
        return size
    }
}
