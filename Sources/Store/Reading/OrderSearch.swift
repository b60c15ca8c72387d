public import Postgres

/// Orders of any legal entity that go by a name.
public enum OrderSearch {
    /// The most that are found.
    public static let limit = 100

    // text[] legal entities, text value, text issuer, text value behind the issuer, bigint limit.
    static let statement = Statement(
        "search_orders",
        """
        SELECT legal_entity, COALESCE(alias_of, order_ref) FROM orders
        WHERE legal_entity = ANY ($1) AND order_ref = $2
        UNION SELECT legal_entity, order_ref FROM order_references
              WHERE legal_entity = ANY ($1) AND value = $2 AND order_ref <> ''
        UNION SELECT legal_entity, order_ref FROM order_references
              WHERE legal_entity = ANY ($1) AND value = $4 AND issuer = $3 AND order_ref <> ''
        UNION SELECT legal_entity, order_ref FROM shared_references WHERE legal_entity = ANY ($1) AND value = $2
        UNION SELECT legal_entity, order_ref FROM shared_references
              WHERE legal_entity = ANY ($1) AND value = $4 AND issuer = $3
        ORDER BY 1, 2 LIMIT $5
        """)

    /// The legal entity and canonical reference of each; `reference` is one of those that `OrderView.find` takes.
    ///
    /// Look-ups in indexes: a few for each legal entity.
    public static func find(
        _ reference: String, legalEntities: [String], _ connection: inout Connection
    ) throws(PostgresError) -> [(legalEntity: String, orderRef: String)] {
        let parts = reference.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var parameters = Parameters()
        parameters.texts(legalEntities)
        parameters.text(reference)
        parameters.text(parts.count == 2 ? parts[0] : "")
        parameters.text(parts.count == 2 ? parts[1] : reference)
        parameters.int64(Int64(limit))
        let rows = try connection.query(statement, parameters)
        return (0..<rows.count).map { (rows.text($0, 0), rows.text($0, 1)) }
    }
}
