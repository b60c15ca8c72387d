-- The store of one or more legal entities. docs/decisions/0001 says why keys, journal and retention look like this.
--
-- Identifiers are ASCII and compared as bytes: every identifier column has COLLATE "C". Raw values of states, outcomes,
-- dispositions, milestones and reference kinds are those of Sources/OrderEvents/Vocabulary.swift and never change;
-- the views of 002 show them as words.

-- (topic, partition) by a narrow number, because every journal row carries its position.
CREATE TABLE source_partitions (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text COLLATE "C" NOT NULL,
    partition  integer NOT NULL CHECK (partition >= 0),
    UNIQUE (topic, partition)
);

-- Every order event that was neither a duplicate nor rejected. Its primary key is the idempotency key. Rows older than
-- retention.keys move to journal_archive in bounded batches.
CREATE TABLE journal (
    source_offset    bigint NOT NULL,
    occurred_at      timestamptz NOT NULL,
    logged_at        timestamptz,
    recorded_at      timestamptz NOT NULL,
    content_hash     bigint NOT NULL,
    sequence         bigint,
    order_version    bigint NOT NULL,
    source_partition integer NOT NULL,
    outcome          smallint NOT NULL CHECK (outcome IN (1, 3, 4)),
    disposition      smallint NOT NULL CHECK (disposition BETWEEN 1 AND 5),
    status           smallint NOT NULL CHECK (status BETWEEN 0 AND 10),
    milestone        smallint NOT NULL CHECK (milestone BETWEEN 0 AND 7),
    state_before     smallint NOT NULL CHECK (state_before BETWEEN 0 AND 9),
    state_after      smallint NOT NULL CHECK (state_after BETWEEN 0 AND 9),
    legal_entity     text COLLATE "C" NOT NULL,
    channel          text COLLATE "C" NOT NULL,
    event_id         text COLLATE "C" NOT NULL,
    order_ref        text COLLATE "C" NOT NULL,
    warehouse        text COLLATE "C" NOT NULL,
    code             text COLLATE "C",
    payload          bytea,
    PRIMARY KEY (legal_entity, channel, event_id)
) WITH (fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.5);
CREATE INDEX journal_by_order ON journal (legal_entity, order_ref);
CREATE INDEX journal_by_time ON journal USING brin (recorded_at) WITH (pages_per_range = 32);

-- The same rows after retention.keys, kept for retention.journal; dropped by month.
CREATE TABLE journal_archive (
    LIKE journal INCLUDING DEFAULTS
) PARTITION BY RANGE (recorded_at);
CREATE INDEX journal_archive_by_order ON journal_archive (legal_entity, order_ref);

-- Readable, but refused: claims no key, so that a retry may take it.
CREATE TABLE rejected (
    source_offset    bigint NOT NULL,
    occurred_at      timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    content_hash     bigint NOT NULL,
    sequence         bigint,
    source_partition integer NOT NULL,
    status           smallint NOT NULL,
    milestone        smallint NOT NULL,
    legal_entity     text COLLATE "C" NOT NULL,
    channel          text COLLATE "C" NOT NULL,
    event_id         text COLLATE "C" NOT NULL,
    order_ref        text COLLATE "C" NOT NULL,
    code             text COLLATE "C" NOT NULL,
    detail           text NOT NULL,
    payload          bytea,
    PRIMARY KEY (source_partition, source_offset)
);
CREATE INDEX rejected_by_order ON rejected (legal_entity, order_ref);

-- A record whose key had been taken. Narrow; kept as long as keys.
CREATE TABLE duplicates (
    source_offset    bigint NOT NULL,
    recorded_at      timestamptz NOT NULL,
    source_partition integer NOT NULL,
    legal_entity     text COLLATE "C" NOT NULL,
    channel          text COLLATE "C" NOT NULL,
    event_id         text COLLATE "C" NOT NULL,
    PRIMARY KEY (source_partition, source_offset)
);

-- Undecodable, or of no configured legal entity. produced_at: when dead_letter_topic acknowledged it.
CREATE TABLE dead_letters (
    source_offset    bigint NOT NULL,
    logged_at        timestamptz,
    recorded_at      timestamptz NOT NULL,
    produced_at      timestamptz,
    source_partition integer NOT NULL,
    payload_bytes    bigint NOT NULL,
    legal_entity     text COLLATE "C" NOT NULL DEFAULT 'unknown',
    channel          text COLLATE "C" NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    detail           text NOT NULL,
    record_key       bytea,
    payload          bytea,
    PRIMARY KEY (source_partition, source_offset)
);
CREATE INDEX dead_letters_to_produce ON dead_letters (recorded_at) WHERE produced_at IS NULL;

-- The canonical state of each order. document is the JSON of Sources/Orders/OrderDocument.swift; text, because the
-- server never has to look into it on the way (cast it to jsonb to query it). state 0: not begun, events wait for it.
CREATE TABLE orders (
    revision     bigint NOT NULL CHECK (revision > 0),
    version      bigint NOT NULL CHECK (version >= 0),
    updated_at   timestamptz NOT NULL,
    state_since  timestamptz,
    state        smallint NOT NULL CHECK (state BETWEEN 0 AND 9),
    legal_entity text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL,
    document     text NOT NULL,
    PRIMARY KEY (legal_entity, order_ref)
) WITH (fillfactor = 80);

-- Names that systems give an order, beside its canonical one.
CREATE TABLE order_references (
    learned_at   timestamptz NOT NULL,
    kind         smallint NOT NULL CHECK (kind BETWEEN 1 AND 7),
    legal_entity text COLLATE "C" NOT NULL,
    issuer       text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, kind, issuer, value, order_ref)
);
CREATE INDEX order_references_by_order ON order_references (legal_entity, order_ref);

-- Journal rows whose outcome is parked and what became of them. order_ref '' : the event names its order by a reference
-- that is not known. A released row stays for the timeline until keys expire.
CREATE TABLE parked (
    parked_at        timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,
    released_at      timestamptz,
    sequence         bigint,
    arrival          bigint GENERATED ALWAYS AS IDENTITY,
    released_outcome smallint,
    legal_entity     text COLLATE "C" NOT NULL,
    order_ref        text COLLATE "C" NOT NULL,
    channel          text COLLATE "C" NOT NULL,
    event_id         text COLLATE "C" NOT NULL,
    warehouse        text COLLATE "C" NOT NULL,
    code             text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, channel, event_id)
);
CREATE INDEX parked_waiting ON parked (legal_entity, order_ref) WHERE released_at IS NULL;
CREATE INDEX parked_due ON parked (due_at) WHERE released_at IS NULL;

-- Orders whose delivered version is behind their canonical version. Level-triggered: one row an order, whatever
-- happened to it. The row goes when a delivery confirms the version that the order has.
CREATE TABLE backlog (
    since        timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,   -- whoever takes the order moves this to the end of the lease
    visited_at   timestamptz,            -- a visit began and has not been recorded
    attempts     integer NOT NULL DEFAULT 0,
    class        smallint NOT NULL DEFAULT 1,
    legal_entity text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, order_ref)
) WITH (fillfactor = 80);
CREATE INDEX backlog_due ON backlog (legal_entity, due_at);
-- Orders whose last visit did not succeed: few, so that asking for them costs next to nothing.
CREATE INDEX backlog_unsuccessful ON backlog (legal_entity, order_ref) WHERE attempts > 0 AND visited_at IS NULL;

-- What the destination was last brought to. document is the JSON of Sources/Delivery/DeliveredState.swift.
CREATE TABLE deliveries (
    confirmed_at      timestamptz NOT NULL,
    delivered_version bigint NOT NULL,
    odoo_id           bigint,
    delivered_state   smallint NOT NULL CHECK (delivered_state BETWEEN 0 AND 9),
    legal_entity      text COLLATE "C" NOT NULL,
    order_ref         text COLLATE "C" NOT NULL,
    document          text NOT NULL,
    PRIMARY KEY (legal_entity, order_ref)
) WITH (fillfactor = 80);

-- What a person in the business must see. order_ref '' : not about one order.
CREATE TABLE exceptions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    resolved_at  timestamptz,
    count        bigint NOT NULL DEFAULT 1,
    legal_entity text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL,
    code         text COLLATE "C" NOT NULL,
    severity     text COLLATE "C" NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    detail       text NOT NULL,
    resolved_by  text
);
CREATE UNIQUE INDEX exceptions_open ON exceptions (legal_entity, order_ref, code) WHERE resolved_at IS NULL;

-- What Ingest counted at the poll, appended when every record below next_offset has its durable outcome. Never runs
-- ahead of the rows above. entities and counts: how the records divide among this store's legal entities.
CREATE TABLE partition_ledger (
    first_offset     bigint NOT NULL,
    next_offset      bigint NOT NULL CHECK (next_offset > first_offset),
    records          bigint NOT NULL CHECK (records >= 0),
    recorded_at      timestamptz NOT NULL,
    source_partition integer NOT NULL,
    entities         text[] COLLATE "C" NOT NULL,
    counts           bigint[] NOT NULL,
    instance         text NOT NULL,
    PRIMARY KEY (source_partition, first_offset)
);
