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

-- Comparisons of the books with the chain: wanted until finished_at says that one is done.
CREATE TABLE reconciliations (
    id          TEXT    NOT NULL PRIMARY KEY,
    asked_by    TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    height      INTEGER,
    accounts    INTEGER NOT NULL,
    pairs       INTEGER NOT NULL,
    -- What the payment addresses held, and at which height.
    till        INTEGER,
    till_height INTEGER,
    -- As lines, and as a JSON array.
    skipped     TEXT    NOT NULL,
    differences TEXT    NOT NULL,
    CHECK ((till IS NULL) = (till_height IS NULL))
) STRICT;
CREATE INDEX idx_reconciliations_started ON reconciliations (started_at, id);
CREATE INDEX idx_reconciliations_wanted ON reconciliations (started_at, id) WHERE finished_at IS NULL;
CREATE INDEX idx_reconciliations_till ON reconciliations (finished_at, id) WHERE till IS NOT NULL;
CREATE INDEX idx_reconciliations_done ON reconciliations (finished_at, id) WHERE finished_at IS NOT NULL;

CREATE TABLE repairs (
    id                TEXT    NOT NULL PRIMARY KEY,
    reconciliation_id TEXT    NOT NULL REFERENCES reconciliations (id),
    -- What it is about: one repair for it is open at a time.
    subject           TEXT    NOT NULL,
    difference        TEXT    NOT NULL,
    -- By how much the chain showed more than the books; copied out of the difference, to be summed.
    excess            INTEGER NOT NULL,
    kind              TEXT    NOT NULL CHECK (kind IN ('reread_blocks', 'observe_account', 'write_off')),
    from_height       INTEGER,
    to_height         INTEGER,
    effect            TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'applied', 'failed')),
    proposed_at       INTEGER NOT NULL,
    decided_at        INTEGER,
    decided_by        TEXT,
    decide_reason     TEXT,
    settled_at        INTEGER,
    outcome           TEXT,
    CHECK ((from_height IS NULL) = (to_height IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decide_reason IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL)),
    CHECK ((settled_at IS NOT NULL) = (state IN ('applied', 'failed')))
) STRICT;
CREATE UNIQUE INDEX idx_repairs_open ON repairs (subject) WHERE state IN ('proposed', 'approved');
CREATE INDEX idx_repairs_subject ON repairs (subject, proposed_at, id);
CREATE INDEX idx_repairs_proposed_at ON repairs (proposed_at, id);
CREATE INDEX idx_repairs_state ON repairs (state, proposed_at, id);
