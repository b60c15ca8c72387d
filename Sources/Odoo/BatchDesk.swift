/// Gathers what several visits ask for at about the same time, so that one call answers many of them.
///
/// What comes while calls are under way waits and goes with the next one; hence the fuller the load, the larger the
/// batches. Bounded by its askers: each waits for its one answer.
actor BatchDesk<Input: Sendable, Output: Sendable> {
    typealias Answer = Result<Output, OrderFailure>

    private struct Waiting {
        var input: Input
        var errand: Errand?
        var continuation: CheckedContinuation<Answer, Never>
    }

    /// What goes in calls of its own: inputs of one lane and one urgency, so that what has to go soon does not wait
    /// behind others.
    private struct Queue: Hashable {
        var lane: String
        var isCritical: Bool
    }

    private let size: Int
    private let parallel: Int
    private let linger: Duration
    private let run: @Sendable (_ lane: String, [Input]) async -> [Answer]
    private var waiting: [Queue: [Waiting]] = [:]
    private var runners: [Queue: Int] = [:]

    /// A desk.
    ///
    /// - Parameters:
    ///   - size: largest number of inputs of a call.
    ///   - parallel: how many calls of one lane may be under way.
    ///   - linger: how long a first input waits for company; a critical one does not.
    ///   - run: answers inputs of one lane, each at its place; its calls are as urgent as the most urgent of them, and
    ///     belong to that one's trace, or else to the first that is known.
    init(
        size: Int, parallel: Int = 8, linger: Duration,
        run: @escaping @Sendable (_ lane: String, [Input]) async -> [Answer]
    ) {
        self.size = size
        self.parallel = parallel
        self.linger = linger
        self.run = run
    }

    /// The answer for `input`; `superseded` where it was not asked for any more when its turn came.
    func ask(_ input: Input, lane: String = "") async throws(OrderFailure) -> Output {
        let errand = Errand.current
        let queue = Queue(lane: lane, isCritical: errand?.urgency == .critical)
        let answer = await withCheckedContinuation { continuation in
            waiting[queue, default: []].append(Waiting(input: input, errand: errand, continuation: continuation))
            guard runners[queue, default: 0] < parallel else { return }
            runners[queue, default: 0] += 1
            Task.detached { await self.serve(queue) }
        }
        return try answer.get()
    }

    private func serve(_ queue: Queue) async {
        while true {
            if !queue.isCritical, waiting[queue, default: []].count < size { try? await Task.sleep(for: linger) }
            let batch = next(queue)
            guard !batch.isEmpty else { break }
            let answers = await Errand.$current.withValue(Self.errand(of: batch)) {
                await run(queue.lane, batch.map(\.input))
            }
            for (index, one) in batch.enumerated() {
                one.continuation.resume(returning: answers.indices.contains(index) ? answers[index] : Self.unanswered)
            }
        }
        runners[queue, default: 1] -= 1
        if runners[queue] == 0 {
            runners[queue] = nil
            waiting[queue] = nil
        }
    }

    /// Takes a batch of what is still wanted.
    private func next(_ queue: Queue) -> [Waiting] {
        var batch: [Waiting] = []
        var taken = 0
        for one in waiting[queue, default: []] where batch.count < size {
            taken += 1
            if one.errand?.isSuperseded ?? false {
                one.continuation.resume(returning: .failure(.superseded))
            } else {
                batch.append(one)
            }
        }
        waiting[queue]?.removeFirst(taken)
        return batch
    }

    private static func errand(of batch: [Waiting]) -> Errand? {
        let errands = batch.compactMap(\.errand)
        guard let urgent = errands.min(by: { $0.urgency < $1.urgency }) else { return nil }
        // A header has room for one parent.
        guard urgent.trace == nil, let trace = errands.lazy.compactMap(\.trace).first else { return urgent }
        return Errand(urgent.urgency, trace: trace)
    }

    private static var unanswered: Answer {
        .failure(
            .call(OdooFailure(.unknown, name: "sluice.Unanswered", reason: "no answer of its own", operation: "batch")))
    }
}

/// One at a time in each lane, whatever it does; whoever is critical is next.
///
/// Calls that move stock of one warehouse hinder each other in Odoo, where that costs a held worker seconds.
actor LaneLocks {
    private var held: Set<String> = []
    private var waiting: [String: [(isCritical: Bool, continuation: CheckedContinuation<Void, Never>)]] = [:]

    func enter(_ lane: String) async {
        if held.insert(lane).inserted { return }
        let isCritical = Errand.current?.urgency == .critical
        await withCheckedContinuation { continuation in
            let line = waiting[lane, default: []]
            let place = isCritical ? line.firstIndex { !$0.isCritical } ?? line.count : line.count
            waiting[lane, default: []].insert((isCritical, continuation), at: place)
        }
    }

    func leave(_ lane: String) {
        guard var line = waiting[lane], !line.isEmpty else {
            held.remove(lane)
            return
        }
        let next = line.removeFirst()
        waiting[lane] = line.isEmpty ? nil : line
        next.continuation.resume()
    }
}
