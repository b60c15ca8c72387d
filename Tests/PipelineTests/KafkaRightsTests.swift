import Embedded
import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// A broker that asks for rights.
    @Suite(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
    struct KafkaRightsTests {
        private static let home = ProcessInfo.processInfo.environment["KAFKA_HOME"] ?? ""
        private static let user = "sluice"
        private static let passwordVariable = "SLUICE_TEST_KAFKA_PASSWORD"
        private static let password = "for-a-broker-of-this-test"
        private static let workload = Workload(orders: 60, seed: 71)

        private let broker: EmbeddedBroker
        private let stage: Stage

        init() throws {
            broker = try EmbeddedBroker(kafkaHome: Self.home, guardedUser: Self.user, password: Self.password)
            let open = try #require(broker.bootstrapServers.first)
            let guarded = try #require(broker.guardedServers?.first)
            stage = try Stage(brokers: open, isRealKafka: true, isShared: true)
            stage.environment[Self.passwordVariable] = Self.password
            try stage.edit("sluice.json5", open, guarded)
            // The manual's group.
            try stage.edit("sluice.json5", "group: \"\(DemoConfiguration.group)\"", "group: \"sluice\"")
            try stage.edit(
                "sluice.json5", "options: {",
                """
                options: {
                      "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN",
                      "sasl.username": "\(Self.user)", "sasl.password": { env: "\(Self.passwordVariable)" },
                """)
        }

        /// Goal: what the manual grants is enough to read, commit, tell of dead letters, and for a second instance.
        ///
        /// Without it nothing is read and the log says why; once it is granted the same process goes on by itself.
        @Test func theRightsInTheManualAreEnough() throws {
            for topic in DemoConfiguration.topics + ["sluice.dead-letters"] {
                try broker.createTopic(topic, partitions: 4)
            }
            let sender = try Self.workload.send(to: stage, rate: 200)
            try #require(eventually { !sender.isRunning }, sender.report)
            let first = try stage.run()
            let refused = try first.waitForLog("partition.unavailable")
            #expect("\(refused)".lowercased().contains("authorization failed"), "\(refused)")
            #expect(stage.outcomes == 0)
            try grant()
            let calm = try Self.workload.undisturbed()
            let sent = try stage.sent(by: sender)
            try #require(eventually { stage.outcomes > 0 }, first.report)
            let second = try stage.run()
            _ = try second.waitForLog("partition.assigned")
            try stage.waitUntilSettled(sent, second)
            second.terminate()
            #expect(try second.exitCode() == 0, second.report)
            _ = try stage.balancedBooks(sent)
            #expect(try stage.picture() == calm.picture)
            let letters = "SELECT count(*) FROM dead_letters"
            #expect(stage.number(letters) > 0)
            #expect(
                eventually { stage.number("\(letters) WHERE produced_at IS NULL") == 0 },
                first.report)
            first.terminate()
            #expect(try first.exitCode() == 0, first.report)
        }

        /// The commands of the manual, as they stand there; the one for topics for each of them.
        private func grant() throws {
            let manual = try String(contentsOfFile: Judges.root + "/docs/OPERATIONS.md", encoding: .utf8)
            let commands = manual.split(separator: "\n").filter { $0.hasPrefix("kafka-acls.sh ") }
            try #require(commands.count == 3)
            for command in commands {
                var words = command.prefix { $0 != "#" }.split(separator: " ").map(String.init)
                words = words.map { $0 == "…" ? broker.bootstrapServers.joined(separator: ",") : $0 }
                let place = words.firstIndex(of: "--topic").map { $0 + 1 }
                guard command.hasSuffix("# each"), let place else {
                    try run(words)
                    continue
                }
                for topic in DemoConfiguration.topics {
                    words[place] = topic
                    try run(words)
                }
            }
        }

        private func run(_ words: [String]) throws {
            let (status, output) = try Judges.run("\(Self.home)/bin/\(words[0])", Array(words.dropFirst()))
            #expect(status == 0, "\(words): \(output)")
        }
    }
}
