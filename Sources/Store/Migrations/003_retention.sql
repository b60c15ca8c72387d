-- Retention: rows leave the journal for monthly partitions of the archive, payloads for weekly ones, and before a row
-- may be dropped the books of its positions are sealed. Sources/Store/Retention says when; this says how.

-- A B-tree, because rows leave the journal for good: their pages are filled again by new rows, and the summary of a
-- BRIN range only ever grows, so that after one retention every range would answer for every time. All rows of a batch
-- have one recorded_at, so the entries are deduplicated and always added at the right-hand end.
DROP INDEX journal_by_time;
CREATE INDEX journal_by_time ON journal (recorded_at);

CREATE INDEX journal_archive_by_key ON journal_archive (legal_entity, channel, event_id);

-- Payloads of archived rows, kept for retention.payloads.
CREATE TABLE payload_archive (
    recorded_at  timestamptz NOT NULL,
    legal_entity text COLLATE "C" NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    event_id     text COLLATE "C" NOT NULL,
    payload      bytea NOT NULL
) PARTITION BY RANGE (recorded_at);
CREATE INDEX payload_archive_by_key ON payload_archive (legal_entity, channel, event_id);

-- How far each source partition is sealed: its positions below were compared once, and their rows may go.
CREATE TABLE sealed_partitions (
    below_offset     bigint NOT NULL,
    sealed_at        timestamptz NOT NULL,
    source_partition integer PRIMARY KEY
);

-- What the comparison found below it: records taken, and rows by outcome.
CREATE TABLE book_seals (
    taken            bigint NOT NULL,
    applied          bigint NOT NULL,
    duplicate        bigint NOT NULL,
    stale            bigint NOT NULL,
    parked           bigint NOT NULL,
    rejected         bigint NOT NULL,
    dead_lettered    bigint NOT NULL,
    source_partition integer NOT NULL,
    legal_entity     text COLLATE "C" NOT NULL,
    PRIMARY KEY (source_partition, legal_entity)
);

CREATE INDEX parked_released ON parked (released_at) WHERE released_at IS NOT NULL;

-- What `sluice order` asks.
CREATE INDEX exceptions_by_order ON exceptions (legal_entity, order_ref);
CREATE INDEX duplicates_by_key ON duplicates (legal_entity, channel, event_id);
CREATE INDEX order_references_by_value ON order_references (legal_entity, value);

-- The partition of an archive that takes rows of that time, made when it is not there. Attached rather than created in
-- place, because attaching lets readers and writers of the archive go on. The runtime's role may not create tables, so
-- the function runs as its owner, and makes nothing but these.
CREATE FUNCTION ensure_archive_partition(archive text, taken_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sluice, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    unit  text := CASE archive WHEN 'journal_archive' THEN 'month' WHEN 'payload_archive' THEN 'week' END;
    lower timestamptz := date_trunc(unit, taken_at);
    name  text := archive || '_' || to_char(lower, 'YYYYMMDD');
BEGIN
    IF unit IS NULL THEN
        RAISE EXCEPTION 'no such archive: %', archive;
    END IF;
    IF to_regclass('sluice.' || quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, archive);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', archive, name, lower,
                   lower + ('1 ' || unit)::interval);
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION ensure_archive_partition(text, timestamptz) FROM PUBLIC;

-- Drops the oldest partition of an archive if all of its time is before the limit; gives its name, or NULL.
CREATE FUNCTION drop_archive_partition(archive text, before timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = sluice, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    unit text := CASE archive WHEN 'journal_archive' THEN 'month' WHEN 'payload_archive' THEN 'week' END;
    name text;
BEGIN
    IF unit IS NULL THEN
        RAISE EXCEPTION 'no such archive: %', archive;
    END IF;
    SELECT c.relname INTO name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('sluice.' || quote_ident(archive))
      AND to_date(right(c.relname, 8), 'YYYYMMDD')::timestamptz + ('1 ' || unit)::interval <= before
    ORDER BY c.relname LIMIT 1;
    IF name IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I', name);
    END IF;
    RETURN name;
END $$;
REVOKE EXECUTE ON FUNCTION drop_archive_partition(text, timestamptz) FROM PUBLIC;
