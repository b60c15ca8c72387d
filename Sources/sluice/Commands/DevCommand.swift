import Embedded
import Foundation

/// `sluice dev PART`: the embedded parts one by one, each in a process of its own.
///
/// A part says on standard output, in one JSON object on one line, where it is, as soon as it can be used; whatever it
/// has to say to people goes to standard error. It runs until SIGTERM or SIGINT and exits 0.
enum DevCommand {
    private static let parts:
        [(name: String, summary: String, run: @Sendable ([String]) throws(CommandFailure) -> Int32)] =
            [
                (
                    "broker", "a Kafka broker: librdkafka's mock cluster, or a real Kafka when KAFKA_HOME is set",
                    DevBroker.run
                ),
                ("postgres", "a private PostgreSQL", DevPostgres.run),
                ("odoo", "an Odoo stand-in that knows the demo's companies, warehouses and articles", DevOdoo.run),
                ("events", "traffic, or the configuration of the traffic's channels and legal entities", DevEvents.run),
            ]

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let name = words.first, !["--help", "-h", "help"].contains(name) else {
            Output.line(usage)
            return words.isEmpty ? CommandFailure.ExitCode.usage.rawValue : 0
        }
        guard let part = parts.first(where: { $0.name == name }) else {
            throw CommandFailure(code: .usage, message: "unknown part \(name)\n\n\(usage)")
        }
        return try part.run(Array(words.dropFirst()))
    }

    private static var usage: String {
        let list = parts.map { "  \($0.name.padding(toLength: 10, withPad: " ", startingAt: 0))\($0.summary)" }
        return "usage: sluice dev PART [--help] …\n\n" + list.joined(separator: "\n")
            + "\n\nEach prints one JSON object with its address when it is ready, and runs until SIGTERM or Ctrl-C."
    }

    /// Tells programs where the part is, then people, and waits for a signal.
    static func serve(_ address: [String: Any], _ words: String, until signals: TerminationSignals) {
        Output.line(JSONText.render(address))
        Output.error("\(words); until SIGTERM or Ctrl-C")
        signals.wait()
    }
}

/// `sluice dev broker`.
enum DevBroker {
    static let specification = Arguments.Specification(
        synopsis: "sluice dev broker [--topic NAME:PARTITIONS …]",
        help: """
            Runs a broker on 127.0.0.1 with the given topics (default: the demo's, 4 partitions each). What is in it
            goes with it. Prints {"bootstrap_servers": "HOST:PORT", "kind": "mock" | "kafka"}.
            """,
        options: ["topic"])
    /// Partitions of a topic at most: the mock keeps about 5 MB of each.
    private static let partitionBound = 1...256

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        var topics: [(name: String, partitions: Int)] = []
        for word in arguments.all("topic") { topics.append(try topic(word)) }
        if topics.isEmpty { topics = (DemoConfiguration.topics + [DemoStage.deadLetterTopic]).map { ($0, 4) } }
        let signals = TerminationSignals()
        do throws(BrokerError) {
            let broker = try EmbeddedBroker(.chosen(by: ProcessInfo.processInfo.environment))
            defer { broker.stop() }
            for topic in topics { try broker.createTopic(topic.name, partitions: topic.partitions) }
            let servers = broker.bootstrapServers.joined(separator: ",")
            DevCommand.serve(
                ["bootstrap_servers": servers, "kind": broker.kind.name],
                "broker (\(broker.kind.name)) at \(servers) with \(topics.count) topics", until: signals)
            return 0
        } catch {
            throw CommandFailure(code: .unavailable, message: error.description)
        }
    }

    private static func topic(_ word: String) throws(CommandFailure) -> (name: String, partitions: Int) {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let count = Int(parts[1]), partitionBound.contains(count) else {
            throw CommandFailure(
                code: .usage,
                message: "--topic takes NAME:PARTITIONS, \(partitionBound.lowerBound) to \(partitionBound.upperBound)")
        }
        return (String(parts[0]), count)
    }
}

/// `sluice dev postgres`.
enum DevPostgres {
    static let specification = Arguments.Specification(
        synopsis: "sluice dev postgres [--database NAME] [--port N]",
        help: """
            Runs a private PostgreSQL with one empty database (default: sluice) on a Unix socket; with --port also on
            127.0.0.1 (0: any free port), with a password. What is in it goes with it. Prints {"url": "postgresql://…"},
            and "loopback_url" with --port.
            """,
        options: ["database", "port"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let database = arguments["database"] ?? "sluice"
        let isName =
            !database.isEmpty
            && database.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-")
            }
        guard isName else {
            throw CommandFailure(code: .usage, message: "--database takes letters, digits, _ and -")
        }
        var options = EmbeddedPostgreSQL.Options()
        if arguments["port"] != nil { options.port = try arguments.number("port", 0...65535, default: 0) }
        let signals = TerminationSignals()
        do throws(EmbeddedPostgreSQLError) {
            let cluster = try EmbeddedPostgreSQL(options)
            defer { cluster.shutDown() }
            var address = ["url": try cluster.createDatabase(database)]
            if let url = cluster.loopbackURL(database: database) { address["loopback_url"] = url }
            DevCommand.serve(address, "PostgreSQL with the database \(database) in \(cluster.folder)", until: signals)
            return 0
        } catch {
            throw CommandFailure(code: .unavailable, message: "PostgreSQL cannot be started: \(error)")
        }
    }
}

/// `sluice dev odoo`.
enum DevOdoo {
    static let specification = Arguments.Specification(
        synopsis:
            "sluice dev odoo --folder DIR (--key KEY | --key-variable NAME) [--port N] [--latency L] [--workers N]",
        help: """
            Runs an Odoo 19 stand-in on 127.0.0.1 that knows the demo's companies, warehouses and articles. It keeps
            what it was told in DIR: started again there, it knows it. Prints {"url": "http://…", "database": "…"}.

              --folder DIR         journal of the stand-in; made when it is not there
              --key KEY            API key that it takes; --key-variable NAME: the environment variable that holds it
              --port N             of 127.0.0.1 (default: any free one)
              --latency L          none (default), milliseconds such as 25, or recorded/N: as measured, divided by N
              --workers N          calls worked on at once (default 4)
              --database NAME      name of its database (default demo)
            """,
        options: ["folder", "key", "key-variable", "port", "latency", "workers", "database"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        guard let folder = arguments["folder"] else {
            throw CommandFailure(code: .usage, message: "say where the stand-in keeps its journal: --folder DIR")
        }
        let variable = arguments["key-variable"].flatMap { ProcessInfo.processInfo.environment[$0] }
        guard let key = arguments["key"] ?? variable, !key.isEmpty else {
            throw CommandFailure(code: .usage, message: "say which key it takes: --key KEY or --key-variable NAME")
        }
        var settings = DemoStage.odooSettings(folder: URL(fileURLWithPath: folder), key: key)
        settings.folder = folder
        settings.database = arguments["database"] ?? settings.database
        settings.port = try arguments.number("port", 0...65535, default: 0)
        settings.workers = try arguments.number("workers", 1...256, default: settings.workers)
        if let word = arguments["latency"] { settings.latency = try latency(word) }
        let signals = TerminationSignals()
        do throws(OdooStandInError) {
            let odoo = try OdooStandIn(settings)
            odoo.start()
            defer { odoo.stop() }
            DevCommand.serve(
                ["url": odoo.url, "database": settings.database], "Odoo stand-in at \(odoo.url), journal in \(folder)",
                until: signals)
            return 0
        } catch {
            throw CommandFailure(code: .unavailable, message: "the Odoo stand-in cannot be started: \(error)")
        }
    }

    private static func latency(_ word: String) throws(CommandFailure) -> StandInLatency {
        if word == "none" { return .none }
        if let milliseconds = Double(word), (0...600_000).contains(milliseconds) {
            return .fixed(milliseconds: milliseconds)
        }
        if word.hasPrefix("recorded/"), let divisor = Double(word.dropFirst("recorded/".count)), divisor > 0 {
            return .recorded(dividedBy: divisor)
        }
        throw CommandFailure(code: .usage, message: "--latency takes none, milliseconds, or recorded/N")
    }
}
