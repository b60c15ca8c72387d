-- Instances that live: each renews its row, whoever finds one expired removes it, and an instance that finds its own
-- removed has lost everything that it owned.
CREATE TABLE delivery_instances (
    expires_at timestamptz NOT NULL,
    owner      text COLLATE "C" NOT NULL PRIMARY KEY
) WITH (fillfactor = 10);

-- Who delivers a legal entity's orders: one instance at a time. Each change of owner counts the epoch up; what an
-- earlier owner brings back late is told by it, and not recorded.
CREATE TABLE delivery_owners (
    epoch        bigint NOT NULL,
    legal_entity text COLLATE "C" NOT NULL PRIMARY KEY,
    owner        text COLLATE "C" NOT NULL
);

-- What is due goes by class; an order's turn is found without looking at the whole backlog.
DROP INDEX backlog_due;
CREATE INDEX backlog_turn ON backlog (legal_entity, class, due_at);
