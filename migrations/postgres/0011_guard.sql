-- What stops money, and what is counted to know when to.

CREATE TABLE halts (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cause       TEXT COLLATE "C" NOT NULL CHECK (cause IN ('operator', 'energy_per_hour', 'refunds_per_hour', 'refunds_per_day',
                                                  'burnt_per_day', 'broken_invariant', 'fork_below_solid')),
    -- For people, and as lines that a program compares.
    detail      TEXT COLLATE "C" NOT NULL,
    evidence    TEXT COLLATE "C" NOT NULL,
    since       BIGINT NOT NULL,
    raised_by   TEXT COLLATE "C" NOT NULL,
    -- All three are NULL while it is open.
    lifted_at   BIGINT,
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
    height     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (at, account_id, height)
);

CREATE INDEX idx_operations_delegated ON operations (created_at, energy)
    WHERE kind = 'delegate' AND state NOT IN ('failed', 'cancelled');

-- Comparisons of the books with the chain: wanted until finished_at says that one is done.
CREATE TABLE reconciliations (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    asked_by    TEXT COLLATE "C" NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    height      BIGINT,
    accounts    BIGINT NOT NULL,
    pairs       BIGINT NOT NULL,
    -- What the payment addresses held, and at which height.
    till        BIGINT,
    till_height BIGINT,
    -- As lines, and as a JSON array.
    skipped     TEXT COLLATE "C" NOT NULL,
    differences TEXT COLLATE "C" NOT NULL,
    CHECK ((till IS NULL) = (till_height IS NULL))
);
CREATE INDEX idx_reconciliations_started ON reconciliations (started_at, id);
CREATE INDEX idx_reconciliations_wanted ON reconciliations (started_at, id) WHERE finished_at IS NULL;
CREATE INDEX idx_reconciliations_till ON reconciliations (finished_at, id) WHERE till IS NOT NULL;
CREATE INDEX idx_reconciliations_done ON reconciliations (finished_at, id) WHERE finished_at IS NOT NULL;

CREATE TABLE repairs (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reconciliation_id TEXT COLLATE "C" NOT NULL REFERENCES reconciliations (id),
    -- What it is about: one repair for it is open at a time.
    subject           TEXT COLLATE "C" NOT NULL,
    difference        TEXT COLLATE "C" NOT NULL,
    -- By how much the chain showed more than the books; copied out of the difference, to be summed.
    excess            BIGINT NOT NULL,
    kind              TEXT COLLATE "C" NOT NULL CHECK (kind IN ('reread_blocks', 'observe_account', 'write_off')),
    from_height       BIGINT,
    to_height         BIGINT,
    effect            TEXT COLLATE "C" NOT NULL,
    state             TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'applied', 'failed')),
    proposed_at       BIGINT NOT NULL,
    decided_at        BIGINT,
    decided_by        TEXT COLLATE "C",
    decide_reason     TEXT COLLATE "C",
    settled_at        BIGINT,
    outcome           TEXT COLLATE "C",
    CHECK ((from_height IS NULL) = (to_height IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decide_reason IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL)),
    CHECK ((settled_at IS NOT NULL) = (state IN ('applied', 'failed')))
);
CREATE UNIQUE INDEX idx_repairs_open ON repairs (subject) WHERE state IN ('proposed', 'approved');
CREATE INDEX idx_repairs_subject ON repairs (subject, proposed_at, id);
CREATE INDEX idx_repairs_proposed_at ON repairs (proposed_at, id);
CREATE INDEX idx_repairs_state ON repairs (state, proposed_at, id);

-- Tables that this made are the application's to write, too.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        PERFORM grant_application_role('tron_app');
    END IF;
END $$;
