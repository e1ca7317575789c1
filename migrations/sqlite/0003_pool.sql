-- Pool accounts, holds on their stake, and the operations that move it.

CREATE TABLE energy_pools (
    id                    INTEGER NOT NULL PRIMARY KEY,
    address               TEXT    NOT NULL UNIQUE,
    -- Named by requirement 001 and always NULL: sealed keys live in sealed_keys, apart from what is read all day.
    private_key_encrypted TEXT    CHECK (private_key_encrypted IS NULL),
    total_energy          INTEGER NOT NULL DEFAULT 0,
    available_energy      INTEGER NOT NULL DEFAULT 0,
    delegated_energy      INTEGER NOT NULL DEFAULT 0,
    is_active             INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    last_updated_at       INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    account_id            TEXT    NOT NULL UNIQUE,
    permission_id         INTEGER,
    state                 TEXT    NOT NULL,
    state_reason          TEXT    NOT NULL DEFAULT '',
    state_changed_at      INTEGER NOT NULL,
    -- What the chain last said; NULL before it was asked.
    observed_height       INTEGER,
    asked_at              INTEGER,
    staked                INTEGER,
    delegated             INTEGER,
    delegatable           INTEGER,
    balance               INTEGER,
    bandwidth             INTEGER,
    recovering            INTEGER,
    energy_limit          INTEGER,
    energy_weight         INTEGER,
    -- Stake held by pending and posted reservations, changed in the commits that change those.
    held                  INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    version               INTEGER NOT NULL
) STRICT;

CREATE TABLE reservations (
    id            TEXT    NOT NULL PRIMARY KEY,
    order_id      TEXT    NOT NULL REFERENCES orders (id),
    account_id    TEXT    NOT NULL REFERENCES energy_pools (account_id),
    balance       INTEGER NOT NULL CHECK (balance > 0),
    energy        INTEGER NOT NULL CHECK (energy > 0),
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'returned')),
    -- The block of its delegation, while posted.
    posted_height INTEGER,
    created_at    INTEGER NOT NULL,
    CHECK ((posted_height IS NULL) = (state IN ('pending', 'voided')))
) STRICT;
CREATE INDEX idx_reservations_order ON reservations (order_id);
CREATE INDEX idx_reservations_pending ON reservations (account_id, balance) WHERE state = 'pending';
CREATE INDEX idx_reservations_posted ON reservations (account_id, posted_height, balance) WHERE state = 'posted';

CREATE TABLE operations (
    id              TEXT    NOT NULL PRIMARY KEY,
    order_id        TEXT    NOT NULL REFERENCES orders (id),
    account_id      TEXT    NOT NULL REFERENCES energy_pools (account_id),
    owner           TEXT    NOT NULL,
    receiver        TEXT    NOT NULL,
    balance         INTEGER NOT NULL CHECK (balance > 0),
    energy          INTEGER NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('delegate', 'undelegate')),
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
    CHECK ((kind = 'delegate') = (reservation_id IS NOT NULL)),
    CHECK ((kind = 'undelegate') = (delegation_id IS NOT NULL)),
    CHECK ((delivery_block IS NOT NULL) = (state IN ('included', 'solid'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed'))
) STRICT;
CREATE INDEX idx_operations_order ON operations (order_id, created_at, id);
CREATE INDEX idx_operations_live ON operations (account_id, created_at, id)
    WHERE state IN ('intended', 'signed', 'included');
CREATE INDEX idx_operations_undelegating ON operations (account_id, receiver)
    WHERE kind = 'undelegate' AND state = 'signed';

-- Signed transactions. The row is there before anybody else sees the transaction.
CREATE TABLE attempts (
    tx_id            TEXT    NOT NULL PRIMARY KEY,
    operation_id     TEXT    NOT NULL REFERENCES operations (id),
    number           INTEGER NOT NULL CHECK (number > 0),
    bytes            BLOB    NOT NULL,
    reference_block  TEXT    NOT NULL,
    reference_height INTEGER NOT NULL,
    expiration       INTEGER NOT NULL,
    signed_at        INTEGER NOT NULL,
    refusal_code     TEXT,
    refusal_message  TEXT,
    dead             INTEGER NOT NULL CHECK (dead IN (0, 1)),
    UNIQUE (operation_id, number),
    CHECK ((refusal_code IS NULL) = (refusal_message IS NULL))
) STRICT;
-- One live transaction for one effect.
CREATE UNIQUE INDEX idx_attempts_live ON attempts (operation_id) WHERE dead = 0;

-- Requirement 001's record of delegations: one row for each delegation, kept in step with its operation.
CREATE TABLE energy_delegations (
    id                INTEGER NOT NULL PRIMARY KEY,
    order_id          TEXT    NOT NULL REFERENCES orders (id),
    pool_account_id   INTEGER NOT NULL REFERENCES energy_pools (id),
    recipient_address TEXT    NOT NULL,
    energy_amount     INTEGER NOT NULL,
    duration_hours    INTEGER NOT NULL DEFAULT 1,
    tx_hash           TEXT,
    status            TEXT    NOT NULL DEFAULT 'pending'
                              CHECK (status IN ('pending', 'success', 'failed', 'expired')),
    delegated_at      INTEGER,
    expires_at        INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    operation_id      TEXT    NOT NULL UNIQUE REFERENCES operations (id)
) STRICT;
CREATE INDEX idx_energy_delegations_order_id ON energy_delegations (order_id);
CREATE INDEX idx_energy_delegations_pool_account ON energy_delegations (pool_account_id);
CREATE INDEX idx_energy_delegations_recipient ON energy_delegations (recipient_address);
CREATE INDEX idx_energy_delegations_status ON energy_delegations (status);
CREATE INDEX idx_energy_delegations_expires_at ON energy_delegations (expires_at);
