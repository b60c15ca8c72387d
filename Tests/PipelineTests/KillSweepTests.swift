import Embedded
import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// The kill sweep: the process is killed at the n-th call of a kind that one of its threads makes, for many n.
    ///
    /// For all kinds of calls by which it talks to Kafka, PostgreSQL and Odoo, one process after the other, each with
    /// fresh traffic to do. After each death the books, the committed offsets and Odoo are looked at; in the end
    /// everything has to be as in a run that was not disturbed. `SLUICE_KILL_POINTS` says how many points; the table
    /// goes to standard output.
    @Suite struct KillSweepTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let points = environment["SLUICE_KILL_POINTS"].flatMap { Int($0) } ?? 8
        private static let strace = ["/usr/bin/strace", "/bin/strace", "/usr/local/bin/strace"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        private static let reason = "needs strace (apt-get install strace)"
        /// Records a second that come in meanwhile.
        private static let rate = 15
        /// How long a process may take to come to its point; one that does not is killed then.
        private static let longestLife = Duration.seconds(15)

        /// Calls and up to which n of each.
        ///
        /// libpq and HTTP talk by `sendto` and `recvfrom`, librdkafka by `sendmsg` and `recvmsg`; all wait by `poll`.
        private static let calls: [(name: String, most: Int)] = [
            ("sendto", 120), ("recvfrom", 120), ("poll", 240), ("sendmsg", 120), ("recvmsg", 120),
        ]

        private struct Point {
            var call: String
            var number: Int
        }

        /// A death, and what was found behind it.
        private struct Death {
            var point: Point
            var milliseconds: Int
            /// Whether it came to its point.
            var isThere: Bool
            var found: Stage.Found
        }

        /// Portion after portion, so that there is work whenever a process comes so far.
        private struct Traffic {
            let stage: Stage
            var workload = Workload(orders: 10, seed: 51, portions: 0)
            private var sender: Program?
            private var sent: Int64 = 0

            init(stage: Stage) { self.stage = stage }

            /// Begins the next portion when the last is sent.
            mutating func goOn() throws {
                if let sender {
                    if sender.isRunning { return }
                    sent += try stage.sent(by: sender)
                }
                sender = try workload.send(workload.portions, to: stage, rate: KillSweepTests.rate)
                workload.portions += 1
            }

            /// How many records all portions had.
            mutating func end() throws -> Int64 {
                if let sender { sent += try stage.sent(by: sender) }
                sender = nil
                return sent
            }
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
            let stage = try Stage(isRealKafka: BrokerKinds.hasKafka)
            // The tables are made first: that has a test of its own, and more calls than all the rest.
            let migration = try stage.command("migrate")
            #expect(try migration.exitCode() == 0, migration.report)
            var traffic = Traffic(stage: stage)
            var deaths: [Death] = []
            for point in points {
                let start = ContinuousClock.now
                let program = try run(stage, point)
                let isThere = try eventually(within: Self.longestLife) {
                    try traffic.goOn()
                    return !program.isRunning
                }
                let took = ContinuousClock.now - start
                if !isThere { try program.killAtOnce() }
                #expect(try program.exitCode() == SIGKILL, "seed \(seed), \(point)\n\(program.report)")
                let found = try stage.found()
                expectKept(found, "seed \(seed), \(point)\n\(program.report)")
                deaths.append(
                    Death(point: point, milliseconds: Int(took / .milliseconds(1)), isThere: isThere, found: found))
            }
            let sent = try traffic.end()
            let result = try traffic.workload.end(stage, sent, stage.run())
            expectSame(result, try traffic.workload.undisturbed(), seed)
            Self.show(deaths, seed)
            #expect(deaths.contains { $0.isThere })
            #expect(deaths.contains { $0.found.outcomes > 0 })
        }

        /// What has to hold at any moment, also behind a death.
        private func expectKept(_ found: Stage.Found, _ comment: Comment) {
            // Nothing is committed that is not in the ledger, and nothing is in the ledger that has no outcome.
            #expect(found.committedBeyondLedger == [], comment)
            #expect(found.ledgered == found.outcomesBelowLedger, comment)
            #expect(found.positions == found.outcomes, comment)
            #expect(found.salesOrders == found.salesOrderNames, comment)
            #expect(found.noted <= found.salesOrders, comment)
        }

        /// The pipeline, killed at the point; strace is its grandchild, so that the process is the pipeline's own.
        private func run(_ stage: Stage, _ point: Point) throws -> Program {
            try Program(
                [
                    "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(point.call)", "-e",
                    "inject=\(point.call):signal=SIGKILL:when=\(point.number)", Program.sluice, "run", "--config",
                    stage.configuration,
                ], environment: stage.environment, executable: Self.strace ?? "")
        }

        private static func show(_ deaths: [Death], _ seed: UInt64) {
            print("kill sweep: seed \(seed); what was found after each kill (the states are compared behind the last)")
            print(
                "| # | call x n | ms | with outcome | ledgered | to be polled again | in Odoo | not noted yet |"
            )
            print("|---|---|---|---|---|---|---|---|---|")
            for (number, death) in deaths.enumerated() {
                let found = death.found
                let words = [
                    "\(number + 1)", "\(death.point.call) x \(death.point.number)\(death.isThere ? "" : " (not met)")",
                    "\(death.milliseconds)", "\(found.outcomes)", "\(found.ledgered)",
                    "\(found.outcomes - found.ledgered)", "\(found.salesOrders)", "\(found.salesOrders - found.noted)",
                ]
                print("| \(words.joined(separator: " | ")) |")
            }
            print("| call | points | killed there | killed after \(longestLife) | median ms |")
            print("|---|---|---|---|---|")
            for call in calls {
                let mine = deaths.filter { $0.point.call == call.name }
                if mine.isEmpty { continue }
                let there = mine.count { $0.isThere }
                let median = mine.map(\.milliseconds).sorted()[mine.count / 2]
                print("| \(call.name) | \(mine.count) | \(there) | \(mine.count - there) | \(median) |")
            }
            let there = deaths.count { $0.isThere }
            print("| all | \(deaths.count) | \(there) | \(deaths.count - there) | |")
        }
    }
}

extension Stage {
    /// What is there at one moment, while nobody works.
    struct Found {
        /// Rows with an outcome, and the positions that they are of.
        var outcomes: Int64
        var positions: Int64
        /// Records in the partition ledger, and rows with an outcome below where it ends.
        var ledgered: Int64
        var outcomesBelowLedger: Int64
        /// Partitions whose committed offset is beyond the ledger.
        var committedBeyondLedger: [String]
        /// Sales orders of the stand-in, their different external ids, and those that the store knows of.
        var salesOrders: Int64
        var salesOrderNames: Int64
        var noted: Int64
    }

    /// Looks at the store, the group's offsets and Odoo.
    func found() throws -> Found {
        let orders = try salesOrders()
        var found = Found(
            outcomes: outcomes,
            positions: number("SELECT count(DISTINCT (source_partition, source_offset)) FROM outcomes"),
            ledgered: number("SELECT COALESCE(sum(records), 0)::bigint FROM partition_ledger"),
            outcomesBelowLedger: number(
                """
                SELECT count(*) FROM outcomes o
                JOIN (SELECT source_partition, max(next_offset) AS next FROM partition_ledger GROUP BY 1) l
                USING (source_partition) WHERE o.source_offset < l.next
                """),
            committedBeyondLedger: [], salesOrders: Int64(orders.count),
            salesOrderNames: Int64(Set(orders.compactMap { $0["external_id"] as? String }).count),
            noted: number("SELECT count(*) FROM deliveries WHERE odoo_id IS NOT NULL"))
        // There are no tables before the first process has made them.
        guard number("SELECT count(*) FROM pg_tables WHERE tablename = 'partition_ledger'") > 0 else { return found }
        let ledgers = try rows(
            """
            SELECT s.topic, s.partition, max(l.next_offset) FROM partition_ledger l
            JOIN source_partitions s ON s.id = l.source_partition GROUP BY 1, 2
            """)
        let next = Dictionary(
            ledgers.map { (TopicPartition($0[0], Int32($0[1]) ?? -1), Int64($0[2]) ?? -1) }, uniquingKeysWith: max)
        let reader = try Consumer(ClientSettings(["bootstrap.servers": brokers, "group.id": DemoConfiguration.group]))
        let sources = DemoConfiguration.topics.flatMap { topic in (0..<Int32(4)).map { TopicPartition(topic, $0) } }
        for place in try reader.committed(sources, within: patience) where place.offset > next[place.source] ?? 0 {
            found.committedBeyondLedger.append("\(place.source) \(place.offset)")
        }
        return found
    }
}
