import Foundation
import Synchronization

/// Scrapes of a running process, one after the other, by a client that does nothing but read.
final class Scraper: Sendable {
    /// Between two scrapes: a hundredth of what Prometheus usually waits, so that a short run has enough of them.
    private static let pause: useconds_t = 50_000

    private struct State {
        var milliseconds: [Double] = []
        var bytes = 0
        var isStopping = false
        var hasEnded = false
        var failure: String?
    }

    private let port: UInt16
    private let state = Mutex(State())

    init(port: UInt16) { self.port = port }

    /// Scrapes until `stop`.
    func start() {
        Thread.detachNewThread { [self] in
            // Who scrapes is on a machine of its own, and does not wait for this one's cores.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10)
            while !state.withLock({ $0.isStopping }) {
                do {
                    let (took, bytes) = try scrape()
                    state.withLock {
                        $0.milliseconds.append(took)
                        $0.bytes = bytes
                    }
                } catch {
                    state.withLock { $0.failure = "\(error)" }
                    break
                }
                usleep(Self.pause)
            }
            state.withLock { $0.hasEnded = true }
        }
    }

    /// Ends; how long each scrape took, in milliseconds, and the size of the last page.
    func stop() throws -> (milliseconds: [Double], bytes: Int) {
        state.withLock { $0.isStopping = true }
        while !state.withLock({ $0.hasEnded }) { usleep(5000) }
        return try state.withLock { state in
            if let failure = state.failure { throw BenchError("a scrape failed: \(failure)") }
            return (state.milliseconds, state.bytes)
        }
    }

    /// One scrape, as Prometheus asks: milliseconds from connecting to the page's end, and its bytes.
    func scrape() throws -> (milliseconds: Double, bytes: Int) {
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        let page = try LoopbackClient(port: port).get("/metrics", headers: "Accept: \(accept)\r\n")
        guard page.end == Array("# EOF\n".utf8) else { throw BenchError("a page of \(page.bytes) bytes is not whole") }
        return (page.milliseconds, page.bytes)
    }
}

/// `scale`: what scrapes cost, and how long they take while the process works as hard as it can.
struct ScrapeFigures {
    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        let isSmoke = stage.options.isSmoke
        let thousand = try runs(legalEntities: isSmoke ? 20 : 1_000, seed: 7, measuresCost: true)
        figures.add(
            "scrape_p99_ms", thousand.map(\.p99), unit: "ms", note: "under load, each by name; bar 100, aim 50")
        figures.add("scrape_p50_ms", thousand.map(\.p50), unit: "ms")
        figures.add("scrape_cost", thousand.compactMap(\.cost), note: "CPU of one ÷ 5 s; bar 0.02, aim 0.005")
        figures.add("scrape_mib", thousand.map(\.mebibytes), unit: "MiB", note: "the page")
        let many = try runs(legalEntities: isSmoke ? 50 : 10_000, seed: 8, measuresCost: false)
        figures.add(
            "scrape_10000_p99_ms", many.map(\.p99), unit: "ms", note: "folded to the budget; bar 250, aim 100")
        figures.add("scrape_10000_p50_ms", many.map(\.p50), unit: "ms")
    }

    private struct Result {
        var p50: Double
        var p99: Double
        /// Of one scrape, as a share of five seconds.
        var cost: Double?
        var mebibytes: Double
    }

    private func runs(legalEntities: Int, seed: Int, measuresCost: Bool) throws -> [Result] {
        let drain = try Drain(
            stage, ReferenceLoad(orders: stage.options.orders, legalEntities: legalEntities, seed: seed))
        return try (1...stage.options.runs).map { _ in
            var times: [Double] = []
            var bytes = 0
            var cost: Double?
            _ = try drain.run(
                "scraped, \(legalEntities) legal entities", logLevel: "info",
                started: { try Scraper(port: $0.port()).also { $0.start() } },
                drained: { run, scraper in
                    (times, bytes) = try scraper.stop()
                    if measuresCost { cost = try costOfScrape(run, scraper) }
                })
            let sorted = times.sorted()
            let (p50, p99) = (Figures.quantile(sorted, 0.5), Figures.quantile(sorted, 0.99))
            SluiceBench.say(
                "\(sorted.count) scrapes of \(bytes >> 10) KiB: p50 \(Figures.number(p50)) ms, "
                    + "p99 \(Figures.number(p99)) ms")
            return Result(
                p50: p50, p99: p99, cost: cost, mebibytes: Double(bytes) / 1_048_576)
        }
    }

    /// CPU of the process while it is scraped, less what it takes when it is left alone for as long.
    private func costOfScrape(_ run: SluiceRun, _ scraper: Scraper) throws -> Double {
        let count = stage.options.isSmoke ? 5 : 100
        let before = run.process.cpuSeconds
        let start = ContinuousClock.now
        for _ in 0..<count {
            _ = try scraper.scrape()
            usleep(20_000)
        }
        let took = start.duration(to: .now)
        let scraped = run.process.cpuSeconds - before
        let rest = run.process.cpuSeconds
        usleep(useconds_t(took.components.seconds * 1_000_000 + took.components.attoseconds / 1_000_000_000_000))
        let idle = run.process.cpuSeconds - rest
        return max(0, scraped - idle) / Double(count) / 5
    }
}

extension Scraper {
    fileprivate func also(_ body: (Scraper) -> Void) -> Scraper {
        body(self)
        return self
    }
}
