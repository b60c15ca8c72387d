import OrderEvents
import Postgres
import Store
import Testing

/// What gauges read.
@Suite struct GaugesTests {
    private func fill(_ connection: inout Connection) throws {
        try connection.execute(
            """
            INSERT INTO orders (revision, version, updated_at, state_since, state, legal_entity, order_ref, document)
            SELECT 1, 1, now(), timestamptz '2026-01-01Z' + i * interval '1 second', i % 4,
                   CASE WHEN i % 2 = 0 THEN 'ACME' ELSE 'BETA' END, 'O-' || i, ''
            FROM generate_series(1, 1000) AS i
            """)
    }

    @Test(arguments: [1, 7, 250, 999, 1000, 1001, 50_000])
    func walkCountsEveryOrderOnceWhateverTheBite(limit: Int) throws {
        var connection = try freshStore()
        try fill(&connection)
        var walk = StateWalk()
        for _ in 0..<2 {
            var counts: [StateCounts]?
            var bites = 0
            while counts == nil {
                counts = try walk.advance(limit: limit, &connection)
                bites += 1
            }
            #expect(bites == 1000 / limit + 1)
            // 250 of each remainder; remainder 0 has not begun.
            #expect(
                counts?.map { "\($0.legalEntity) \($0.state.name) \($0.orders)" } == [
                    "ACME validated 250", "BETA received 250", "BETA allocated 250",
                ])
            let first = 1_767_225_600_000_000 as Int64
            #expect(counts?.map { ($0.oldestSince?.microseconds ?? 0) - first } == [2_000_000, 1_000_000, 3_000_000])
        }
    }

    @Test func walkOverNothingEndsAtOnce() throws {
        var connection = try freshStore()
        var walk = StateWalk()
        #expect(try walk.advance(&connection)?.isEmpty == true)
    }

    @Test func openExceptionsAreCounted() throws {
        var connection = try freshStore()
        try connection.execute(
            """
            INSERT INTO exceptions (first_seen, last_seen, resolved_at, legal_entity, order_ref, code, severity, detail)
            SELECT now(), now(), CASE WHEN i > 7 THEN now() END, 'ACME', 'O-' || i, 'sequence_gap', 'info', ''
            FROM generate_series(1, 10) AS i
            """)
        let counts = try ExceptionCounts.read(&connection)
        #expect(counts.map { "\($0.legalEntity) \($0.code) \($0.open)" } == ["ACME sequence_gap 7"])
    }
}
