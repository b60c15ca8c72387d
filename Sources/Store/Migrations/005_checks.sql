-- What only time shows. docs/decisions/0002 says why it looks like this.

-- look_at: when to look whether the order has left a flow for which its legal entity promises a time; NULL: nothing is
-- promised, or nothing runs. Lazy: what happens to the order in the meantime leaves it alone, so that the row's updates
-- stay within their page (HOT), and the look finds out. is_overdue: the last look found something, so that the next
-- change is reason to look again. Orders of legal entities without promises have neither, and no entry in the index.
ALTER TABLE orders ADD COLUMN look_at timestamptz;
ALTER TABLE orders ADD COLUMN is_overdue boolean NOT NULL DEFAULT false;
CREATE INDEX orders_to_look_at ON orders (legal_entity, look_at) WHERE look_at IS NOT NULL;

-- The promises that a legal entity's orders were walked through for: orders that are older than a promise, or than its
-- change, have no look_at that fits. after_ref: how far; finished_at: all of them.
CREATE TABLE promises (
    finished_at  timestamptz,
    legal_entity text COLLATE "C" PRIMARY KEY,
    terms        text NOT NULL,
    after_ref    text COLLATE "C" NOT NULL
);

-- When channels that must be heard were heard. Appended to by every instance, folded by the checks: one row a channel
-- is left, the latest.
CREATE TABLE channel_heard (
    heard_at     timestamptz NOT NULL,
    legal_entity text COLLATE "C" NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    PRIMARY KEY (legal_entity, channel, heard_at)
);
