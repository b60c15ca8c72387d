import TestSupport
import Testing

@testable import Metrics

/// A registry with every kind of metric, whose label values are `strings`.
private func registry(labelled strings: [String]) -> Registry {
    let registry = Registry()
    let counter = registry.counter("sluice_events_total", help: "Events \\ \"by\"\noutcome.", labels: ["legal_entity"])
    let gauge = registry.gauge("sluice_backlog_orders", help: "Backlog.", labels: ["legal_entity"])
    let histogram = registry.histogram(
        "sluice_store_batch_seconds", help: "Batches.", labels: ["store"], buckets: [0.001, 0.1, 1])
    let states = registry.stateSet(
        "sluice_odoo_breaker_state", help: "Breaker.", labels: ["legal_entity"], states: ["closed", "open"])
    registry.info("sluice_build_info", help: "Program.", [("version", "1")])
    for string in strings {
        counter.with(string).add()
        gauge.with(string).set(1.5)
        histogram.with(string).observe(0.5, trace: TraceID(high: 1, low: 2))
        states.with(string).set("open")
    }
    return registry
}

/// The page before judges that did not write it.
@Suite struct JudgedPageTests {
    @Test func judgeFindsWhatIsWrong() {
        #expect(PageJudge.complaints(Array("a{b=\"c\"} 1\na{b=\"d\"} 1\n".utf8)).isEmpty)
        #expect(PageJudge.complaints(Array("a{b=\"c\"} 1\na{b=\"c\"} 2\n".utf8)).count == 1)
        #expect(PageJudge.complaints(Array("a{b=\"c\"} 1 # {d=\"e\"} 2 3\na{b=\"c\"} 2\n".utf8)).count == 1)
        #expect(PageJudge.complaints(Array("a 1".utf8)).count == 1)
        #expect(PageJudge.complaints(Array("a{b=\"\u{0}\"} 1\n".utf8)).count == 1)
        #expect(PageJudge.complaints(Array("a{b=\"\\q\"} 1\n".utf8)).count == 1)
        #expect(PageJudge.complaints(Array("a x\n".utf8)).count == 1)
    }

    @Test(arguments: [PageFormat.text, .openMetrics]) func ownStringsMakeAGoodPage(_ format: PageFormat) throws {
        let page = try #require(registry(labelled: NaughtyStrings.own).page(format))
        #expect(PageJudge.complaints(page).isEmpty)
        #expect(!String(decoding: page, as: UTF8.self).contains("\nfake_total"))
    }

    @Test(.enabled(if: NaughtyStrings.published != nil, Comment(rawValue: NaughtyStrings.missing)))
    func naughtyStringsMakeAGoodPageAndReadBack() throws {
        let strings = try #require(NaughtyStrings.published)
        #expect(strings.count > 400)
        let registry = registry(labelled: strings)
        #expect(PageJudge.complaints(registry.page(.text) ?? []).isEmpty)
        let shown = Set(
            page(of: registry).utf8.split(separator: 0x0A).filter { $0.starts(with: "sluice_events_total{".utf8) }
                .compactMap { PageJudge.labels($0)?["legal_entity"] })
        for string in strings where string.utf8.count <= DrawnShape.maximumLabelBytes {
            let kept = string.unicodeScalars.filter {
                $0 == "\n" || !($0.value < 0x20 || (0x7F...0x9F).contains($0.value))
            }
            #expect(shown.contains(String(String.UnicodeScalarView(kept))), "\(string)")
        }
    }

    @Test(
        .enabled(if: Judges.promtool != nil && Judges.python != nil, Comment(rawValue: Judges.missing)),
        arguments: Judges.Format.allCases)
    func noJudgeHasAComplaint(_ format: Judges.Format) throws {
        let strings = NaughtyStrings.own + (NaughtyStrings.published ?? [])
        let registry = registry(labelled: strings)
        let page = try #require(registry.page(format == .text ? .text : .openMetrics))
        #expect(try Judges.complaints(page, format) == [])
        let one = try #require(
            registry.page(format == .text ? .text : .openMetrics, legalEntity: NaughtyStrings.own.last ?? ""))
        #expect(try Judges.complaints(one, format) == [])
    }
}
