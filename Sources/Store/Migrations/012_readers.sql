-- Who reads what. Readers (HTTP, commands) have no rights on the tables: they see through the views of the schema
-- sluice_read, which show the rows of the session's legal entities only. The views are called after their tables, so
-- that a statement reads the one or the other by the search path. Payloads and record keys are in none of them.
--
-- sluice.legal_entities: the session's legal entities with '/' between them, which is in none of their codes; '/': all,
-- and what belongs to none. Not set: no row. In a sub-select, so that it is looked at once a statement, not once a row.

-- Who read or changed what. Only added to; at: the store's clock. subject: the order's canonical reference, or empty
-- where nothing was found. Never a value of a record.
CREATE TABLE audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text COLLATE "C" NOT NULL,
    role         text COLLATE "C" NOT NULL,
    action       text COLLATE "C" NOT NULL,
    legal_entity text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    result       text COLLATE "C" NOT NULL,
    login        text COLLATE "C" NOT NULL DEFAULT session_user
);
CREATE INDEX audit_by_entity ON audit (legal_entity, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to';
END $$;
CREATE TRIGGER audit_is_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is open is listed newest first, and goes on from any of them.
CREATE INDEX exceptions_open_by_id ON exceptions (id) WHERE resolved_at IS NULL;

CREATE SCHEMA sluice_read;

CREATE VIEW sluice_read.orders WITH (security_barrier) AS
    SELECT revision, version, updated_at, state_since, state, legal_entity, order_ref, document, alias_of
    FROM orders
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.journal WITH (security_barrier) AS
    SELECT source_offset, occurred_at, logged_at, recorded_at, sequence, order_version, source_partition, outcome,
           disposition, status, milestone, state_before, state_after, legal_entity, channel, event_id, order_ref,
           warehouse, code, rule, tags
    FROM journal
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.journal_archive WITH (security_barrier) AS
    SELECT source_offset, occurred_at, logged_at, recorded_at, sequence, order_version, source_partition, outcome,
           disposition, status, milestone, state_before, state_after, legal_entity, channel, event_id, order_ref,
           warehouse, code, rule, tags
    FROM journal_archive
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.rejected WITH (security_barrier) AS
    SELECT source_offset, occurred_at, recorded_at, sequence, source_partition, status, milestone, legal_entity,
           channel, event_id, order_ref, code, detail
    FROM rejected
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.duplicates WITH (security_barrier) AS
    SELECT source_offset, recorded_at, source_partition, legal_entity, channel, event_id
    FROM duplicates
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

-- `unknown` belongs to no legal entity: who sees all of them sees it.
CREATE VIEW sluice_read.dead_letters WITH (security_barrier) AS
    SELECT source_offset, logged_at, recorded_at, produced_at, source_partition, payload_bytes, legal_entity, channel,
           reason, detail
    FROM dead_letters
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.order_references WITH (security_barrier) AS
    SELECT learned_at, kind, legal_entity, issuer, value, order_ref, waiting
    FROM order_references
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.shared_references WITH (security_barrier) AS
    SELECT learned_at, kind, legal_entity, issuer, value, order_ref
    FROM shared_references
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.parked WITH (security_barrier) AS
    SELECT parked_at, due_at, released_at, sequence, arrival, released_outcome, legal_entity, order_ref, channel,
           event_id, warehouse, code, reference_kind, reference_issuer, reference_value
    FROM parked
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.backlog WITH (security_barrier) AS
    SELECT since, due_at, visited_at, attempts, class, legal_entity, order_ref
    FROM backlog
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.validation_backlog WITH (security_barrier) AS
    SELECT since, due_at, attempts, legal_entity, order_ref
    FROM validation_backlog
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.deliveries WITH (security_barrier) AS
    SELECT confirmed_at, delivered_version, odoo_id, delivered_state, legal_entity, order_ref, document
    FROM deliveries
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.exceptions WITH (security_barrier) AS
    SELECT id, first_seen, last_seen, resolved_at, count, legal_entity, order_ref, code, severity, detail, resolved_by
    FROM exceptions
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.audit WITH (security_barrier) AS
    SELECT id, at, actor, role, action, legal_entity, subject, result, login
    FROM audit
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

CREATE VIEW sluice_read.book_seals WITH (security_barrier) AS
    SELECT taken, applied, duplicate, stale, parked, rejected, dead_lettered, source_partition, legal_entity
    FROM book_seals
    WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
       OR legal_entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[]);

-- A row of the ledger divides among legal entities: each reader gets the parts that are for him.
CREATE VIEW sluice_read.partition_ledger WITH (security_barrier) AS
    SELECT l.first_offset, l.next_offset, l.source_partition, mine.entities, mine.counts
    FROM partition_ledger l CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(u.entity), '{}') AS entities, COALESCE(array_agg(u.n), '{}') AS counts
        FROM unnest(l.entities, l.counts) AS u(entity, n)
        WHERE (SELECT current_setting('sluice.legal_entities', true) = '/')
           OR u.entity = ANY ((SELECT string_to_array(current_setting('sluice.legal_entities', true), '/'))::text[])
    ) AS mine;

-- These hold no row of a legal entity.
CREATE VIEW sluice_read.source_partitions AS SELECT id, topic, partition FROM source_partitions;
CREATE VIEW sluice_read.sealed_partitions AS SELECT below_offset, sealed_at, source_partition FROM sealed_partitions;
CREATE VIEW sluice_read.words AS SELECT kind, value, word FROM words;

-- The one thing that a reader writes: that he read.
CREATE FUNCTION sluice_read.note_access(
    actor text, role text, action text, legal_entity text, subject text, result text
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = sluice, pg_temp AS $$
    INSERT INTO audit (actor, role, action, legal_entity, subject, result) VALUES ($1, $2, $3, $4, $5, $6)
$$;
REVOKE EXECUTE ON FUNCTION sluice_read.note_access(text, text, text, text, text, text) FROM PUBLIC;

-- The roles: sluice_runtime for `sluice run` beside a role for `sluice migrate`, sluice_reader for readers. Logins are
-- members of them. Where the migrating role may not create roles, whoever may does, and calls this once.
CREATE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql SET search_path = sluice, pg_temp AS $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['sluice_runtime', 'sluice_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', one);
            EXCEPTION
                -- Roles belong to the whole server: another database's migration may be making the same one.
                WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_runtime') THEN
        GRANT USAGE ON SCHEMA sluice TO sluice_runtime;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sluice TO sluice_runtime;
        REVOKE INSERT, UPDATE, DELETE ON migrations FROM sluice_runtime;
        REVOKE UPDATE, DELETE ON audit FROM sluice_runtime;
        GRANT EXECUTE ON FUNCTION ensure_archive_partition(text, timestamptz) TO sluice_runtime;
        GRANT EXECUTE ON FUNCTION drop_archive_partition(text, timestamptz) TO sluice_runtime;
        ALTER DEFAULT PRIVILEGES IN SCHEMA sluice GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO sluice_runtime;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_reader') THEN
        GRANT USAGE ON SCHEMA sluice_read TO sluice_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA sluice_read TO sluice_reader;
        GRANT EXECUTE ON FUNCTION sluice_read.note_access(text, text, text, text, text, text) TO sluice_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA sluice_read GRANT SELECT ON TABLES TO sluice_reader;
        -- So that who has no login for readers can lay his own rights down while he reads.
        BEGIN
            IF NOT pg_has_role(current_user, 'sluice_reader', 'MEMBER') THEN
                EXECUTE format('GRANT sluice_reader TO %I', current_user);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
        END;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_runtime') THEN
            BEGIN
                IF NOT pg_has_role('sluice_runtime', 'sluice_reader', 'MEMBER') THEN
                    GRANT sluice_reader TO sluice_runtime;
                END IF;
            EXCEPTION
                WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
            END;
        END IF;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION grant_rights() FROM PUBLIC;
SELECT grant_rights();
