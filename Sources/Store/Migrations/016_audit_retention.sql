-- How long the audit trail is kept (`retention.audit`). Rows are still never changed, and none is removed before it is
-- 30 days old, whatever a configuration says and whoever asks, the owner included.
DROP TRIGGER audit_is_only_added_to ON audit;
CREATE TRIGGER audit_is_only_added_to BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_early_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at > clock_timestamp() - interval '30 days' THEN
        RAISE EXCEPTION 'the audit trail is only added to: nothing is removed before it is 30 days old';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_early_removal();

-- Removes at most so many of the oldest rows that were added before the time; gives how many. Numbers ascend with time,
-- so the first ones are the oldest, and no index by time is needed.
CREATE FUNCTION drop_audit(before timestamptz, most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = sluice, pg_temp AS $$
    WITH gone AS (
        DELETE FROM audit WHERE id IN (
            SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT $2) AS first
            WHERE at < LEAST($1, clock_timestamp() - interval '30 days'))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION drop_audit(timestamptz, bigint) FROM PUBLIC;

-- The runtime has no right to remove rows of the trail but by this.
ALTER FUNCTION grant_rights() RENAME TO grant_rights_until_014;
CREATE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql SET search_path = sluice, pg_temp AS $$
BEGIN
    PERFORM grant_rights_until_014();
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_runtime') THEN
        GRANT EXECUTE ON FUNCTION drop_audit(timestamptz, bigint) TO sluice_runtime;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION grant_rights() FROM PUBLIC;
SELECT grant_rights();
