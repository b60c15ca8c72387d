import TestSupport
import Testing

extension PipelineTests {
    /// `sluice demo`, as a visitor runs it.
    @Suite struct DemoTests {
        private static let outcomes = ["applied", "duplicate", "stale", "parked", "rejected", "dead_lettered"]

        private func expectEveryOutcome(_ answer: [String: Any]) throws {
            let entities = try #require(answer["legal_entities"] as? [[String: Any]])
            for outcome in Self.outcomes {
                #expect(entities.reduce(0) { $0 + ($1[outcome] as? Int ?? 0) } > 0, "\(outcome)")
            }
            #expect(entities.count == 5, "four companies, and what belongs to none")
            let orders = entities.reduce(0) { $0 + ($1["orders_in_odoo"] as? Int ?? 0) }
            #expect(orders > 0)
            #expect(answer["findings"] as? [String] == [])
        }

        @Test func demoShowsEveryOutcomeAndItsBooksBalance() throws {
            let demo = try Program(["demo", "--orders", "70", "--seed", "3", "--rate", "5000", "--json"])
            #expect(try demo.exitCode() == 0, demo.report)
            let answer = try demo.answer()
            #expect(answer["balanced"] as? Bool == true)
            try expectEveryOutcome(answer)
        }

        @Test func aRowThatIsMissingKeepsTheBooksFromBalancing() throws {
            let demo = try Program(["demo", "--orders", "30", "--seed", "3", "--rate", "5000", "--drop-row"])
            #expect(try demo.exitCode() == 1, demo.report)
            #expect(demo.output.contains("\nbooks: NOT balanced: 1 records in 1 places\n"), demo.report)
            #expect(demo.output.contains("\nheld back: "))
        }

        @Test(.enabled(if: BrokerKinds.hasKafka, Comment(rawValue: BrokerKinds.reason)))
        func demoRunsOnARealKafka() throws {
            let demo = try Program(
                ["demo", "--orders", "70", "--seed", "3", "--rate", "5000"], usesKafka: true)
            #expect(try demo.exitCode() == 0, demo.report)
            #expect(demo.output.contains("(kafka)"))
            #expect(demo.output.contains("\nbooks: balanced\n"), demo.report)
        }
    }
}
