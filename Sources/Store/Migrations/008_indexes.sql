-- What writing costs is mostly entries of indexes: fewer of them for the same rows.

-- Four of five writes of an order update its row. With half of each page left free they stay within the page (HOT),
-- add no entry to the key and leave no page behind: with a fifth free, half of them did not, and table and key grew to
-- three times their size. Rows that are there already get the room as they are rewritten.
ALTER TABLE orders SET (fillfactor = 50);

-- The value in front of kind and issuer: the key answers who asks for a value alone, so that index can go.
ALTER TABLE order_references DROP CONSTRAINT order_references_pkey;
ALTER TABLE order_references ADD PRIMARY KEY (legal_entity, value, kind, issuer);
DROP INDEX order_references_by_value;
ALTER TABLE shared_references DROP CONSTRAINT shared_references_pkey;
ALTER TABLE shared_references ADD PRIMARY KEY (legal_entity, value, kind, issuer, order_ref);
DROP INDEX shared_references_by_value;
