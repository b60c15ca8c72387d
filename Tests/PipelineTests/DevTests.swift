import Foundation
import Kafka
import Postgres
import TestSupport
import Testing

extension PipelineTests {
    /// The embedded parts as processes of their own.
    @Suite struct DevTests {
        @Test func brokerServesItsTopicsUntilItIsTold() throws {
            let part = try Program(["dev", "broker", "--topic", "one:1", "--topic", "three:3"])
            let servers = try #require(try part.answer()["bootstrap_servers"] as? String)
            let admin = try Admin(ClientSettings(["bootstrap.servers": servers]))
            let topics = try admin.topics(within: patience).map { "\($0.name):\($0.partitions)" }
            #expect(topics.sorted() == ["one:1", "three:3"])
            part.terminate()
            #expect(try part.exitCode() == 0, part.report)
        }

        @Test func postgresServesADatabaseAndLeavesNothing() throws {
            let part = try Program(["dev", "postgres", "--database", "mine", "--port", "0"])
            let answer = try part.answer()
            for name in ["url", "loopback_url"] {
                var connection = try Connection(ConnectionSettings(try #require(answer[name] as? String)))
                #expect(try connection.execute("SELECT current_database()").text(0, 0) == "mine")
            }
            let url = try #require(answer["url"] as? String)
            let folder = try #require(url.split(separator: "host=").last?.split(separator: "&").first)
            part.terminate()
            #expect(try part.exitCode() == 0, part.report)
            #expect(eventually { !FileManager.default.fileExists(atPath: String(folder)) })
        }

        @Test func odooStandInComesBackWhereItWas() throws {
            let folder = try TemporaryFolder()
            let part = try Program(["dev", "odoo", "--folder", folder.path + "/odoo", "--key", "k", "--latency", "1"])
            let url = try #require(try part.answer()["url"] as? String)
            let port = try #require(Int(url.split(separator: ":").last ?? ""))
            #expect(WebPage.get(port, "/stand-in/orders")?.body == "[]")
            part.terminate()
            #expect(try part.exitCode() == 0, part.report)
            let again = try Program([
                "dev", "odoo", "--folder", folder.path + "/odoo", "--key", "k", "--port", "\(port)",
            ])
            #expect(try again.answer()["url"] as? String == url)
            again.terminate()
            #expect(try again.exitCode() == 0, again.report)
        }

        @Test(arguments: [
            ["dev"], ["dev", "nothing"], ["dev", "broker", "--topic", "one"], ["dev", "broker", "--topic", "one:0"],
            ["dev", "postgres", "--database", "a b"], ["dev", "odoo", "--key", "k"],
            ["dev", "odoo", "--folder", "/tmp/x"],
            ["dev", "odoo", "--folder", "/tmp/x", "--key", "k", "--latency", "soon"], ["dev", "events"],
            ["dev", "events", "--brokers", "127.0.0.1:9", "--orders", "many"],
            ["dev", "events", "--write-config", "/tmp/x", "--brokers", "127.0.0.1:9"], ["nothing"],
            ["run", "--nothing"],
        ])
        func whatIsNotUnderstoodExits64(_ words: [String]) throws {
            let part = try Program(words)
            #expect(try part.exitCode() == 64, part.report)
        }

        @Test(arguments: [
            ["--help"], ["dev", "--help"], ["dev", "broker", "--help"], ["dev", "postgres", "--help"],
            ["dev", "odoo", "--help"], ["dev", "events", "--help"], ["run", "--help"], ["demo", "--help"],
        ])
        func helpExits0(_ words: [String]) throws {
            let part = try Program(words)
            #expect(try part.exitCode() == 0, part.report)
            #expect(part.output.hasPrefix("usage: sluice "))
        }
    }
}
