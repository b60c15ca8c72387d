import Testing

@testable import Metrics

/// Which series a page shows by name, and that nothing is lost of the others.
@Suite struct SharesTests {
    private static func entities(_ count: Int) -> [ShownEntity] {
        (0..<count).map { ShownEntity(name: "E\($0)", weight: 1) }
    }

    /// The samples of one metric: labels and value.
    private func samples(_ name: String, _ page: String) -> [String: Int] {
        var samples: [String: Int] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("\(name){") {
            guard let space = line.lastIndex(of: " ") else { continue }
            let labels = line[line.index(line.startIndex, offsetBy: name.count)..<space]
            #expect(samples.updateValue(Int(line[line.index(after: space)...]) ?? -1, forKey: String(labels)) == nil)
        }
        return samples
    }

    @Test func aThousandFitIntoTheDefaultBudget() {
        let all = SeriesShares(Self.entities(1_000), series: 100_000)
        #expect(all.folded == 0 && all.share == 93)
        let more = SeriesShares(Self.entities(10_000), series: 100_000)
        #expect(more.shown.count == 1_008 && more.folded == 8_992 && more.share == 93)
        let few = SeriesShares(Self.entities(4), series: 100_000)
        #expect(few.share == 23_437 && few.isRoomy)
        #expect(SeriesShares([], series: 100_000).share == 0)
        #expect(SeriesShares(Self.entities(3), series: 10).folded == 3)
    }

    @Test func theLightestFoldAndOfThemTheLastByName() {
        let entities = [("B", 1), ("A", 1), ("D", 5), ("C", 2)].map { ShownEntity(name: $0.0, weight: $0.1) }
        #expect(SeriesShares(entities, series: 290).shown == ["D", "C"])
        #expect(SeriesShares(entities, series: 298).shown == ["D", "C", "A"])
    }

    /// Lines come by legal entity and then by the other labels, in whatever sequence they were made, and also when some
    /// went meanwhile.
    @Test func aPageIsSortedHoweverItCameAbout() {
        let names = Self.entities(40)
        func registry(_ sequence: [Int]) -> Registry {
            let registry = Registry(entities: names, series: 2_000, processMetrics: false)
            let family = registry.counter("a_total", help: "", labels: ["legal_entity", "code"])
            for place in sequence {
                family.with("E\(place % 40)", "c\(place / 40 % 9)").add(place + 1)
                // A page in between is no reason for another sequence afterwards.
                if place % 100 == 0 { _ = page(of: registry) }
            }
            for place in stride(from: 0, to: 360, by: 11) { family.remove("E\(place % 40)", "c\(place / 40 % 9)") }
            return registry
        }
        let mixed = (0..<360).map { $0 * 97 % 360 }
        let lines = page(of: registry(mixed)).split(separator: "\n").filter { $0.hasPrefix("a_total{") }
        let labels = lines.map { $0.prefix { $0 != " " } }
        // Twenty by name with nine codes each, the others together, less what was taken off.
        #expect((150..<189).contains(lines.count))
        #expect(labels == labels.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(page(of: registry(Array(0..<360))).contains(lines.joined(separator: "\n")))
    }

    @Test func whatIsFoldedAddsUp() {
        let registry = Registry(entities: Self.entities(4), series: 205, processMetrics: false)
        let events = registry.counter("a_total", help: "", labels: ["legal_entity", "outcome"])
        let oldest = registry.gauge("b_seconds", help: "", labels: ["legal_entity"], fold: .most)
        let waiting = registry.gauge("c_bytes", help: "", labels: ["legal_entity", "warehouse"])
        let state = registry.stateSet("d", help: "", labels: ["legal_entity"], states: ["closed", "half", "open"])
        let took = registry.histogram("e_seconds", help: "", labels: ["legal_entity", "stage"], buckets: [1])
        for index in 0..<4 {
            events.with("E\(index)", "applied").add(1 << index)
            oldest.with("E\(index)").set(Double(index))
            waiting.with("E\(index)", "W\(index)").set(Double(10 << index))
            state.with("E\(index)").set(index == 2 ? "half" : "closed")
            took.with("E\(index)", "log").observe(Double(1 << index))
        }
        events.with("unknown", "dead_lettered").add(64)
        events.with("REMOVED", "applied").add(128)
        let page = page(of: registry)
        #expect(
            samples("a_total", page) == [
                #"{legal_entity="E0",outcome="applied"}"#: 1, #"{legal_entity="E1",outcome="applied"}"#: 2,
                #"{legal_entity="other",outcome="applied"}"#: 4 + 8 + 128,
                #"{legal_entity="unknown",outcome="dead_lettered"}"#: 64,
            ])
        #expect(samples("b_seconds", page)[#"{legal_entity="other"}"#] == 3, "an age is the largest")
        #expect(
            samples("c_bytes", page)[#"{legal_entity="other",warehouse="other"}"#] == 120,
            "a warehouse's code means nothing without its legal entity")
        #expect(samples("d", page)[#"{legal_entity="other",d="half"}"#] == 1, "the worst of them")
        #expect(samples("e_seconds_count", page)[#"{legal_entity="other",stage="log"}"#] == 2)
        #expect(samples("e_seconds_sum", page)[#"{legal_entity="other",stage="log"}"#] == 12)
    }

    @Test func oneLegalEntityIsShownWhole() {
        let registry = Registry(entities: Self.entities(4), series: 205, processMetrics: false)
        let took = registry.histogram("e_seconds", help: "", labels: ["legal_entity", "operation"], buckets: [1])
        let events = registry.counter("a_total", help: "", labels: ["legal_entity", "outcome"])
        registry.gauge("of_the_process", help: "").with().set(1)
        for index in 0..<4 {
            took.with("E\(index)", "create").observe(1)
            events.with("E\(index)", "applied").add()
        }
        // On the page of all, what has further labels is summed.
        #expect(
            samples("e_seconds_count", page(of: registry)) == [#"{legal_entity="other",operation="create"}"#: 4])
        let own = page(of: registry, legalEntity: "E3")
        #expect(samples("e_seconds_count", own) == [#"{legal_entity="E3",operation="create"}"#: 1])
        #expect(samples("a_total", own) == [#"{legal_entity="E3",outcome="applied"}"#: 1])
        #expect(!own.contains("of_the_process") && !own.contains("E1"))
        for name in ["E4", "other", ""] { #expect(registry.page(.text, legalEntity: name) == nil) }
    }

    /// Goal: no configuration and no traffic makes a legal entity cost more than its share.
    @Test func nobodyHasMoreThanHisShare() {
        let registry = Registry(entities: Self.entities(1_000), processMetrics: false)
        let latency = registry.eventLatency()
        let transitions = registry.counter("t_total", help: "", labels: ["legal_entity", "from"])
        let open = registry.gauge("open", help: "", labels: ["legal_entity", "code"])
        for index in 0..<300 {
            transitions.with("E7", "s\(index)").add()
            open.with("E7", "c\(index)").set(1)
        }
        for stage in ["source", "log", "process", "delivery"] { latency.with("E7", stage).observe(1) }
        let page = page(of: registry, .openMetrics)
        let own = page.split(separator: "\n").filter { $0.contains(#"legal_entity="E7""#) }
        #expect(own.count <= SeriesShares.leastShare)
        #expect(own.filter { $0.hasPrefix("sluice_event_latency_seconds") }.count == 4 * 11, "whatever came before")
        #expect(samples("t_total", page).values.reduce(0, +) == 300)
        #expect(samples("open", page).values.reduce(0, +) == 300)
        #expect(samples("t_total", Self.text(registry, "E7")).count == 300)
        #expect(registry.foldedSeries.value > 0)
    }

    private static func text(_ registry: Registry, _ entity: String) -> String {
        page(of: registry, legalEntity: entity)
    }

    @Test func bucketsFollowTheLastLabel() {
        let histogram = Registry(processMetrics: false).histogram(
            "h", help: "", labels: ["stage"], buckets: [1], byLast: ["log": [2, 3]])
        #expect(histogram.with("log").buckets.bounds == [2, 3])
        #expect(histogram.with("other").buckets.bounds == [1])
    }
}

/// Observations that are added many at a time.
@Suite struct ObservationsTests {
    @Test(arguments: [1, 7, 8, 9, 16, 21]) func collectedIsAsObserved(_ bounds: Int) {
        let registry = Registry(processMetrics: false)
        let family = registry.histogram(
            "h", help: "", labels: ["way"], buckets: (1...bounds).map { Double($0) / 4 })
        let one = family.with("one by one")
        let many = family.with("collected")
        var collected = Observations(for: many)
        for round in 0..<3 {
            for index in 0...4 * bounds {
                one.observe(Double(index) / 16)
                collected.observe(Double(index) / 16)
            }
            many.add(&collected)
            #expect(collected.count == 0 && many.snapshot() == one.snapshot(), "round \(round)")
        }
        for bad in [-1, Double.nan, .infinity, -.infinity] { collected.observe(bad) }
        many.add(&collected)
        #expect(many.snapshot() == one.snapshot())
        #expect(registry.refusedUpdates.value == 4)
    }
}
