-- What stops money, and what is counted to know when to.

CREATE TABLE halts (
    id          TEXT    NOT NULL PRIMARY KEY,
    cause       TEXT    NOT NULL CHECK (cause IN ('operator', 'energy_per_hour', 'refunds_per_hour', 'refunds_per_day',
                                                  'burnt_per_day', 'broken_invariant', 'fork_below_solid')),
    -- For people, and as lines that a program compares.
    detail      TEXT    NOT NULL,
    evidence    TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    raised_by   TEXT    NOT NULL,
    -- All three are NULL while it is open.
    lifted_at   INTEGER,
    lifted_by   TEXT,
    lift_reason TEXT,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
) STRICT;
-- One open halt for one cause; every write that would begin to move money looks here.
CREATE UNIQUE INDEX idx_halts_open ON halts (cause) WHERE lifted_at IS NULL;
CREATE INDEX idx_halts_since ON halts (since, id);
CREATE INDEX idx_halts_lifted ON halts (cause, lifted_at);

-- By how much the balance of a pool account was lower than when it was last looked at.
CREATE TABLE balance_falls (
    account_id TEXT    NOT NULL REFERENCES energy_pools (account_id),
    height     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (at, account_id, height)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_operations_delegated ON operations (created_at, energy)
    WHERE kind = 'delegate' AND state NOT IN ('failed', 'cancelled');
