-- Identity: names find their orders, and events wait for names that nobody has told yet.

-- order_references has one row a name, whoever asks or tells: who waits for it inserts it without an order, who teaches
-- it takes the same row, so neither misses the other. order_ref '': nobody has told yet whose it is, and `waiting`
-- events wait for it. Kinds of names that several orders may share have their second and later orders here.
CREATE TABLE shared_references (
    learned_at   timestamptz NOT NULL,
    kind         smallint NOT NULL CHECK (kind IN (2, 4, 5, 6)),
    legal_entity text COLLATE "C" NOT NULL,
    issuer       text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL CHECK (order_ref <> ''),
    PRIMARY KEY (legal_entity, kind, issuer, value, order_ref)
);
CREATE INDEX shared_references_by_order ON shared_references (legal_entity, order_ref);
CREATE INDEX shared_references_by_value ON shared_references (legal_entity, value);

-- A row with alias_of holds no state: events that name it are that order's. It is here because whoever begins or loads
-- an order meets its row in any case.
ALTER TABLE orders ADD COLUMN alias_of text COLLATE "C";
ALTER TABLE orders ADD CONSTRAINT orders_alias_has_no_state CHECK (alias_of IS NULL OR state = 0) NOT VALID;

-- Names that were told before. Of several orders the first keeps its name; an order that has a row of its own is no
-- alias. Who loses a name that only one may have gets the exception that it would get today.
WITH told AS (
    SELECT *, CASE issuer WHEN '' THEN value ELSE issuer || '/' || value END AS name,
           row_number() OVER (PARTITION BY legal_entity, kind, issuer, value ORDER BY learned_at, order_ref) AS place
    FROM order_references
), lost AS (
    SELECT t.* FROM told t WHERE place > 1
        OR kind = 1 AND name <> order_ref AND EXISTS (
            SELECT FROM orders o WHERE o.legal_entity = t.legal_entity AND o.order_ref = t.name)
), gone AS (
    DELETE FROM order_references r USING lost l
    WHERE r.legal_entity = l.legal_entity AND r.kind = l.kind AND r.issuer = l.issuer AND r.value = l.value
      AND r.order_ref = l.order_ref
), shared AS (
    INSERT INTO shared_references (learned_at, kind, legal_entity, issuer, value, order_ref)
    SELECT learned_at, kind, legal_entity, issuer, value, order_ref FROM lost WHERE kind IN (2, 4, 5, 6)
), aliases AS (
    INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document, alias_of)
    SELECT DISTINCT ON (legal_entity, name) 1, 0, learned_at, 0, legal_entity, name, '{}', order_ref
    FROM told WHERE kind = 1 AND place = 1 AND name <> order_ref ORDER BY legal_entity, name, learned_at
    ON CONFLICT (legal_entity, order_ref) DO NOTHING
)
INSERT INTO exceptions (first_seen, last_seen, count, legal_entity, order_ref, code, severity, detail)
SELECT min(learned_at), max(learned_at), count(*), legal_entity, order_ref, 'reference_collision', 'error',
       'a name that it claims is another order''s, so it was not learned'
FROM lost WHERE kind IN (1, 3, 7) AND name <> order_ref GROUP BY legal_entity, order_ref
ON CONFLICT (legal_entity, order_ref, code) WHERE resolved_at IS NULL DO NOTHING;

ALTER TABLE order_references ADD COLUMN waiting integer NOT NULL DEFAULT 0;
ALTER TABLE order_references DROP CONSTRAINT order_references_pkey;
ALTER TABLE order_references ADD PRIMARY KEY (legal_entity, kind, issuer, value);

-- What an event waits for whose order is not known; and since when who waits, for gauges.
ALTER TABLE parked ADD COLUMN reference_kind smallint;
ALTER TABLE parked ADD COLUMN reference_issuer text COLLATE "C";
ALTER TABLE parked ADD COLUMN reference_value text COLLATE "C";

-- Events that wait already, of channels that speak the canonical event: no other could name a reference. Those whose
-- name is known by now go on with the workers' first look at what was missed.
WITH waiting AS MATERIALIZED (
    SELECT p.legal_entity, p.channel, p.event_id, convert_from(j.payload, 'UTF8')::json -> 'reference' AS reference
    FROM parked p JOIN journal j ON j.legal_entity = p.legal_entity AND j.channel = p.channel
        AND j.event_id = p.event_id
    WHERE p.order_ref = '' AND p.released_at IS NULL AND j.payload IS NOT NULL
)
UPDATE parked p SET reference_kind = k.kind, reference_issuer = COALESCE(w.reference ->> 'issuer', ''),
                    reference_value = w.reference ->> 'value'
FROM waiting w JOIN (VALUES ('purchase_order', 2), ('wms_order', 3), ('shipment', 4), ('tracking', 5), ('invoice', 6),
                            ('odoo', 7)) AS k(word, kind) ON k.word = w.reference ->> 'kind'
WHERE p.legal_entity = w.legal_entity AND p.channel = w.channel AND p.event_id = w.event_id;

INSERT INTO order_references (learned_at, waiting, kind, legal_entity, issuer, value, order_ref)
SELECT min(parked_at), count(*), reference_kind, legal_entity, reference_issuer, reference_value, ''
FROM parked WHERE order_ref = '' AND released_at IS NULL AND reference_kind IS NOT NULL GROUP BY 3, 4, 5, 6
ON CONFLICT (legal_entity, kind, issuer, value) DO NOTHING;

-- Their exception is one of the name now.
UPDATE exceptions SET resolved_at = now(), resolved_by = 'sluice'
WHERE order_ref = '' AND code = 'unknown_reference' AND resolved_at IS NULL;
INSERT INTO exceptions (first_seen, last_seen, count, legal_entity, order_ref, code, severity, detail)
SELECT learned_at, learned_at, waiting, legal_entity,
       w.word || ' ' || CASE issuer WHEN '' THEN value ELSE issuer || '/' || value END, 'unknown_reference', 'info',
       'events wait for the order that goes by this ' || w.word
FROM order_references r JOIN (VALUES ('purchase_order', 2), ('wms_order', 3), ('shipment', 4), ('tracking', 5),
                                     ('invoice', 6), ('odoo', 7)) AS w(word, kind) ON w.kind = r.kind
WHERE r.order_ref = '';

CREATE INDEX parked_by_reference ON parked (legal_entity, reference_kind, reference_issuer, reference_value)
    WHERE released_at IS NULL AND order_ref = '';
CREATE INDEX parked_age ON parked (legal_entity, parked_at) WHERE released_at IS NULL;
