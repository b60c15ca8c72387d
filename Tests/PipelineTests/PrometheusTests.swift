import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// A real Prometheus with our rules, and the dashboard's queries put to it.
    @Suite struct PrometheusTests {
        /// How long it scrapes: minutes by SLUICE_SCRAPE_MINUTES, else as long as the dashboard needs.
        private static let minutes = ProcessInfo.processInfo.environment["SLUICE_SCRAPE_MINUTES"].flatMap(Double.init)

        /// A Prometheus in a folder of its own.
        private struct Server {
            let program: Program
            let folder: TemporaryFolder
            let port: Int

            init(scraping port: Int) throws {
                let folder = try TemporaryFolder()
                let rules = Judges.root + "/deploy/prometheus/sluice.rules.yml"
                try """
                global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
                rule_files: ["\(folder.path)/rules.yml"]
                scrape_configs:
                  - job_name: sluice
                    sample_limit: 120000
                    static_configs: [{ targets: ["127.0.0.1:\(port)"] }]
                """.write(toFile: folder.path + "/prometheus.yml", atomically: true, encoding: .utf8)
                // A test has no half minute for each record.
                try String(contentsOfFile: rules, encoding: .utf8).replacingOccurrences(of: "interval: 30s", with: "")
                    .write(toFile: folder.path + "/rules.yml", atomically: true, encoding: .utf8)
                self.folder = folder
                let program = try Program(
                    [
                        "--config.file=\(folder.path)/prometheus.yml", "--storage.tsdb.path=\(folder.path)/data",
                        "--web.listen-address=127.0.0.1:0", "--log.level=info",
                    ], executable: try #require(Judges.prometheus))
                var found: Int?
                _ = eventually {
                    found = program.errors.firstMatch(of: /msg="Listening on" address=127.0.0.1:([0-9]+)/)
                        .flatMap { Int($0.1) }
                    return found != nil || !program.isRunning
                }
                self.program = program
                self.port = try #require(found, program.report)
            }

            /// The answer's `data`; nil while there is none.
            func api(_ path: String, _ query: String? = nil) -> [String: Any]? {
                let allowed = CharacterSet.alphanumerics
                let escaped = query.flatMap { $0.addingPercentEncoding(withAllowedCharacters: allowed) }
                guard
                    let page = WebPage.get(
                        port, "/api/v1/\(path)" + (escaped.map { "?query=\($0)" } ?? ""), version: "1.0"),
                    let answer = Program.object(page.body), answer["status"] as? String == "success"
                else { return nil }
                return answer["data"] as? [String: Any]
            }

            /// How many series a query has, or nil when it is refused.
            func series(_ query: String) -> Int? { (api("query", query)?["result"] as? [Any])?.count }

            /// The value of a query that has one.
            func value(_ query: String) -> Double? {
                let result = api("query", query)?["result"] as? [[String: Any]]
                return (result?.first?["value"] as? [Any])?.last.flatMap { $0 as? String }.flatMap(Double.init)
            }
        }

        /// The dashboard's queries with its variables as they are when nothing is chosen.
        static func queries() throws -> [(panel: String, query: String)] {
            let data = try Data(contentsOf: URL(fileURLWithPath: Judges.root + "/deploy/grafana/sluice.json"))
            let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let panels = try #require(dashboard["panels"] as? [[String: Any]])
            return panels.flatMap { panel in
                (panel["targets"] as? [[String: Any]] ?? []).compactMap { target in
                    guard let query = target["expr"] as? String else { return nil }
                    return (
                        panel["title"] as? String ?? "",
                        query.replacingOccurrences(of: "$legal_entity", with: ".*")
                            .replacingOccurrences(of: "$__rate_interval", with: "1m")
                    )
                }
            }
        }

        /// Panels that say something only where the configuration asks for it.
        private static let optional: Set<String> = [
            "Silent feeds", "Share within sla, last hour", "Parked events", "Verdicts",
        ]

        @Test(.enabled(if: Judges.prometheus != nil, Comment(rawValue: Judges.missing)), .timeLimit(.minutes(60)))
        func aRealPrometheusScrapesWithoutError() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let server = try Server(scraping: port)
            var seed = 11
            let end = ContinuousClock.now + .seconds((Self.minutes ?? 0) * 60)
            repeat {
                let sender = try stage.sendTraffic(orders: 60, seed: seed, rate: 400)
                #expect(try sender.exitCode() == 0, sender.report)
                seed += 1
            } while ContinuousClock.now < end

            let queries = try Self.queries()
            #expect(queries.count > 40)
            var silent = queries.filter { !Self.optional.contains($0.panel) }
            _ = eventually {
                silent.removeAll { (server.series($0.query) ?? 0) > 0 }
                return silent.isEmpty
            }
            for (panel, query) in silent {
                Issue.record("\(panel): \(query) has no series: \(String(describing: server.series(query)))")
            }
            for (panel, query) in queries where Self.optional.contains(panel) {
                #expect(server.series(query) != nil, "\(panel): \(query) is refused")
            }

            let targets = try #require(server.api("targets")?["activeTargets"] as? [[String: Any]])
            #expect(targets.count == 1 && targets.allSatisfy { $0["lastError"] as? String == "" })
            #expect(server.value("min_over_time(up{job=\"sluice\"}[1h])") == 1, "no scrape failed")
            #expect((server.value("count_over_time(up{job=\"sluice\"}[1h])") ?? 0) >= 5)
            // What Prometheus itself says of scrapes: what it let pass without an error.
            let own = try #require(WebPage.get(server.port, "/metrics", version: "1.0"))
            for name in ["sample_duplicate_timestamp", "sample_out_of_order", "sample_out_of_bounds"] {
                #expect(own.body.contains("prometheus_target_scrapes_\(name)_total 0\n"), "\(name)")
            }
            #expect(own.body.contains("prometheus_rule_evaluation_failures_total"))
            #expect(own.samples("prometheus_rule_evaluation_failures_total").allSatisfy { $0.value == 0 })
            #expect(server.series("ALERTS{alertname=\"SluiceBooksImbalance\"}") == 0)
        }
    }
}
