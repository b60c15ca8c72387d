import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

extension PipelineTests {
    /// PostgreSQL that crashes, refuses, is full or slow, under load: work waits, and nothing else happens.
    ///
    /// `SLUICE_STORE_RESTARTS` says how often it crashes.
    @Suite struct StoreFaultTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let restarts = environment["SLUICE_STORE_RESTARTS"].flatMap { Int($0) } ?? 4
        private static let workload = Workload(orders: 120, seed: 31)

        private static let calm = Result { try workload.undisturbed() }

        /// A stage on a cluster of its own.
        private func stage(_ cluster: EmbeddedPostgreSQL) throws -> Stage {
            try Stage(databaseURL: try cluster.createDatabase("sluice"), isRealKafka: BrokerKinds.hasKafka)
        }

        /// An outage is no poison.
        private func expectNoDeadLetterOfTheStore(_ stage: Stage) {
            #expect(stage.number("SELECT count(*) FROM dead_letters WHERE detail LIKE '%store%'") == 0)
        }

        @Test func immediateRestartsUnderLoadChangeNothing() throws {
            let workload = Workload(orders: Self.restarts * 25, seed: 32)
            let calm = try workload.undisturbed()
            let cluster = try EmbeddedPostgreSQL()
            let stage = try stage(cluster)
            let pipeline = try stage.run()
            _ = try pipeline.waitForLog("partition.assigned")
            let sender = try workload.send(to: stage, rate: 40)
            var underLoad = 0
            for restart in 1...Self.restarts {
                let before = stage.outcomes
                try #require(
                    eventually { stage.outcomes > before + 20 || !sender.isRunning },
                    "restart \(restart)\n\(pipeline.report)")
                underLoad += sender.isRunning ? 1 : 0
                try cluster.restart(.immediate)
            }
            let result = try workload.end(stage, sender, pipeline)
            expectSame(result, calm)
            expectNoDeadLetterOfTheStore(stage)
            #expect(pipeline.isRunning)
            #expect(underLoad > 0)
            let redone = pipeline.logged("store.batch_failed").count
            print("restarts: \(underLoad) while traffic came, \(result.sent) records, \(redone) batches done again")
        }

        private func hasFailed(_ pipeline: Program, _ sqlState: String) -> Bool {
            pipeline.logged("store.batch_failed").contains { $0["sqlstate"] as? String == sqlState }
        }

        /// What the store does to those who write.
        enum Fault: String, CaseIterable {
            /// Nobody may connect, and whoever was connected is thrown out.
            case refuses
            /// Out of disk: a stand-in for a full volume, the error that the server gives then.
            case isFull
            /// Every write takes a third of a second.
            case isSlow
            /// The tables are locked by somebody else for a while.
            case isLocked
            /// It can be read only, as a standby that was written to.
            case readsOnly
        }

        @Test(arguments: Fault.allCases)
        func faultsOfTheStoreOnlyDelay(_ fault: Fault) throws {
            let cluster = try EmbeddedPostgreSQL()
            let stage = try stage(cluster)
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            _ = try pipeline.waitForLog("partition.assigned")
            let sender = try Self.workload.send(to: stage, rate: 150)
            try #require(eventually { stage.outcomes > 100 }, pipeline.report)
            var operation = try Connection(ConnectionSettings(cluster.url(database: "postgres")))
            var owner = try stage.connect()
            switch fault {
            case .refuses:
                try operation.execute("ALTER DATABASE sluice ALLOW_CONNECTIONS false")
                try operation.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'sluice'")
                try #require(
                    eventually { WebPage.get(port, "/readyz")?.dependencies.contains("store demo") == true },
                    pipeline.report)
                #expect(WebPage.get(port, "/livez")?.status == 200)
                try operation.execute("ALTER DATABASE sluice ALLOW_CONNECTIONS true")
            case .isFull:
                try owner.execute(
                    """
                    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
                    CREATE TRIGGER full_disk BEFORE INSERT ON journal EXECUTE FUNCTION full_disk()
                    """)
                try #require(
                    eventually { hasFailed(pipeline, "53100") }, pipeline.report)
                let before = stage.outcomes
                #expect(WebPage.get(port, "/livez")?.status == 200)
                #expect(stage.outcomes == before)
                try owner.execute("DROP TRIGGER full_disk ON journal")
            case .isSlow:
                try owner.execute(
                    """
                    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
                    CREATE TRIGGER slow BEFORE INSERT ON journal EXECUTE FUNCTION slow()
                    """)
                let before = stage.outcomes
                try #require(eventually { stage.outcomes > before + 100 }, pipeline.report)
                try owner.execute("DROP TRIGGER slow ON journal")
            case .isLocked:
                try owner.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
                try #require(
                    eventually {
                        let waiting = try? operation.execute(
                            """
                            SELECT count(*) FROM pg_stat_activity
                            WHERE datname = 'sluice' AND wait_event_type = 'Lock'
                            """)
                        return (waiting?.int64(0, 0) ?? 0) > 0
                    }, pipeline.report)
                try owner.execute("COMMIT")
            case .readsOnly:
                try operation.execute("ALTER DATABASE sluice SET default_transaction_read_only = on")
                try operation.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'sluice'")
                try #require(
                    eventually { hasFailed(pipeline, "25006") }, pipeline.report)
                try operation.execute("ALTER DATABASE sluice SET default_transaction_read_only = off")
            }
            let result = try Self.workload.end(stage, sender, pipeline)
            expectSame(result, try Self.calm.get())
            expectNoDeadLetterOfTheStore(stage)
        }

        private static let smallVolume = environment["SLUICE_SMALL_VOLUME"]

        /// Goal: a volume that is full, whatever the server makes of it, delays and loses nothing.
        ///
        /// Method: the cluster lies on the volume that `SLUICE_SMALL_VOLUME` names, of some 250 MiB and its own, which
        /// a file fills. The server refuses what it cannot extend, and ends itself where it cannot write its log; then
        /// it is started once there is room.
        @Test(.enabled(if: smallVolume != nil, "needs SLUICE_SMALL_VOLUME, a folder on a small volume of its own"))
        func aFullVolumeOnlyDelays() throws {
            var options = EmbeddedPostgreSQL.Options()
            options.parent = Self.smallVolume
            let cluster = try EmbeddedPostgreSQL(options)
            let stage = try stage(cluster)
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            _ = try pipeline.waitForLog("partition.assigned")
            let sender = try Self.workload.send(to: stage, rate: 40)
            try #require(eventually { stage.outcomes > 100 }, pipeline.report)
            let filler = try Filler(in: cluster.folder)
            defer { filler.remove() }
            try #require(
                eventually {
                    filler.fill()
                    return !pipeline.logged("store.batch_failed").isEmpty
                }, pipeline.report)
            #expect(WebPage.get(port, "/livez")?.status == 200)
            let states = Set(pipeline.logged("store.batch_failed").map { $0["sqlstate"] as? String ?? "none" })
            filler.remove()
            let isUp = (try? Connection(ConnectionSettings(cluster.url(database: "sluice")))) != nil
            if !isUp {
                try? cluster.stop(.immediate)
                try cluster.start()
            }
            let result = try Self.workload.end(stage, sender, pipeline)
            expectSame(result, try Self.calm.get())
            expectNoDeadLetterOfTheStore(stage)
            print("full volume: \(states.sorted()), the server \(isUp ? "stayed" : "ended itself and was started")")
        }

        /// A file that takes all the room that is left.
        private struct Filler {
            private let path: String
            private let handle: FileHandle

            init(in folder: String) throws {
                path = "\(folder)/filler"
                try #require(FileManager.default.createFile(atPath: path, contents: nil))
                handle = try #require(FileHandle(forWritingAtPath: path))
            }

            /// Takes what is free, to the last page.
            func fill() {
                for size in [1 << 20, 4096] {
                    let block = Data(repeating: 1, count: size)
                    while (try? handle.write(contentsOf: block)) != nil {}
                }
            }

            func remove() {
                try? handle.truncate(atOffset: 0)
                try? FileManager.default.removeItem(atPath: path)
            }
        }

        /// Goal: a process that stands still with a transaction open keeps its rows no longer than its session may be
        /// idle, and another goes on.
        @Test func aZombiesTransactionEndsByItself() throws {
            let cluster = try EmbeddedPostgreSQL()
            let stage = try Stage(
                databaseURL: try cluster.createDatabase("sluice"), isRealKafka: BrokerKinds.hasKafka, isShared: true)
            let zombie = try stage.run()
            _ = try zombie.waitForLog("partition.assigned")
            let sender = try Self.workload.send(to: stage, rate: 150)
            try #require(eventually { stage.outcomes > 100 }, zombie.report)
            // What a batch writes last: by then it has its keys and orders. A delivery's own statements wait here too,
            // but they are transactions by themselves and leave nothing open.
            var owner = try stage.connect()
            try owner.execute("BEGIN; LOCK TABLE backlog IN SHARE MODE")
            let batches = """
                SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND wait_event_type = 'Lock'
                AND query LIKE '%INSERT INTO backlog%' AND xact_start < query_start
                """
            try #require(eventually { stage.number(batches) > 0 }, zombie.report)
            zombie.pause()
            try owner.execute("COMMIT")
            let idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            try #require(eventually { stage.number(idle) > 0 }, zombie.report)
            let heir = try stage.run()
            try #require(eventually { stage.number(idle) == 0 }, heir.report)
            let before = stage.outcomes
            try #require(eventually { stage.outcomes > before + 100 }, heir.report)
            zombie.resume()
            let result = try Self.workload.end(stage, sender, heir)
            expectSame(result, try Self.calm.get())
            for program in [zombie, heir] {
                program.terminate()
                #expect(try program.exitCode() == 0, program.report)
            }
        }
    }
}
