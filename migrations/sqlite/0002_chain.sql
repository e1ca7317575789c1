-- The chain as it was read, and everything derived from its blocks.

CREATE TABLE blocks (
    height           INTEGER NOT NULL PRIMARY KEY,
    block_id         TEXT    NOT NULL UNIQUE,
    parent_id        TEXT    NOT NULL,
    block_time       INTEGER NOT NULL,
    transactions     INTEGER NOT NULL,
    trx_dust_count   INTEGER NOT NULL,
    trx_dust_amount  INTEGER NOT NULL,
    usdt_dust_count  INTEGER NOT NULL,
    usdt_dust_amount INTEGER NOT NULL,
    recorded_at      INTEGER NOT NULL
) STRICT;

-- One row: where reading began and what is solid. The tip is the newest block.
CREATE TABLE chain_cursor (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    first_height INTEGER NOT NULL,
    solid_block  TEXT    NOT NULL,
    solid_height INTEGER NOT NULL,
    solid_time   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE payments (
    id             TEXT    NOT NULL PRIMARY KEY,
    tx_id          TEXT    NOT NULL,
    transfer_index INTEGER NOT NULL,
    asset          TEXT    NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    from_address   TEXT    NOT NULL,
    to_address     TEXT    NOT NULL,
    amount         INTEGER NOT NULL CHECK (amount > 0),
    -- All three are NULL while the block that held it is undone.
    block_id       TEXT,
    block_height   INTEGER,
    block_time     INTEGER,
    -- Its place among the payments of its block.
    position       INTEGER NOT NULL,
    -- Its bucket, and what goes with it.
    state          TEXT    NOT NULL
                           CHECK (state IN ('unrouted', 'settled', 'over', 'under', 'late', 'second', 'suspense')),
    order_id       TEXT    REFERENCES orders (id),
    bought         INTEGER,
    excess         INTEGER,
    reason         TEXT,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (tx_id, transfer_index),
    CHECK ((block_id IS NULL) = (block_height IS NULL) AND (block_id IS NULL) = (block_time IS NULL)),
    CHECK ((order_id IS NULL) = (state IN ('unrouted', 'suspense'))),
    CHECK ((bought IS NULL) = (state NOT IN ('settled', 'over'))),
    CHECK ((reason IS NULL) = (state <> 'suspense'))
) STRICT;

-- An order is settled by one payment.
CREATE UNIQUE INDEX idx_payments_settling ON payments (order_id) WHERE state IN ('settled', 'over');
CREATE INDEX idx_payments_order ON payments (order_id) WHERE order_id IS NOT NULL;
-- The state leads although it is always the same, so that the planner prefers this one to the index of all states.
CREATE INDEX idx_payments_unrouted ON payments (state, block_height, position)
    WHERE state = 'unrouted' AND block_id IS NOT NULL;
CREATE INDEX idx_payments_height ON payments (block_height) WHERE block_height IS NOT NULL;
-- Lists, newest block first; those without a block come last.
CREATE INDEX idx_payments_listed ON payments (COALESCE(block_time, 0), id);
CREATE INDEX idx_payments_state ON payments (state, COALESCE(block_time, 0), id);

CREATE TABLE resource_events (
    height      INTEGER NOT NULL REFERENCES blocks (height),
    position    INTEGER NOT NULL,
    block_id    TEXT    NOT NULL,
    block_time  INTEGER NOT NULL,
    tx_id       TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    action      TEXT    NOT NULL CHECK (action IN ('stake', 'unstake', 'withdraw', 'cancel_unstake',
                                                   'delegate', 'undelegate')),
    receiver    TEXT,
    resource    TEXT,
    balance     INTEGER,
    lock_blocks INTEGER,
    PRIMARY KEY (height, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_resource_events_tx ON resource_events (tx_id);
CREATE INDEX idx_resource_events_owner ON resource_events (owner, height);
