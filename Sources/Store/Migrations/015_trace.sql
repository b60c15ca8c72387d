-- The trace of W3C Trace Context that an event's record belongs to: 16 bytes of the trace, 8 of the span that sent the
-- record, 1 of flags. NULL: it named none, which costs a row nothing.
ALTER TABLE journal ADD COLUMN trace bytea;
ALTER TABLE journal_archive ADD COLUMN trace bytea;
ALTER TABLE rejected ADD COLUMN trace bytea;
ALTER TABLE dead_letters ADD COLUMN trace bytea;

CREATE OR REPLACE VIEW sluice_read.journal WITH (security_barrier) AS
    SELECT source_offset, occurred_at, logged_at, recorded_at, sequence, order_version, source_partition, outcome,
           disposition, status, milestone, state_before, state_after, legal_entity, channel, event_id, order_ref,
           warehouse, code, rule, tags, trace
    FROM journal
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE OR REPLACE VIEW sluice_read.journal_archive WITH (security_barrier) AS
    SELECT source_offset, occurred_at, logged_at, recorded_at, sequence, order_version, source_partition, outcome,
           disposition, status, milestone, state_before, state_after, legal_entity, channel, event_id, order_ref,
           warehouse, code, rule, tags, trace
    FROM journal_archive
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE OR REPLACE VIEW sluice_read.rejected WITH (security_barrier) AS
    SELECT source_offset, occurred_at, recorded_at, sequence, source_partition, status, milestone, legal_entity,
           channel, event_id, order_ref, code, detail, trace
    FROM rejected
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);
