import Embedded
import Foundation
import Kafka
import TestSupport
import Testing

extension PipelineTests {
    /// A pipeline whose PostgreSQL or Kafka is away, at its start and later.
    @Suite struct OutageTests {
        @Test func aPipelineThatStartsFirstWaitsAndGoesOnByItself() throws {
            let cluster = try EmbeddedPostgreSQL()
            let url = try cluster.createDatabase("sluice")
            let broker = try EmbeddedBroker(.mock)
            for topic in DemoConfiguration.topics + ["sluice.dead-letters"] {
                try broker.createTopic(topic, partitions: 2)
            }
            let mock = try #require(broker.mock)
            try cluster.stop()
            mock.setDown(broker: 1)

            let stage = try Stage(brokers: broker.bootstrapServers.joined(separator: ","), databaseURL: url)
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            _ = try pipeline.waitForLog("store.unreachable")
            #expect(WebPage.get(port, "/livez")?.status == 200)
            let page = try #require(WebPage.get(port, "/readyz"))
            #expect(page.status == 503)
            #expect(page.dependencies == ["store demo"])

            // PostgreSQL comes, Kafka not yet.
            try cluster.start()
            _ = try pipeline.waitForLog("pipeline.started")
            try #require(
                eventually { WebPage.get(port, "/readyz")?.dependencies == ["kafka"] }, pipeline.report)
            #expect(WebPage.get(port, "/livez")?.status == 200)
            mock.setUp(broker: 1)
            try #require(
                eventually { WebPage.get(port, "/readyz")?.status == 200 }, pipeline.report)
            let first = try stage.sent(by: try stage.sendTraffic(orders: 20, seed: 7, rate: 5000))
            try stage.waitUntilSettled(first, pipeline)

            // PostgreSQL crashes under load, and comes back.
            let sender = try stage.sendTraffic(orders: 60, seed: 8, rate: 300)
            try #require(eventually { stage.outcomes > first + 20 }, pipeline.report)
            try cluster.stop(.immediate)
            try #require(
                eventually { WebPage.get(port, "/readyz")?.dependencies.contains("store demo") == true },
                pipeline.report)
            #expect(WebPage.get(port, "/livez")?.status == 200)
            try cluster.start()
            let second = try stage.sent(by: sender)
            try stage.waitUntilSettled(first + second, pipeline)
            try #require(eventually { WebPage.get(port, "/readyz")?.status == 200 }, pipeline.report)
            _ = try stage.balancedBooks(first + second)
            try stage.expectOneRowForEachPosition()
            try stage.expectOneSalesOrderForEachOrder()
            // An outage is no poison: what is a dead letter was one when the traffic was made.
            #expect(stage.number("SELECT count(*) FROM dead_letters WHERE detail LIKE '%store%'") == 0)
        }

        /// How a pipeline is away from something when it is told to end.
        enum Absence: CaseIterable {
            case neverSawTheStore, storeWentAway, storeStandsStill, neverSawTheBroker, brokerWentAway
        }

        @Test(arguments: Absence.allCases)
        func aTermEndsInTimeWhateverIsAway(_ absence: Absence) throws {
            let cluster = try EmbeddedPostgreSQL()
            let url = try cluster.createDatabase("sluice")
            let broker = try EmbeddedBroker(.mock)
            for topic in DemoConfiguration.topics + ["sluice.dead-letters"] {
                try broker.createTopic(topic, partitions: 2)
            }
            if absence == .neverSawTheStore { try cluster.stop() }
            if absence == .neverSawTheBroker { broker.mock?.setDown(broker: 1) }
            let stage = try Stage(
                brokers: broker.bootstrapServers.joined(separator: ","), databaseURL: url, shutdownTimeout: "3s")
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            var standstill: Standstill?
            defer { standstill?.end() }
            switch absence {
            case .neverSawTheStore: _ = try pipeline.waitForLog("store.unreachable")
            case .neverSawTheBroker:
                try #require(
                    eventually { WebPage.get(port, "/readyz")?.dependencies == ["kafka"] }, pipeline.report)
            case .storeWentAway, .storeStandsStill, .brokerWentAway:
                let sender = try stage.sendTraffic(orders: 100, seed: 9, rate: 400)
                try #require(eventually { stage.outcomes > 20 }, pipeline.report)
                switch absence {
                case .storeWentAway: try cluster.stop(.immediate)
                case .storeStandsStill: standstill = try Standstill(cluster)
                default: broker.mock?.setDown(broker: 1)
                }
                try #require(
                    eventually { WebPage.get(port, "/readyz")?.status == 503 }, pipeline.report)
                sender.terminate()
            }
            pipeline.terminate()
            // shutdown_timeout and two seconds.
            #expect(try pipeline.exitCode(within: .seconds(5)) == 0, pipeline.report)
        }
    }
}
