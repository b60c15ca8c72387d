import Configuration
import Embedded
import Foundation
import Kafka
import OrderEvents

/// `sluice dev events`: the demo's traffic, the reference load, or the configuration that reads them.
enum DevEvents {
    static let specification = Arguments.Specification(
        synopsis:
            "sluice dev events (--config PATH | --brokers HOST:PORT,…) [--orders N] [--seed N] [--rate N] "
            + "[--reference]",
        help: """
            Sends seeded traffic to the topics of the demo (--reference: the reference load to reference.orders) and
            ends when all of it is acknowledged. Prints {"sent": N, "failed": N, "orders": N, …}; exits 1 when not all
            was sent.

              --config PATH    takes brokers and group from this configuration, and keeps at most 4000 records ahead of
                               what the group has committed: an embedded broker forgets what nobody has read
              --brokers LIST   sends to these, without looking at any group
              --orders N       orders to generate (default 400)
              --seed N         seed of the traffic (default 1)
              --rate N         records a second at most (default 400)
              --reference      canonical events of one kind, made for speed

            dev events --write-config DIR --brokers LIST --odoo-url URL writes the demo's configuration instead, with
              --store-variable NAME, --odoo-key-variable NAME   environment variables with the store's URL and Odoo's
                               key (default SLUICE_DEMO_DATABASE_URL, SLUICE_DEMO_ODOO_KEY)
              --park-timeout D, --http-port N, --group NAME     (default 15m, any free port, sluice-demo)
            """,
        options: [
            "config", "brokers", "orders", "seed", "rate", "write-config", "odoo-url", "store-variable",
            "odoo-key-variable", "park-timeout", "http-port", "group",
        ], flags: ["reference"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        if let folder = arguments["write-config"] { return try writeConfiguration(folder, arguments) }
        let target = try target(arguments)
        let orders = try arguments.number("orders", 1...10_000_000, default: 400)
        let seed = try arguments.number("seed", 0...Int.max, default: 1)
        let rate = try arguments.number("rate", 1...10_000_000, default: 400)
        let source = source(orders: orders, seed: seed, isReference: arguments.has("reference"))
        let signals = TerminationSignals()
        Output.error("sends \(orders) orders, seed \(seed), to \(target.brokers.joined(separator: ","))")
        let progress = try target.group.map { group throws(CommandFailure) in
            try GroupProgress(
                brokers: target.brokers, group: group,
                topics: arguments.has("reference") ? [ReferenceTraffic.Settings().topic] : DemoConfiguration.topics)
        }
        let result = try TrafficProducer(brokers: target.brokers, source: source, recordsPerSecond: rate).run(
            consumed: { progress?.consumed() ?? .max / 2 }, isStopping: { signals.isStopping })
        Output.line(
            JSONText.render([
                "sent": result.acknowledged, "failed": result.failed, "seed": seed,
                "orders": arguments.has("reference") ? orders : result.orders, "stopped": signals.isStopping,
            ]))
        return result.failed == 0 && !signals.isStopping ? 0 : CommandFailure.ExitCode.failed.rawValue
    }

    private static func target(_ arguments: Arguments) throws(CommandFailure) -> (brokers: [String], group: String?) {
        if let path = arguments["config"] {
            let kafka = try ConfigurationSource.load(path: path).kafka
            return (kafka.brokers, kafka.group)
        }
        return (try brokers(arguments), arguments["group"])
    }

    private static func brokers(_ arguments: Arguments) throws(CommandFailure) -> [String] {
        let brokers = (arguments["brokers"] ?? "").split(separator: ",").map(String.init)
        guard !brokers.isEmpty else {
            throw CommandFailure(code: .usage, message: "say where to send: --config PATH or --brokers HOST:PORT,…")
        }
        return brokers
    }

    /// Traffic that ends now: its events lie in the past.
    private static func source(orders: Int, seed: Int, isReference: Bool) -> TrafficSource {
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        if isReference {
            var settings = ReferenceTraffic.Settings()
            settings.orders = orders
            settings.seed = seed
            let span = Int64(orders * ReferenceTraffic.lifecycle.count) * settings.microsecondsBetweenEvents
            settings.startingAt = Timestamp(microseconds: now - span)
            return .reference(ReferenceTraffic(settings))
        }
        var settings = TrafficSettings()
        settings.orders = orders
        settings.seed = UInt64(seed)
        settings.startingAt = Timestamp(microseconds: now - Int64(settings.spanMilliseconds) * 1000)
        return .realistic(TrafficGenerator(settings))
    }

    private static func writeConfiguration(_ folder: String, _ arguments: Arguments) throws(CommandFailure) -> Int32 {
        guard let odoo = arguments["odoo-url"] else {
            throw CommandFailure(code: .usage, message: "say where Odoo is: --odoo-url URL")
        }
        var configuration = DemoConfiguration(
            brokers: try brokers(arguments), storeURLVariable: arguments["store-variable"] ?? DemoStage.storeVariable,
            odooURL: odoo, odooKeyVariable: arguments["odoo-key-variable"] ?? DemoStage.keyVariable)
        configuration.parkTimeout = arguments["park-timeout"]
        configuration.httpPort = try arguments.number("http-port", 0...65535, default: 0)
        configuration.group = arguments["group"] ?? configuration.group
        do {
            try configuration.write(to: URL(fileURLWithPath: folder))
        } catch {
            throw CommandFailure(code: .unavailable, message: "the configuration cannot be written: \(error)")
        }
        Output.line(
            JSONText.render([
                "config": folder, "store_variable": configuration.storeURLVariable,
                "odoo_key_variable": configuration.odooKeyVariable,
            ]))
        Output.error("wrote the demo's configuration to \(folder)")
        return 0
    }
}

/// How far a consumer group has come since this was made, by its committed offsets.
final class GroupProgress {
    /// Between two questions to the brokers.
    private static let interval: Duration = .milliseconds(200)
    /// How long an answer may take.
    private static let answerBound: Duration = .seconds(5)

    private let settings: ClientSettings
    private let partitions: [TopicPartition]
    private var start: Int64 = 0
    private var known: Int64 = 0
    private var nextAsk = ContinuousClock.now

    init(brokers: [String], group: String, topics: [String]) throws(CommandFailure) {
        settings = ClientSettings(["bootstrap.servers": brokers.joined(separator: ","), "group.id": group])
        do throws(KafkaError) {
            let found = try Admin(settings).topics(within: .seconds(30)).filter { topics.contains($0.name) }
            partitions = found.flatMap { topic in
                (0..<topic.partitions).map { TopicPartition(topic.name, Int32($0)) }
            }
        } catch {
            throw CommandFailure(code: .unavailable, message: "the topics cannot be read: \(error.description)")
        }
        start = total() ?? 0
        known = start
    }

    /// Records that the group has committed since the start; asks at most five times a second.
    func consumed() -> Int {
        if nextAsk <= .now {
            known = total() ?? known
            nextAsk = .now + Self.interval
        }
        return Int(known - start)
    }

    private func total() -> Int64? {
        // A client a question: few are asked, and none is left that would count as a member.
        guard let reader = try? Consumer(settings),
            let offsets = try? reader.committed(partitions, within: Self.answerBound)
        else { return nil }
        return offsets.reduce(0) { $0 + max(0, $1.offset) }
    }
}
