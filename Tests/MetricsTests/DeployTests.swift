import TestSupport
import Testing

/// What is deployed beside the program.
@Suite(.enabled(if: Judges.promtool != nil, Comment(rawValue: Judges.missing))) struct DeployTests {
    private static let folder = Judges.root + "/deploy/prometheus"

    @Test(arguments: [
        ["check", "rules", "sluice.rules.yml"], ["check", "config", "prometheus.yml"],
        ["test", "rules", "sluice.rules.test.yml"],
    ]) func promtoolHasNoComplaint(_ words: [String]) throws {
        let (status, output) = try Judges.run(try #require(Judges.promtool), words, folder: Self.folder)
        #expect(status == 0, "\(output)")
        #expect(output.contains("SUCCESS"))
    }
}
