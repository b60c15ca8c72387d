-- Validation: what Sluice itself finds about orders, and what it has looked up for that in their destinations.

-- Verdicts are order events of the channel sluice and rows of the journal, but nobody consumed them: they have the
-- source partition 0 (no topic has an empty name, and identities begin at 1) and the order's revision as their offset.
-- It is sealed from the beginning, so that retention moves them like any other row; no ledger knows it, so the books
-- never count them.
INSERT INTO source_partitions (id, topic, partition) OVERRIDING SYSTEM VALUE VALUES (0, '', 0);
INSERT INTO sealed_partitions (below_offset, sealed_at, source_partition) VALUES (9223372036854775807, now(), 0);

CREATE OR REPLACE VIEW outcomes AS
    SELECT source_partition, source_offset, legal_entity, outcome, recorded_at FROM journal WHERE source_partition > 0
    UNION ALL SELECT source_partition, source_offset, legal_entity, outcome, recorded_at FROM journal_archive
              WHERE source_partition > 0
    UNION ALL SELECT source_partition, source_offset, legal_entity, 2::smallint, recorded_at FROM duplicates
    UNION ALL SELECT source_partition, source_offset, legal_entity, 5::smallint, recorded_at FROM rejected
    UNION ALL SELECT source_partition, source_offset, legal_entity, 6::smallint, recorded_at FROM dead_letters;

-- What a legal entity's destination has of what orders refer to, as of checked_at. Forgotten after expires_at: what is
-- absent sooner, because somebody is about to add it. answer: 0 absent, 1 found, 2 several.
CREATE TABLE reference_data (
    checked_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    odoo_id      bigint,
    kind         smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    answer       smallint NOT NULL CHECK (answer BETWEEN 0 AND 2),
    legal_entity text COLLATE "C" NOT NULL,
    code         text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, kind, code)
) WITH (fillfactor = 90);
CREATE INDEX reference_data_by_expiry ON reference_data (legal_entity, kind, expires_at);

-- Orders whose verdict needs a look at their destination: those that were never looked at as they are, and those that
-- failed, to be looked at again. Level-triggered, like the backlog of deliveries.
CREATE TABLE validation_backlog (
    since        timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,   -- whoever takes the order moves this to the end of the lease
    attempts     integer NOT NULL DEFAULT 0,
    legal_entity text COLLATE "C" NOT NULL,
    order_ref    text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, order_ref)
) WITH (fillfactor = 80);
CREATE INDEX validation_backlog_due ON validation_backlog (legal_entity, due_at);

INSERT INTO words (kind, value, word) VALUES
    ('master', 1, 'customer'), ('master', 2, 'products'), ('master', 3, 'taxes'), ('master', 4, 'carriers'),
    ('master_answer', 0, 'absent'), ('master_answer', 1, 'found'), ('master_answer', 2, 'several');
