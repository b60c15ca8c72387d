import Foundation

/// `SluiceBench hot-path`: decode, route, apply and encode, for profilers.
enum HotPathRun {
    static func run(records: Int) throws {
        let load = ReferenceLoad(orders: max(20, records / 5))
        var rows = FloorRows(load, batchRecords: 1000, clients: 1)
        let batches = try rows.make { rows, draft in rows.encodeCopies(draft) }
        SluiceBench.say("\(load.records) records in \(batches[0].count) batches")
    }
}

/// `SluiceBench floor`: ways of writing the same rows, side by side and in turn, without Kafka.
///
/// What was learned from it is in docs/BENCHMARKS.md.
enum FloorComparison {
    private struct Variation {
        var name: String
        var way = FloorRun.Way.copy
        var batchRecords = 1000
        var clients = FloorRun.clients
        var changes: [String] = []
    }

    private static let variations =
        FloorRun.Way.allCases.map { Variation(name: $0.rawValue, way: $0) } + [
            Variation(name: "copy, 250 a transaction", batchRecords: 250),
            Variation(name: "copy, 4000 a transaction", batchRecords: 4000),
            Variation(name: "copy, 1 client", clients: 1),
            Variation(name: "copy, 4 clients", clients: 4),
            Variation(name: "copy, orders fillfactor 80", changes: ["ALTER TABLE orders SET (fillfactor = 80)"]),
            Variation(name: "copy, no index of the journal by order", changes: ["DROP INDEX journal_by_order"]),
            Variation(
                name: "copy, no CHECK of the journal",
                changes: [
                    """
                    DO $$ DECLARE c record; BEGIN
                        FOR c IN SELECT conname FROM pg_constraint
                             WHERE conrelid = 'journal'::regclass AND contype = 'c' LOOP
                            EXECUTE format('ALTER TABLE journal DROP CONSTRAINT %I', c.conname);
                        END LOOP;
                    END $$
                    """
                ]),
            Variation(
                name: "copy, keys with their selective column last",
                changes: [
                    """
                    ALTER TABLE journal DROP CONSTRAINT journal_pkey,
                        ADD PRIMARY KEY (legal_entity, channel, event_id)
                    """
                ]),
            Variation(
                name: "copy, an index of the references for values",
                changes: ["CREATE INDEX order_references_by_value ON order_references (legal_entity, value)"]),
            Variation(
                name: "copy, index of the journal by time BRIN",
                changes: [
                    "DROP INDEX journal_by_time", "CREATE INDEX journal_by_time ON journal USING brin (recorded_at)",
                ]),
            Variation(name: "copy, one index of the backlog", changes: ["DROP INDEX backlog_due"]),
            Variation(
                name: "copy, another index of the references",
                changes: ["CREATE INDEX order_references_by_order ON order_references (legal_entity, order_ref)"]),
            Variation(
                name: "copy, documents compressed by lz4 above 128 bytes",
                changes: [
                    "ALTER TABLE orders ALTER document SET COMPRESSION lz4",
                    "ALTER TABLE orders SET (toast_tuple_target = 128)",
                ]),
        ]

    static func run(_ options: Options) throws {
        var options = options
        options.kafkaHome = nil
        let variations = variations.filter { variation in
            variation.name == FloorRun.Way.copy.rawValue
                || options.ways.map { variation.name.contains($0) } ?? true
        }
        let stage = try Stage(options)
        defer { stage.tearDown() }
        let load = ReferenceLoad(orders: options.orders)
        var figures = Figures(part: "floor")
        var rates: [String: [Double]] = [:]
        var costs: [String: [Double]] = [:]
        for round in 1...options.runs {
            for variation in variations {
                var run = FloorRun(stage: stage, load: load, batchRecords: variation.batchRecords)
                run.clients = variation.clients
                run.changes = variation.changes
                let result = try run.run(variation.way)
                SluiceBench.say(
                    """
                    \(round): \(variation.name): \(Figures.number(result.rowsPerSecond.rounded())) events/s, \
                    \(Figures.number(result.serverMicroseconds)) us of the server
                    """)
                rates[variation.name, default: []].append(result.rowsPerSecond)
                costs[variation.name, default: []].append(result.serverMicroseconds)
            }
        }
        for variation in variations { figures.add(variation.name, rates[variation.name] ?? [], unit: "1/s") }
        for variation in variations {
            figures.add("\(variation.name): server", costs[variation.name] ?? [], unit: "us")
        }
        for variation in variations.dropFirst() {
            let ratios = zip(rates[variation.name] ?? [], rates[variations[0].name] ?? []).map { $0 / $1 }
            figures.add("\(variation.name) ÷ copy", ratios)
        }
        print(figures.table)
    }
}
