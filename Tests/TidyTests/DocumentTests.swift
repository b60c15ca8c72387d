import Foundation
import Testing

/// Documents, and what they promise to list.
@Suite struct DocumentTests {
    @Test func everyDocumentHasOneTitle() {
        var findings: [String] = []
        for file in SourceTree.documents {
            let titles = Self.titles(of: file.lines)
            if titles != 1 {
                findings.append("\(file.path): \(titles) titles (lines that begin with `# `); one is right")
            }
        }
        expectNone(findings)
    }

    @Test func titlesInCodeBlocksAreNotCounted() {
        #expect(Self.titles(of: ["# A", "```sh", "# a comment", "```", "## B"]) == 1)
        #expect(Self.titles(of: ["# A", "# B"]) == 2)
    }

    static func titles(of lines: [String]) -> Int {
        var isCode = false
        var count = 0
        for line in lines {
            if line.hasPrefix("```") { isCode.toggle() }
            if !isCode, line.hasPrefix("# ") { count += 1 }
        }
        return count
    }

    private static let operations = SourceTree.files.first { $0.path == "docs/OPERATIONS.md" }

    @Test(.enabled(if: operations != nil, "docs/OPERATIONS.md is not written yet"))
    func everyMetricIsInTheOperatorsDocument() {
        let text = Self.operations?.lines.joined(separator: "\n") ?? ""
        let words = Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
        var findings: [String] = []
        for file in SourceTree.sources {
            for name in Self.metricNames(in: file.lines.joined(separator: "\n")) where !words.contains(name) {
                findings.append("\(file.path): docs/OPERATIONS.md does not say what \(name) means")
            }
        }
        expectNone(findings)
    }

    @Test func metricNamesAreFoundWhereTheyAreRegistered() {
        let text = """
            registry.counter("sluice_events_total", help: "x")
            registry.gauge(
                "sluice_backlog_orders", help: "y")
            registry.info("sluice_build_info", help: "z", [])
            try connection.execute("SET ROLE sluice_runtime")
            """
        #expect(
            Self.metricNames(in: text) == ["sluice_events_total", "sluice_backlog_orders", "sluice_build_info"])
    }

    /// An alert without a runbook wakes somebody who then knows nothing.
    @Test func everyAlertHasItsRunbook() throws {
        let rules = try #require(SourceTree.files.first { $0.path == "deploy/prometheus/sluice.rules.yml" })
        let tests = try #require(SourceTree.files.first { $0.path == "deploy/prometheus/sluice.rules.test.yml" })
        let alerts = rules.lines.compactMap { $0.firstMatch(of: /- alert: (\w+)/).map { String($0.1) } }
        #expect(alerts.count > 15 && Set(alerts).count == alerts.count)
        let headings = Set(Self.operations?.lines.filter { $0.hasPrefix("#### ") } ?? [])
        for alert in alerts {
            #expect(headings.contains("#### \(alert)"), "docs/OPERATIONS.md has no section of this name")
            #expect(rules.lines.contains { $0.contains("docs/OPERATIONS.md#\(alert.lowercased())") }, "\(alert)")
            #expect(tests.lines.contains { $0.hasSuffix("alertname: \(alert)") }, "\(alert) has no test")
        }
        #expect(headings.allSatisfy { !$0.hasPrefix("#### Sluice") || alerts.contains(String($0.dropFirst(5))) })
    }

    static func metricNames(in text: String) -> [String] {
        text.matches(of: /\.(?:counter|readCounter|gauge|histogram|stateSet|info)\(\s*"(sluice_[a-z0-9_]+)"/).map {
            String($0.1)
        }
    }
}
