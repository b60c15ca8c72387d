-- Fewer writes for the same knowledge.

-- The order's document has its names; nothing else asks for the names of an order.
DROP INDEX order_references_by_order;
DROP INDEX shared_references_by_order;

-- What the backlog has been told: that the order is behind, at which revision and how urgently. NULL: tell it. So a
-- batch writes to the backlog when an order falls behind, not each time that it moves on. A delivery that is recorded
-- takes it back, under the lock of the order's row. Rows from before are told once more, which changes nothing.
ALTER TABLE orders ADD COLUMN told_class smallint, ADD COLUMN told_revision bigint;
