/// Gathers what several visits ask for at about the same time, so that one call answers many of them.
///
/// What comes while calls are under way waits and goes with the next one; hence the fuller the load, the larger the
/// batches. Bounded by its askers: each waits for its one answer.
actor BatchDesk<Input: Sendable, Output: Sendable> {
    typealias Answer = Result<Output, OrderFailure>

    private struct Waiting {
        var input: Input
        var continuation: CheckedContinuation<Answer, Never>
    }

    private let size: Int
    private let parallel: Int
    private let linger: Duration
    private let run: @Sendable (_ lane: String, [Input]) async -> [Answer]
    private var waiting: [String: [Waiting]] = [:]
    private var runners: [String: Int] = [:]

    /// A desk.
    ///
    /// - Parameters:
    ///   - size: largest number of inputs of a call.
    ///   - parallel: how many calls of one lane may be under way.
    ///   - linger: how long a first input waits for company.
    ///   - run: answers inputs of one lane, each at its place.
    init(
        size: Int, parallel: Int = 8, linger: Duration,
        run: @escaping @Sendable (_ lane: String, [Input]) async -> [Answer]
    ) {
        self.size = size
        self.parallel = parallel
        self.linger = linger
        self.run = run
    }

    func ask(_ input: Input, lane: String = "") async throws(OrderFailure) -> Output {
        let answer = await withCheckedContinuation { continuation in
            waiting[lane, default: []].append(Waiting(input: input, continuation: continuation))
            guard runners[lane, default: 0] < parallel else { return }
            runners[lane, default: 0] += 1
            Task { await serve(lane) }
        }
        return try answer.get()
    }

    private func serve(_ lane: String) async {
        while true {
            if waiting[lane, default: []].count < size { try? await Task.sleep(for: linger) }
            let batch = Array(waiting[lane, default: []].prefix(size))
            guard !batch.isEmpty else { break }
            waiting[lane]?.removeFirst(batch.count)
            let answers = await run(lane, batch.map(\.input))
            for (index, one) in batch.enumerated() {
                one.continuation.resume(returning: answers.indices.contains(index) ? answers[index] : Self.unanswered)
            }
        }
        runners[lane, default: 1] -= 1
        if runners[lane] == 0 {
            runners[lane] = nil
            waiting[lane] = nil
        }
    }

    private static var unanswered: Answer {
        .failure(
            .call(OdooFailure(.unknown, name: "sluice.Unanswered", reason: "no answer of its own", operation: "batch")))
    }
}

/// One at a time in each lane, whatever it does.
///
/// Calls that move stock of one warehouse hinder each other in Odoo, where that costs a held worker seconds.
actor LaneLocks {
    private var held: Set<String> = []
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    func enter(_ lane: String) async {
        if held.insert(lane).inserted { return }
        await withCheckedContinuation { waiting[lane, default: []].append($0) }
    }

    func leave(_ lane: String) {
        guard var line = waiting[lane], !line.isEmpty else {
            held.remove(lane)
            return
        }
        let next = line.removeFirst()
        waiting[lane] = line.isEmpty ? nil : line
        next.resume()
    }
}
