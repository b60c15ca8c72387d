import Testing

@testable import Metrics

/// The page as text.
func page(of registry: Registry, _ format: PageFormat = .text, legalEntity: String? = nil) -> String {
    String(decoding: registry.page(format, legalEntity: legalEntity) ?? [], as: UTF8.self)
}

/// The lines of the page that belong to one metric.
func lines(of name: String, in registry: Registry) -> [String] {
    page(of: registry).split(separator: "\n").map(String.init).filter { line in
        line.hasPrefix(name) || line.hasPrefix("# HELP \(name) ") || line.hasPrefix("# TYPE \(name) ")
    }
}

/// What a scrape says, byte for byte.
@Suite struct ExpositionTests {
    @Test func pageIsTheGoldenOne() {
        let registry = Registry(processMetrics: false)
        let events = registry.counter(
            "sluice_events_total", help: "Events by outcome.", labels: ["legal_entity", "outcome"])
        events.with("ACME-DE", "stale").add(2)
        events.with("ACME-DE", "applied").add(1_234_567)
        events.with("ACME-AT", "applied").add()
        registry.gauge("sluice_backlog_orders", help: "Orders behind.\nSee \\docs.", labels: []).with().set(0.1)
        let latency = registry.histogram(
            "sluice_event_latency_seconds", help: "Latency.", labels: ["stage"], buckets: [0.005, 1, 60])
        latency.with("log").observe(0.005)
        latency.with("log").observe(0.5, count: 3)
        latency.with("log").observe(61)
        registry.stateSet(
            "sluice_odoo_breaker_state", help: "Breaker.", labels: ["legal_entity"], states: ["open", "closed"]
        )
        .with("A").set("closed")
        let golden = """
            # HELP sluice_backlog_orders Orders behind.\\nSee \\\\docs.
            # TYPE sluice_backlog_orders gauge
            sluice_backlog_orders 0.1
            # HELP sluice_event_latency_seconds Latency.
            # TYPE sluice_event_latency_seconds histogram
            sluice_event_latency_seconds_bucket{stage="log",le="0.005"} 1
            sluice_event_latency_seconds_bucket{stage="log",le="1.0"} 4
            sluice_event_latency_seconds_bucket{stage="log",le="60.0"} 4
            sluice_event_latency_seconds_bucket{stage="log",le="+Inf"} 5
            sluice_event_latency_seconds_sum{stage="log"} 62.505
            sluice_event_latency_seconds_count{stage="log"} 5
            # HELP sluice_events_total Events by outcome.
            # TYPE sluice_events_total counter
            sluice_events_total{legal_entity="ACME-AT",outcome="applied"} 1
            sluice_events_total{legal_entity="ACME-DE",outcome="applied"} 1234567
            sluice_events_total{legal_entity="ACME-DE",outcome="stale"} 2
            # HELP sluice_metrics_series_folded_total Label sets shown as other, because the share of their legal \
            entity or their metric was full.
            # TYPE sluice_metrics_series_folded_total counter
            sluice_metrics_series_folded_total 0
            # HELP sluice_metrics_updates_refused_total Updates refused: a counter going back, a negative observation, \
            or one that is no finite number.
            # TYPE sluice_metrics_updates_refused_total counter
            sluice_metrics_updates_refused_total 0
            # HELP sluice_odoo_breaker_state Breaker.
            # TYPE sluice_odoo_breaker_state gauge
            sluice_odoo_breaker_state{legal_entity="A",sluice_odoo_breaker_state="open"} 0
            sluice_odoo_breaker_state{legal_entity="A",sluice_odoo_breaker_state="closed"} 1

            """
        #expect(page(of: registry) == golden)
        #expect(page(of: registry) == golden, "a scrape changes nothing")
    }

    @Test func orderOfRegistrationDoesNotShow() {
        func filled(_ names: [String], _ values: [String]) -> String {
            let registry = Registry(processMetrics: false)
            for name in names {
                let family = registry.counter(name, help: "", labels: ["a"])
                for value in values { family.with(value).add(3) }
            }
            return page(of: registry)
        }
        let values = (0..<100).map { "v\($0)" }
        #expect(filled(["b_total", "a_total"], values) == filled(["a_total", "b_total"], values.reversed()))
    }

    @Test(arguments: [
        (0, "0"), (-0.0, "-0"), (1, "1"), (-17, "-17"), (0.1, "0.1"), (1e-5, "1e-05"), (1.0 / 3, "0.3333333333333333"),
        (1e21, "1e+21"), (123_456_789, "123456789"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        (.leastNonzeroMagnitude, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
    ]) func numberIsShortestThatReadsBack(_ number: Double, _ text: String) {
        #expect(Page.text(number) == text)
        var page = Page(.text)
        page.sample(Array("a".utf8), number: number)
        #expect(String(decoding: page.end(), as: UTF8.self) == "a \(text)\n")
        if number.isFinite { #expect(Double(text)?.bitPattern == number.bitPattern) }
    }

    @Test(arguments: [0, 7, -7, 10, 99, 100, Int.max, Int.min]) func integerIsWrittenInFull(_ number: Int) {
        var bytes: [UInt8] = []
        Bytes.append(number, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == String(number))
        var page = Page(.text)
        page.sample(Array("a".utf8), integer: number)
        #expect(String(decoding: page.end(), as: UTF8.self) == "a \(number)\n")
    }

    @Test func labelValueIsEscapedAndHasNoControls() {
        let registry = Registry(processMetrics: false)
        let family = registry.gauge("g", help: "", labels: ["a"])
        family.with("q\"b\\n\nz\0\r\t\u{7f}\u{85}\u{9b}e").set(1)
        #expect(lines(of: "g", in: registry).last == #"g{a="q\"b\\n\nze"} 1"#)
        // The same after control bytes are gone: one series, or Prometheus would refuse the page.
        #expect(family.with("q\"b\\n\nze\0").value == 1)
    }

    @Test func longLabelValueIsCutBetweenCharacters() {
        let registry = Registry(processMetrics: false)
        registry.gauge("g", help: "", labels: ["a"]).with(String(repeating: "a", count: 255) + "\u{e9}x").set(1)
        #expect(lines(of: "g", in: registry).last == "g{a=\"" + String(repeating: "a", count: 255) + "\"} 1")
    }

    @Test func scrapeBodiesRunBeforeThePage() {
        let registry = Registry(processMetrics: false)
        let gauge = registry.gauge("g", help: "").with()
        registry.onScrape { gauge.add(1) }
        #expect(lines(of: "g", in: registry).last == "g 1")
        #expect(lines(of: "g", in: registry).last == "g 2")
    }

    @Test func removedSeriesIsGone() {
        let registry = Registry(processMetrics: false)
        let family = registry.gauge("g", help: "", labels: ["partition"])
        family.with("1").set(1)
        family.with("2").set(2)
        family.remove("1")
        family.remove("3")
        #expect(lines(of: "g", in: registry).dropFirst(2) == ["g{partition=\"2\"} 2"])
        family.remove("2")
        #expect(lines(of: "g", in: registry).isEmpty)
    }
}
