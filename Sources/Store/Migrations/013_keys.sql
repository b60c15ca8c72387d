-- The journal's key compares the event id before the channel: what differs most comes first behind the legal entity,
-- and every entry that is written is compared with about twenty others.
ALTER TABLE journal DROP CONSTRAINT journal_pkey, ADD PRIMARY KEY (legal_entity, event_id, channel);
