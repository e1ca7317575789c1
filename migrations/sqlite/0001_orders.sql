-- Orders and their history. The columns up to chat_id are those of requirement 001; money is in sun, moments are
-- milliseconds since the epoch, ids are text with their prefix.

CREATE TABLE orders (
    id                  TEXT    NOT NULL PRIMARY KEY,
    user_id             TEXT,
    order_type          TEXT    NOT NULL DEFAULT 'standard'
                                CHECK (order_type IN ('energy_flash', 'standard', 'orderless')),
    recipient_address   TEXT    NOT NULL,
    payment_address     TEXT    NOT NULL,
    paid_amount         INTEGER,
    transaction_count   INTEGER,
    from_address        TEXT,
    delegation_result   TEXT,
    price_config        TEXT,
    status              TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    chat_id             INTEGER,
    -- What the order is in full: state names the variant, state_json carries it.
    state               TEXT    NOT NULL,
    state_json          TEXT    NOT NULL,
    version             INTEGER NOT NULL,
    -- Terms, fixed at creation.
    unit_price          INTEGER NOT NULL CHECK (unit_price > 0),
    tail                INTEGER NOT NULL CHECK (tail >= 0),
    tail_taken          INTEGER NOT NULL CHECK (tail_taken IN (0, 1)),
    count_rule          TEXT    NOT NULL CHECK (count_rule IN ('open', 'fixed')),
    count_limit         INTEGER NOT NULL CHECK (count_limit >= 0),
    energy_per_transfer INTEGER NOT NULL,
    duration_ms         INTEGER NOT NULL,
    bound_sender        TEXT,
    owner               TEXT,
    closes_at           INTEGER NOT NULL,
    -- Copies out of state_json that sweeps look orders up by.
    ends_at             INTEGER,
    funding_block       TEXT,
    -- The payment that settles it, and the block that holds that payment now (not the one the order knows).
    assigned_payment    TEXT,
    payment_block       TEXT,
    payment_height      INTEGER,
    payment_time        INTEGER
) STRICT;

-- A tail names one order of its payment address, over all prices.
CREATE UNIQUE INDEX idx_orders_payment_address ON orders (payment_address, tail) WHERE tail_taken = 1;
CREATE INDEX idx_orders_closes_at ON orders (closes_at) WHERE tail_taken = 1;

-- What a payment's sender may point at.
CREATE INDEX idx_orders_open_recipient ON orders (recipient_address, payment_address)
    WHERE state = 'awaiting_payment';

-- What orders wait for: each index holds only those that do, oldest first.
CREATE INDEX idx_orders_expires_at ON orders (expires_at, id) WHERE state = 'awaiting_payment';
CREATE INDEX idx_orders_matched ON orders (created_at, id)
    WHERE state = 'awaiting_payment' AND assigned_payment IS NOT NULL;
CREATE INDEX idx_orders_paid ON orders (created_at, id) WHERE state = 'paid';
CREATE INDEX idx_orders_funded ON orders (created_at, id) WHERE state = 'funded';
CREATE INDEX idx_orders_operating ON orders (created_at, id)
    WHERE state IN ('reserved', 'delegating', 'reclaiming');
CREATE INDEX idx_orders_payment_changed ON orders (created_at, id)
    WHERE state IN ('reserved', 'delegating', 'active', 'reclaiming')
      AND payment_block IS DISTINCT FROM funding_block;
CREATE INDEX idx_orders_ends_at ON orders (ends_at, id) WHERE state = 'active';

-- Lists, newest first.
CREATE INDEX idx_orders_created_at ON orders (created_at, id);
-- On an expression, and lists ask by the same: an index of the plain column would be preferred to those above, and
-- have all orders of a state sorted each time.
CREATE INDEX idx_orders_state ON orders (LOWER(state), created_at, id);
CREATE INDEX idx_orders_owner ON orders (owner, created_at, id) WHERE owner IS NOT NULL;
CREATE INDEX idx_orders_recipient ON orders (recipient_address, created_at, id);
CREATE INDEX idx_orders_user_id ON orders (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX idx_orders_order_type ON orders (order_type, created_at);
CREATE INDEX idx_orders_from_address ON orders (from_address) WHERE from_address IS NOT NULL;

-- How many orders are in each state, changed in the commit that changes the state: admission asks on every order.
CREATE TABLE order_counts (
    state TEXT    NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL CHECK (count >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO order_counts (state, count)
VALUES ('awaiting_payment', 0), ('paid', 0), ('funded', 0), ('reserved', 0), ('delegating', 0), ('active', 0),
       ('reclaiming', 0), ('completed', 0), ('reverted', 0), ('refund_due', 0), ('refunding', 0), ('refunded', 0),
       ('expired', 0), ('cancelled', 0), ('held', 0);

-- The unit prices that orders of an address were made at, so that a payment finds its order by
-- (address, amount mod price) and never by looking through the open ones.
CREATE TABLE offered_prices (
    payment_address TEXT    NOT NULL,
    unit_price      INTEGER NOT NULL CHECK (unit_price > 0),
    last_closes_at  INTEGER NOT NULL,
    PRIMARY KEY (payment_address, unit_price)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_events (
    order_id    TEXT    NOT NULL REFERENCES orders (id),
    sequence    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    from_state  TEXT,
    to_state    TEXT    NOT NULL,
    note        TEXT,
    PRIMARY KEY (order_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    caller     TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    body_hash  TEXT    NOT NULL,
    order_id   TEXT    NOT NULL REFERENCES orders (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);
