import Embedded
import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// Instances that join, leave and die at random under load.
    ///
    /// `SLUICE_STORM_SECONDS` says for how long, `SLUICE_SEED` repeats a storm.
    @Suite struct StormTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let seconds = environment["SLUICE_STORM_SECONDS"].flatMap { Int($0) } ?? 10
        private static let instances = 3
        /// Records a second, and about how many an order has.
        private static let (rate, recordsOfAnOrder) = (120, 8)

        @Test func aRebalanceStormChangesNothing() throws {
            let seed = Self.environment["SLUICE_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...9999)
            let workload = Workload(orders: Self.seconds * Self.rate / Self.recordsOfAnOrder, seed: 21)
            let calm = try workload.undisturbed()
            var random = SeededRandom(seed: seed)
            let stage = try Stage(isRealKafka: BrokerKinds.hasKafka, isShared: true)
            var running: [Program?] = Array(repeating: nil, count: Self.instances)
            running[0] = try stage.run()
            let sender = try workload.send(to: stage, rate: Self.rate)
            var (starts, terms, kills) = (1, 0, 0)
            let end = ContinuousClock.now.advanced(by: .seconds(Self.seconds))
            while ContinuousClock.now < end {
                let slot = random.below(Self.instances)
                if let program = running[slot] {
                    try #require(program.isRunning, program.report)
                    if random.chance(50) {
                        try program.killAtOnce()
                        kills += 1
                    } else {
                        program.terminate()
                        #expect(try program.exitCode() == 0, program.report)
                        terms += 1
                    }
                    running[slot] = nil
                } else {
                    running[slot] = try stage.run()
                    starts += 1
                }
                // The rhythm of the storm.
                let pause = random.within(100...2000)
                _ = eventually(within: .milliseconds(pause)) { ContinuousClock.now >= end }
            }
            let last = try running.compactMap { $0 }.first ?? stage.run()
            let result = try workload.end(stage, sender, last, within: patience + .seconds(Self.seconds))
            expectSame(result, calm, seed)
            print("storm: seed \(seed), \(result.sent) records, \(starts) starts, \(terms) terms, \(kills) kills")
        }
    }
}
