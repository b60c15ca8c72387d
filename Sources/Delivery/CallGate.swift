public import Odoo

/// Who may call an Odoo next: the limits of one server, which several legal entities may share.
///
/// Legal entities get their turns by weight, and what one does not use is the others'. Within an entity urgent calls go
/// first; others are passed over so many times at most, then they go. Pure: whoever asks gets a ticket, and `next` says
/// what becomes of tickets.
public struct CallGate: Sendable {
    /// How soon a call has to go.
    public typealias Urgency = Errand.Urgency

    /// What to do now.
    public enum Action: Equatable, Sendable {
        /// This ticket's call goes.
        case start(Int)
        /// These tickets' calls do not: the server fails, or asked to be left alone.
        case refuse([Int])
        /// Nothing before this time (monotonic nanoseconds), unless something happens.
        case wait(until: Int64)
        /// Nothing until something happens.
        case idle
    }

    /// How a call ended.
    public enum Outcome: Equatable, Sendable {
        /// It was answered, be it with a refusal.
        case answered(shape: String, seconds: Double)
        /// Rolled back for a conflict: the rows that it wants are in use.
        case conflict
        /// The server asks for this time without calls (monotonic nanoseconds).
        case wait(until: Int64)
        /// It failed by the server's fault.
        case failed
        /// Odoo takes nothing from the legal entity: the key, the database or the company is wrong. Of the server it
        /// says nothing.
        case denied
        /// Its turn came, and it was not made.
        case notMade
    }

    private struct Member: Sendable {
        var weight: Double
        var ceiling: Int
        var bucket: TokenBucket
        var inFlight = 0
        /// Calls that went, by weight: whoever has the least is next.
        var turns = 0.0
        var waiting = [[Int]](repeating: [], count: Urgency.allCases.count)
        var passedOver = [Int](repeating: 0, count: Urgency.allCases.count)

        var isWaiting: Bool { waiting.contains { !$0.isEmpty } }
    }

    /// How many calls the server bears.
    public private(set) var limit: ConcurrencyLimit
    /// Whether the server is called at all.
    public private(set) var breaker: Breaker
    /// Calls under way.
    public private(set) var inFlight = 0
    private var members: [Member] = []
    /// Members that wait, which are few however many there are.
    private var waiting: [Int] = []

    /// A gate of a server without members; its ceiling is the largest of theirs.
    public init(breaker: Breaker = Breaker()) {
        limit = ConcurrencyLimit(ceiling: 1)
        self.breaker = breaker
    }

    /// Adds a legal entity; gives its number.
    public mutating func join(weight: Int, ratePerSecond: Double, ceiling: Int) -> Int {
        limit.ceiling = max(limit.ceiling, ceiling)
        members.append(
            Member(
                weight: Double(max(1, weight)), ceiling: max(1, ceiling),
                bucket: TokenBucket(ratePerSecond: ratePerSecond)))
        return members.count - 1
    }

    /// `ticket` waits for its turn.
    public mutating func ask(_ ticket: Int, member: Int, _ urgency: Urgency) {
        if !members[member].isWaiting {
            // Who did not want anything has not saved up turns.
            let least = waiting.map { members[$0].turns }.min() ?? members[member].turns
            members[member].turns = max(members[member].turns, least)
            waiting.append(member)
        }
        members[member].waiting[urgency.rawValue].append(ticket)
    }

    /// What to do at `now` (monotonic nanoseconds); to be asked again until it is `wait` or `idle`.
    public mutating func next(now: Int64) -> Action {
        guard !waiting.isEmpty else { return .idle }
        guard breaker.admits(now: now) else { return .refuse(drain()) }
        guard inFlight < limit.value else { return .idle }
        var earliest: Int64?
        var chosen: Int?
        for index in waiting where members[index].inFlight < members[index].ceiling {
            let due = members[index].bucket.next(now: now)
            guard due <= now else {
                earliest = min(earliest ?? due, due)
                continue
            }
            if chosen.map({ members[index].turns < members[$0].turns }) ?? true { chosen = index }
        }
        guard let chosen else { return earliest.map { .wait(until: $0) } ?? .idle }
        _ = breaker.admit(now: now)
        _ = members[chosen].bucket.reserve(now: now)
        members[chosen].turns += 1 / members[chosen].weight
        members[chosen].inFlight += 1
        inFlight += 1
        let ticket = takeTicket(chosen)
        if !members[chosen].isWaiting { waiting.removeAll { $0 == chosen } }
        return .start(ticket)
    }

    private mutating func takeTicket(_ member: Int) -> Int {
        let all = Urgency.allCases.filter { !members[member].waiting[$0.rawValue].isEmpty }
        let tooLong = all.last { members[member].passedOver[$0.rawValue] >= $0.patience && $0 != .critical }
        let urgency = tooLong ?? all.first ?? .urgent
        for other in all where other != urgency { members[member].passedOver[other.rawValue] += 1 }
        members[member].passedOver[urgency.rawValue] = 0
        return members[member].waiting[urgency.rawValue].removeFirst()
    }

    private mutating func drain() -> [Int] {
        var tickets: [Int] = []
        for index in waiting {
            tickets += members[index].waiting.flatMap { $0 }
            members[index].waiting = members[index].waiting.map { _ in [] }
        }
        waiting = []
        return tickets
    }

    /// A call of `member` ended at `now` (monotonic nanoseconds).
    public mutating func ended(member: Int, _ outcome: Outcome, now: Int64) {
        let before = inFlight
        inFlight -= 1
        members[member].inFlight -= 1
        let wasOpen = breaker.name != .closed
        switch outcome {
        case .answered(let shape, let seconds):
            breaker.succeeded()
            if wasOpen, breaker.name == .closed {
                limit.restart()
            } else {
                limit.answered(shape: shape, seconds: seconds, inFlight: before)
            }
        case .conflict:
            // The server works; who wants the same rows is kept apart from each other, and nobody else.
            breaker.succeeded()
        case .wait(let until):
            breaker.rest(until: until)
            limit.overloaded()
        case .failed:
            breaker.failed(now: now)
            limit.overloaded()
        case .denied, .notMade: breaker.withdrawn(now: now)
        }
    }
}

extension Errand.Urgency {
    /// How often calls of this urgency are passed over in a row at most.
    var patience: Int {
        switch self {
        case .critical: 0
        case .urgent, .usual: 4
        case .whenever: 9
        }
    }
}
