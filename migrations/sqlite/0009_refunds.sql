-- Refunds: what becomes of the part of a payment that bought nothing, the account it is paid from, and the money that our
-- own accounts have sent. A refund's transfer is an operation like all others.

CREATE TABLE refund_accounts (
    account_id      TEXT    NOT NULL PRIMARY KEY,
    address         TEXT    NOT NULL UNIQUE,
    permission_id   INTEGER,
    -- Refunds are paid from one at a time; the others only finish what they began.
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    unfit           TEXT,
    -- What the chain last said; NULL before it was asked.
    observed_height INTEGER,
    asked_at        INTEGER,
    balance         INTEGER,
    usdt            INTEGER,
    bandwidth       INTEGER,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX idx_refund_accounts_active ON refund_accounts (is_active) WHERE is_active = 1;

CREATE TABLE refunds (
    id             TEXT    NOT NULL PRIMARY KEY,
    -- At most one for each payment, ever.
    payment_id     TEXT    NOT NULL UNIQUE REFERENCES payments (id),
    order_id       TEXT    REFERENCES orders (id),
    cause          TEXT    NOT NULL,
    cause_json     TEXT    NOT NULL,
    asset          TEXT    NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    owed           INTEGER NOT NULL CHECK (owed > 0),
    fee            INTEGER NOT NULL CHECK (fee >= 0 AND fee <= owed),
    to_address     TEXT    NOT NULL,
    -- API keys; NULL where it was a rule, or nobody.
    address_set_by TEXT,
    decided_by     TEXT,
    approved_by    TEXT,
    guard_waived   INTEGER NOT NULL CHECK (guard_waived IN (0, 1)),
    -- What one person wants and a second one has not seen yet.
    proposal       TEXT,
    state          TEXT    NOT NULL
                           CHECK (state IN ('waiting', 'due', 'held', 'sending', 'refunded', 'kept', 'withdrawn')),
    state_json     TEXT    NOT NULL,
    hold           TEXT,
    -- Copies out of state_json that sweeps and the spend guard look refunds up by.
    operation_id   TEXT    UNIQUE,
    due_at         INTEGER,
    spent_at       INTEGER,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    CHECK ((hold IS NOT NULL) = (state = 'held')),
    CHECK ((operation_id IS NOT NULL) = (state IN ('sending', 'refunded'))),
    CHECK ((spent_at IS NOT NULL) = (state IN ('sending', 'refunded')))
) STRICT;
CREATE INDEX idx_refunds_due ON refunds (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX idx_refunds_open ON refunds (id) WHERE state IN ('due', 'sending', 'withdrawn');
CREATE INDEX idx_refunds_spent ON refunds (asset, spent_at) WHERE spent_at IS NOT NULL;
CREATE INDEX idx_refunds_order ON refunds (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX idx_refunds_proposed ON refunds (created_at, id) WHERE proposal IS NOT NULL;
CREATE INDEX idx_refunds_created_at ON refunds (created_at, id);
CREATE INDEX idx_refunds_state ON refunds (state, created_at, id);

-- What happened to each, and who wanted it.
CREATE TABLE refund_events (
    refund_id   TEXT    NOT NULL REFERENCES refunds (id),
    sequence    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    from_state  TEXT,
    to_state    TEXT    NOT NULL,
    by_key      TEXT,
    note        TEXT,
    PRIMARY KEY (refund_id, sequence)
) STRICT, WITHOUT ROWID;

-- Money that our own accounts have sent, as the chain shows it, calls that failed included.
CREATE TABLE sent_transfers (
    height       INTEGER NOT NULL REFERENCES blocks (height),
    position     INTEGER NOT NULL,
    block_id     TEXT    NOT NULL,
    block_time   INTEGER NOT NULL,
    tx_id        TEXT    NOT NULL,
    asset        TEXT    NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    from_address TEXT    NOT NULL,
    to_address   TEXT    NOT NULL,
    amount       INTEGER NOT NULL,
    succeeded    INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    PRIMARY KEY (height, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_sent_transfers_tx ON sent_transfers (tx_id);
CREATE INDEX idx_sent_transfers_from ON sent_transfers (from_address, height);

-- Payments of which something may be owed and that have no refund yet; and orders whose money must go back.
ALTER TABLE payments ADD COLUMN has_refund INTEGER NOT NULL DEFAULT 0 CHECK (has_refund IN (0, 1));
CREATE INDEX idx_payments_unrefunded ON payments (block_height, id)
    WHERE has_refund = 0 AND state IN ('over', 'under', 'late', 'second', 'suspense');
CREATE INDEX idx_orders_refund_due ON orders (created_at, id) WHERE state = 'refund_due';

INSERT INTO order_counts (state, count) VALUES ('forfeited', 0);

-- Operations may belong to no order and to a refund account now: the table is made anew, since SQLite changes no rules of
-- a table that is there.
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
    kind            TEXT    NOT NULL CHECK (kind IN ('delegate', 'undelegate', 'refund_trx', 'refund_usdt')),
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
    CHECK ((kind = 'delegate') = (reservation_id IS NOT NULL)),
    CHECK ((kind = 'undelegate') = (delegation_id IS NOT NULL)),
    CHECK ((delivery_block IS NOT NULL) = (state IN ('included', 'solid'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed')),
    CHECK ((kind IN ('refund_trx', 'refund_usdt')) = (refund_id IS NOT NULL)),
    CHECK (order_id IS NOT NULL OR refund_id IS NOT NULL)
) STRICT;
INSERT INTO operations (id, order_id, account_id, owner, receiver, balance, energy, kind, reservation_id, lock_blocks,
                        delegation_id, state, attempts, delivery_block, delivery_height, delivery_time, failure,
                        version, created_at, updated_at)
SELECT id, order_id, account_id, owner, receiver, balance, energy, kind, reservation_id, lock_blocks,
       delegation_id, state, attempts, delivery_block, delivery_height, delivery_time, failure,
       version, created_at, updated_at
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
    WHERE kind = 'undelegate' AND state = 'signed';
-- One transfer of a refund that took effect or may.
CREATE UNIQUE INDEX idx_operations_refund ON operations (refund_id)
    WHERE refund_id IS NOT NULL AND state NOT IN ('failed', 'cancelled');
CREATE INDEX idx_operations_refunds ON operations (refund_id, created_at, id) WHERE refund_id IS NOT NULL;
