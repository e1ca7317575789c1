-- Repairs that act on the chain, by operations of their own and with the word of two persons; what a halt was told
-- later; and from when on a limit counts after a lift, by the clock of what it counts.

ALTER TABLE halts ADD COLUMN counts_from INTEGER;
-- Of the evidence, what a whole round through the books did not find any more after the lift.
ALTER TABLE halts ADD COLUMN gone TEXT NOT NULL DEFAULT '';

-- What was on the accounts that refunds are paid from, as a JSON array.
ALTER TABLE reconciliations ADD COLUMN refund_accounts TEXT NOT NULL DEFAULT '[]';

-- SQLite changes no rules of a table that is there.
CREATE TABLE kept_repairs AS SELECT * FROM repairs;
DROP TABLE repairs;
CREATE TABLE repairs (
    id                TEXT    NOT NULL PRIMARY KEY,
    reconciliation_id TEXT    NOT NULL REFERENCES reconciliations (id),
    -- What it is about: one repair for it is open at a time.
    subject           TEXT    NOT NULL,
    difference        TEXT    NOT NULL,
    -- By how much the chain showed more than the books; copied out of the difference, to be summed.
    excess            INTEGER NOT NULL,
    kind              TEXT    NOT NULL
                              CHECK (kind IN ('reread_blocks', 'observe_account', 'write_off', 'retake', 'release')),
    from_height       INTEGER,
    to_height         INTEGER,
    effect            TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'applied', 'failed')),
    proposed_at       INTEGER NOT NULL,
    -- The first of two persons, where two are asked.
    asked_at          INTEGER,
    asked_by          TEXT,
    ask_reason        TEXT,
    decided_at        INTEGER,
    decided_by        TEXT,
    decide_reason     TEXT,
    settled_at        INTEGER,
    outcome           TEXT,
    CHECK ((from_height IS NULL) = (to_height IS NULL)),
    CHECK ((asked_at IS NULL) = (asked_by IS NULL) AND (asked_at IS NULL) = (ask_reason IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decide_reason IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL)),
    CHECK ((settled_at IS NOT NULL) = (state IN ('applied', 'failed'))),
    CHECK (kind NOT IN ('retake', 'release') OR state NOT IN ('approved', 'applied')
           OR (asked_by IS NOT NULL AND decided_by IS NOT NULL AND asked_by <> decided_by))
) STRICT;
INSERT INTO repairs (id, reconciliation_id, subject, difference, excess, kind, from_height, to_height, effect, state,
                     proposed_at, decided_at, decided_by, decide_reason, settled_at, outcome)
SELECT id, reconciliation_id, subject, difference, excess, kind, from_height, to_height, effect, state,
       proposed_at, decided_at, decided_by, decide_reason, settled_at, outcome
FROM kept_repairs ORDER BY id;
DROP TABLE kept_repairs;
CREATE UNIQUE INDEX idx_repairs_open ON repairs (subject) WHERE state IN ('proposed', 'approved');
CREATE INDEX idx_repairs_subject ON repairs (subject, proposed_at, id);
CREATE INDEX idx_repairs_proposed_at ON repairs (proposed_at, id);
CREATE INDEX idx_repairs_state ON repairs (state, proposed_at, id);

-- Operations may belong to a repair.
CREATE TABLE kept_attempts AS SELECT * FROM attempts;
CREATE TABLE kept_delegations AS SELECT * FROM energy_delegations;
CREATE TABLE kept_operations AS SELECT * FROM operations;
DELETE FROM energy_delegations;
DELETE FROM attempts;
DELETE FROM operations;
DROP TABLE operations;
CREATE TABLE operations (
    id              TEXT    NOT NULL PRIMARY KEY,
    order_id        TEXT    REFERENCES orders (id),
    -- Of energy_pools, or of refund_accounts where it sends money back.
    account_id      TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    receiver        TEXT    NOT NULL,
    balance         INTEGER NOT NULL CHECK (balance > 0),
    energy          INTEGER NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('delegate', 'undelegate', 'refund_trx', 'refund_usdt', 'retake')),
    -- A delegation uses one reservation; an undelegation ends one delegation. Each is named once, ever.
    reservation_id  TEXT    UNIQUE REFERENCES reservations (id),
    lock_blocks     INTEGER,
    delegation_id   TEXT    UNIQUE REFERENCES operations (id),
    state           TEXT    NOT NULL
                            CHECK (state IN ('intended', 'signed', 'included', 'solid', 'failed', 'cancelled')),
    attempts        INTEGER NOT NULL CHECK (attempts >= 0),
    delivery_block  TEXT,
    delivery_height INTEGER,
    delivery_time   INTEGER,
    failure         TEXT,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    refund_id       TEXT    REFERENCES refunds (id),
    repair_id       TEXT    REFERENCES repairs (id),
    CHECK ((kind = 'delegate') = (reservation_id IS NOT NULL)),
    CHECK ((kind = 'undelegate') = (delegation_id IS NOT NULL)),
    CHECK ((delivery_block IS NOT NULL) = (state IN ('included', 'solid'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed')),
    CHECK ((kind IN ('refund_trx', 'refund_usdt')) = (refund_id IS NOT NULL)),
    CHECK (kind <> 'retake' OR repair_id IS NOT NULL),
    CHECK (repair_id IS NULL OR kind IN ('retake', 'undelegate')),
    CHECK (order_id IS NOT NULL OR refund_id IS NOT NULL OR repair_id IS NOT NULL)
) STRICT;
INSERT INTO operations (id, order_id, account_id, owner, receiver, balance, energy, kind, reservation_id, lock_blocks,
                        delegation_id, state, attempts, delivery_block, delivery_height, delivery_time, failure,
                        version, created_at, updated_at, refund_id)
SELECT id, order_id, account_id, owner, receiver, balance, energy, kind, reservation_id, lock_blocks,
       delegation_id, state, attempts, delivery_block, delivery_height, delivery_time, failure,
       version, created_at, updated_at, refund_id
FROM kept_operations ORDER BY kind, id;
INSERT INTO attempts SELECT * FROM kept_attempts;
INSERT INTO energy_delegations SELECT * FROM kept_delegations;
DROP TABLE kept_attempts;
DROP TABLE kept_delegations;
DROP TABLE kept_operations;
CREATE INDEX idx_operations_order ON operations (order_id, created_at, id);
CREATE INDEX idx_operations_live ON operations (account_id, created_at, id)
    WHERE state IN ('intended', 'signed', 'included');
CREATE INDEX idx_operations_undelegating ON operations (account_id, receiver)
    WHERE kind IN ('undelegate', 'retake') AND state = 'signed';
-- One transfer of a refund that took effect or may.
CREATE UNIQUE INDEX idx_operations_refund ON operations (refund_id)
    WHERE refund_id IS NOT NULL AND state NOT IN ('failed', 'cancelled');
-- What a repair takes back it takes back once, ever.
CREATE UNIQUE INDEX idx_operations_retake ON operations (repair_id) WHERE kind = 'retake';
CREATE INDEX idx_operations_refunds ON operations (refund_id, created_at, id) WHERE refund_id IS NOT NULL;
CREATE INDEX idx_operations_delegated ON operations (created_at, energy)
    WHERE kind = 'delegate' AND state NOT IN ('failed', 'cancelled');
