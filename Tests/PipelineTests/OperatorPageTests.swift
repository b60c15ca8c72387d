import Foundation
import TestSupport
import Testing

private let chromium = ["/usr/bin/chromium", "/usr/local/bin/chromium", "/usr/bin/google-chrome"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

extension PipelineTests {
    /// The operator's page in a real browser.
    @Suite struct OperatorPageTests {
        /// What the browser has of a page after it has updated itself, and what it complained of.
        private func document(_ url: String, _ arguments: [String] = []) throws -> (text: String, complaints: String) {
            let folder = try TemporaryFolder()
            let browser = try Program(
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--user-data-dir=\(folder.path)", "--enable-logging=stderr", "--virtual-time-budget=12000",
                ] + arguments + ["--dump-dom", url], executable: try #require(chromium))
            #expect(try browser.exitCode() == 0, browser.report)
            return (browser.output, browser.errors)
        }

        @Test(.enabled(if: chromium != nil, "no Chromium is here: scripts/setup.sh test installs it where it can"))
        func itShowsWhatIsThereAndAnOrderWithItsTimeline() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sent = try stage.sent(by: try stage.sendTraffic(orders: 60, seed: 41, rate: 5000))
            try stage.waitUntilSettled(sent, pipeline)
            let page = try document("http://127.0.0.1:\(port)/")
            for entity in ["ACME-DE", "ACME-FR", "BRAVO-UK", "NOVA-NL"] {
                #expect(
                    page.text.contains("<td data-name=\"Legal entity\" class=\"word \">\(entity)</td>"), pipeline.report
                )
            }
            #expect(page.text.contains(">ready</p>"))
            #expect(page.text.contains("Updated "))
            // It has asked at least twice, so it knows a rate.
            #expect(page.text.contains(">0.0</td>"))
            #expect(page.text.contains("class=\"word good\">closed</td>"))
            #expect(page.text.contains("events waiting"))
            #expect(page.text.contains("wms.events"))
            let code = try #require(
                try stage.rows("SELECT code FROM exceptions WHERE resolved_at IS NULL ORDER BY id DESC LIMIT 1").first)
            #expect(page.text.contains(code[0]))

            // A search by a tracking number ends at the order.
            let told = try #require(
                try stage.rows(
                    """
                    SELECT r.value, r.legal_entity, r.order_ref FROM order_references r
                    WHERE r.kind = 5 AND r.order_ref <> '' ORDER BY 1 LIMIT 1
                    """
                ).first)
            let order = try document("http://127.0.0.1:\(port)/#\(told[0])")
            #expect(order.text.contains("<h2>\(told[1]) \(told[2])</h2>"))
            for title in ["Systems", "Timeline", "Lines", "Exceptions"] {
                #expect(order.text.contains("<h3>\(title)</h3>"))
            }
            #expect(order.text.contains(">applied</td>"))

            // Nothing that the page's policy forbids was tried, and no error was met.
            for complaints in [page.complaints, order.complaints] {
                let lines = complaints.split(separator: "\n").filter { $0.contains("CONSOLE") }
                #expect(lines.isEmpty, "\(lines)")
            }
            // Nothing from elsewhere.
            #expect(!page.text.contains("http://") && !page.text.contains("https://"))
        }

        /// The page's own functions, on what a run cannot be made to show.
        @Test(.enabled(if: chromium != nil, "no Chromium is here: scripts/setup.sh test installs it where it can"))
        func aLimitThatFellIsShownAsSuch() throws {
            let script = try String(contentsOfFile: Judges.root + "/Sources/OperatorAPI/Page/page.js", encoding: .utf8)
            func definition(_ name: String) throws -> String {
                let start = try #require(script.range(of: "const \(name) = ")).lowerBound
                return String(script[start...].prefix { $0 != ";" }) + ";"
            }
            let folder = try TemporaryFolder()
            let calls = try definition("number") + definition("calls")
            let told = ["{ in_flight: 1, limit: 4 }", "{ in_flight: 2, limit: 2 }", "{ in_flight: 2, limit: 1 }"]
            let lines = told.map { "document.write('<p>' + calls(\($0)) + '</p>');" }.joined()
            try "<!doctype html><script>\(calls)\(lines)</script>".write(
                toFile: folder.path + "/page.html", atomically: true, encoding: .utf8)
            let page = try document("file://\(folder.path)/page.html")
            #expect(page.text.contains("<p>1 of 4</p><p>2 of 2</p><p>2, limit fell to 1</p>"), "\(page)")
        }

        @Test(.enabled(if: chromium != nil, "no Chromium is here: scripts/setup.sh test installs it where it can"))
        func withoutATokenItAsksForOne() throws {
            let stage = try Stage()
            let program = try Program(["token", "desk", "--json"])
            let line = try #require(try program.answer()["line"] as? String)
            try line.write(toFile: stage.folder.path + "/tokens", atomically: true, encoding: .utf8)
            try stage.edit(
                "sluice.json5", "http: {", "http: { tokens: { file: \"\(stage.folder.path)/tokens\" },")
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let page = try document("http://127.0.0.1:\(port)/")
            #expect(page.text.contains("<form id=\"login\">"), pipeline.report)
            #expect(!page.text.contains("ACME-DE"))
        }
    }
}
