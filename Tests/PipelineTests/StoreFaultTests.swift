import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

extension PipelineTests {
    /// PostgreSQL that crashes, refuses, is full or slow, under load: work waits, and nothing else happens.
    @Suite struct StoreFaultTests {
        private static let workload = Workload(orders: 200, seed: 31)

        private static let calm = Result { try workload.undisturbed() }

        /// A stage on a cluster of its own.
        private func stage(_ cluster: EmbeddedPostgreSQL) throws -> Stage {
            try Stage(databaseURL: try cluster.createDatabase("sluice"))
        }

        /// An outage is no poison.
        private func expectNoDeadLetterOfTheStore(_ stage: Stage) {
            #expect(stage.number("SELECT count(*) FROM dead_letters WHERE detail LIKE '%store%'") == 0)
        }

        @Test func tenImmediateRestartsUnderLoadChangeNothing() throws {
            let cluster = try EmbeddedPostgreSQL()
            let stage = try stage(cluster)
            let pipeline = try stage.run()
            let sender = try Self.workload.send(to: stage, rate: 100)
            for restart in 1...10 {
                let before = stage.outcomes
                try #require(
                    eventually(within: Program.patience) { stage.outcomes > before + 20 || !sender.isRunning },
                    "restart \(restart)\n\(pipeline.report)")
                try cluster.restart(.immediate)
            }
            let result = try Self.workload.end(stage, sender, pipeline)
            expectSame(result, try Self.calm.get())
            expectNoDeadLetterOfTheStore(stage)
            #expect(pipeline.isRunning)
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
            let sender = try Self.workload.send(to: stage, rate: 250)
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

        /// Goal: what one store has goes on while another is away.
        @Test func aStoreThatIsAwayLeavesTheOthersAlone() throws {
            let first = try EmbeddedPostgreSQL()
            let second = try EmbeddedPostgreSQL()
            let stage = try stage(first)
            let moved = try #require(TrafficSettings.demoEntities.last?.name)
            let variable = "SLUICE_TEST_SECOND_URL"
            let more = [variable: try second.createDatabase("sluice")]
            try stage.edit("sluice.json5", "workers: 4 }", "workers: 4 }, second: { url: { env: \"\(variable)\" } }")
            try stage.edit("entities/\(moved.lowercased()).json5", "store: \"demo\"", "store: \"second\"")
            var settings = try ConnectionSettings(try #require(more[variable]))
            settings.searchPath = "sluice"
            func count(_ sql: String) -> Int64 {
                guard var connection = try? Connection(settings) else { return 0 }
                return (try? connection.execute(sql).int64(0, 0)) ?? 0
            }
            let pipeline = try stage.run(more)
            let port = try stage.port(of: pipeline)
            let sender = try Self.workload.send(to: stage, rate: 200)
            try #require(
                eventually { stage.outcomes > 50 && count("SELECT count(*) FROM outcomes") > 10 }, pipeline.report)
            try second.stop(.immediate)
            try #require(
                eventually { WebPage.get(port, "/readyz")?.dependencies.contains("store second") == true },
                pipeline.report)
            let sent = try stage.sent(by: sender)
            // Everything of the first store's entities has its outcome while the second is away.
            let wanted = try Self.calm.get()
            let here = Int64(wanted.picture.filter { $0.count == 6 && $0[0] != moved }.count)
            try #require(
                eventually(within: Program.patience) {
                    stage.number("SELECT count(*) FROM journal WHERE channel <> 'sluice'") == here
                }, pipeline.report)
            #expect(WebPage.get(port, "/readyz")?.dependencies == ["store second"])
            try second.start()
            try #require(
                eventually(within: Program.patience) {
                    stage.outcomes + count("SELECT count(*) FROM outcomes") >= sent
                }, pipeline.report)
            try #require(
                eventually {
                    stage.number("SELECT sum(records)::bigint FROM partition_ledger")
                        + count("SELECT sum(records)::bigint FROM partition_ledger") >= sent
                }, pipeline.report)
            let books = try Program(
                ["books", "--json", "--config", stage.configuration],
                environment: stage.environment.merging(more) { $1 })
            #expect(try books.exitCode() == 0, books.report)
        }
    }
}
