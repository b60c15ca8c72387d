internal import Odoo
internal import OrderEvents
internal import Synchronization

/// One Odoo with its limits: every call to it goes through here, whichever legal entity it is for.
///
/// Any thread. Nobody waits here longer than others' calls take: while the server fails, calls are refused at once.
final class OdooServer: Sendable {
    private struct State {
        var gate: CallGate
        var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextTicket = 0
        /// When the gate is looked at again by itself (monotonic nanoseconds).
        var alarm: Int64?
        /// Whether it has ever answered.
        var hasAnswered = false
        /// Until when the visit that tries whether the server is there is somebody else's (monotonic nanoseconds).
        var trying: Int64 = 0

        /// Whether visits go without one that tries first.
        ///
        /// They do not at first: of a thousand legal entities whose Odoo is away two thousand orders would be in memory
        /// before the first calls have failed.
        var works: Bool { hasAnswered && gate.breaker.name == .closed }

        /// Whether somebody may try whether the server is there: nobody does already, or hangs there.
        func admitsTry(now: Int64) -> Bool {
            guard gate.breaker.admits(now: now), now >= trying else { return false }
            return hasAnswered || gate.breaker.name != .closed || gate.inFlight == 0
        }
    }

    private let state: Mutex<State>
    /// Monotonic nanoseconds.
    private let now: @Sendable () -> Int64

    init(now: @escaping @Sendable () -> Int64 = { Destination.nanoseconds() }) {
        state = Mutex(State(gate: CallGate()))
        self.now = now
    }

    func join(weight: Int, ratePerSecond: Double, ceiling: Int) -> Int {
        state.withLock { $0.gate.join(weight: weight, ratePerSecond: ratePerSecond, ceiling: ceiling) }
    }

    var breaker: Breaker { state.withLock { $0.gate.breaker } }
    var limit: Int { state.withLock { $0.gate.limit.value } }
    var inFlight: Int { state.withLock { $0.gate.inFlight } }

    /// Whether visits go: else one destination at a time tries whether it is there.
    var works: Bool { state.withLock { $0.works } }

    /// How long one destination has to try whether the server is there, before another one may.
    private static let tryInterval: Int64 = 500_000_000

    /// Whether the caller is the one that may try whether the server is there: of all that share it, one at a time.
    func mayTry() -> Bool {
        state.withLock { state in
            let now = now()
            guard state.admitsTry(now: now) else { return false }
            state.trying = now + Self.tryInterval
            return true
        }
    }

    /// A visit has ended: while the server has never answered, the turn to try goes to whoever asks next.
    func visited() {
        state.withLock { if !$0.hasAnswered, $0.gate.breaker.name == .closed { $0.trying = 0 } }
    }

    /// Whoever had the turn to try found nothing to try with.
    func passTry() { state.withLock { $0.trying = 0 } }

    /// Whether visits go, or one that tries whether the server is there might.
    var mayBeVisited: Bool {
        state.withLock { $0.works || $0.admitsTry(now: now()) }
    }

    /// Waits for the turn of a call; false: it is not to be made.
    ///
    /// A call whose turn came has to be ended by `left`.
    func enter(member: Int, _ urgency: CallGate.Urgency) async -> Bool {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                let ticket = state.nextTicket
                state.nextTicket += 1
                state.waiting[ticket] = continuation
                state.gate.ask(ticket, member: member, urgency)
            }
            pump()
        }
    }

    func left(member: Int, _ outcome: CallGate.Outcome) {
        state.withLock { state in
            state.gate.ended(member: member, outcome, now: now())
            switch outcome {
            case .answered, .conflict: state.hasAnswered = true
            // Somebody else may find out whether the server is there.
            case .denied: state.trying = 0
            case .failed, .wait, .notMade: break
            }
        }
        pump()
    }

    private func pump() {
        var resumed: [(CheckedContinuation<Bool, Never>, Bool)] = []
        let alarm = state.withLock { state -> Int64? in
            while true {
                switch state.gate.next(now: now()) {
                case .start(let ticket):
                    if let waiting = state.waiting.removeValue(forKey: ticket) { resumed.append((waiting, true)) }
                case .refuse(let tickets):
                    for ticket in tickets {
                        if let waiting = state.waiting.removeValue(forKey: ticket) { resumed.append((waiting, false)) }
                    }
                case .wait(let until):
                    if let alarm = state.alarm, alarm <= until { return nil }
                    state.alarm = until
                    return until
                case .idle: return nil
                }
            }
        }
        for (waiting, goes) in resumed { waiting.resume(returning: goes) }
        guard let alarm else { return }
        Task {
            let wait = alarm - now()
            if wait > 0 { try? await Task.sleep(nanoseconds: UInt64(wait)) }
            state.withLock { if $0.alarm == alarm { $0.alarm = nil } }
            pump()
        }
    }

    /// How soon a call has to go: as its errand says, but what a person reads later never before what moves goods.
    static func urgency(_ operation: String, _ errand: Errand?) -> CallGate.Urgency {
        max(errand?.urgency ?? .usual, ofOperation(operation))
    }

    private static func ofOperation(_ operation: String) -> CallGate.Urgency {
        switch operation {
        case "sale.advance.payment.inv/create", "sale.advance.payment.inv/create_invoices", "account.move/read",
            "account.move/action_post", "sale.order/message_post", "mail.message/search_read", "sale.order/action_lock":
            .usual
        default: .critical
        }
    }

    /// What the end of a call says about the server, and about the legal entity's way into it.
    static func outcome(_ ended: WatchedAPI.Ended, now: Int64) -> CallGate.Outcome {
        let (seconds, attoseconds) = ended.took.components
        let answered = CallGate.Outcome.answered(
            shape: "\(ended.operation) \(ConcurrencyLimit.sizeClass(ended.records))",
            seconds: Double(seconds) + Double(attoseconds) * 1e-18)
        guard let failure = ended.failure else { return answered }
        switch failure.kind {
        case .refused, .missing, .clientFault: return answered
        case .retry: return failure.isConflict ? .conflict : .failed
        case .retryAfter(let seconds): return .wait(until: now + Int64(max(1, seconds)) * 1_000_000_000)
        case .reconnect, .unknown: return .failed
        case .credentials, .configuration: return failure.isDenial ? .denied : .failed
        }
    }
}

/// The Odoos of a process, by their addresses: legal entities that have one in common share its limits.
public final class OdooServers: Sendable {
    private let servers = Mutex<[String: OdooServer]>([:])

    /// No servers yet.
    public init() {}

    func server(_ url: String) -> OdooServer {
        servers.withLock { servers in
            if let known = servers[url] { return known }
            let server = OdooServer()
            servers[url] = server
            return server
        }
    }
}
