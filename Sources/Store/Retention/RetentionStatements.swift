import Postgres

// The statements of the retention. All run under READ COMMITTED with the advisory lock of `lock`; none waits for a row
// that the apply path holds for longer than its transaction.

enum RetentionStatements {
    /// One instance at a time, until the transaction ends: -> boolean.
    static let lock = Statement("retention_lock", "SELECT pg_try_advisory_xact_lock(1936487786, 1)")

    // MARK: - Ledger and seals

    /// Makes one ledger row of all rows of a partition and an hour, for a few such hours older than the time given.
    ///
    /// timestamptz before, bigint how many groups. Affects a row for each group. A stretch keeps its first and its last
    /// offset, so what the ledger says stays the same.
    static let foldLedger = Statement(
        "retention_fold_ledger",
        """
        WITH groups AS (
            SELECT source_partition, date_trunc('hour', recorded_at) AS hour FROM partition_ledger
            WHERE recorded_at < $1 GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 2 LIMIT $2
        ), gone AS (
            DELETE FROM partition_ledger l USING groups g
            WHERE l.source_partition = g.source_partition AND l.recorded_at < $1
              AND l.recorded_at >= g.hour AND l.recorded_at < g.hour + interval '1 hour'
            RETURNING l.*, g.hour
        ), stretches AS (
            SELECT source_partition, hour, min(first_offset) AS first_offset, max(next_offset) AS next_offset,
                   sum(records)::bigint AS records, max(recorded_at) AS recorded_at, max(instance) AS instance
            FROM gone GROUP BY 1, 2
        ), sums AS (
            SELECT g.source_partition, g.hour, u.entity, sum(u.n)::bigint AS n
            FROM gone g, unnest(g.entities, g.counts) AS u(entity, n) GROUP BY 1, 2, 3
        ), counts AS (
            SELECT source_partition, hour, array_agg(entity ORDER BY entity) AS entities,
                   array_agg(n ORDER BY entity) AS counts FROM sums GROUP BY 1, 2
        )
        INSERT INTO partition_ledger (first_offset, next_offset, records, recorded_at, source_partition, entities,
                                      counts, instance)
        SELECT s.first_offset, s.next_offset, s.records, s.recorded_at, s.source_partition,
               COALESCE(c.entities, '{}'), COALESCE(c.counts, '{}'), s.instance
        FROM stretches s LEFT JOIN counts c ON c.source_partition = s.source_partition AND c.hour = s.hour
        """)

    /// When the oldest stretch that is not sealed was ledgered: timestamptz before -> timestamptz or NULL.
    static let oldestUnsealed = Statement(
        "retention_oldest_unsealed",
        """
        SELECT min(l.recorded_at) FROM partition_ledger l
        LEFT JOIN sealed_partitions s ON s.source_partition = l.source_partition
        WHERE l.recorded_at < $1 AND l.next_offset > COALESCE(s.below_offset, -9223372036854775808)
        """)

    /// What can be sealed: timestamptz before -> integer partition, bigint lowest, bigint behind the highest offset.
    static let sealable = Statement(
        "retention_sealable",
        """
        SELECT l.source_partition, COALESCE(s.below_offset, -9223372036854775808), max(l.next_offset)
        FROM partition_ledger l LEFT JOIN sealed_partitions s ON s.source_partition = l.source_partition
        WHERE l.recorded_at < $1 AND l.next_offset > COALESCE(s.below_offset, -9223372036854775808)
        GROUP BY 1, 2 ORDER BY 1
        """)

    /// Compares ranges of positions: what the ledger took against the rows of each outcome.
    ///
    /// integer[] partition, bigint[] lowest, bigint[] behind the highest, timestamptz and timestamptz: the journal rows
    /// were recorded between them -> integer partition, text legal_entity, bigint taken, applied, duplicate, stale,
    /// parked, rejected, dead_lettered.
    static let compare = Statement(
        "retention_compare",
        """
        WITH r AS (
            SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS r(p, low, high)
        ), stored AS (
            SELECT source_partition AS p, legal_entity AS e, outcome FROM journal j JOIN r ON r.p = j.source_partition
            WHERE j.recorded_at >= $4 AND j.recorded_at <= $5 AND source_offset >= low AND source_offset < high
            UNION ALL SELECT source_partition, legal_entity, 2 FROM duplicates d JOIN r ON r.p = d.source_partition
            WHERE source_offset >= low AND source_offset < high
            UNION ALL SELECT source_partition, legal_entity, 5 FROM rejected d JOIN r ON r.p = d.source_partition
            WHERE source_offset >= low AND source_offset < high
            UNION ALL SELECT source_partition, legal_entity, 6 FROM dead_letters d JOIN r ON r.p = d.source_partition
            WHERE source_offset >= low AND source_offset < high
        ), sums AS (
            SELECT p, e, 0::bigint AS taken, count(*) FILTER (WHERE outcome = 1) AS applied,
                   count(*) FILTER (WHERE outcome = 2) AS duplicate, count(*) FILTER (WHERE outcome = 3) AS stale,
                   count(*) FILTER (WHERE outcome = 4) AS parked, count(*) FILTER (WHERE outcome = 5) AS rejected,
                   count(*) FILTER (WHERE outcome = 6) AS dead_lettered
            FROM stored GROUP BY 1, 2
            UNION ALL
            SELECT l.source_partition, u.entity, sum(u.n)::bigint, 0, 0, 0, 0, 0, 0
            FROM partition_ledger l JOIN r ON r.p = l.source_partition, unnest(l.entities, l.counts) AS u(entity, n)
            WHERE l.first_offset >= low AND l.next_offset <= high GROUP BY 1, 2
        )
        SELECT p, e, sum(taken)::bigint, sum(applied)::bigint, sum(duplicate)::bigint, sum(stale)::bigint,
               sum(parked)::bigint, sum(rejected)::bigint, sum(dead_lettered)::bigint
        FROM sums GROUP BY 1, 2 ORDER BY 1, 2
        """)

    /// Adds what `compare` found: integer[] partition, text[] legal_entity, then bigint[] for each of its numbers.
    static let addSeals = Statement(
        "retention_add_seals",
        """
        INSERT INTO book_seals AS b (source_partition, legal_entity, taken, applied, duplicate, stale, parked, rejected,
                                     dead_lettered)
        SELECT * FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                             $7::bigint[], $8::bigint[], $9::bigint[])
        ON CONFLICT (source_partition, legal_entity) DO UPDATE
        SET taken = b.taken + excluded.taken, applied = b.applied + excluded.applied,
            duplicate = b.duplicate + excluded.duplicate, stale = b.stale + excluded.stale,
            parked = b.parked + excluded.parked, rejected = b.rejected + excluded.rejected,
            dead_lettered = b.dead_lettered + excluded.dead_lettered
        """)

    /// Moves the marks: integer[] partition, bigint[] below, timestamptz now.
    static let moveSeals = Statement(
        "retention_move_seals",
        """
        INSERT INTO sealed_partitions (below_offset, sealed_at, source_partition)
        SELECT b, $3::timestamptz, p FROM unnest($1::integer[], $2::bigint[]) AS r(p, b)
        ON CONFLICT (source_partition) DO UPDATE
        SET below_offset = excluded.below_offset, sealed_at = excluded.sealed_at
        """)

    /// Drops the stretches whose sums are in the seals now: integer[] partition, bigint[] below.
    static let dropSealedLedger = Statement(
        "retention_drop_ledger",
        """
        DELETE FROM partition_ledger l USING unnest($1::integer[], $2::bigint[]) AS r(p, b)
        WHERE l.source_partition = r.p AND l.next_offset <= r.b
        """)

    // MARK: - Journal

    /// The last recorded_at of a slice of the journal: timestamptz from, timestamptz before, bigint rows
    /// -> timestamptz.
    ///
    /// A slice ends with all rows of one recorded_at, which are those of one batch, or of a few.
    static let sliceEnd = Statement(
        "retention_slice_end",
        """
        SELECT recorded_at FROM journal WHERE recorded_at >= $1 AND recorded_at < $2
        ORDER BY recorded_at OFFSET $3 LIMIT 1
        """)

    /// Makes the partitions that the slice's rows need: timestamptz from, timestamptz to, timestamptz oldest payload.
    static let ensurePartitions = Statement(
        "retention_ensure_partitions",
        """
        SELECT count(ensure_archive_partition(archive, day)) FROM (
            SELECT DISTINCT 'journal_archive' AS archive, date_trunc('day', recorded_at) AS day FROM journal
            WHERE recorded_at >= $1 AND recorded_at <= $2
            UNION SELECT DISTINCT 'payload_archive', date_trunc('day', recorded_at) FROM journal
            WHERE recorded_at >= $1 AND recorded_at <= $2 AND recorded_at >= $3
        ) needed
        """)

    /// Moves the slice's rows: timestamptz from, timestamptz to, timestamptz before which they happened, interval in
    /// microseconds that a claimed time may be ahead, timestamptz oldest payload.
    ///
    /// Rows of positions that are not sealed, and of events that wait, stay.
    static let move = Statement(
        "retention_move",
        """
        WITH moved AS (
            DELETE FROM journal j USING sealed_partitions s
            WHERE j.recorded_at >= $1 AND j.recorded_at <= $2 AND j.occurred_at < $3
              AND j.occurred_at <= j.recorded_at + $4 * interval '1 microsecond'
              AND s.source_partition = j.source_partition AND j.source_offset < s.below_offset
              AND NOT EXISTS (
                  SELECT FROM parked p WHERE p.legal_entity = j.legal_entity AND p.channel = j.channel
                  AND p.event_id = j.event_id AND p.released_at IS NULL)
            RETURNING j.*
        ), payloads AS (
            INSERT INTO payload_archive (recorded_at, legal_entity, channel, event_id, payload)
            SELECT recorded_at, legal_entity, channel, event_id, payload FROM moved
            WHERE recorded_at >= $5 AND payload IS NOT NULL
        )
        INSERT INTO journal_archive (source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence,
            order_version, source_partition, outcome, disposition, status, milestone, state_before, state_after,
            legal_entity, channel, event_id, order_ref, warehouse, code, rule, tags, trace)
        SELECT source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence, order_version,
               source_partition, outcome, disposition, status, milestone, state_before, state_after, legal_entity,
               channel, event_id, order_ref, warehouse, code, rule, tags, trace FROM moved
        """)

    /// Drops rows of the slice that claimed a time ahead of their record, once that too is forgotten: timestamptz from,
    /// timestamptz to, timestamptz before which they happened and were recorded.
    static let dropAhead = Statement(
        "retention_drop_ahead",
        """
        DELETE FROM journal j USING sealed_partitions s
        WHERE j.recorded_at >= $1 AND j.recorded_at <= $2 AND j.recorded_at < $3 AND j.occurred_at < $3
          AND s.source_partition = j.source_partition AND j.source_offset < s.below_offset
          AND NOT EXISTS (
              SELECT FROM parked p WHERE p.legal_entity = j.legal_entity AND p.channel = j.channel
              AND p.event_id = j.event_id AND p.released_at IS NULL)
        """)

    /// Takes the payloads from the slice's rows: timestamptz from, timestamptz to.
    static let clearPayloads = Statement(
        "retention_clear_payloads",
        """
        UPDATE journal j SET payload = NULL
        WHERE j.recorded_at >= $1 AND j.recorded_at <= $2 AND j.payload IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM parked p WHERE p.legal_entity = j.legal_entity AND p.channel = j.channel
              AND p.event_id = j.event_id AND p.released_at IS NULL)
        """)

    // MARK: - The other tables

    // Each: timestamptz before, bigint rows. Sealed positions only; from the lowest offset on, which is the oldest.

    static let dropDuplicates = Statement(
        "retention_drop_duplicates",
        """
        DELETE FROM duplicates d USING (
            SELECT s.source_partition, x.source_offset FROM sealed_partitions s CROSS JOIN LATERAL (
                SELECT source_offset, recorded_at FROM duplicates
                WHERE source_partition = s.source_partition AND source_offset < s.below_offset
                ORDER BY source_offset LIMIT $2
            ) x WHERE x.recorded_at < $1 LIMIT $2
        ) old WHERE d.source_partition = old.source_partition AND d.source_offset = old.source_offset
        """)

    static let dropRejected = Statement(
        "retention_drop_rejected",
        """
        DELETE FROM rejected d USING (
            SELECT s.source_partition, x.source_offset FROM sealed_partitions s CROSS JOIN LATERAL (
                SELECT source_offset, recorded_at FROM rejected
                WHERE source_partition = s.source_partition AND source_offset < s.below_offset
                ORDER BY source_offset LIMIT $2
            ) x WHERE x.recorded_at < $1 LIMIT $2
        ) old WHERE d.source_partition = old.source_partition AND d.source_offset = old.source_offset
        """)

    /// Payloads that are to go before their rows may.
    static let clearRejected = Statement(
        "retention_clear_rejected",
        """
        UPDATE rejected SET payload = NULL WHERE (source_partition, source_offset) IN (
            SELECT source_partition, source_offset FROM rejected
            WHERE recorded_at < $1 AND payload IS NOT NULL LIMIT $2)
        """)

    /// Third parameter: boolean, whether those that dead_letter_topic does not have stay.
    static let dropDeadLetters = Statement(
        "retention_drop_dead_letters",
        """
        DELETE FROM dead_letters d USING (
            SELECT s.source_partition, x.source_offset FROM sealed_partitions s CROSS JOIN LATERAL (
                SELECT source_offset, recorded_at FROM dead_letters
                WHERE source_partition = s.source_partition AND source_offset < s.below_offset
                  AND (produced_at IS NOT NULL OR NOT $3)
                ORDER BY source_offset LIMIT $2
            ) x WHERE x.recorded_at < $1 LIMIT $2
        ) old WHERE d.source_partition = old.source_partition AND d.source_offset = old.source_offset
        """)

    /// Keys and payloads that are to go before their rows may; third parameter as above.
    static let clearDeadLetters = Statement(
        "retention_clear_dead_letters",
        """
        UPDATE dead_letters SET payload = NULL, record_key = NULL WHERE (source_partition, source_offset) IN (
            SELECT source_partition, source_offset FROM dead_letters
            WHERE recorded_at < $1 AND (payload IS NOT NULL OR record_key IS NOT NULL)
              AND (produced_at IS NOT NULL OR NOT $3) LIMIT $2)
        """)

    /// What became of parked events, when their timeline has gone to the archive.
    static let dropParked = Statement(
        "retention_drop_parked",
        """
        DELETE FROM parked WHERE (legal_entity, channel, event_id) IN (
            SELECT legal_entity, channel, event_id FROM parked WHERE released_at < $1 ORDER BY released_at LIMIT $2)
        """)

    /// timestamptz before, bigint rows -> bigint rows that went.
    static let dropAudit = Statement("retention_drop_audit", "SELECT drop_audit($1, $2)")

    /// text archive, timestamptz before -> text name or NULL.
    ///
    /// At most one a call.
    static let dropPartition = Statement("retention_drop_partition", "SELECT drop_archive_partition($1, $2)")
}
