public import Postgres

// Every statement of the apply path, with the types of its parameters. Arrays of one statement have equal lengths and
// are sorted by key, so that two transactions lock rows in the same sequence. All run under READ COMMITTED: promises
// rest on primary keys and on the revision of the order's row, never on SERIALIZABLE.

/// The statements of the apply path.
public enum ApplyStatements {
    /// Which of the keys are taken, and by which content and position.
    ///
    /// text[] legal_entity, text[] channel, text[] event_id -> bigint ordinality, bigint content_hash,
    /// integer source_partition, bigint source_offset, smallint outcome. LATERAL with LIMIT keeps one probe of the
    /// primary key for each key, whatever the planner thinks of the table's size.
    public static let findKeys = Statement(
        "find_keys",
        """
        SELECT r.i, j.content_hash, j.source_partition, j.source_offset, j.outcome
        FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r(e, c, k, i)
        JOIN LATERAL (
            SELECT content_hash, source_partition, source_offset, outcome FROM journal
            WHERE legal_entity = r.e AND channel = r.c AND event_id = r.k LIMIT 1
        ) j ON true
        """)

    /// The same among rows that have left the journal, for events old enough to be there.
    ///
    /// Parameters and result as `findKeys`.
    public static let findArchivedKeys = Statement(
        "find_archived_keys",
        """
        SELECT r.i, j.content_hash, j.source_partition, j.source_offset, j.outcome
        FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r(e, c, k, i)
        JOIN LATERAL (
            SELECT content_hash, source_partition, source_offset, outcome FROM journal_archive
            WHERE legal_entity = r.e AND channel = r.c AND event_id = r.k LIMIT 1
        ) j ON true
        """)

    /// The highest position of a source partition that has a row without a key: integer partition -> bigint or NULL.
    public static let highestKeyless = Statement(
        "highest_keyless",
        """
        SELECT GREATEST((SELECT max(source_offset) FROM duplicates WHERE source_partition = $1),
                        (SELECT max(source_offset) FROM rejected WHERE source_partition = $1),
                        (SELECT max(source_offset) FROM dead_letters WHERE source_partition = $1))
        """)

    /// Positions within ranges that have a row without a key.
    ///
    /// integer[] partition, bigint[] lowest, bigint[] highest -> integer partition, bigint offset, smallint outcome.
    public static let findKeyless = Statement(
        "find_keyless",
        """
        SELECT r.p, k.o, k.outcome FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS r(p, l, h)
        CROSS JOIN LATERAL (
            SELECT source_offset AS o, 2::smallint AS outcome FROM duplicates
            WHERE source_partition = r.p AND source_offset BETWEEN r.l AND r.h
            UNION ALL SELECT source_offset, 5::smallint FROM rejected
            WHERE source_partition = r.p AND source_offset BETWEEN r.l AND r.h
            UNION ALL SELECT source_offset, 6::smallint FROM dead_letters
            WHERE source_partition = r.p AND source_offset BETWEEN r.l AND r.h
        ) k
        """)

    /// The states of orders.
    ///
    /// text[] legal_entity, text[] order_ref -> bigint ordinality, bigint revision, bigint version, text document, text
    /// order_ref of the order whose alias it is, or NULL.
    public static let loadOrders = Statement(
        "load_orders",
        """
        SELECT r.i, o.revision, o.version, o.document, o.alias_of
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(e, k, i)
        JOIN LATERAL (
            SELECT revision, version, document, alias_of FROM orders
            WHERE legal_entity = r.e AND order_ref = r.k LIMIT 1
        ) o ON true
        """)

    /// What waits for these orders, with its payload.
    ///
    /// text[] legal_entity, text[] order_ref -> bigint ordinality, text channel, text event_id, text warehouse,
    /// text code, timestamptz due_at, timestamptz parked_at, integer source_partition, bigint source_offset,
    /// timestamptz logged_at, bytea payload, bytea trace or NULL.
    public static let loadParked = Statement(
        "load_parked",
        """
        SELECT r.i, p.channel, p.event_id, p.warehouse, p.code, p.due_at, p.parked_at,
               j.source_partition, j.source_offset, j.logged_at, j.payload, j.trace
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(e, k, i)
        JOIN parked p ON p.legal_entity = r.e AND p.order_ref = r.k AND p.released_at IS NULL
        JOIN journal j ON j.legal_entity = p.legal_entity AND j.channel = p.channel AND j.event_id = p.event_id
        ORDER BY r.i, p.channel, p.sequence NULLS LAST, p.arrival
        """)

    /// Orders with a parked event whose time is up: timestamptz now, bigint limit, text[] legal entities
    /// -> text legal_entity, text order_ref.
    public static let dueParked = Statement(
        "due_parked",
        """
        SELECT DISTINCT legal_entity, order_ref FROM (
            SELECT legal_entity, order_ref FROM parked
            WHERE released_at IS NULL AND due_at <= $1 AND order_ref <> '' AND legal_entity = ANY($3::text[])
            ORDER BY due_at LIMIT $2
        ) due ORDER BY legal_entity, order_ref
        """)

    /// Parked events that are due and cannot go on even so are looked at again at another time.
    ///
    /// timestamptz now, timestamptz next look, text[] legal_entity, text[] order_ref.
    public static let postponeParked = Statement(
        "postpone_parked",
        """
        UPDATE parked p SET due_at = $2 FROM unnest($3::text[], $4::text[]) AS r(e, k)
        WHERE p.legal_entity = r.e AND p.order_ref = r.k AND p.released_at IS NULL AND p.due_at <= $1
        """)

    /// COPY of journal rows; the columns in this sequence.
    public static let copyJournal = """
        COPY journal (source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence, order_version,
                      source_partition, outcome, disposition, status, milestone, state_before, state_after,
                      legal_entity, channel, event_id, order_ref, warehouse, code, payload)
        FROM STDIN (FORMAT binary)
        """
    /// The same for batches with an event that a routing rule took, whose customer has a group, or that names a trace.
    public static let copyJournalInFull = """
        COPY journal (source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence, order_version,
                      source_partition, outcome, disposition, status, milestone, state_before, state_after,
                      legal_entity, channel, event_id, order_ref, warehouse, code, payload, rule, tags, trace)
        FROM STDIN (FORMAT binary)
        """
    /// How many columns `copyJournal` has.
    public static let journalColumns: Int16 = 21
    /// How many `copyJournalInFull` has.
    public static let allJournalColumns: Int16 = 24

    /// bigint[] offset, timestamptz recorded_at, integer[] partition, text[] legal_entity, text[] channel,
    /// text[] event_id -> the (partition, offset) that were new.
    public static let insertDuplicates = Statement(
        "insert_duplicates",
        """
        INSERT INTO duplicates (source_offset, recorded_at, source_partition, legal_entity, channel, event_id)
        SELECT o, $2::timestamptz, p, e, c, k
        FROM unnest($1::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[]) AS r(o, p, e, c, k)
        ON CONFLICT DO NOTHING RETURNING source_partition, source_offset
        """)

    /// bigint[] offset, timestamptz[] occurred_at, timestamptz recorded_at, bigint[] content_hash, bigint[] sequence,
    /// integer[] partition, smallint[] status, smallint[] milestone, text[] legal_entity, text[] channel,
    /// text[] event_id, text[] order_ref, text[] code, text[] detail, bytea[] payload, bytea[] trace -> the new
    /// positions.
    public static let insertRejected = Statement(
        "insert_rejected",
        """
        INSERT INTO rejected (source_offset, occurred_at, recorded_at, content_hash, sequence, source_partition,
                              status, milestone, legal_entity, channel, event_id, order_ref, code, detail, payload,
                              trace)
        SELECT o, t, $3::timestamptz, h, s, p, st, m, e, c, k, r, x, d, b, w
        FROM unnest($1::bigint[], $2::timestamptz[], $4::bigint[], $5::bigint[], $6::integer[], $7::smallint[],
                    $8::smallint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                    $15::bytea[], $16::bytea[]) AS r(o, t, h, s, p, st, m, e, c, k, r, x, d, b, w)
        ON CONFLICT DO NOTHING RETURNING source_partition, source_offset
        """)

    /// bigint[] offset, timestamptz[] logged_at, timestamptz recorded_at, integer[] partition, bigint[] payload_bytes,
    /// text[] channel, text[] reason, text[] detail, bytea[] key, bytea[] payload, bytea[] trace -> the new positions.
    public static let insertDeadLetters = Statement(
        "insert_dead_letters",
        """
        INSERT INTO dead_letters (source_offset, logged_at, recorded_at, source_partition, payload_bytes, channel,
                                  reason, detail, record_key, payload, trace)
        SELECT o, l, $3::timestamptz, p, n, c, x, d, k, b, w
        FROM unnest($1::bigint[], $2::timestamptz[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                    $9::bytea[], $10::bytea[], $11::bytea[]) AS r(o, l, p, n, c, x, d, k, b, w)
        ON CONFLICT DO NOTHING RETURNING source_partition, source_offset
        """)

    /// Writes orders, new and old in one pass, each only if its row still has the revision that was read.
    ///
    /// bigint[] revision (the new one), bigint[] version, timestamptz updated_at, timestamptz[] state_since,
    /// smallint[] state, text[] legal_entity, text[] order_ref, text[] document, smallint[] class of its delivery or
    /// NULL -> for each, in this sequence, its order_ref where the backlog has to be told that the order is behind,
    /// else NULL.
    /// Fewer rows than given: some order was written by another instance meanwhile. `unnest` stands in the list of what
    /// is selected, because PostgreSQL keeps what it gives in FROM in a store of its own first, documents too.
    public static let writeOrders = Statement(
        "write_orders",
        """
        INSERT INTO orders AS o (revision, version, updated_at, state_since, state, legal_entity, order_ref, document,
                                 told_class, told_revision)
        SELECT n, v, $3::timestamptz, t, s, e, k, d, c, CASE WHEN c IS NOT NULL THEN n END
        FROM (SELECT unnest($1::bigint[]) AS n, unnest($2::bigint[]) AS v, unnest($4::timestamptz[]) AS t,
                     unnest($5::smallint[]) AS s, unnest($6::text[]) AS e, unnest($7::text[]) AS k,
                     unnest($8::text[]) AS d, unnest($9::smallint[]) AS c) AS r
        ON CONFLICT (legal_entity, order_ref) DO UPDATE
        SET revision = excluded.revision, version = excluded.version, updated_at = excluded.updated_at,
            state_since = excluded.state_since, state = excluded.state, document = excluded.document,
            told_class = LEAST(o.told_class, excluded.told_class),
            told_revision = CASE WHEN o.told_class <= excluded.told_class OR excluded.told_class IS NULL
                            THEN o.told_revision ELSE excluded.revision END
        WHERE o.revision = excluded.revision - 1
        RETURNING CASE WHEN told_revision = revision THEN order_ref END
        """)

    /// The same for batches in which a row is an alias of an order, or an order of a legal entity that promises times.
    ///
    /// Parameters and result as `writeOrders`, then text[] alias_of and timestamptz[] look_at: when to look because of
    /// what the batch told; NULL: it entered no flow. An earlier look stays, so that the update usually touches no
    /// index; what is overdue is looked at because it changed.
    public static let writeOrdersInFull = Statement(
        "write_orders_in_full",
        """
        INSERT INTO orders AS o (revision, version, updated_at, state_since, state, legal_entity, order_ref, document,
                                 told_class, told_revision, alias_of, look_at)
        SELECT n, v, $3::timestamptz, t, s, e, k, d, c, CASE WHEN c IS NOT NULL THEN n END, a, l
        FROM (SELECT unnest($1::bigint[]) AS n, unnest($2::bigint[]) AS v, unnest($4::timestamptz[]) AS t,
                     unnest($5::smallint[]) AS s, unnest($6::text[]) AS e, unnest($7::text[]) AS k,
                     unnest($8::text[]) AS d, unnest($9::smallint[]) AS c, unnest($10::text[]) AS a,
                     unnest($11::timestamptz[]) AS l) AS r
        ON CONFLICT (legal_entity, order_ref) DO UPDATE
        SET revision = excluded.revision, version = excluded.version, updated_at = excluded.updated_at,
            state_since = excluded.state_since, state = excluded.state, document = excluded.document,
            alias_of = excluded.alias_of,
            look_at = LEAST(o.look_at, CASE WHEN o.is_overdue THEN excluded.updated_at ELSE excluded.look_at END),
            told_class = LEAST(o.told_class, excluded.told_class),
            told_revision = CASE WHEN o.told_class <= excluded.told_class OR excluded.told_class IS NULL
                            THEN o.told_revision ELSE excluded.revision END
        WHERE o.revision = excluded.revision - 1
        RETURNING CASE WHEN told_revision = revision THEN order_ref END
        """)

    /// timestamptz parked_at, timestamptz[] due_at, timestamptz[] released_at, bigint[] sequence, smallint[] outcome of
    /// the release, smallint[] kind, text[] issuer and text[] value of the reference that an event without an order
    /// waits for, text[] legal_entity, text[] order_ref, text[] channel, text[] event_id, text[] warehouse,
    /// text[] code.
    ///
    /// A row that is there already is one that goes on now, or whose order has become known.
    public static let writeParked = Statement(
        "write_parked",
        """
        INSERT INTO parked AS p (parked_at, due_at, released_at, sequence, released_outcome, reference_kind,
                                 reference_issuer, reference_value, legal_entity, order_ref, channel, event_id,
                                 warehouse, code)
        SELECT $1::timestamptz, d, r, s, o, rt, ri, rv, e, k, c, i, w, x
        FROM unnest($2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::smallint[], $6::smallint[], $7::text[],
                    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
            AS r(d, r, s, o, rt, ri, rv, e, k, c, i, w, x)
        ON CONFLICT (legal_entity, channel, event_id) DO UPDATE
        SET released_at = excluded.released_at, released_outcome = excluded.released_outcome,
            order_ref = excluded.order_ref, code = excluded.code, due_at = excluded.due_at
        WHERE p.released_at IS NULL
        """)

    /// timestamptz now, text[] legal_entity, text[] order_ref, text[] code, text[] severity, text[] detail, bigint[]
    /// how often -> text legal_entity, text code, boolean whether it was not open before.
    public static let raiseExceptions = Statement(
        "raise_exceptions",
        """
        INSERT INTO exceptions AS x (first_seen, last_seen, count, legal_entity, order_ref, code, severity, detail)
        SELECT $1::timestamptz, $1::timestamptz, n, e, k, c, s, d
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) AS r(e, k, c, s, d, n)
        ON CONFLICT (legal_entity, order_ref, code) WHERE resolved_at IS NULL DO UPDATE
        SET last_seen = excluded.last_seen, count = x.count + excluded.count, detail = excluded.detail
        RETURNING legal_entity, code, (xmax = 0)
        """)

    /// The same for what is about no order, which stays as it is when it is open already: no batch waits for another.
    ///
    /// Parameters and result as `raiseExceptions`.
    public static let openExceptions = Statement(
        "open_exceptions",
        """
        INSERT INTO exceptions (first_seen, last_seen, count, legal_entity, order_ref, code, severity, detail)
        SELECT $1::timestamptz, $1::timestamptz, n, e, k, c, s, d
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) AS r(e, k, c, s, d, n)
        ON CONFLICT (legal_entity, order_ref, code) WHERE resolved_at IS NULL DO NOTHING
        RETURNING legal_entity, code, true
        """)

    /// timestamptz now, text[] legal_entity, text[] order_ref, text[] code, text by -> text legal_entity, text code,
    /// double precision seconds open.
    public static let resolveExceptions = Statement(
        "resolve_exceptions",
        """
        UPDATE exceptions x SET resolved_at = $1::timestamptz, resolved_by = $5::text
        FROM unnest($2::text[], $3::text[], $4::text[]) AS r(e, k, c)
        WHERE x.legal_entity = r.e AND x.order_ref = r.k AND x.code = r.c AND x.resolved_at IS NULL
        RETURNING x.legal_entity, x.code, extract(epoch FROM x.resolved_at - x.first_seen)::double precision
        """)

    /// timestamptz now, smallint[] class, text[] legal_entity, text[] order_ref: these orders are behind.
    ///
    /// Sent for the orders that `writeOrders` names. A row that is there stays as it is, unless a visit was refused
    /// before: it may succeed now that the order has changed, so it is due at once. An urgent change makes its row
    /// urgent. What is under way is left alone: its record sees the change. The order's row is locked by this
    /// transaction, and a delivery locks it too before it removes the mark, so a mark is never lost between the two.
    public static let markBacklog = Statement(
        "mark_backlog",
        """
        WITH changed AS (
            SELECT c, e, k FROM unnest($2::smallint[], $3::text[], $4::text[]) AS r(c, e, k)
        ), urgent AS (
            UPDATE backlog b SET class = r.c
            FROM changed r
            WHERE r.c = 0 AND b.legal_entity = r.e AND b.order_ref = r.k AND b.class > 0
                  AND NOT (b.attempts > 0 AND b.visited_at IS NULL AND b.due_at > $1::timestamptz)
        ), hastened AS (
            UPDATE backlog b SET due_at = $1::timestamptz, attempts = 0, class = least(b.class, r.c)
            FROM changed r
            WHERE b.legal_entity = r.e AND b.order_ref = r.k AND b.attempts > 0 AND b.visited_at IS NULL
                  AND b.due_at > $1::timestamptz
        )
        INSERT INTO backlog (since, due_at, class, legal_entity, order_ref)
        SELECT $1::timestamptz, $1::timestamptz, c, e, k FROM changed
        ON CONFLICT (legal_entity, order_ref) DO NOTHING
        """)

    /// text[] topic, integer[] partition.
    public static let addPartitions = Statement(
        "add_partitions",
        """
        INSERT INTO source_partitions (topic, partition)
        SELECT t, p FROM unnest($1::text[], $2::integer[]) AS r(t, p) ON CONFLICT (topic, partition) DO NOTHING
        """)

    /// text[] topic, integer[] partition -> bigint ordinality, integer id.
    public static let findPartitions = Statement(
        "find_partitions",
        """
        SELECT r.i, s.id FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS r(t, p, i)
        JOIN source_partitions s ON s.topic = r.t AND s.partition = r.p
        """)
}
