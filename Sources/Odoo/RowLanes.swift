internal import Synchronization

/// Lets calls wait that want rows which conflicted; see `ConflictSpacing`.
///
/// Any thread. Bounded by its askers: each waits with one call.
final class RowLanes: Sendable {
    private struct Waiting {
        var rows: Set<String>
        var isCritical: Bool
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var spacing = ConflictSpacing()
        var overlaps = SlowOverlaps()
        var waiting: [Waiting] = []
        /// When the line is looked at again by itself (monotonic nanoseconds).
        var alarm: Int64?
    }

    private static let start = ContinuousClock.now
    private let state = Mutex(State())
    private let now: @Sendable () -> Int64

    /// - Parameter now: monotonic nanoseconds.
    init(now: @escaping @Sendable () -> Int64 = RowLanes.sinceStart) { self.now = now }

    /// How many rows are kept apart.
    var count: Int { state.withLock { $0.spacing.count } }

    /// Makes a call that wants `rows` when they are free, and learns from its answers whether it conflicted;
    /// `movesStock`: from its time, too.
    func run<Output: Sendable>(
        _ rows: Set<String>, movesStock: Bool = false, _ call: () async -> [Result<Output, OrderFailure>]
    ) async -> [Result<Output, OrderFailure>] {
        await enter(rows)
        let timing = Timing()
        let watch = movesStock ? makeWatch(rows, timing) : nil
        let answers = await CallWatch.$current.withValue(watch) { await call() }
        let isTold = answers.contains { answer in
            if case .failure(.call(let failure)) = answer { failure.isConflict } else { false }
        }
        let conflicted = isTold || timing.hasMet.withLock { $0 }
        state.withLock {
            $0.spacing.ended(rows, conflicted: conflicted, now: now(), random: Double.random(in: 0..<1))
        }
        pump()
        return answers
    }

    /// What is known of the calls of one run, which are made one after the other.
    private final class Timing: Sendable {
        let call = Mutex<Int?>(nil)
        let hasMet = Mutex(false)
    }

    private func makeWatch(_ rows: Set<String>, _ timing: Timing) -> CallWatch {
        CallWatch(
            began: { [self] in
                let number = state.withLock { $0.overlaps.began(rows) }
                timing.call.withLock { $0 = number }
            },
            ended: { [self] ended in
                guard let number = timing.call.withLock({ $0 }) else { return }
                let shape = ended.failure == nil ? SlowOverlaps.shape(ended.operation, records: ended.records) : nil
                let (seconds, attoseconds) = ended.took.components
                let hasMet = state.withLock {
                    $0.overlaps.ended(number, shape: shape, seconds: Double(seconds) + Double(attoseconds) * 1e-18)
                }
                if hasMet { timing.hasMet.withLock { $0 = true } }
            })
    }

    private func enter(_ rows: Set<String>) async {
        let isCritical = Errand.current?.urgency == .critical
        let goes = state.withLock { state in
            let isBehind = state.waiting.contains { !$0.rows.isDisjoint(with: rows) }
            return !isBehind && state.spacing.ask(rows, now: now()) == .go
        }
        guard !goes else { return }
        await withCheckedContinuation { continuation in
            state.withLock { state in
                let place = isCritical ? state.waiting.firstIndex { !$0.isCritical } : nil
                state.waiting.insert(
                    Waiting(rows: rows, isCritical: isCritical, continuation: continuation),
                    at: place ?? state.waiting.count)
            }
            pump()
        }
    }

    /// Lets go who may, in the sequence in which they came: nobody overtakes another one on the same rows.
    private func pump() {
        var resumed: [CheckedContinuation<Void, Never>] = []
        let alarm = state.withLock { state -> Int64? in
            var before: Set<String> = []
            var earliest: Int64?
            var left: [Waiting] = []
            for one in state.waiting {
                var goes = false
                if before.isDisjoint(with: one.rows) {
                    switch state.spacing.ask(one.rows, now: now()) {
                    case .go: goes = true
                    case .wait(let until): earliest = min(earliest ?? until, until)
                    case .behind: break
                    }
                }
                if goes { resumed.append(one.continuation) } else { left.append(one) }
                before.formUnion(one.rows)
            }
            state.waiting = left
            guard let earliest, state.alarm.map({ earliest < $0 }) ?? true else { return nil }
            state.alarm = earliest
            return earliest
        }
        for one in resumed { one.resume() }
        guard let alarm else { return }
        Task.detached { [self] in
            let wait = alarm - now()
            if wait > 0 { try? await Task.sleep(nanoseconds: UInt64(wait)) }
            state.withLock { if $0.alarm == alarm { $0.alarm = nil } }
            pump()
        }
    }

    private static func sinceStart() -> Int64 {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
