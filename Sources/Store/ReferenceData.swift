public import Orders
public import Postgres

/// What was looked up for one code.
public struct LookedUp: Equatable, Sendable {
    /// What the destination has of it.
    public var answer: MasterAnswer
    /// Its record there, when there is exactly one.
    public var odooID: Int64?

    /// What was looked up; see the properties.
    public init(_ answer: MasterAnswer, odooID: Int64? = nil) {
        self.answer = answer
        self.odooID = odooID
    }
}

/// What the destinations have of what orders refer to, remembered for a while.
///
/// A memory and no truth: what is not in it, or has expired, is asked for again.
public enum ReferenceData {
    /// Most codes of one kind that are kept for one legal entity; those that expire first go first.
    public static let bound = 50_000

    /// text legal_entity, smallint[] kind, text[] code -> bigint ordinality, smallint answer.
    private static let find = Statement(
        "reference_find",
        """
        SELECT r.i, d.answer FROM unnest($2::smallint[], $3::text[]) WITH ORDINALITY AS r(k, c, i)
        JOIN LATERAL (
            SELECT answer FROM reference_data
            WHERE legal_entity = $1 AND kind = r.k AND code = r.c AND expires_at > now() LIMIT 1
        ) d ON true
        """)

    /// text legal_entity, smallint[] kind, text[] code, smallint[] answer, bigint[] odoo id, bigint[] microseconds that
    /// it counts.
    ///
    /// Of two looks at the same code the later one stays.
    private static let write = Statement(
        "reference_write",
        """
        INSERT INTO reference_data (checked_at, expires_at, odoo_id, kind, answer, legal_entity, code)
        SELECT now(), now() + t * interval '1 microsecond', o, k, a, $1, c
        FROM unnest($2::smallint[], $3::text[], $4::smallint[], $5::bigint[], $6::bigint[]) AS r(k, c, a, o, t)
        ON CONFLICT (legal_entity, kind, code) DO UPDATE
        SET checked_at = excluded.checked_at, expires_at = excluded.expires_at, odoo_id = excluded.odoo_id,
            answer = excluded.answer
        """)

    /// text legal_entity, smallint kind, bigint bound, bigint most rows: what expired, and what is beyond the bound.
    private static let prune = Statement(
        "reference_prune",
        """
        DELETE FROM reference_data WHERE legal_entity = $1 AND kind = $2 AND code IN (
            (SELECT code FROM reference_data WHERE legal_entity = $1 AND kind = $2 AND expires_at < now()
             ORDER BY expires_at LIMIT $4)
            UNION ALL
            (SELECT code FROM reference_data WHERE legal_entity = $1 AND kind = $2
             ORDER BY expires_at DESC OFFSET $3 LIMIT $4))
        """)

    /// What is remembered of `codes`; the others are not in the result.
    public static func find(
        _ codes: [MasterCode], legalEntity: String, _ connection: inout Connection
    ) throws(PostgresError) -> [MasterCode: MasterAnswer] {
        guard !codes.isEmpty else { return [:] }
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int16s(codes.map { Int16($0.kind.rawValue) })
        parameters.texts(codes.map(\.code))
        let rows = try connection.query(find, parameters)
        var found: [MasterCode: MasterAnswer] = [:]
        for row in 0..<rows.count {
            found[codes[Int(rows.int64(row, 0)) - 1]] = MasterAnswer(rawValue: UInt8(clamping: rows.int64(row, 1)))
        }
        return found
    }

    /// Remembers what was looked up: what is there for `foundFor` microseconds, what is not there, or there several
    /// times, for `absentFor`.
    public static func write(
        _ answers: [MasterCode: LookedUp], legalEntity: String, foundFor: Int64, absentFor: Int64,
        _ connection: inout Connection
    ) throws(PostgresError) {
        guard !answers.isEmpty else { return }
        // Sorted, so that two instances lock rows in the same sequence.
        let sorted = answers.sorted { $0.key < $1.key }
        var ids = Int64Array()
        for (_, looked) in sorted {
            if let id = looked.odooID { ids.append(id) } else { ids.appendNull() }
        }
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int16s(sorted.map { Int16($0.key.kind.rawValue) })
        parameters.texts(sorted.map(\.key.code))
        parameters.int16s(sorted.map { Int16($0.value.answer.rawValue) })
        parameters.array(ids)
        parameters.int64s(sorted.map { $0.value.answer == .found ? foundFor : absentFor })
        _ = try connection.query(write, parameters)
    }

    /// Forgets what has expired and what is beyond `bound`, at most 10,000 codes of each.
    public static func prune(
        _ kind: MasterKind, legalEntity: String, bound: Int = bound, _ connection: inout Connection
    ) throws(PostgresError) {
        var parameters = Parameters()
        parameters.text(legalEntity)
        parameters.int16(Int16(kind.rawValue))
        parameters.int64(Int64(bound))
        parameters.int64(10_000)
        _ = try connection.query(prune, parameters)
    }
}
