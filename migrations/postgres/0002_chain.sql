-- The chain as it was read, and everything derived from its blocks.

CREATE TABLE blocks (
    height           BIGINT NOT NULL PRIMARY KEY,
    block_id         TEXT COLLATE "C" NOT NULL UNIQUE,
    parent_id        TEXT COLLATE "C" NOT NULL,
    block_time       BIGINT NOT NULL,
    transactions     BIGINT NOT NULL,
    trx_dust_count   BIGINT NOT NULL,
    trx_dust_amount  BIGINT NOT NULL,
    usdt_dust_count  BIGINT NOT NULL,
    usdt_dust_amount BIGINT NOT NULL,
    recorded_at      BIGINT NOT NULL
);

-- One row: where reading began and what is solid. The tip is the newest block.
CREATE TABLE chain_cursor (
    id           BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    first_height BIGINT NOT NULL,
    solid_block  TEXT COLLATE "C" NOT NULL,
    solid_height BIGINT NOT NULL,
    solid_time   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

CREATE TABLE payments (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tx_id          TEXT COLLATE "C" NOT NULL,
    transfer_index BIGINT NOT NULL,
    asset          TEXT COLLATE "C" NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    from_address   TEXT COLLATE "C" NOT NULL,
    to_address     TEXT COLLATE "C" NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount > 0),
    -- All three are NULL while the block that held it is undone.
    block_id       TEXT COLLATE "C",
    block_height   BIGINT,
    block_time     BIGINT,
    -- Its place among the payments of its block.
    position       BIGINT NOT NULL,
    -- Its bucket, and what goes with it.
    state          TEXT COLLATE "C" NOT NULL
                           CHECK (state IN ('unrouted', 'settled', 'over', 'under', 'late', 'second', 'suspense')),
    order_id       TEXT COLLATE "C" REFERENCES orders (id),
    bought         BIGINT,
    excess         BIGINT,
    reason         TEXT COLLATE "C",
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    UNIQUE (tx_id, transfer_index),
    CHECK ((block_id IS NULL) = (block_height IS NULL) AND (block_id IS NULL) = (block_time IS NULL)),
    CHECK ((order_id IS NULL) = (state IN ('unrouted', 'suspense'))),
    CHECK ((bought IS NULL) = (state NOT IN ('settled', 'over'))),
    CHECK ((reason IS NULL) = (state <> 'suspense'))
);

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
    height      BIGINT NOT NULL REFERENCES blocks (height),
    position    BIGINT NOT NULL,
    block_id    TEXT COLLATE "C" NOT NULL,
    block_time  BIGINT NOT NULL,
    tx_id       TEXT COLLATE "C" NOT NULL,
    owner       TEXT COLLATE "C" NOT NULL,
    action      TEXT COLLATE "C" NOT NULL CHECK (action IN ('stake', 'unstake', 'withdraw', 'cancel_unstake',
                                                   'delegate', 'undelegate')),
    receiver    TEXT COLLATE "C",
    resource    TEXT COLLATE "C",
    balance     BIGINT,
    lock_blocks BIGINT,
    PRIMARY KEY (height, position)
);
CREATE INDEX idx_resource_events_tx ON resource_events (tx_id);
CREATE INDEX idx_resource_events_owner ON resource_events (owner, height);
