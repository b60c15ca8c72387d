import Foundation

/// What to measure, and how much of it.
struct Options {
    /// The parts in the sequence in which `make bench` runs them.
    static let parts = ["micro", "speed", "latency", "memory", "isolation", "scale", "odoo", "orders"]

    var parts = Options.parts
    /// Prints the JSON objects, one a line, instead of the tables.
    var asJSON = false
    /// Seconds instead of minutes, on the mock cluster: shows that the harness works; its figures mean nothing.
    var isSmoke = false
    /// Where PART.json is written.
    var output = ".build/bench"
    /// The program that is measured.
    var sluice: String
    /// The interpreter with the packages of the Python peers.
    var python: String?
    /// Runs of each figure.
    var runs = 5
    /// Orders of the reference load; each makes five events, and 2 % duplicates come on top.
    var orders = 120_000
    /// Workers of Sluice's store: one more than there are cores for the server, at most its default of four.
    var workers = min(4, ProcessInfo.processInfo.activeProcessorCount + 1)
    /// Leaves the peers out.
    var withoutPeers = false
    var kafkaHome: String?
    var peers: String?
    /// `hot-path`: runs the hot path in this process, for profilers, instead of measuring.
    var hotPathRecords: Int?
    /// `lanes`: decodes and hands over in this process, for counting instructions, instead of measuring.
    var laneRecords: Int?
    /// `floor`: compares the ways of writing only, without Kafka.
    var isFloorOnly = false
    /// `floor`: only the ways whose name holds this, and the one that they are compared with.
    var ways: String?

    static let usage = """
        usage: SluiceBench [--part NAME] [--json] [--smoke] [--out FOLDER] [--sluice PATH] [--python PATH]
                           [--runs N] [--orders N] [--workers N] [--without-peers]
               SluiceBench floor [--runs N] [--orders N] [--ways TEXT]   the ways of writing, without Kafka
               SluiceBench hot-path [RECORDS]                  decode, route, apply and encode, for profilers
               SluiceBench lanes [RECORDS]                     decode, route and hand over, for counting instructions
        parts: \(parts.joined(separator: ", "))
        KAFKA_HOME: a real Kafka; without it the mock cluster is used, and the figures say so.
        """

    init(_ words: [String], environment: [String: String]) throws(BenchError) {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        sluice = own.deletingLastPathComponent().appendingPathComponent("sluice").path
        kafkaHome = environment["KAFKA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        peers = environment["SLUICE_PEERS"].flatMap { $0.isEmpty ? nil : $0 }
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--json": asJSON = true
            case "--smoke": isSmoke = true
            case "--without-peers": withoutPeers = true
            case "floor": isFloorOnly = true
            case "hot-path": hotPathRecords = rest.popFirst().flatMap { Int($0) } ?? 200_000
            case "lanes": laneRecords = rest.popFirst().flatMap { Int($0) } ?? 20_000
            default:
                guard let value = rest.popFirst() else { throw BenchError("\(word) is no option\n\(Self.usage)") }
                try take(word, value)
            }
        }
        if isSmoke {
            runs = 1
            orders = 1000
            kafkaHome = nil
            peers = nil
            python = nil
        }
    }

    private mutating func take(_ word: String, _ value: String) throws(BenchError) {
        switch word {
        case "--part":
            let names = value.split(separator: ",").map(String.init)
            guard names.allSatisfy({ Options.parts.contains($0) }) else {
                throw BenchError("no part \(value); there are \(Options.parts.joined(separator: ", "))")
            }
            parts = names
        case "--out": output = value
        case "--ways": ways = value
        case "--sluice": sluice = value
        case "--python": python = value
        case "--runs": runs = try Self.positive(word, value)
        case "--orders": orders = try Self.positive(word, value)
        case "--workers": workers = try Self.positive(word, value)
        default: throw BenchError("\(word) is no option\n\(Self.usage)")
        }
    }

    private static func positive(_ word: String, _ value: String) throws(BenchError) -> Int {
        guard let number = Int(value), number > 0 else { throw BenchError("\(word) takes a number above 0") }
        return number
    }
}
