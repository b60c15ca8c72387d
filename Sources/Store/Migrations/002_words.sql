-- The vocabulary as words, for people and for views.
CREATE TABLE words (
    kind  text NOT NULL,
    value smallint NOT NULL,
    word  text NOT NULL,
    PRIMARY KEY (kind, value)
);
INSERT INTO words (kind, value, word) VALUES
    ('state', 0, 'not_begun'), ('state', 1, 'received'), ('state', 2, 'validated'), ('state', 3, 'allocated'),
    ('state', 4, 'partially_fulfilled'), ('state', 5, 'shipped'), ('state', 6, 'invoiced'), ('state', 7, 'closed'),
    ('state', 8, 'on_hold'), ('state', 9, 'cancelled'), ('state', 10, 'release'),
    ('outcome', 1, 'applied'), ('outcome', 2, 'duplicate'), ('outcome', 3, 'stale'), ('outcome', 4, 'parked'),
    ('outcome', 5, 'rejected'), ('outcome', 6, 'dead_lettered'),
    ('disposition', 1, 'allow'), ('disposition', 2, 'flag'), ('disposition', 3, 'park'),
    ('disposition', 4, 'reject'), ('disposition', 5, 'behind'),
    ('milestone', 1, 'tracking'), ('milestone', 2, 'in_transit'), ('milestone', 3, 'delivered'),
    ('milestone', 4, 'delivery_failed'), ('milestone', 5, 'allocation'), ('milestone', 6, 'payment'),
    ('milestone', 7, 'refund');

-- One row a position, whatever its outcome: what the books count.
CREATE VIEW outcomes AS
    SELECT source_partition, source_offset, legal_entity, outcome, recorded_at FROM journal
    UNION ALL SELECT source_partition, source_offset, legal_entity, outcome, recorded_at FROM journal_archive
    UNION ALL SELECT source_partition, source_offset, legal_entity, 2::smallint, recorded_at FROM duplicates
    UNION ALL SELECT source_partition, source_offset, legal_entity, 5::smallint, recorded_at FROM rejected
    UNION ALL SELECT source_partition, source_offset, legal_entity, 6::smallint, recorded_at FROM dead_letters;
