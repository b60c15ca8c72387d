import Embedded
import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// The kill sweep: the process is killed at the n-th call of a kind that any of its threads makes, for many n and
    /// all kinds of calls by which it talks to Kafka, PostgreSQL and Odoo, one process after the other, under load.
    ///
    /// `SLUICE_KILL_POINTS` says how many points; the table goes to standard output.
    @Suite struct KillSweepTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let points = environment["SLUICE_KILL_POINTS"].flatMap { Int($0) } ?? 8
        private static let strace = ["/usr/bin/strace", "/bin/strace", "/usr/local/bin/strace"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        private static let reason = "needs strace (apt-get install strace)"
        /// Records a second that come in meanwhile.
        private static let rate = 40

        /// Calls and up to which n of each.
        ///
        /// libpq and HTTP talk by `sendto` and `recvfrom`, librdkafka by `sendmsg` and `recvmsg`; all wait by `poll`.
        private static let calls: [(name: String, most: Int)] = [
            ("sendto", 60), ("recvfrom", 60), ("poll", 60), ("sendmsg", 30), ("recvmsg", 30),
        ]

        private struct Point {
            var call: String
            var number: Int
        }

        private struct Row {
            var tried = 0
            var killed = 0
            var milliseconds: [Int] = []
        }

        /// `count` points, spread over all calls, in a random sequence: early and late deaths in turn.
        private static func chosen(_ count: Int, _ random: inout SeededRandom) -> [Point] {
            let all = calls.flatMap { call in (1...call.most).map { Point(call: call.name, number: $0) } }
            var points: [Point] = []
            while points.count < count {
                var round = all
                while !round.isEmpty, points.count < count {
                    points.append(round.remove(at: random.below(round.count)))
                }
            }
            return points
        }

        @Test(.enabled(if: strace != nil, Comment(rawValue: reason)))
        func killsAtEveryKindOfCallChangeNothing() throws {
            let seed = Self.environment["SLUICE_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...9999)
            var random = SeededRandom(seed: seed)
            let points = Self.chosen(Self.points, &random)
            let workload = Workload(orders: max(60, Self.points * 6), seed: 51)
            let calm = try workload.undisturbed()
            let stage = try Stage(isRealKafka: BrokerKinds.hasKafka)
            let sender = try workload.send(to: stage, rate: Self.rate)
            var table: [String: Row] = [:]
            for point in points {
                let start = ContinuousClock.now
                let program = try run(stage, point)
                let isKilled = eventually(within: .seconds(15)) { !program.isRunning }
                if !isKilled { try program.killAtOnce() }
                #expect(try program.exitCode() == SIGKILL, "seed \(seed), \(point)\n\(program.report)")
                let took = ContinuousClock.now - start
                table[point.call, default: Row()].tried += 1
                table[point.call]?.killed += isKilled ? 1 : 0
                table[point.call]?.milliseconds.append(
                    Int(took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000))
            }
            let last = try stage.run()
            let result = try workload.end(
                stage, sender, last, within: .seconds(Int(calm.sent) / Self.rate + 60))
            expectSame(result, calm, seed)
            Self.show(table, seed, result.sent)
            #expect(table.values.reduce(0) { $0 + $1.killed } > 0)
        }

        /// The pipeline, killed at the point; strace is its grandchild, so that the process is the pipeline's own.
        private func run(_ stage: Stage, _ point: Point) throws -> Program {
            try Program(
                [
                    "-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=\(point.call)", "-e",
                    "inject=\(point.call):signal=SIGKILL:when=\(point.number)", Program.sluice, "run", "--config",
                    stage.configuration,
                ], environment: stage.environment, executable: Self.strace ?? "")
        }

        private static func show(_ table: [String: Row], _ seed: UInt64, _ sent: Int64) {
            print("kill sweep: seed \(seed), \(sent) records; all states, keys and books as undisturbed")
            print("| call | points | killed there | killed after 15 s | median ms |")
            print("|---|---|---|---|---|")
            for (call, row) in table.sorted(by: { $0.key < $1.key }) {
                let median = row.milliseconds.sorted()[row.milliseconds.count / 2]
                print("| \(call) | \(row.tried) | \(row.killed) | \(row.tried - row.killed) | \(median) |")
            }
            let (tried, killed) = table.values.reduce((0, 0)) { ($0.0 + $1.tried, $0.1 + $1.killed) }
            print("| all | \(tried) | \(killed) | \(tried - killed) | |")
        }
    }
}
