public import Postgres

/// How deep the backlogs of some legal entities are, counted no further than it matters.
public enum BacklogDepth {
    private static let count = Statement(
        "backlog_depth",
        """
        SELECT (SELECT count(*) FROM (SELECT FROM backlog WHERE legal_entity = r.e LIMIT r.n) b)
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS r(e, n, place) ORDER BY r.place
        """)

    /// Orders in the backlog of each of `legalEntities`, in their sequence, counted up to its `bound`.
    ///
    /// Costs in proportion to what is counted, by the primary key of `backlog`: about 0.1 µs an order.
    public static func read(
        _ legalEntities: [(name: String, bound: Int64)], _ connection: inout Connection
    ) throws(PostgresError) -> [Int64] {
        var parameters = Parameters()
        parameters.texts(legalEntities.map(\.name))
        parameters.int64s(legalEntities.map(\.bound))
        let rows = try connection.query(count, parameters)
        return (0..<rows.count).map { rows.int64($0, 0) }
    }
}
