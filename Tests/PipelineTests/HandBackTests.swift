import Embedded
import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// Partitions that are given back while a legal entity is paused.
    @Suite struct HandBackTests {
        private static let workload = Workload(orders: 80, seed: 61)

        /// Goal: what a paused legal entity has in a partition holds up neither the hand-back nor the end, and its
        /// neighbours go on with whoever gets the partition.
        @Test func aPausedLegalEntityHoldsUpNoHandBack() throws {
            let calm = try Self.workload.undisturbed()
            // Nothing gets into Odoo, so its backlog is full.
            let stage = try Stage(isRealKafka: BrokerKinds.hasKafka, odooLatency: "600000", isShared: true)
            let paused = try #require(TrafficSettings.demoEntities.first?.name)
            try stage.edit(
                "entities/\(paused.lowercased()).json5", "store: \"demo\",",
                "store: \"demo\",\n  backlog: { high: 3, on_full: \"pause\" },")
            let first = try stage.run()
            _ = try first.waitForLog("partition.assigned")
            let sender = try Self.workload.send(to: stage, rate: 60)
            _ = try first.waitForLog("backlog.full")
            try #require(eventually { !sender.isRunning }, sender.report)
            let second = try stage.run()
            let left = try first.waitForLog("partition.revoked_undrained")
            let asked = try #require(first.logged("partition.revoking").first)
            print("hand-back beside a paused legal entity: \(Self.milliseconds(asked, left)) ms")
            _ = try second.waitForLog("partition.assigned")
            let wanted = calm.picture.filter { $0.count == 6 && $0[0] != paused }.count
            let found = "SELECT count(*) FROM journal WHERE channel <> 'sluice' AND legal_entity <> '\(paused)'"
            try #require(
                eventually { stage.number(found) == Int64(wanted) }, second.report)
            try stage.expectOneRowForEachPosition()
            for program in [first, second] {
                program.terminate()
                #expect(try program.exitCode() == 0, program.report)
                // Nobody crashed.
                #expect(program.logged("partition.careful").isEmpty, program.report)
            }
        }

        private static func milliseconds(_ from: [String: Any], _ to: [String: Any]) -> Int {
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let times = [from, to].map { ($0["ts"] as? String).flatMap { try? format.parse($0) } ?? .distantPast }
            return Int(times[1].timeIntervalSince(times[0]) * 1000)
        }
    }
}
