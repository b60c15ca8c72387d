import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Metrics

/// What registering and updating promise.
@Suite struct RegistryTests {
    @Test func sameNameAndShapeIsTheSameFamily() {
        let registry = Registry(processMetrics: false)
        let first = registry.counter("a_total", help: "One.", labels: ["x"])
        let second = registry.counter("a_total", help: "Other words.", labels: ["x"])
        #expect(first === second)
        #expect(first.with("1") === second.with("1"))
        #expect(first.with("1") !== first.with("2"))
    }

    @Test func otherShapeTraps() async {
        await #expect(processExitsWith: .failure) {
            let registry = Registry(processMetrics: false)
            _ = registry.counter("a_total", help: "", labels: ["x"])
            _ = registry.counter("a_total", help: "", labels: ["y"])
        }
        await #expect(processExitsWith: .failure) {
            let registry = Registry(processMetrics: false)
            _ = registry.histogram("a", help: "", buckets: [1, 2])
            _ = registry.histogram("a", help: "", buckets: [1, 3])
        }
        await #expect(processExitsWith: .failure) {
            let registry = Registry(processMetrics: false)
            _ = registry.gauge("a", help: "")
            _ = registry.histogram("a", help: "", buckets: [1])
        }
    }

    @Test func samplesOfAHistogramHaveNoSecondOwner() async {
        await #expect(processExitsWith: .failure) {
            let registry = Registry(processMetrics: false)
            _ = registry.gauge("a_count", help: "")
            _ = registry.histogram("a", help: "", buckets: [1])
        }
    }

    @Test func namesThatPrometheusRefusesTrap() async {
        await #expect(processExitsWith: .failure) { _ = Registry(processMetrics: false).gauge("a-b", help: "") }
        await #expect(processExitsWith: .failure) { _ = Registry(processMetrics: false).gauge("1a", help: "") }
        await #expect(processExitsWith: .failure) { _ = Registry(processMetrics: false).counter("a", help: "") }
        await #expect(processExitsWith: .failure) {
            _ = Registry(processMetrics: false).gauge("a", help: "", labels: ["__a"])
        }
        await #expect(processExitsWith: .failure) {
            _ = Registry(processMetrics: false).gauge("a", help: "", labels: ["b", "b"])
        }
        await #expect(processExitsWith: .failure) {
            _ = Registry(processMetrics: false).histogram("a", help: "", labels: ["le"], buckets: [1])
        }
        await #expect(processExitsWith: .failure) {
            _ = Registry(processMetrics: false).histogram("a", help: "", buckets: [2, 1])
        }
        await #expect(processExitsWith: .failure) {
            _ = Registry(processMetrics: false).gauge("a", help: "", labels: ["b"]).with("1", "2")
        }
    }

    @Test func refusedUpdatesChangeNothingAndAreCounted() {
        let registry = Registry(processMetrics: false)
        let counter = registry.counter("a_total", help: "").with()
        counter.add(5)
        counter.add(-1)
        counter.raise(to: 3)
        #expect(counter.value == 5)
        counter.raise(to: 9)
        #expect(counter.value == 9)
        let histogram = registry.histogram("h", help: "", buckets: [1]).with()
        for bad in [-0.1, .nan, .infinity, -.infinity] { histogram.observe(bad) }
        histogram.observe(1, count: -1)
        histogram.observe(1, count: 0)
        #expect(histogram.snapshot() == HistogramCells(counts: [0, 0], sum: 0))
        let states = registry.stateSet("s", help: "", labels: [], states: ["on", "off"]).with()
        #expect(states.state == nil)
        states.set("off")
        states.set("unheard of")
        #expect(states.state == "off")
        #expect(registry.refusedUpdates.value == 7)
    }

    @Test func observationFallsIntoTheBucketOfItsBound() {
        let histogram = Registry(processMetrics: false).histogram("h", help: "", buckets: [0, 1, 2]).with()
        for value in [0, 0.5, 1, 1.5, 2, 2.5] { histogram.observe(value) }
        #expect(histogram.snapshot() == HistogramCells(counts: [1, 2, 2, 1], sum: 7.5))
        histogram.observe(2, count: 1_000)
        #expect(histogram.snapshot() == HistogramCells(counts: [1, 2, 1_002, 1], sum: 2_007.5))
    }

    @Test func labelSetsBeyondTheBoundFold() {
        let registry = Registry(maximumSets: 2, processMetrics: false)
        let family = registry.counter("a_total", help: "", labels: ["topic", "reason"])
        for topic in 0..<5 { family.with("T\(topic)", "bad").add(1) }
        family.with("T4", "worse").add(7)
        family.with("T0", "bad").add(10)
        #expect(
            lines(of: "a_total", in: registry).dropFirst(2) == [
                #"a_total{topic="T0",reason="bad"} 11"#,
                #"a_total{topic="T1",reason="bad"} 1"#,
                #"a_total{topic="other",reason="bad"} 3"#,
                #"a_total{topic="other",reason="worse"} 7"#,
            ])
        #expect(registry.foldedSeries.value == 4)
        // Even the labels beside the folded one are bounded.
        for value in 0..<5_000 { family.with("X", "o\(value)").add() }
        let series = lines(of: "a_total", in: registry).count - 2
        #expect(series == 2 + FamilyContext.foldedSets + 1)
        #expect(page(of: registry).contains(#"a_total{topic="other",reason="other"} "#))
    }

    @Test func processMetricsAreThere() throws {
        let registry = Registry()
        var values: [String: Double] = [:]
        for line in page(of: registry).split(separator: "\n") where line.hasPrefix("process_") {
            let words = line.split(separator: " ")
            values[String(words[0])] = Double(words[1])
        }
        #expect(
            values.keys.sorted() == [
                "process_cpu_seconds_total", "process_max_fds", "process_open_fds", "process_resident_memory_bytes",
                "process_start_time_seconds", "process_threads", "process_virtual_memory_bytes",
            ])
        let now = Double(Log.systemClock().wall) / 1_000
        let start = try #require(values["process_start_time_seconds"])
        #expect(start < now + 2 && start > now - 86_400)
        let resident = try #require(values["process_resident_memory_bytes"])
        #expect((1e6..<1e11).contains(resident))
        #expect(try resident < #require(values["process_virtual_memory_bytes"]))
        #expect(try #require(values["process_open_fds"]) >= 3)
        #expect(try #require(values["process_threads"]) >= 1)
        #expect(try #require(values["process_max_fds"]) >= 20)
        #expect(page(of: registry).contains("# TYPE process_cpu_seconds_total counter\n"))
    }

    @Test func processStatusIsReadBehindTheNameWhateverItIs() {
        let numbers = (4...44).map { "\($0)" }.joined(separator: " ")
        for name in ["sluice", "a b", "a) S 1 (b", ")", ""] {
            let status = ProcessStatus("123 (\(name)) S \(numbers)\n")
            #expect(status?.userTicks == 14 && status?.systemTicks == 15 && status?.threads == 20)
            #expect(status?.startTicks == 22 && status?.virtualBytes == 23 && status?.residentPages == 24)
        }
        for broken in ["", "123 sluice S 1", "123 (sluice) S 1 2 3", "1 (a) S " + numbers.replacing("23", with: "x")] {
            #expect(ProcessStatus(broken) == nil)
        }
    }
}

/// Runs `body` on that many threads at once and waits for all.
///
/// Dispatch would run as many as there are cores.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchGroup()
    for index in 0..<count {
        done.enter()
        Thread.detachNewThread {
            body(index)
            done.leave()
        }
    }
    done.wait()
}

/// What many threads at once leave behind.
@Suite(.timeLimit(.minutes(10))) struct ConcurrencyTests {
    @Test func noUpdateIsLost() {
        let registry = Registry(processMetrics: false)
        let counter = registry.counter("a_total", help: "").with()
        let gauge = registry.gauge("g", help: "").with()
        let family = registry.counter("b_total", help: "", labels: ["x"])
        onThreads(4) { thread in
            for round in 0..<20_000 {
                counter.add(2)
                gauge.add(thread % 2 == 0 ? 1 : -0.5)
                family.with("\(round % 7)").add()
            }
        }
        #expect(counter.value == 160_000)
        #expect(gauge.value == 20_000)
        #expect((0..<7).reduce(0) { $0 + family.with("\($1)").value } == 80_000)
    }

    /// Goal: each scrape shows whole observations only.
    ///
    /// Method: all sizes are powers of two, so that the sum which belongs to the buckets of a scrape is exact in
    /// floating point, in whatever order it was added up; two scrapers at once, as two Prometheus servers would;
    /// observers go on until enough scrapes were made beside them.
    @Test func everyScrapeOfAHistogramAgreesWithItself() {
        let registry = Registry(processMetrics: false)
        let histogram = registry.histogram("h", help: "", buckets: [0.5, 1, 4]).with()
        let sizes = [0.5, 1, 4, 8]
        let rounds = 20_000
        let scrapes = Counter(refusals: nil)
        let observed = Counter(refusals: nil)
        let torn = Counter(refusals: nil)
        onThreads(6) { thread in
            if thread < 4 {
                var round = 0
                while scrapes.value < 2 * rounds {
                    histogram.observe(sizes[(round + thread) % 4], count: round % 3 + 1)
                    observed.add(round % 3 + 1)
                    round += 1
                }
                return
            }
            var last = 0
            for _ in 0..<rounds {
                let snapshot = histogram.snapshot()
                let sum = zip(snapshot.counts, sizes).reduce(0) { $0 + Double($1.0) * $1.1 }
                let count = snapshot.counts.reduce(0, +)
                if snapshot.sum != sum || count < last { torn.add() }
                last = count
                scrapes.add()
            }
        }
        #expect(torn.value == 0)
        #expect(observed.value > 4_000)
        #expect(histogram.snapshot().counts.reduce(0, +) == observed.value)
    }

    /// Goal: the same through the page, whose `_count`, `+Inf` bucket and `_sum` are what Prometheus reads.
    @Test func everyPageAgreesWithItself() {
        let registry = Registry(processMetrics: false)
        let histogram = registry.histogram("h", help: "", buckets: [1]).with()
        let scrapes = Counter(refusals: nil)
        let torn = Counter(refusals: nil)
        onThreads(3) { thread in
            if thread < 2 {
                while scrapes.value < 500 { histogram.observe(thread == 0 ? 1 : 2) }
                return
            }
            for _ in 0..<500 {
                let numbers = lines(of: "h_", in: registry).compactMap { Int($0.split(separator: " ")[1]) }
                let isWhole =
                    numbers.count == 4 && numbers[1] == numbers[3]
                    && numbers[2] == numbers[0] + 2 * (numbers[1] - numbers[0])
                if !isWhole { torn.add() }
                scrapes.add()
            }
        }
        #expect(torn.value == 0)
    }
}
