import Embedded
import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// A record that ends the process whenever it is looked at.
    @Suite struct CrashLoopTests {
        /// Starts: two that end without a word, one with a group in hand, three with the record alone in hand, and the
        /// one that gives it up.
        private static let starts = 7

        @Test func aRecordThatCrashesTheProcessIsGivenUpAndEverythingElsePasses() throws {
            let stage = try Stage(isRealKafka: BrokerKinds.hasKafka)
            let first = try stage.sent(by: try stage.sendTraffic(orders: 15, seed: 41, rate: 5000))
            let poison = "poison-\(UInt32.random(in: .min ... .max))"
            let producer = try Producer(ClientSettings(["bootstrap.servers": stage.brokers]))
            try producer.produce(
                OutgoingRecord(topic: DemoConfiguration.topics[0], partition: 1, value: Array(poison.utf8)))
            let isFlushed = producer.flush(within: patience)
            #expect(isFlushed)
            let second = try stage.sent(by: try stage.sendTraffic(orders: 15, seed: 42, rate: 5000))
            var crashes = 0
            var pipeline: Program?
            for _ in 0..<Self.starts {
                let program = try stage.run(["SLUICE_FAILPOINT": "crash_on_record=\(poison)"])
                pipeline = program
                _ = eventually {
                    !program.isRunning || !program.logged("record.given_up").isEmpty
                }
                if program.isRunning { break }
                #expect(try program.exitCode() == SIGABRT, program.report)
                crashes += 1
            }
            let last = try #require(pipeline)
            // One less where it was the first of the group.
            #expect((Self.starts - 2...Self.starts - 1).contains(crashes), last.report)
            let sent = first + second + 1
            try stage.waitUntilSettled(sent, last)
            _ = try stage.balancedBooks(sent)
            try stage.expectOneRowForEachPosition()
            #expect(stage.number("SELECT count(*) FROM dead_letters WHERE reason = 'crashed'") == 1)
            let kept = try stage.rows(
                "SELECT convert_from(payload, 'UTF8') FROM dead_letters WHERE reason = 'crashed'")
            #expect(kept == [[poison]])
            last.terminate()
            #expect(try last.exitCode() == 0, last.report)
        }
    }
}
