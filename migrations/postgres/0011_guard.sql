-- What stops money, and what is counted to know when to.

CREATE TABLE halts (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cause       TEXT COLLATE "C" NOT NULL CHECK (cause IN ('operator', 'energy_per_hour', 'refunds_per_hour', 'refunds_per_day',
                                                  'burnt_per_day', 'broken_invariant', 'fork_below_solid')),
    -- For people, and as lines that a program compares.
    detail      TEXT COLLATE "C" NOT NULL,
    evidence    TEXT COLLATE "C" NOT NULL,
    since       BIGINT  NOT NULL,
    raised_by   TEXT COLLATE "C" NOT NULL,
    -- All three are NULL while it is open.
    lifted_at   BIGINT ,
    lifted_by   TEXT COLLATE "C",
    lift_reason TEXT COLLATE "C",
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
);
-- One open halt for one cause; every write that would begin to move money looks here.
CREATE UNIQUE INDEX idx_halts_open ON halts (cause) WHERE lifted_at IS NULL;
CREATE INDEX idx_halts_since ON halts (since, id);
CREATE INDEX idx_halts_lifted ON halts (cause, lifted_at);

-- By how much the balance of a pool account was lower than when it was last looked at.
CREATE TABLE balance_falls (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES energy_pools (account_id),
    height     BIGINT  NOT NULL,
    at         BIGINT  NOT NULL,
    amount     BIGINT  NOT NULL CHECK (amount > 0),
    PRIMARY KEY (at, account_id, height)
);

CREATE INDEX idx_operations_delegated ON operations (created_at, energy)
    WHERE kind = 'delegate' AND state NOT IN ('failed', 'cancelled');

-- Tables that this made are the application's to write, too.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        PERFORM grant_application_role('tron_app');
    END IF;
END $$;
