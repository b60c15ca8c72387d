-- How an event came to its legal entity and warehouse: the routing rule of its channel that took it, and the tags that
-- rule and customer group gave it, with commas between them. NULL: no rule took it, or it has none.
ALTER TABLE journal ADD COLUMN rule text COLLATE "C", ADD COLUMN tags text COLLATE "C";
ALTER TABLE journal_archive ADD COLUMN rule text COLLATE "C", ADD COLUMN tags text COLLATE "C";
