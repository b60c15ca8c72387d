import Embedded
import Foundation

/// `orders_api_p99_ms` of the part `orders`: `/v1/orders/{legal_entity}/{order_ref}` over the store of
/// `order_command_ms`.
///
/// Asked of a `sluice run` whose Kafka and Odoo are away, so that only the store has work. Each answer is of another
/// order, and each is one more entry in the audit trail.
struct OrderAPIFigure {
    /// Requests of one figure, one after the other.
    private static let requests = 2_000
    /// The first ones make the sessions and prepare the statements.
    private static let warm = 50

    let stage: Stage
    let configuration: String
    let environment: [String: String]
    /// Orders in the store.
    let orders: Int

    func measure(_ figures: inout Figures) throws {
        let log = "\(stage.folder)/\(stage.name("api")).log"
        let process = try MeasuredProcess(
            [stage.options.sluice, "run", "--config", configuration, "--log-level", "info"], environment: environment,
            log: log)
        defer { _ = process.stop(within: .seconds(30)) }
        let client = LoopbackClient(port: try port(process, log))
        for number in 0..<Self.warm { _ = try ask(client, number) }
        var p50: [Double] = []
        var p99: [Double] = []
        for run in 0..<(stage.options.isSmoke ? 1 : stage.options.runs) {
            let count = stage.options.isSmoke ? 100 : Self.requests
            let times = try (0..<count).map { try ask(client, Self.warm + run * count + $0) }.sorted()
            p50.append(Figures.quantile(times, 0.5))
            p99.append(Figures.quantile(times, 0.99))
        }
        figures.add("orders_api_p99_ms", p99, unit: "ms", note: "\(orders) orders; bar 50, aim 10")
        figures.add("orders_api_p50_ms", p50, unit: "ms")
    }

    /// One order, spread over all of them; the milliseconds that it took.
    private func ask(_ client: LoopbackClient, _ turn: Int) throws -> Double {
        let reference = OrderSeed.reference((turn * 7_919_993 + 4_999_999) % orders)
        let answer = try client.get("/v1/orders/\(ReferenceTraffic.legalEntity(0))/\(reference)")
        let beginning = String(decoding: answer.beginning, as: UTF8.self)
        guard answer.status == 200, beginning.contains(reference.suffix(10)) else {
            throw WrongWork(findings: ["\(reference) was answered with \(beginning.prefix(500))"])
        }
        return answer.milliseconds
    }

    private func port(_ process: MeasuredProcess, _ log: String) throws -> UInt16 {
        let end = ContinuousClock.now + .seconds(60)
        while process.isRunning, ContinuousClock.now < end {
            if let port = SluiceRun.port(inLog: log) { return port }
            usleep(20_000)
        }
        throw BenchError("the log does not say where it listens: \(SluiceRun.tail(log))")
    }
}
