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
CREATE INDEX parked_by_reference ON parked (legal_entity, reference_kind, reference_issuer, reference_value)
    WHERE released_at IS NULL AND order_ref = '';
CREATE INDEX parked_age ON parked (legal_entity, parked_at) WHERE released_at IS NULL;
