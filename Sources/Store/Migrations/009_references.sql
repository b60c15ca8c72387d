-- The order's document has its names; nothing else asks for the names of an order.
DROP INDEX order_references_by_order;
DROP INDEX shared_references_by_order;
