public import Postgres

/// A stretch of one source partition whose records all have their durable outcomes.
public struct LedgerStretch: Sendable {
    /// The topic.
    public var topic: String
    /// The partition within it.
    public var partition: Int32
    /// First offset of the stretch.
    public var firstOffset: Int64
    /// The offset behind it: what may be committed.
    public var nextOffset: Int64
    /// Records counted at the poll within it, by legal entity (`unknown` for what could not be read).
    public var counts: [(legalEntity: String, records: Int64)]

    /// A stretch; see the properties.
    public init(
        topic: String, partition: Int32, firstOffset: Int64, nextOffset: Int64,
        counts: [(legalEntity: String, records: Int64)]
    ) {
        self.topic = topic
        self.partition = partition
        self.firstOffset = firstOffset
        self.nextOffset = nextOffset
        self.counts = counts
    }
}

/// The partition ledger of one store: what Ingest counted at the poll, appended behind durable outcomes.
public enum PartitionLedger {
    private static let findNext = Statement(
        "ledger_next",
        """
        SELECT r.i, GREATEST(
            (SELECT max(next_offset) FROM partition_ledger l WHERE l.source_partition = s.id),
            (SELECT below_offset FROM sealed_partitions p WHERE p.source_partition = s.id))
        FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS r(t, p, i)
        JOIN source_partitions s ON s.topic = r.t AND s.partition = r.p
        """)
    /// Serialises appends of one partition, so that a late owner and the present one cannot both add a stretch.
    private static let lock = Statement(
        "ledger_lock",
        """
        SELECT count(pg_advisory_xact_lock(1936487785, hashtext(r.t || ' ' || r.p)))
        FROM (SELECT t, p FROM unnest($1::text[], $2::integer[]) AS u(t, p) ORDER BY t, p) r
        """)
    private static let remove = Statement(
        "ledger_remove",
        """
        DELETE FROM partition_ledger l USING source_partitions s, unnest($1::text[], $2::integer[], $3::bigint[])
            AS r(t, p, f)
        WHERE s.topic = r.t AND s.partition = r.p AND l.source_partition = s.id AND l.next_offset > r.f
        """)
    private static let insert = Statement(
        "ledger_insert",
        """
        INSERT INTO partition_ledger (first_offset, next_offset, records, recorded_at, source_partition, entities,
                                      counts, instance)
        SELECT $3, $4, $5, now(), s.id, $6::text[], $7::bigint[], $8
        FROM source_partitions s WHERE s.topic = $1 AND s.partition = $2
        """)

    /// The highest ledgered next offset of each partition; nil where nothing is ledgered.
    public static func nextOffsets(
        topics: [String], partitions: [Int32], _ connection: inout Connection
    ) throws(PostgresError) -> [Int64?] {
        var parameters = Parameters()
        parameters.texts(topics)
        parameters.int32s(partitions)
        let rows = try connection.query(findNext, parameters)
        var offsets = [Int64?](repeating: nil, count: topics.count)
        for row in 0..<rows.count { offsets[Int(rows.int64(row, 0)) - 1] = rows.optionalInt64(row, 1) }
        return offsets
    }

    /// Opens a transaction in the store that decides, and finds out which of the stretches may be appended.
    ///
    /// - Returns: for each stretch `.append`, `.repeated` (it is there already) or `.overtaken` (another owner went
    ///   on).
    public static func begin(
        _ stretches: [LedgerStretch], _ connection: inout Connection
    ) throws(PostgresError) -> [Standing] {
        let topics = stretches.map(\.topic)
        let partitions = stretches.map(\.partition)
        var names = Parameters()
        names.texts(topics)
        names.int32s(partitions)
        _ = try connection.execute("BEGIN")
        _ = try connection.query(ApplyStatements.addPartitions, names)
        _ = try connection.query(lock, names)
        let next = try nextOffsets(topics: topics, partitions: partitions, &connection)
        return zip(stretches, next).map { stretch, next in
            guard let next, stretch.firstOffset < next else { return .append }
            return stretch.nextOffset == next ? .repeated : .overtaken
        }
    }

    /// What `begin` found out about a stretch.
    public enum Standing: Sendable {
        case append
        case repeated
        case overtaken
    }

    /// Appends stretches within the transaction that is open.
    public static func append(
        _ stretches: [LedgerStretch], instance: String, _ connection: inout Connection
    ) throws(PostgresError) {
        for stretch in stretches {
            var parameters = Parameters()
            parameters.text(stretch.topic)
            parameters.int32(stretch.partition)
            parameters.int64(stretch.firstOffset)
            parameters.int64(stretch.nextOffset)
            parameters.int64(stretch.counts.reduce(0) { $0 + $1.records })
            parameters.texts(stretch.counts.map(\.legalEntity))
            parameters.int64s(stretch.counts.map(\.records))
            parameters.text(instance)
            _ = try connection.query(insert, parameters)
        }
    }

    /// Appends stretches in a store that follows the deciding one, in a transaction of its own.
    ///
    /// What it may hold above their first offsets is of an attempt that the deciding store never confirmed. Only
    /// stretches with records of this store come here, so such rows may have other bounds, and begin further down.
    public static func follow(
        _ stretches: [LedgerStretch], instance: String, _ connection: inout Connection
    ) throws(PostgresError) {
        var names = Parameters()
        names.texts(stretches.map(\.topic))
        names.int32s(stretches.map(\.partition))
        _ = try connection.execute("BEGIN")
        _ = try connection.query(ApplyStatements.addPartitions, names)
        names.int64s(stretches.map(\.firstOffset))
        _ = try connection.query(remove, names)
        try append(stretches, instance: instance, &connection)
        _ = try connection.execute("COMMIT")
    }
}
