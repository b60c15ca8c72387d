import Configuration
import OrderEvents
import Postgres
import Store

/// `sluice books`: what was counted at the poll against the rows stored.
enum BooksCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice books --config PATH [--json]",
        help: """
            Compares, below each partition's committable watermark, the records that were counted at the poll with the
            rows stored for each outcome, per partition and per legal entity. Exits 1 when they do not balance.
            """,
        options: ["config"], flags: ["json"])

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        let lines = try read(configuration.stores)
        let balances = lines.allSatisfy { $0.imbalance == 0 }
        if arguments.has("json") {
            Output.line(JSONText.encode(Told(balanced: balances, lines: lines.map(Told.Line.init))))
        } else {
            Output.line(table(lines))
            Output.line("\nbooks: \(verdict(lines))")
        }
        return balances ? 0 : CommandFailure.ExitCode.failed.rawValue
    }

    /// `balanced`, or by how much they are out.
    static func verdict(_ lines: [BookLine]) -> String {
        let off = lines.filter { $0.imbalance != 0 }
        guard !off.isEmpty else { return "balanced" }
        let records = off.reduce(0) { $0 + $1.imbalance.magnitude }
        return "NOT balanced: \(records) records in \(off.count) places"
    }

    /// The books of all stores.
    static func read(_ stores: [StoreSettings]) throws(CommandFailure) -> [BookLine] {
        var lines: [BookLine] = []
        for store in stores {
            var session = try StoreAccess.read(store, .everything)
            do throws(PostgresError) {
                lines += try Books.read(&session.connection)
            } catch {
                throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.message)")
            }
        }
        return lines
    }

    /// What `--json` prints.
    private struct Told: Encodable {
        var balanced: Bool
        var lines: [Line]

        /// By name; with thousands of legal entities there are ten thousands of them.
        struct Line: Encodable {
            private struct Key: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            let line: BookLine

            func encode(to encoder: any Encoder) throws {
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(line.topic, forKey: Key(stringValue: "topic"))
                try object.encode(line.partition, forKey: Key(stringValue: "partition"))
                try object.encode(line.legalEntity, forKey: Key(stringValue: "legal_entity"))
                try object.encode(line.taken, forKey: Key(stringValue: "taken"))
                try object.encode(line.imbalance, forKey: Key(stringValue: "imbalance"))
                for outcome in Outcome.allCases {
                    try object.encode(line.rows[outcome] ?? 0, forKey: Key(stringValue: outcome.name))
                }
            }
        }
    }

    private static func table(_ lines: [BookLine]) -> String {
        func cells(_ name: [String], _ taken: Int64, _ rows: [Outcome: Int64], _ imbalance: Int64) -> [String] {
            name + [String(taken)] + Outcome.allCases.map { String(rows[$0] ?? 0) } + [String(imbalance)]
        }
        let outcomes = Outcome.allCases.map(\.name)
        let places = Output.table(
            ["topic", "partition", "legal entity", "taken"] + outcomes + ["imbalance"],
            lines.map { cells([$0.topic, String($0.partition), $0.legalEntity], $0.taken, $0.rows, $0.imbalance) })
        var entities: [String: (taken: Int64, rows: [Outcome: Int64])] = [:]
        for line in lines {
            entities[line.legalEntity, default: (0, [:])].taken += line.taken
            for (outcome, count) in line.rows { entities[line.legalEntity]?.rows[outcome, default: 0] += count }
        }
        let sums = Output.table(
            ["legal entity", "taken"] + outcomes + ["imbalance"],
            entities.sorted { $0.key < $1.key }.map { name, sum in
                cells([name], sum.taken, sum.rows, sum.taken - sum.rows.values.reduce(0, +))
            })
        return places + "\n\n" + sums
    }
}
