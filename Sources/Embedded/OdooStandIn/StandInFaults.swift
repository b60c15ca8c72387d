internal import Foundation

/// What the stand-in was told to do wrong.
struct StandInFault: Codable, Equatable, Sendable {
    enum Kind: String, Codable, Sendable {
        /// Answer with `status` and the exception `name`, doing nothing.
        case fail
        /// Do the work, then drop the connection.
        case loseAnswer = "lose_answer"
        /// Drop the connection, and do the work `milliseconds` later.
        case late
        /// Drop the connection, doing nothing.
        case drop
        /// Hold the worker for `milliseconds` more, or until other faults are told, then work as usual.
        case slow
    }

    var kind: Kind
    /// `model/method`; nil: every call.
    var method: String?
    /// Which share of the calls, 0...1; nil: all.
    var share: Double?
    /// How many calls; nil: until cleared.
    var next: Int?
    var status: Int?
    var name: String?
    var milliseconds: Double?
}

/// Which fault meets which call.
///
/// Pure, seeded.
struct StandInFaultPlan: Sendable {
    private(set) var faults: [StandInFault] = []
    private var random: StandInRandom

    init(seed: UInt64) { random = StandInRandom(seed: seed) }

    mutating func replace(_ faults: [StandInFault]) { self.faults = faults }

    /// The fault that meets a call of `operation`, if any: the first rule that applies.
    mutating func meet(_ operation: String) -> StandInFault? {
        for index in faults.indices {
            let fault = faults[index]
            if let method = fault.method, method != operation { continue }
            if let share = fault.share, Double.random(in: 0..<1, using: &random) >= share { continue }
            if let next = fault.next {
                guard next > 0 else { continue }
                faults[index].next = next - 1
            }
            return fault
        }
        return nil
    }
}

/// Where calls wait that were told to be slow, until their time is up or other faults are told.
///
/// Safe: the round is only touched while the condition's lock is held.
final class StandInPause: @unchecked Sendable {
    private let condition = NSCondition()
    private var told = 0

    /// How often faults were told.
    var round: Int {
        condition.lock()
        defer { condition.unlock() }
        return told
    }

    /// Waits for a call that was met by a fault of `round`.
    func wait(milliseconds: Double, round: Int) {
        let end = Date(timeIntervalSinceNow: milliseconds / 1000)
        condition.lock()
        defer { condition.unlock() }
        while told == round, condition.wait(until: end) {}
    }

    /// Other faults are told.
    func end() {
        condition.lock()
        defer { condition.unlock() }
        told += 1
        condition.broadcast()
    }
}

/// SplitMix64.
struct StandInRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
