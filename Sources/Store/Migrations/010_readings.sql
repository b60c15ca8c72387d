-- Who reads a source partition, and how often in a row that ended without a word: see Sources/Ingest/Caution.swift.
CREATE TABLE partition_readings (
    source_partition integer PRIMARY KEY,
    began_offset     bigint NOT NULL,              -- where the ledger was when the reading began
    reader           text,                         -- the process that reads; null: it ended in good order
    unclean_ends     integer NOT NULL DEFAULT 0,   -- in a row, with next to no progress between them
    suspect_offset   bigint,                       -- the record that was last taken alone
    in_hand          boolean NOT NULL DEFAULT false,  -- this reading took it
    suspect_ends     integer NOT NULL DEFAULT 0    -- readings that ended without a word while they had it in hand
) WITH (fillfactor = 50);
