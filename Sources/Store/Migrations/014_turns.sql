-- While a destination fails, what failed before waits for a budget, however much of it there is, and what is new goes.
-- Each is found without stepping over the other.
DROP INDEX backlog_turn;
CREATE INDEX backlog_turn_first ON backlog (legal_entity, class, due_at) WHERE attempts = 0;
CREATE INDEX backlog_turn_repeated ON backlog (legal_entity, class, due_at) WHERE attempts > 0;
-- What is under way is little, and so is asked for without looking at what waits.
CREATE INDEX backlog_under_way ON backlog (legal_entity, class) WHERE visited_at IS NOT NULL;

-- An instance that is about to end takes nothing more: the others share without it what it gives up.
ALTER TABLE delivery_instances ADD COLUMN is_leaving boolean NOT NULL DEFAULT false;
