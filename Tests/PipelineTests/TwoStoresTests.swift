import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

extension PipelineTests {
    /// Two stores, one of them away: the legal entities of the other go on.
    @Suite struct TwoStoresTests {
        private static let workload = Workload(orders: 120, seed: 33)
        private static let calm = Result { try workload.undisturbed() }

        /// Which store is away, and how.
        enum Absence: CaseIterable {
            case secondStandsStill, secondIsLocked, firstStopped
        }

        @Test(arguments: Absence.allCases)
        func aStoreThatIsAwayLeavesTheOthersEntitiesAlone(_ absence: Absence) throws {
            let clusters = [try EmbeddedPostgreSQL(), try EmbeddedPostgreSQL()]
            let stage = try Stage(databaseURL: try clusters[0].createDatabase("sluice"))
            let moved = try stage.moveLastEntity(to: clusters[1])
            func count(_ store: Int, _ sql: String) -> Int64 { stage.number(sql, inSecond: store == 1) }
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            // What comes before would be done in one go, before anything is away.
            _ = try pipeline.waitForLog("partition.assigned")
            let sender = try Self.workload.send(to: stage, rate: 150)
            let outcomes = "SELECT count(*) FROM outcomes"
            try #require(
                eventually { count(0, outcomes) > 50 && count(1, outcomes) > 10 },
                pipeline.report)
            let away = absence == .firstStopped ? 0 : 1
            let here = 1 - away
            var locker = try stage.connectSecond()
            var standstill: Standstill?
            defer { standstill?.end() }
            switch absence {
            case .firstStopped: try clusters[away].stop(.immediate)
            case .secondStandsStill: standstill = try Standstill(clusters[away])
            case .secondIsLocked:
                try locker.execute("BEGIN; LOCK TABLE journal, partition_ledger IN ACCESS EXCLUSIVE MODE")
            }
            // Everything of the other store's entities gets its outcome meanwhile.
            let events = try Self.calm.get().picture.filter { $0.count == 6 && ($0[0] == moved) == (here == 1) }
            try #require(
                eventually {
                    count(here, "SELECT count(*) FROM journal WHERE channel <> 'sluice'") == Int64(events.count)
                }, pipeline.report)
            let name = away == 0 ? "store demo" : "store second"
            try #require(
                eventually {
                    WebPage.get(port, "/readyz")?.dependencies.contains(name) == true
                }, pipeline.report)
            switch absence {
            case .firstStopped: try clusters[away].start()
            case .secondStandsStill: standstill?.end()
            case .secondIsLocked: try locker.execute("COMMIT")
            }
            let sent = try stage.sent(by: sender)
            try #require(
                eventually { count(0, outcomes) + count(1, outcomes) == sent },
                pipeline.report)
            let ledgered = "SELECT sum(records)::bigint FROM partition_ledger"
            try #require(
                eventually { count(0, ledgered) + count(1, ledgered) == sent },
                pipeline.report)
            let books = try stage.command("books", "--json")
            #expect(try books.exitCode() == 0, books.report)
            pipeline.terminate()
            #expect(try pipeline.exitCode() == 0, pipeline.report)
        }
    }
}

extension Stage {
    /// Gives the last legal entity a store of its own; returns its name.
    func moveLastEntity(to cluster: EmbeddedPostgreSQL) throws -> String {
        let moved = try #require(TrafficSettings.demoEntities.last?.name)
        environment[Self.secondStoreVariable] = try cluster.createDatabase("sluice")
        try edit(
            "sluice.json5", "workers: 2 } }",
            "workers: 2 }, second: { url: { env: \"\(Self.secondStoreVariable)\" }, workers: 2 } }")
        try edit("entities/\(moved.lowercased()).json5", "store: \"demo\"", "store: \"second\"")
        return moved
    }

    /// A connection to the second store.
    func connectSecond() throws -> Connection {
        var settings = try ConnectionSettings(try #require(environment[Self.secondStoreVariable]))
        settings.searchPath = "sluice"
        return try Connection(settings)
    }
}
