public import Postgres

// The statements about names of orders. READ COMMITTED, arrays sorted by key, entity first: as in ApplyStatements.
//
// Neither a teacher nor a waiter misses the other, because both take the row of the name, table `order_references`:
// - The waiter is first: its row (order_ref '') is not committed yet when the teacher comes. The teacher's insert waits
//   for it and finds it taken, so `take` follows; that statement, and the one that loads what waits, see what the
//   waiter committed.
// - The teacher is first: the waiter's insert waits for it and then finds a row that is somebody's. It is not taken,
//   the waiter's batch is rolled back, read again, and its event is that order's.
// - The row of an earlier waiter is there: `take` updates it, for a further waiter too, so that a waiter and a teacher
//   still wait for each other at its lock.
// A row that is somebody's stays so, and is read without a lock: a purchase order of thousands of orders is no queue.

/// The statements about names of orders.
public enum ReferenceStatements {
    /// Whose these names are.
    ///
    /// text[] legal_entity, smallint[] kind, text[] issuer, text[] value -> bigint ordinality, text order_ref
    /// ('': events wait for it), integer how many events wait, text another order that has it or NULL.
    public static let find = Statement(
        "find_references",
        """
        SELECT r.i, o.order_ref, o.waiting,
               (SELECT s.order_ref FROM shared_references s
                WHERE s.legal_entity = r.e AND s.kind = r.t AND s.issuer = r.s AND s.value = r.v LIMIT 1)
        FROM unnest($1::text[], $2::smallint[], $3::text[], $4::text[]) WITH ORDINALITY AS r(e, t, s, v, i)
        JOIN LATERAL (
            SELECT order_ref, waiting FROM order_references
            WHERE legal_entity = r.e AND kind = r.t AND issuer = r.s AND value = r.v LIMIT 1
        ) o ON true
        """)

    /// Learns names that nobody has.
    ///
    /// timestamptz learned_at, smallint[] kind, text[] legal_entity, text[] issuer, text[] value, text[] order_ref.
    /// Fewer rows affected than given: some name has its row already, see `take`.
    public static let learn = Statement(
        "learn_references",
        """
        INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref)
        SELECT $1::timestamptz, t, e, i, v, k
        FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[]) AS r(t, e, i, v, k)
        ON CONFLICT DO NOTHING
        """)

    /// Takes names, for an order or (order_ref '') for events that wait, and says what was met.
    ///
    /// timestamptz learned_at, smallint[] kind, text[] legal_entity, text[] issuer, text[] value, text[] order_ref,
    /// integer[] how many events begin to wait -> integer what, bigint n, text order_ref:
    /// 1: name n of the arrays is that order's already; 2: name n was taken, and events may wait for it; 3: n names
    /// were taken. A name that is neither taken nor another's was taught by a transaction that has committed meanwhile.
    public static let take = Statement(
        "take_references",
        """
        WITH told AS (
            SELECT r.*, (SELECT x.order_ref FROM order_references x
                         WHERE x.legal_entity = r.e AND x.kind = r.t AND x.issuer = r.s AND x.value = r.v) AS held
            FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[])
                WITH ORDINALITY AS r(t, e, s, v, k, n, i)
        ), taken AS (
            INSERT INTO order_references AS o (learned_at, waiting, kind, legal_entity, issuer, value, order_ref)
            SELECT $1::timestamptz, n, t, e, s, v, k FROM told WHERE COALESCE(held, '') = '' ORDER BY i
            ON CONFLICT (legal_entity, kind, issuer, value) DO UPDATE
            SET learned_at = excluded.learned_at, order_ref = excluded.order_ref,
                waiting = o.waiting + excluded.waiting
            WHERE o.order_ref = ''
            RETURNING kind, legal_entity, issuer, value, order_ref, waiting
        )
        SELECT 1, i, held FROM told WHERE held <> ''
        UNION ALL
        SELECT 2, t.i, t.k FROM taken n JOIN told t
            ON t.e = n.legal_entity AND t.t = n.kind AND t.s = n.issuer AND t.v = n.value
        WHERE n.order_ref <> '' AND n.waiting > 0
        UNION ALL
        SELECT 3, count(*), '' FROM taken
        """)

    /// Names that another order has and may share.
    ///
    /// Parameters as `learn`.
    public static let share = Statement(
        "share_references",
        """
        INSERT INTO shared_references (learned_at, kind, legal_entity, issuer, value, order_ref)
        SELECT $1::timestamptz, t, e, i, v, k
        FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[]) AS r(t, e, i, v, k)
        ON CONFLICT DO NOTHING
        """)

    /// What waits for these names, with its payload, in sequence.
    ///
    /// text[] legal_entity, smallint[] kind, text[] issuer, text[] value -> as `ApplyStatements.loadParked`.
    public static let loadWaiting = Statement(
        "load_waiting",
        """
        SELECT r.i, p.channel, p.event_id, p.warehouse, p.code, p.due_at, p.parked_at,
               j.source_partition, j.source_offset, j.logged_at, j.payload, j.trace
        FROM unnest($1::text[], $2::smallint[], $3::text[], $4::text[]) WITH ORDINALITY AS r(e, t, s, v, i)
        JOIN parked p ON p.legal_entity = r.e AND p.reference_kind = r.t AND p.reference_issuer = r.s
             AND p.reference_value = r.v AND p.released_at IS NULL AND p.order_ref = ''
        JOIN journal j ON j.legal_entity = p.legal_entity AND j.channel = p.channel AND j.event_id = p.event_id
        ORDER BY r.i, p.channel, p.sequence NULLS LAST, p.arrival
        """)

    /// Names that are one order's although events wait for them: text[] legal entities, bigint limit
    /// -> text legal_entity, smallint kind, text issuer, text value, text order_ref.
    ///
    /// Costs in proportion to what waits.
    public static let findMissed = Statement(
        "find_missed",
        """
        SELECT o.legal_entity, o.kind, o.issuer, o.value, o.order_ref FROM (
            SELECT DISTINCT legal_entity, reference_kind, reference_issuer, reference_value FROM parked
            WHERE legal_entity = ANY($1::text[]) AND released_at IS NULL AND order_ref = ''
        ) p JOIN order_references o ON o.legal_entity = p.legal_entity AND o.kind = p.reference_kind
            AND o.issuer = p.reference_issuer AND o.value = p.reference_value AND o.order_ref <> ''
        WHERE NOT EXISTS (
            SELECT FROM shared_references s WHERE s.legal_entity = o.legal_entity AND s.kind = o.kind
            AND s.issuer = o.issuer AND s.value = o.value)
        ORDER BY 1, 2, 3, 4 LIMIT $2
        """)

    /// Events whose order became known after their journal row was written.
    ///
    /// text[] legal_entity, text[] channel, text[] event_id, text[] order_ref.
    public static let nameJournal = Statement(
        "name_journal",
        """
        UPDATE journal j SET order_ref = r.k
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS r(e, c, d, k)
        WHERE j.legal_entity = r.e AND j.channel = r.c AND j.event_id = r.d
        """)

    /// Waiting events that cannot be read go to their order as they are, due at once: the sweep looks at them again and
    /// again.
    ///
    /// timestamptz now, text[] legal_entity, text[] channel, text[] event_id, text[] order_ref.
    public static let moveWaiting = Statement(
        "move_waiting",
        """
        UPDATE parked p SET order_ref = r.k, due_at = $1::timestamptz
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS r(e, c, d, k)
        WHERE p.legal_entity = r.e AND p.channel = r.c AND p.event_id = r.d AND p.released_at IS NULL
        """)

    /// The same for all that waits at rows of `orders` that became aliases.
    ///
    /// timestamptz now, text[] legal_entity, text[] alias, text[] order_ref.
    public static let moveParked = Statement(
        "move_parked",
        """
        UPDATE parked p SET order_ref = r.k, due_at = LEAST(p.due_at, $1::timestamptz)
        FROM unnest($2::text[], $3::text[], $4::text[]) AS r(e, a, k)
        WHERE p.legal_entity = r.e AND p.order_ref = r.a AND p.released_at IS NULL
        """)
}
