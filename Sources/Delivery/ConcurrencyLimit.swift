/// How many calls an Odoo bears at once, learned from how long they take.
///
/// A call that takes about as long as it ever did found a free worker; one that takes twice as long waited for one. So
/// the limit grows while calls are quick and it is used up, by one for each of its rounds (doubling at the start and
/// after an outage), and shrinks as calls grow slow. Odoo itself never says that it has too much. Pure.
public struct ConcurrencyLimit: Equatable, Sendable {
    /// Slowness, as a multiple of the quickest, from which on the limit shrinks.
    ///
    /// Half a call waits in Odoo behind each that is worked on: enough that no worker is idle. What waits there cannot
    /// be overtaken by what is urgent; what waits here can.
    static let slow = 1.5
    /// Slowness that it shrinks to.
    static let wanted = 1.25
    /// Shapes of calls that are remembered: operations by classes of size.
    static let shapes = 256
    /// What no call is blamed for, in seconds: its way through the network and this process.
    private static let tolerance = 0.005
    /// The most that one call counts, as a multiple of the quickest: it may have met something else than a queue.
    private static let worst = 4.0
    /// How much of the quickest time is forgotten with each call of its shape: it may have been luck.
    private static let ageing = 1.0001

    /// The largest value.
    public internal(set) var ceiling: Int
    private var limit: Double
    private var isStarting = true
    private var quickest: [String: Double] = [:]
    /// What the calls of this round took, and what they would have taken without waiting.
    private var took = 0.0
    private var needed = 0.0
    private var calls = 0
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
        // By time, so that many short calls do not outvote those that occupy the server.
        needed += best + Self.tolerance
        took += min(seconds, Self.worst * (best + Self.tolerance))
        calls += 1
        if inFlight >= value { isUsedUp = true }
        guard calls >= max(4, value) else { return }
        let slowness = took / needed
        defer { beginRound() }
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
        guard isStarting || calls > 0 || limit > 1 else { return }
        isStarting = false
        beginRound()
        limit = max(1, limit / 2)
    }

    /// The server is back from an outage: everybody waits for it, so it starts with one call.
    public mutating func restart() {
        limit = 1
        isStarting = true
        beginRound()
    }

    private mutating func beginRound() {
        (took, needed, calls, isUsedUp) = (0, 0, 0, false)
    }

    /// The class of size of a call for `records` records: sizes of one class differ by half at most.
    static func sizeClass(_ records: Int) -> Int {
        var size = 1
        while size * 3 / 2 < records { size = max(size + 1, size * 3 / 2) }
        return size
    }
}
